#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""House rules a compiler does not check: licence line, file and function length, words that mean unfinished work."""
import re
import subprocess
import sys

MAX_FILE, MAX_FUNCTION, MEDIAN = 500, 100, 15
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
FUNCTION_END = re.compile(r"^}")
FUNCTION_START = re.compile(r"^[a-zA-Z_].*[^;,]$")


def functions(lines):
    """(name line, length of the body in lines) of each function: bodies start with a lone '{' in column 0."""
    start = None
    for i, line in enumerate(lines):
        if line.startswith("{") and line.strip() == "{":
            start = i
        elif start is not None and FUNCTION_END.match(line):
            yield start, i - start - 1
            start = None


def main():
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True,
                           check=True).stdout.split()
    faults, lengths = [], []
    for name in files:
        if not re.search(r"\.(c|h|py|sh|build|yaml|txt)$|^(check|bench|quickstart)|^\.ci/", name):
            continue
        try:
            text = open(name, encoding="utf-8").read()
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        lines = text.split("\n")
        if "/corpus/" not in name and not any("SPDX-License-Identifier: BSD-3-Clause" in l for l in lines[:3]):
            faults.append(f"{name}: no SPDX line")
        if UNFINISHED.search(text) and name != "tools/style.py":
            faults.append(f"{name}: a word that means unfinished work")
        if not name.endswith((".c", ".h")):
            continue
        if len(lines) > MAX_FILE + 1:
            faults.append(f"{name}: {len(lines)} lines, at most {MAX_FILE}")
        for at, length in functions(lines):
            lengths.append(length)
            if length > MAX_FUNCTION:
                faults.append(f"{name}:{at + 1}: function of {length} lines, at most {MAX_FUNCTION}")
    lengths.sort()
    median = lengths[len(lengths) // 2]
    if median > MEDIAN:
        faults.append(f"median function length {median}, at most {MEDIAN}")
    print(f"{len(lengths)} functions, median {median} lines, 90 % below {lengths[len(lengths) * 9 // 10]}, longest {lengths[-1]}")
    print("\n".join(faults))
    return 1 if faults else 0


sys.exit(main())
