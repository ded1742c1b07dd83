# SPDX-License-Identifier: BSD-3-Clause
"""weir top on a screen of a fixed size."""
import re

import pytest

from lab import WEIR
from screen import Terminal
from test_forwarding import TWO, two_hosts


@pytest.fixture(scope="module")
def one(module_lab):
    return two_hosts(module_lab)


@pytest.fixture
def top(one):
    with Terminal(WEIR, "-s", one.socket, "top", "0.3", columns=110, rows=45) as t:
        t.wait_for(r"^weir \S+ +up .* every 0.3 s$")
        yield t


def rows(t, head):
    """The rows of the panel whose head begins with `head`, by name."""
    lines = t.text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith(head))
    found = {}
    for line in lines[at + 1:]:
        if not line.strip() or re.match(r"(Port|Interface|Worker|Reason|Stage) ", line):
            break
        found[line.split()[0]] = line.split()[1:]
    return found


def test_panels_and_rates(one, top):
    for head in ("Port ", "Interface ", "Worker ", "Reason ", "Stage "):
        top.wait_for(rf"^{head}")
    ping = one.a.popen("ping", "-i", "0.01", "-q", "10.0.2.2")
    top.wait_for(r"^lan +up +[1-9][\d.]+ ", 10)
    top.settle(0.05, 1)
    ports, stages = rows(top, "Port"), rows(top, "Stage")
    assert set(ports) == {"a", "b"} and ports["a"][0] == "up"
    assert float(stages["tx"][0].replace(",", "")) > 10
    assert re.search(r"in [1-9][\d,]*/s +out [1-9]", top.text())
    one.a.popen("ping", "-i", "0.01", "-q", "-t", "1", "10.0.2.2")
    top.wait_for(r"^ip-ttl-exceeded +[1-9]", 10)
    ping.kill()


def test_keys(top):
    top.send("?").wait_for("leave")
    top.settle(0.1, 1)
    assert "Interface " not in top.text()
    top.send("?").wait_for("^Interface ")
    top.send("z").settle(0.2, 1)
    assert "Port " in top.text() and "Interface " not in top.text()
    top.send("\t").wait_for("^Interface ")
    top.settle(0.1, 1)
    assert "Port " not in top.text()
    top.send(">").wait_for("Interfacev")
    top.settle(0.1, 1)
    names = list(rows(top, "Interface"))
    assert names == sorted(names)
    top.send("r").wait_for(r"Interface\^")
    top.settle(0.1, 1)
    assert list(rows(top, "Interface")) == sorted(names, reverse=True)
    top.send("z").wait_for("^Port ")
    top.send(" ").wait_for("PAUSED")
    top.send(" ").settle(0.1, 1)
    assert "PAUSED" not in top.text()
    top.send("-").wait_for(r"every 0.6 s")
    top.send("q")
    assert top.end() == 0


def test_ctrl_c_leaves(top):
    top.send("\x03")
    assert top.end() == 0


@pytest.mark.parametrize("columns,lines", [(80, 24), (60, 12), (40, 6), (20, 3), (10, 2), (3, 1), (200, 60)])
def test_any_size(top, columns, lines):
    top.resize(columns, lines).settle(0.4, 2)
    if lines >= 6:
        top.wait_for(r"^Port ")
    if lines == 12:
        assert "more" in top.text()
    if columns >= 20:
        assert top.text().startswith("weir ")
    top.resize(110, 45).wait_for(r"^Stage ")
    top.send("q")
    assert top.end() == 0


def test_the_daemon_goes_away_and_comes_back(lab):
    own = two_hosts(lab)
    with Terminal(WEIR, "-s", own.socket, "top", "0.3", columns=100, rows=40) as t:
        t.wait_for("^Port ")
        own.stop()
        t.wait_for("no weir answers on")
        own.start(TWO)
        t.wait_for("q quit")
        t.send("q")
        assert t.end() == 0


def test_without_a_daemon_or_a_terminal(one):
    with Terminal(WEIR, "-s", "/nonexistent/sock", "top") as t:
        assert t.end() == 3 and "no weir answers" in t.text()
    p = one.weir("top", check=False)
    assert p.returncode == 1 and "needs a terminal" in p.stderr
    with Terminal(WEIR, "-s", one.socket, "top", TERM="no-such-terminal") as t:
        assert t.end() == 1 and "no-such-terminal" in t.text()


def test_top_in_the_shell(one, tmp_path):
    with Terminal(WEIR, "-s", one.socket, columns=110, rows=40, XDG_STATE_HOME=str(tmp_path)) as t:
        t.wait_for(">")
        t.send("top\r").wait_for("^Stage ")
        t.send("q").settle()
        t.clear().send("show version\r").wait_for("EAL arguments")
        t.send("top 0.5\r").wait_for("^Stage ")
        t.send("\x03").settle()
        t.clear().send("exit\r")
        assert t.end() == 0
