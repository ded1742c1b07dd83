# SPDX-License-Identifier: BSD-3-Clause
"""A client of the API that can also misbehave: plain requests, raw sockets, server-sent events."""
import http.client
import json
import socket
import time


class Connection(http.client.HTTPConnection):
    """HTTP over the Unix socket of a daemon."""

    def __init__(self, path, timeout=20):
        super().__init__("weir", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def warm(lab, seconds=10):
    """Until both sides of the lab are up and know their neighbours."""
    end = time.monotonic() + seconds
    while " 0% packet loss" not in lab.a.ping("10.0.2.2").stdout:
        assert time.monotonic() < end, "the lab did not come up"
    return lab


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


def ask(path, method, target, body=None, headers=None):
    """One request on a connection of its own. `body`: anything JSON can say, or bytes as they are."""
    c = Connection(path)
    try:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        c.request(method, target, data, headers or {})
        r = c.getresponse()
        return Reply(r.status, r.headers, r.read().decode())
    finally:
        c.close()


def raw(path, data=b"", timeout=20):
    """A connected socket that has sent `data`."""
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(timeout)
    s.connect(path)
    s.sendall(data)
    return s


class Stream:
    """Server-sent events: next() gives (id, event, data) with data parsed; comments are counted."""

    def __init__(self, path, target, headers=None, timeout=10):
        self.c = Connection(path, timeout)
        self.c.request("GET", target, headers=headers or {})
        self.r = self.c.getresponse()
        self.status, self.comments = self.r.status, 0

    def next(self):
        fields = {}
        while True:
            line = self.r.readline().decode().rstrip("\n")
            if line.startswith(":"):
                self.comments += 1
            elif line == "" and "data" in fields:
                return fields.get("id"), fields["event"], json.loads(fields["data"])
            elif ": " in line:
                key, value = line.split(": ", 1)
                fields[key] = value

    def until(self, event, seconds=10):
        """The data of the next event of that type."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            _, kind, data = self.next()
            if kind == event:
                return data
        raise AssertionError(f"no {event} event within {seconds} s")

    def close(self):
        self.c.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
