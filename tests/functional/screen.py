# SPDX-License-Identifier: BSD-3-Clause
"""A terminal of a fixed size around a program: what a person at it would see."""
import os
import re
import time

import pexpect
import pyte

ERASE = {"COLUMNS", "LINES", "NO_COLOR", "PAGER", "WEIR_PAGER", "LESS", "WEIR_SOCKET", "XDG_STATE_HOME"}


class Terminal:
    """One program in a pseudo-terminal; the screen is kept by pyte."""

    def __init__(self, *argv, columns=100, rows=30, **env):
        clean = {k: v for k, v in os.environ.items() if k not in ERASE}
        clean.update({"TERM": "linux", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}, **env)
        self.screen = pyte.HistoryScreen(columns, rows, history=5000)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.child = pexpect.spawn(argv[0], [str(a) for a in argv[1:]], env=clean, dimensions=(rows, columns))
        self.child.delaybeforesend = None

    def feed(self, wait=0.05):
        """What came within `wait` seconds; False once the program has ended and nothing is left."""
        try:
            data = self.child.read_nonblocking(65536, wait)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += data
        self.stream.feed(data)
        return True

    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    def wait_for(self, pattern, seconds=8.0):
        """Until the screen matches; returns the match."""
        end = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.text(), re.M)
            if found:
                return found
            if not self.feed() or time.monotonic() > end:
                raise AssertionError(f"no {pattern!r} on the screen:\n{self.text()}")

    def send(self, text):
        self.child.send(text)
        return self

    def clear(self):
        """An empty screen, so that the next wait_for() sees only what is new."""
        self.feed(0.2)
        self.screen.reset()
        return self

    def resize(self, columns, rows):
        self.screen.resize(rows, columns)
        self.child.setwinsize(rows, columns)
        return self

    def settle(self, quiet=0.3, seconds=5.0):
        """Until nothing has come for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            before = len(self.raw)
            if not self.feed(quiet) or len(self.raw) == before:
                break
        return self.text()

    def end(self, seconds=8.0):
        """Until the program has ended; returns its exit status."""
        end = time.monotonic() + seconds
        while self.feed():
            assert time.monotonic() < end, f"the program goes on:\n{self.text()}"
        self.child.close()
        return self.child.exitstatus

    def close(self):
        self.child.close(force=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
