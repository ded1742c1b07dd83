# SPDX-License-Identifier: BSD-3-Clause
"""Clients that are slow, many or greedy: the daemon answers others at once, forwards, and its memory stays flat."""
import re
import socket
import threading
import time

import pytest

from rest import Connection, ask, raw, warm
from test_forwarding import answered, two_hosts

MANY = 300


@pytest.fixture(scope="module")
def one(module_lab):
    return warm(two_hosts(module_lab))


def daemon_pid(one):
    with open(f"/proc/{one.daemon.pid}/task/{one.daemon.pid}/children", encoding="ascii") as f:
        children = f.read().split()
    return int(children[0]) if children else one.daemon.pid


def resident(one):
    """KiB of memory of its own, without hugepages."""
    with open(f"/proc/{daemon_pid(one)}/status", encoding="ascii") as f:
        return int(re.search(r"RssAnon:\s+(\d+)", f.read()).group(1))


def prompt(one):
    """The best of five: what the daemon needs, not what the machine does meanwhile."""
    best = 9.0
    for _ in range(5):
        start = time.monotonic()
        assert ask(one.socket, "GET", "/v1/version").status == 200
        best = min(best, time.monotonic() - start)
    return best


def dial(one):
    """The kernel says EAGAIN while more clients wait to be accepted than the backlog holds."""
    while True:
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(5)
        try:
            s.connect(one.socket)
            return s
        except BlockingIOError:
            s.close()
            time.sleep(0.01)


def stalls():
    whole = b"GET /v1/drops?all=1 HTTP/1.1\r\nHost: x\r\n\r\n"
    return [("nothing", b""), ("half a line", b"GET /v1/ver"), ("half a header", b"GET /v1/version HTTP/1.1\r\nHost: x\r\nX-"),
            ("half a body", b"POST /v1/routes HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n{"),
            ("never reads", whole * 50)]


@pytest.mark.parametrize("name,data", stalls())
def test_many_that_stall_do_not_keep_others_waiting(one, name, data):
    flow = one.a.popen("ping", "-i", "0.02", "-c", "100", "-q", "10.0.2.2")
    held = []
    for _ in range(MANY):
        s = dial(one)
        try:
            s.sendall(data)
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            pass  # it made room for others already
        held.append(s)
    try:
        assert prompt(one) < 0.1
        start = time.monotonic()
        assert one.weir("show", "version").returncode == 0
        assert time.monotonic() - start < 1  # the start of a process on a busy machine is in it
        assert "100 received" in flow.communicate(timeout=30)[0]
    finally:
        for s in held:
            s.close()
    assert ask(one.socket, "GET", "/v1/api").json["open_connections"] <= 50


def test_a_byte_now_and_then_is_not_enough(one):
    """A header has ten seconds, however it trickles in."""
    s = raw(one.socket, b"GET /v1/version HTTP/1.1\r\n")
    start, closed = time.monotonic(), False
    while not closed and time.monotonic() - start < 20:
        try:
            s.sendall(b"X")
            s.settimeout(0.5)
            closed = s.recv(1) == b""
        except TimeoutError:
            pass
        except (BrokenPipeError, ConnectionResetError):
            closed = True
    assert closed and 8 < time.monotonic() - start < 15
    assert ask(one.socket, "GET", "/v1/api").json["expired"] > 0


def test_a_million_routes_are_listed_in_flat_memory(one):
    """The whole table as one document, for one reader and for four, and for readers that stop in the middle."""
    total = 1000000
    for start in range(0, total, 10000):
        routes = [{"prefix": f"{16 + (i >> 16)}.{i >> 8 & 255}.{i & 255}.0/24", "type": "blackhole"} for i in range(start, start + 10000)]
        assert ask(one.socket, "PUT", "/v1/routes", {"routes": routes}).status == 200
    ask(one.socket, "GET", "/v1/routes?limit=10000")
    before, peak, counts = resident(one), 0, []

    def read():
        c = Connection(one.socket, 120)
        c.request("GET", "/v1/routes?limit=all")
        r, n, tail = c.getresponse(), 0, b""
        while piece := r.read(1 << 20):
            n += (tail + piece).count(b'{"prefix"') - tail.count(b'{"prefix"')
            tail = piece[-8:]
        counts.append(n)
        c.close()

    stopped = [raw(one.socket, b"GET /v1/routes?limit=all HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(20)]
    readers = [threading.Thread(target=read) for _ in range(4)]
    for t in readers:
        t.start()
    slowest = 0.0
    while any(t.is_alive() for t in readers):
        peak = max(peak, resident(one))
        slowest = max(slowest, prompt(one))
        time.sleep(0.1)
    for s in stopped:
        s.close()
    assert len(counts) == 4 and min(counts) >= total
    assert peak - before < 8192, f"{peak - before} KiB more"
    assert slowest < 0.1
    assert answered(one.a.ping("10.0.2.2"))
