# SPDX-License-Identifier: BSD-3-Clause
"""One command line, files of commands, exit codes, output that is no terminal, manual pages."""
import json
import os
import re
import subprocess
import time

import pytest

from lab import WEIR, run
from screen import Terminal
from test_forwarding import answered, two_hosts

BUILD = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(WEIR))))
PAGES = ["weir.1", "weir.8", "weir-replay.1", "weir.yaml.5"]


@pytest.fixture(scope="module")
def one(module_lab):
    made = two_hosts(module_lab)
    made.wait_usable()
    assert any(answered(made.a.ping("10.0.2.2")) for _ in range(5))  # both sides are up: next hops resolve at once
    return made


def batch(one, text, *argv, stdin=False):
    path = one.config(text, "commands")
    if stdin:
        return run(WEIR, "-s", one.socket, "-f", "-", *argv, check=False, input=text)
    return one.weir("-f", path, *argv, check=False)


def routes(one, prefix):
    return [r["prefix"] for r in one.show("routes")["routes"] if r["prefix"].startswith(prefix)]


# --- help ---

@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("words", [["help"], ["help", "config"], ["help", "route", "add"], ["help", "config", "apply"], ["help", "replay"]],
                         ids=" ".join)
def test_help_fits_the_terminal(words, columns):
    """Lines end between words, and say what they say elsewhere."""
    plain = run(WEIR, *words).stdout
    with Terminal(WEIR, "--no-pager", *words, columns=columns, rows=200) as t:
        assert t.end() == 0
        assert t.text().split() == plain.split()
        assert max(len(line) for line in plain.splitlines()) > columns


# --- configurations without a daemon ---

def test_a_check_as_a_document(tmp_path):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text("icmp: {echo: true}\n")
    bad.write_text("icmp: {ehco: true}\nport: {}\n")
    p = run(WEIR, "-j", "config", "check", good)
    assert json.loads(p.stdout) == {"ok": True, "file": str(good), "errors": [], "total": 0}
    p = run(WEIR, "-j", "config", "check", bad, check=False)
    doc = json.loads(p.stdout)
    assert p.returncode == 1 and p.stderr == "" and not doc["ok"] and doc["total"] == len(doc["errors"]) == 2
    assert (doc["errors"][0]["line"], doc["errors"][0]["column"], doc["errors"][0]["hint"]) == (1, 8, "did you mean 'echo'?")
    p = run(WEIR, "-j", "config", "check", tmp_path / "none.yaml", check=False)
    assert p.returncode == 1 and "No such file" in json.loads(p.stdout)["errors"][0]["text"]


# --- words ---

ERRORS = [
    ("a wrong keyword", "route add 10.9.0.0/16 via 10.0.1.5 dve lan", "dve", "did you mean 'dev'"),
    ("a wrong value", "route add 10.9.0.0/16 via 10.0.1.5x", "10.0.1.5x", "is not an IPv4 or IPv6 address"),
    ("a word too many", "clear counters now", "now", "the command is complete"),
    ("something missing", "neighbor add 10.0.1.9 dev lan", "", "'lladdr'"),
    ("a value missing", "route add 10.9.0.0/16 dev", "", "IFACE is missing"),
    ("an option twice", "show ports --xstats --xstats", "--xstats", "given twice"),
    ("an unknown view", "show prots", "prots", "did you mean 'ports'"),
    ("an ambiguous word", "show v", "v", "write more"),
    ("a bad number", "route add 10.9.0.0/16 dev lan weight 0", "0", "from 1 to 256"),
]


@pytest.mark.parametrize("name,line,word,sentence", ERRORS, ids=[e[0] for e in ERRORS])
def test_an_error_points_at_the_word(name, line, word, sentence):
    p = run(WEIR, "-s", "/nonexistent/sock", *line.split(), check=False)
    assert p.returncode == 2 and p.stdout == ""
    told, shown, caret = p.stderr.splitlines()[:3]
    assert told.startswith("weir: ") and sentence in told
    assert shown == "  " + line
    at = caret.index("^")
    assert shown[at:at + len(word)] == word and at == (shown.rindex(word) if word else len(shown) + 1)


def test_words_in_any_order(one):
    one.weir("neighbor", "add", "10.0.1.77", "dev", "lan", "lladdr", "02:00:00:00:00:77")
    one.weir("neighbor", "replace", "10.0.1.77", "lladdr", "02:00:00:00:00:78", "dev", "lan")
    assert [n["mac"] for n in one.show("neighbors")["neighbors"] if n["address"] == "10.0.1.77"] == ["02:00:00:00:00:78"]
    one.weir("neighbor", "delete", "10.0.1.77", "dev", "lan")
    one.weir("route", "add", "198.18.0.0/24", "metric", "9", "nexthop", "via", "10.0.1.2", "weight", "2",
             "nexthop", "via", "10.0.2.2", "vrf", "default")
    got = one.weir("route", "get", "198.18.0.1").stdout
    assert "via 10.0.1.2 dev lan weight 2" in got and "via 10.0.2.2 dev wan weight 1" in got and "distance 9" in got
    one.weir("route", "del", "198.18.0.0/24")


