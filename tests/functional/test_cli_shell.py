# SPDX-License-Identifier: BSD-3-Clause
"""The shell in a pseudo-terminal: prompt, ?, TAB, history, errors, watch, pager; and the completion of bash."""
import json
import os
import socket
import subprocess
import time

import pytest

from lab import WEIR
from screen import Terminal
from test_forwarding import two_hosts

HOST = socket.gethostname().split(".")[0]
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "packaging", "completion", "weir.bash")


@pytest.fixture(scope="module")
def one(module_lab):
    return two_hosts(module_lab)


@pytest.fixture
def shell(one, tmp_path):
    with Terminal(WEIR, "-s", one.socket, columns=140, WEIR_PAGER="", XDG_STATE_HOME=str(tmp_path)) as t:
        t.wait_for(rf"^weir@{HOST}:{one.prefix}> $|^weir@{HOST}:{one.prefix}>$")
        yield t


def test_prompt_without_a_daemon(tmp_path):
    with Terminal(WEIR, "-s", "/nonexistent/sock", "shell", XDG_STATE_HOME=str(tmp_path)) as t:
        t.wait_for(rf"^weir@{HOST}>")
        assert "no weir answers" in t.text()
        t.send("show ports\r").wait_for("start it with 'weir run")
        t.send("route delete \t").settle()  # names cannot be asked for: silence, not an error
        assert t.text().count("no weir answers") == 2
        t.send("\x03").wait_for(r"\^C\nweir@\S+>$")
        t.send("\x04")
        assert t.end() == 0


def test_question_mark(shell):
    shell.send("?").wait_for(r"^  help ")
    shell.settle()
    assert "??" not in shell.text() and "  exit " in shell.text() and "\n  document" not in shell.text()
    shell.clear().send("route add 10.7.0.0/16 ?").wait_for(r"^  via +address of the next hop")
    assert shell.wait_for(r"> route add 10.7.0.0/16$") and "  dev " in shell.text() and "blackhole" not in shell.text()
    shell.clear().send("via 10.0.1.9 dev ?").wait_for(r"^  IFACE +name of an interface")
    shell.wait_for(r"^lan +wan")
    shell.clear().send("wan ?").wait_for(r"^  <enter> +run it")
    shell.clear().send("bogus ?").wait_for("'bogus' is not expected here")
    shell.clear().send("\x03").wait_for(r">$")


def test_question_mark_within_quotes(shell):
    shell.send("show 'a?b'\r").wait_for(r"does not know 'a\?b'")


def test_tab(shell):
    shell.send("sho\t").wait_for(r"> show$")
    shell.send("int\t").wait_for(r"> show interfaces$")
    shell.send("\r").wait_for(r"^wan +up")
    shell.clear().send("sh ro\t\r").wait_for(r"^10\.0\.1\.0/24 +connected")
    shell.clear().send("show \t").wait_for(r"^acls +drops")
    shell.send("v\t").wait_for(r"^version +vrfs")
    shell.send("rfs\r").wait_for(r"^default +lan wan")


def test_tab_asks_the_daemon_for_names(one, shell):
    one.weir("route", "add", "198.18.7.0/24", "dev", "wan")
    shell.send("route delete \t").wait_for(r"^198.18.7.0/24 +default")
    assert "10.0.1.0/24" not in shell.text()  # connected: cannot be deleted
    shell.send("1\t").wait_for(r"> route delete 198.18.7.0/24$")
    shell.send("\r").settle()
    assert "198.18.7.0/24" not in one.weir("show", "routes").stdout
    shell.clear().send("show interfaces l\t").wait_for(r"l +an$")
    shell.send("\r").wait_for(r"^lan +up")


def test_tab_knows_configs_by_number(one, shell):
    ids = [str(e["id"]) for e in json.loads(one.weir("-j", "config", "history").stdout)["entries"]]
    shell.send("config show --id \t").settle()
    assert ids and any(i in shell.text().split() for i in ids)
    shell.send("\x03")


def test_tab_completes_files(one, shell, tmp_path):
    folder = tmp_path / "a folder"
    folder.mkdir()
    (folder / "weir-one.yaml").write_text("routes: []\n", encoding="utf-8")
    shell.send(f"config check {tmp_path}/a\t").wait_for(r"a\\ folder/$")
    shell.send("w\t").wait_for(r"weir-one.yaml$")
    shell.send("\r").settle()
    assert "ok" in shell.text()


def test_errors_have_a_caret(shell):
    shell.send("route get 10.7.1.1 foo\r").wait_for(r"^  route get 10.7.1.1 foo\n +\^$")
    lines = shell.text().splitlines()
    caret = next(i for i, line in enumerate(lines) if line.strip() == "^")
    assert lines[caret - 1][lines[caret].index("^"):] == "foo"


def test_history(one, shell, tmp_path):
    shell.send("show version\r").wait_for("EAL arguments")
    shell.send("show vrfs\r").wait_for("IPv4 and")
    shell.clear().send("\x1b[A\x1b[A").wait_for(r"show version$")
    shell.send("\r").wait_for("EAL arguments")
    shell.send("exit\r")
    assert shell.end() == 0
    path = tmp_path / "weir" / "history"
    assert path.stat().st_mode & 0o777 == 0o600
    with Terminal(WEIR, "-s", one.socket, WEIR_PAGER="", XDG_STATE_HOME=str(tmp_path)) as again:
        again.wait_for(">")
        again.send("\x1b[A\x1b[A").wait_for(r"> show version$")
        again.send("\x03\x12vrf").wait_for("show vrfs")


