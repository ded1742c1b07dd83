# SPDX-License-Identifier: BSD-3-Clause
"""weir monitor against a daemon, and against servers that behave in ways a daemon seldom does."""
import contextlib
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest

from lab import WEIR, run
from test_forwarding import two_hosts

EVENT = '{"id":1,"time":"2026-01-02T03:04:05.678Z","type":"link","port":"p\\u001b0","state":"down","client":null}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
FRAME = f"id: 1\nevent: link\ndata: {EVENT}\n\n".encode()


@contextlib.contextmanager
def server(tmp_path, *pieces, hold=0.0):
    """Answers one client with these pieces, with a pause between them."""
    path = str(tmp_path / "fake.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        seen = []

        def serve():
            client, _ = listener.accept()
            with client, contextlib.suppress(OSError):
                seen.append(client.recv(65536))
                for p in pieces:
                    client.sendall(p)
                    time.sleep(0.02)
                time.sleep(hold)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield path, seen
        thread.join(5)
    os.unlink(path)


def test_events_as_text(tmp_path):
    with server(tmp_path, HEAD, FRAME[:20], FRAME[20:], b": still here\n\n", FRAME) as (path, seen):
        p = run(WEIR, "-s", path, "monitor", "link", "route", check=False)
    assert p.stdout == "2026-01-02T03:04:05.678Z link port p?0 state down\n" * 2
    assert p.returncode == 3 and "ended the stream" in p.stderr
    assert seen[0].startswith(b"GET /v1/events?types=link%2Croute HTTP/1.1\r\n")


def test_events_as_json(tmp_path):
    chunked = HEAD.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n")
    with server(tmp_path, chunked + b"5\r\n" + FRAME[:5], b"\r\n%x\r\n" % (len(FRAME) - 5) + FRAME[5:] + b"\r\n") as (path, _):
        p = run(WEIR, "-s", path, "-j", "monitor", check=False)
    assert p.stdout == EVENT + "\n"


REFUSALS = [
    ("too many bytes", b'HTTP/1.1 400 Bad Request\r\nContent-Length: 20\r\n\r\n{"error": "no such type"}', 1, "more bytes"),
    ("a sentence", b'HTTP/1.1 400 Bad Request\r\nContent-Length: 25\r\n\r\n{"error": "no such type"}', 1, "no such type"),
    ("no document", b"HTTP/1.1 500 Oops\r\n\r\n<html>", 1, "without a reason"),
    ("no HTTP", b"hello\r\n\r\n", 1, "valid HTTP"),
    ("half a header", b"HTTP/1.1 200 OK\r\nConte", 1, "within the header"),
    ("a broken chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 1, "broken chunk"),
    ("an endless header", b"HTTP/1.1 200 OK\r\nX: " + b"x" * 40000, 1, "within the header"),
]


@pytest.mark.parametrize("name,answer,code,words", REFUSALS, ids=[r[0] for r in REFUSALS])
def test_what_is_no_stream(tmp_path, name, answer, code, words):
    with server(tmp_path, answer) as (path, _):
        p = run(WEIR, "-s", path, "monitor", check=False)
    assert p.returncode == code and words in p.stderr and p.stdout == ""


def test_ctrl_c(tmp_path):
    with server(tmp_path, HEAD, FRAME, hold=3) as (path, _):
        p = subprocess.Popen([WEIR, "-s", path, "monitor"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert p.stdout.readline().startswith("2026-")
        p.send_signal(signal.SIGINT)
        out, err = p.communicate(timeout=5)
    assert (p.returncode, out, err) == (0, "", "")


def test_no_daemon():
    p = run(WEIR, "-s", "/nonexistent/sock", "monitor", check=False)
    assert p.returncode == 3 and "weir run" in p.stderr


def test_the_daemon_itself(lab):
    one = two_hosts(lab)
    one.wait_usable()
    p = subprocess.Popen([WEIR, "-s", one.socket, "monitor"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(0.5)
    one.weir("route", "add", "198.51.100.0/24", "via", "10.0.2.2")
    one.weir("clear", "counters")
    time.sleep(0.5)
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=10)
    assert p.returncode == 0 and err == ""
    lines = out.splitlines()
    assert any(re.match(r"\S+Z route action add prefix 198.51.100.0/24 vrf default", line) for line in lines), out
    assert any(re.match(r"\S+Z counters", line) for line in lines), out
    p = one.weir("monitor", "rout", check=False, timeout=10)
    assert p.returncode == 1 and "did you mean 'route'" in p.stderr