def test_one_of_many(one):
    assert [i["name"] for i in one.show("interfaces", "wan")["interfaces"]] == ["wan"]
    assert [p["name"] for p in one.show("ports", "b")["ports"]] == ["b"]
    assert "lan" not in one.weir("show", "interfaces", "wan").stdout
    p = one.weir("show", "interfaces", "nope", check=False)
    assert p.returncode == 1 and "there is no interface 'nope'" in p.stderr


def test_what_was_not_measured_is_a_dash(one):
    one.weir("clear", "counters")
    lines = {words[0]: words for words in map(str.split, one.weir("show", "stages").stdout.splitlines()[1:])}
    assert lines["fragment"][1:5] == ["0", "0", "-", "-"]


def test_output_of_a_pipe_is_plain_and_whole(one):
    p = one.weir("show", "ports")
    assert "\x1b" not in p.stdout and "(no room" not in p.stdout
    assert all(h in p.stdout.splitlines()[0] for h in ("MAC", "RX nombuf", "TX errors"))


def test_a_closed_pipe_is_no_crash(one):
    p = subprocess.run(f"{WEIR} -s {one.socket} show routes | true; echo ${{PIPESTATUS[0]}}", shell=True,
                       executable="/bin/bash", capture_output=True, text=True, timeout=20, check=False)
    assert p.stdout.strip() in ("0", "1") and p.stderr == ""


def test_watch_without_a_terminal(one):
    p = subprocess.Popen([WEIR, "-s", one.socket, "show", "drops", "--watch", "0.2"], stdout=subprocess.PIPE, text=True)
    time.sleep(1)
    p.send_signal(2)
    out, _ = p.communicate(timeout=10)
    assert p.returncode == 0 and out.count("Packets/s") >= 3 and "\x1b" not in out


# --- files of commands ---

def test_a_file_of_commands(one):
    p = batch(one, "# two routes\n\n  route add 198.51.100.0/24 via 10.0.2.2  # why\nroute add '203.0.113.0/24' dev wan\n"
                   "show version\n")
    assert p.returncode == 0 and p.stderr == "" and p.stdout.startswith("weir ")
    assert routes(one, "198.51.") and routes(one, "203.0.113.")
    p = batch(one, "route delete 198.51.100.0/24\nroute delete 203.0.113.0/24\n", stdin=True)
    assert p.returncode == 0 and not routes(one, "198.51.") and not routes(one, "203.0.113.")


STOPS = [
    ("a wrong word", "route add 198.18.2.0/24 via 10.0.2.2 xx\n", 2, "xx"),
    ("an open quote", "route add '198.18.2.0/24 dev wan\n", 2, "quote"),
    ("a refused route", "route add 198.18.2.0/24 dev nope\n", 1, "nope"),
    ("a refused change", "neighbor delete 10.0.2.99 dev wan\n", 1, "10.0.2.99"),
    ("a NUL byte", "show\0version\n", 2, "NUL"),
]


@pytest.mark.parametrize("name,line,code,words", STOPS, ids=[s[0] for s in STOPS])
@pytest.mark.parametrize("force", [False, True], ids=["stop", "force"])
def test_a_file_stops_at_the_first_error(one, name, line, code, words, force):
    for prefix in routes(one, "198.18."):
        one.weir("route", "delete", prefix)
    text = f"route add 198.18.1.0/24 dev wan\n{line}route add 198.18.3.0/24 dev wan\nroute add 198.18.4.0/24 dev wan\n"
    p = batch(one, text, *(["--force"] if force else []))
    assert p.returncode == code
    assert re.match(r"\S+commands:2: ", p.stderr) and words in p.stderr.splitlines()[0]
    assert routes(one, "198.18.") == [f"198.18.{i}.0/24" for i in ((1, 3, 4) if force else (1,))]