def test_ctrl_c_gives_up_the_line_and_ctrl_d_leaves(shell):
    shell.send("route add 1.2.3.0/24").wait_for("1.2.3.0/24$")
    shell.send("\x03").wait_for(r"\^C\nweir@\S+>$")
    # Behind the prompt: a Ctrl-D that the terminal reads before the shell does is no character.
    shell.send("show version\r").wait_for(r"EAL arguments.*\nweir@\S+>$")
    shell.send("\x04")
    assert shell.end() == 0


def test_watch_redraws_and_ctrl_c_ends_it(one, shell):
    shell.send("show interfaces --watch 0.2\r").wait_for(r"^every 0.2 s: weir show interfaces")
    shell.wait_for(r"RX/s")
    ping = one.a.popen("ping", "-i", "0.01", "-q", "10.0.2.2")
    shell.wait_for(r"^lan +up +[\d,]+ +(?!0 )[\d.]+ ", 10)
    ping.kill()
    assert shell.text().count("Name") == 1  # in place
    shell.send("\x03").wait_for(r">$")
    shell.send("show version\r").wait_for("EAL arguments")


def test_changes_in_the_shell(one, shell):
    shell.send("address add 10.66.0.1/24 dev lan\r").settle()
    assert "10.66.0.1/24" in one.weir("show", "interfaces").stdout
    shell.send("address delete 10.66.0.1/24 dev lan\r").settle()
    assert "10.66.0.1/24" not in one.weir("show", "interfaces").stdout
    shell.send("address delete 10.66.0.1/24 dev lan\r").wait_for(r"^weir: .*10\.66\.0\.1")


def test_colour_and_width(one):
    wide = one.weir("show", "ports").stdout.splitlines()[0]
    with Terminal(WEIR, "-s", one.socket, "show", "ports", columns=70, WEIR_PAGER="") as t:
        assert t.end() == 0
        assert b"\x1b[32mup" in t.raw and "(no room for: " in t.text() and "RX packets" in t.text()
        assert len(wide) > 100
    with Terminal(WEIR, "-s", one.socket, "show", "ports", columns=70, WEIR_PAGER="", NO_COLOR="1") as t:
        assert t.end() == 0 and b"\x1b" not in t.raw


def test_pager(one):
    with Terminal(WEIR, "-s", one.socket, "show", "pipeline", rows=10, WEIR_PAGER="sed s/^/PAGED:/") as t:
        assert t.end() == 0 and "PAGED:" in t.text()
    with Terminal(WEIR, "-s", one.socket, "--no-pager", "show", "pipeline", rows=100, WEIR_PAGER="sed s/^/PAGED:/") as t:
        assert t.end() == 0 and "PAGED:" not in t.text() and "parse" in t.text()
    with Terminal(WEIR, "-s", one.socket, "show", "routes", rows=8, WEIR_PAGER="head -n 2") as t:
        assert t.end() in (0, 1) and "Prefix" in t.text()


@pytest.mark.needs("less")
def test_less_pages_what_is_long(one):
    with Terminal(WEIR, "-s", one.socket, "show", "pipeline", rows=10) as t:
        t.wait_for(r"^:$")
        t.send("q")
        assert t.end() == 0
    with Terminal(WEIR, "-s", one.socket, "show", "vrfs", rows=10) as t:
        assert t.end() == 0 and "default" in t.text()


# --- bash ---

@pytest.fixture
def bash(one, tmp_path):
    (tmp_path / "weir-a.yaml").write_text("", encoding="utf-8")
    os.mkdir(tmp_path / "sub")
    path = os.path.dirname(os.path.abspath(WEIR)) + ":" + os.environ["PATH"]
    with Terminal("/bin/bash", "--norc", "--noprofile", "-i", PATH=path, WEIR_SOCKET=one.socket, PS1="$ ") as t:
        t.send(f"cd {tmp_path}; bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; . {SCRIPT}; clear; PS1='READY '\r")
        t.wait_for(r"^READY")
        yield t


TABS = [
    ("a verb", "weir sho\t", r"weir show$"),
    ("abbreviated words in front", "weir sh int\t", r"weir sh interfaces$"),
    ("a live name", "weir show interfaces w\t", r"weir show interfaces wan$"),
    ("behind options", "weir -j show dr\t", r"weir -j show drops$"),
    ("an option", "weir show ports --xs\t", r"weir show ports --xstats$"),
    ("a file", "weir config check weir-\t", r"weir config check weir-a.yaml$"),
    ("a folder stays open", "weir config check su\tX", r"weir config check sub/X$"),
    ("an address with colons in front", "weir route add 2001:db8:7::/64 via 2001:db8:1::2 de\t", r"2001:db8:1::2 dev$"),
    ("a word that begins at a colon", "weir route delete 2001:db8:77:\t", r"weir route delete 2001:db8:77::/64$"),
    ("a value behind =", "weir run --config=weir-\t", r"weir run --config=weir-a.yaml$"),
    ("several", "weir show v\t\t", r"^version +vrfs"),
]


@pytest.mark.parametrize("name,keys,screen", TABS, ids=[t[0] for t in TABS])
def test_bash_completion(one, bash, name, keys, screen):
    one.weir("route", "replace", "2001:db8:77::/64", "dev", "wan")
    bash.send(keys).wait_for(screen, 5)


def test_bash_completion_without_a_daemon(tmp_path):
    env = {**os.environ, "COMP_LINE": "weir show interfaces ", "COMP_POINT": "21", "WEIR_SOCKET": "/nonexistent/sock"}
    start = time.monotonic()
    p = subprocess.run([WEIR, "--complete"], env=env, capture_output=True, text=True, timeout=10, check=False)
    assert p.returncode == 0 and p.stderr == "" and time.monotonic() - start < 2
    assert p.stdout.splitlines() == [":", "--watch"]
