# SPDX-License-Identifier: BSD-3-Clause
"""What tests of the kernel's twins share: sockets of local programs, the kernel's view of a link."""
import json
import socket
import threading
import time

from lab import inside, run

SO_BINDTODEVICE = 25


def until(what, seconds=5.0, every=0.05):
    """The value of `what()` as soon as it is true; fails with its last value."""
    end = time.monotonic() + seconds
    while True:
        got = what()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f"did not happen within {seconds} s; last: {got!r}")
        time.sleep(every)


def link(name, ns):
    """`ip -d -j addr show` of one link, None when it is not there."""
    p = run("ip", "-d", "-j", "addr", "show", "dev", name, ns=ns, check=False)
    return json.loads(p.stdout)[0] if p.returncode == 0 else None


def has_carrier(name, ns):
    it = link(name, ns)
    return it is not None and "LOWER_UP" in it["flags"]


def addresses(name, ns):
    it = link(name, ns)
    return sorted(f"{a['local']}/{a['prefixlen']}" for a in it["addr_info"]) if it else None


def twin(lab, interface):
    """The row of `weir show kernel`, with its classes as a dictionary."""
    for row in lab.show("kernel")["twins"]:
        if row["interface"] == interface:
            row["class"] = {c["class"]: c for c in row["classes"]}
            return row
    return None


def sock(ns, kind=socket.SOCK_STREAM, family=socket.AF_INET, device=None, bind=None, timeout=5):
    """A socket of a program in a namespace."""
    with inside(ns):
        s = socket.socket(family, kind)
    s.settimeout(timeout)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if device:
        s.setsockopt(socket.SOL_SOCKET, SO_BINDTODEVICE, device.encode())
    if bind:
        s.bind(bind)
    return s


class Echo:
    """A TCP server that sends back what it gets, for as many connections as come."""

    def __init__(self, ns, address, port, family=socket.AF_INET, device=None):
        self.sock = sock(ns, family=family, device=device, bind=(address, port), timeout=None)
        self.sock.listen(8)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                c, _ = self.sock.accept()
            except OSError:
                return
            with c:
                while data := c.recv(65536):
                    c.sendall(data)

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()


def talk(ns, to, data=b"hello", family=socket.AF_INET, **kw):
    """Sends to a TCP echo server and returns what came back."""
    with sock(ns, family=family, **kw) as s:
        s.connect(to)
        s.sendall(data)
        got = b""
        while len(got) < len(data):
            more = s.recv(65536)
            if not more:
                break
            got += more
        return got