def test_many_routes_from_a_file(one):
    """They go in lists; the line of one that is refused in the middle of a list is still named."""
    count, bad = 12000, 7001
    lines = [f"route add 172.{16 + i // 65536}.{i // 256 % 256}.{i % 256}/32 via 10.0.2.2" for i in range(count)]
    lines[bad - 1] = "route add 172.31.255.255/32 dev nope"
    start = time.monotonic()
    p = batch(one, "\n".join(lines) + "\n")
    took = time.monotonic() - start
    assert p.returncode == 1 and f"commands:{bad}: there is no interface 'nope'" in p.stderr
    assert len(routes(one, "172.")) == bad - 1
    lines = [line.replace("add", "replace") for line in lines]
    p = batch(one, "\n".join(lines) + "\n", "--force")
    assert p.returncode == 1 and p.stderr.count("\n") == 1
    assert len(routes(one, "172.")) == count - 1
    assert took < 20
    lines[bad - 1] = "show version"
    p = batch(one, "\n".join(re.sub(r"replace (\S+) .*", r"delete \1", line) for line in lines))
    assert p.returncode == 0 and not routes(one, "172.")


def test_exit_ends_a_file(one):
    p = batch(one, "show version\nexit\nbogus\n")
    assert p.returncode == 0 and p.stderr == "" and p.stdout.startswith("weir ")
    assert one.weir("exit", check=False).returncode == 1


def test_a_file_and_a_verb_exclude_each_other(one):
    p = batch(one, "show version\n", "show", "ports")
    assert p.returncode == 2 and "-f" in p.stderr
    p = one.weir("-f", "/nonexistent", check=False)
    assert p.returncode == 1 and "/nonexistent" in p.stderr


def test_progress_only_on_a_terminal(one):
    text = "".join(f"neighbor replace 10.0.1.77 lladdr 02:00:00:00:{i // 256:02x}:{i % 256:02x} dev lan\n" for i in range(12000))
    path = one.config(text, "slow")
    with Terminal(WEIR, "-s", one.socket, "-f", path, columns=90) as t:
        assert t.wait_for(r"slow: (\[[#.]+\] +)?\d+ %, [\d,]+ commands, [\d,]+/s, .* left", 20)
        assert t.end(120) == 0 and t.text() == ""
    p = one.weir("-f", path, timeout=120)
    assert p.stderr == "" and p.stdout == ""
    one.weir("neighbor", "delete", "10.0.1.77", "dev", "lan")


# --- manual pages ---

@pytest.mark.needs("man")
@pytest.mark.parametrize("page", PAGES)
def test_manual_pages_have_no_warnings(page):
    path = os.path.join(BUILD, "packaging", "man", page)
    p = run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", path, env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"})
    assert p.stderr == "" and len(p.stdout) > 1000


@pytest.mark.needs("mandoc")
@pytest.mark.parametrize("page", PAGES)
def test_manual_pages_are_valid(page):
    p = run("mandoc", "-Tlint", "-Wwarning", os.path.join(BUILD, "packaging", "man", page), check=False)
    # scdoc puts a paragraph macro beside headings, which is superfluous and harmless.
    assert [line for line in p.stdout.splitlines() if "skipping paragraph macro" not in line] == []


def plain(page):
    return run("man", "-l", os.path.join(BUILD, "packaging", "man", page),
               env={**os.environ, "MANWIDTH": "500", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"}).stdout


@pytest.mark.needs("man")
def test_manual_pages_know_every_verb_and_key():
    text = plain("weir.1")
    for verb in ("weir show interfaces [IFACE]", "weir route add PREFIX", "weir address delete IFADDR dev IFACE", "weir top"):
        assert verb in text
    assert "document" not in re.findall(r"^ +weir (\w+)", text, re.M)
    keys = re.findall(r"^\| `([^`]+)`", run(WEIR, "config", "reference").stdout, re.M)
    text = plain("weir.yaml.5")
    assert len(keys) > 40
    assert [k for k in keys if f"{k}: " not in text] == []


def test_help_of_every_verb():
    """Each verb that help names has help of its own, and the options."""
    for verb in re.findall(r"^  ([a-z]+) +\S", run(WEIR, "help").stdout.split("\nOptions")[0], re.M):
        text = run(WEIR, "help", verb).stdout
        assert text.startswith(f"usage: weir {verb}") and "--socket PATH" in text
        assert run(WEIR, verb, "--help").stdout == text or verb == "replay"


def test_replay_takes_what_the_tree_says():
    """weir replay reads its words itself: its help and the tree must name the same options."""
    own = set(re.findall(r"(--[a-z-]+)", run(WEIR, "replay", "--help").stdout))
    tree = set(re.findall(r"(--[a-z-]+)", run(WEIR, "help", "replay").stdout.split("\nOptions")[0]))
    assert tree - {"--help"} == own - {"--help"}


def test_json_of_a_change(one):
    assert json.loads(one.weir("-j", "clear", "counters").stdout) == {"ok": True}
