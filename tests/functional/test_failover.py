# SPDX-License-Identifier: BSD-3-Clause
"""How long packets are lost when a way ends: numbered packets every millisecond, counted on both ways. Times are printed;
what is asserted leaves room for a machine that does other things."""
import fcntl
import os
import signal
import socket
import struct
import threading
import time

import pytest

from bfd import first
from daemons import Frr
from flood import Witness
from lab import inside, run
from traffic import MAGIC, SINK, frame
from twin import has_carrier, link, until

SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
RTMGRP_LINK, RTMGRP_IPV4_ROUTE = 1, 0x40
IFF_LOWER_UP = 0x10000

STATIC = """
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24]}
  main: {port: b, addresses: [10.0.2.1/24]}
  spare: {port: c, addresses: [10.0.3.1/24]}
neighbors:
  - {interface: main, address: 10.0.2.2, mac: "02:00:00:00:02:aa"}
  - {interface: spare, address: 10.0.3.2, mac: "02:00:00:00:03:aa"}
routes:
  - {prefix: 203.0.113.0/24, via: [{address: 10.0.2.2}]}
  - {prefix: 203.0.0.0/16, via: [{address: 10.0.3.2}]}
  - {prefix: 198.51.100.0/24, via: [{address: 10.0.2.2}, {address: 10.0.3.2}]}
"""


def set_link(host, up):
    """The host's end of the cable, by one system call: when, by the clock packets are stamped with."""
    with inside(host.ns):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with s:
        req = bytearray(struct.pack("16sH22x", b"eth", 0))
        fcntl.ioctl(s, SIOCGIFFLAGS, req)
        flags = struct.unpack_from("H", req, 16)[0]
        struct.pack_into("H", req, 16, flags | IFF_UP if up else flags & ~IFF_UP)
        at = time.time()
        fcntl.ioctl(s, SIOCSIFFLAGS, req)
    return at


class Line:
    """One packet every millisecond from host a, and who got which."""

    def __init__(self, lab, dst, hosts=("b", "c"), sport=1):
        self.sock = lab.a.raw().sock
        self.frame = bytearray(frame(lab.macs()["lan"], "10.0.1.9", dst, sport))
        self.at = self.frame.index(MAGIC) + len(MAGIC) + 4
        self.sent, self.stopping = [], threading.Event()
        self.seen = {h: Witness(lab.hosts[h].ns, "eth", SINK) for h in hosts}
        self.thread = threading.Thread(target=self.send)

    def send(self):
        due = time.monotonic()
        while not self.stopping.is_set():
            n = len(self.sent)
            struct.pack_into("!II", self.frame, self.at, n, n ^ 0xffffffff)
            self.sent.append(time.time())
            self.sock.send(self.frame)
            due += 0.001
            time.sleep(max(0, due - time.monotonic()))

    def __enter__(self):
        self.thread.start()
        time.sleep(0.3)
        return self

    def __exit__(self, *exc):
        self.stopping.set()
        self.thread.join()
        time.sleep(0.2)
        self.got = {}
        for h, w in self.seen.items():
            w.stop()
            self.got[h] = {struct.unpack_from("!I", d, self.at)[0]: t for d, t in zip(w.heads, w.times)}

    def outage(self, dead, at):
        """(milliseconds without service at a stretch, packets lost) from the moment `at` on, when `dead` stopped to count."""
        good = set()
        for h, got in self.got.items():
            good |= {n for n, t in got.items() if h != dead or t <= at}
        # What was sent last may still be on its way: a busy machine takes its time.
        lost = [n for n in range(len(self.sent)) if n not in good and self.sent[n] < self.sent[-1] - 0.3]
        longest, begin = 0.0, None
        for i, n in enumerate(lost):
            begin = n if i == 0 or lost[i - 1] != n - 1 else begin
            longest = max(longest, self.sent[n + 1] - self.sent[begin])
        return longest * 1000, len(lost)

    def first(self, host, after):
        """When the first packet reached a host after a moment."""
        return min((t for t in self.got[host].values() if t > after), default=float("inf"))


def log_link(one, port, state, seconds=5):
    until(lambda: {p["name"]: p["link"] for p in one.show("ports")["ports"]}[port] == state, seconds, 0.02)


@pytest.mark.parametrize("what,dst", [("less specific route", "203.0.113.1"), ("multipath", "198.51.100.1")])
def test_link_failure_of_static_routes(lab, what, dst):
    one = lab(hosts=("a", "b", "c"))
    one.start(STATIC, dataplane=", polling: adaptive")
    times = []
    for _ in range(3):
        log_link(one, "b", "up")
        sport = next_on(one, dst)
        with Line(one, dst, sport=sport) as line:
            at = set_link(one.b, False)
            time.sleep(0.4)
        ms, lost = line.outage(None, at)
        times.append(ms)
        assert lost < 1000 and line.got["c"]
        set_link(one.b, True)
    print(f"link down, {what}: {', '.join(f'{t:.1f}' for t in times)} ms without service")
    assert sorted(times)[1] < 100


def next_on(one, dst):
    """A source port whose flow leaves by b."""
    for sport in range(1, 64):
        with Line(one, dst, sport=sport) as line:
            pass
        if line.got["b"]:
            return sport
    raise AssertionError("no flow leaves by b")


# --- FRR ---

ROUTER = """
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24]}
  main: {port: b, addresses: [10.0.2.1/24]}
  spare: {port: c, addresses: [10.0.3.1/24]}
kernel: {}
netlink: {}
"""
PEER = """ neighbor {0} remote-as {1}
 neighbor {0} timers 3 9
 neighbor {0} timers connect 1
 neighbor {0} bfd
"""
BFD = """ peer {0}
  transmit-interval {1}
  receive-interval {1}
  detect-multiplier 3
"""
MS = 50  # tests/bench/failover.py also measures shorter ones, which take a machine that does nothing else


def bgp(asn, rid, peers, ms, network=None, prefer=None):
    text = f"hostname r{asn}\nrouter bgp {asn}\n bgp router-id {rid}\n no bgp ebgp-requires-policy\n no bgp network import-check\n"
    text += "".join(PEER.format(*p) for p in peers)
    text += " address-family ipv4 unicast\n"
    text += f"  network {network}\n" if network else ""
    text += f"  neighbor {prefer} weight 200\n" if prefer else ""
    text += " exit-address-family\nbfd\n" + "".join(BFD.format(p[0], ms) for p in peers)
    return text


def speaker(one, ns, where, text):
    frr = Frr(one, ns, where)
    started = [frr.start("zebra"), frr.start("bfdd", text), frr.start("bgpd", text)]
    os.sched_setscheduler(started[1].p.pid, os.SCHED_RR, os.sched_param(10))  # how late the daemon runs is not the question
    return started


class News:
    """When the kernel told that a link lost its carrier, and of the route to a network."""

    def __init__(self, ns, network, device):
        with inside(ns):
            self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self.sock.bind((0, RTMGRP_LINK | RTMGRP_IPV4_ROUTE))
        self.sock.settimeout(0.05)
        self.needle, self.index = socket.inet_aton(network), link(device, ns)["ifindex"]
        self.routes, self.links, self.done = [], [], threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.done.is_set():
            try:
                data = self.sock.recv(65536)
            except socket.timeout:
                continue
            kind = struct.unpack_from("H", data, 4)[0]
            if kind == 16 and struct.unpack_from("iI", data, 20)[0] == self.index and \
                    not struct.unpack_from("iI", data, 20)[1] & IFF_LOWER_UP:
                self.links.append(time.time())
            elif kind in (24, 25) and self.needle in data:
                self.routes.append(time.time())

    def stop(self):
        self.done.set()
        self.thread.join()
        self.sock.close()


def gateway(one):
    """Next hop of the route in weir's table and whether BFD of both neighbours is up."""
    via = [r["via"][0]["address"] for r in one.show("routes")["routes"] if r["prefix"] == "203.0.113.0/24" and r["active"]]
    text = run("vtysh", "--vty_socket", f"{one.dir}/near", "-c", "show bfd peers brief", ns=one.ns, check=False).stdout
    return via[0] if via else None, text.count(" up")


class Pair:
    """Routers behind b and c that announce the same network; b's is preferred."""

    def __init__(self, one, ms):
        self.one, self.ms = one, ms
        one.a.raw()
        for h, net in ((one.b, "10.0.2"), (one.c, "10.0.3")):
            h.kernel(f"{net}.2/24", gateway=(f"{net}.1",))
            h.run("ip", "addr", "add", "203.0.113.1/32", "dev", "lo")
        run("ip", "link", "set", "lo", "up", ns=one.ns)
        one.start(ROUTER, dataplane=", polling: adaptive")
        first(one)  # as if its CPUs were its own
        until(lambda: has_carrier("main", one.ns) and has_carrier("spare", one.ns))
        speaker(one, one.ns, "near", bgp(65001, "1.1.1.1", [("10.0.2.2", 65002), ("10.0.3.2", 65003)], ms, prefer="10.0.2.2"))
        self.main = speaker(one, one.b.ns, "main", bgp(65002, "2.2.2.2", [("10.0.2.1", 65001)], ms, "203.0.113.0/24"))
        speaker(one, one.c.ns, "spare", bgp(65003, "3.3.3.3", [("10.0.3.1", 65001)], ms, "203.0.113.0/24"))

    def fail(self, what):
        """(milliseconds without service, of which weir's own after the kernel told of the route), and a sentence."""
        one = self.one
        until(lambda: gateway(one) == ("10.0.2.2", 2), 60, 0.3)
        news = News(one.ns, "203.0.113.0", "main")
        with Line(one, "203.0.113.1") as line:
            if what == "carrier":
                at = set_link(one.b, False)
            else:
                at = time.time()
                for d in self.main:
                    d.p.send_signal(signal.SIGSTOP)
            time.sleep(1.0)
        news.stop()
        told = [t for t in news.routes if t > at]
        ms, lost = line.outage("b", at)
        assert told, "the kernel told of no route"
        there = line.first("c", at)
        last = max((t for t in told if t <= there), default=told[0])  # the message that led there
        share = (there - last) * 1000
        text = f"{what}, BGP with BFD 3 x {self.ms} ms: {ms:.1f} ms without service, {lost} packets lost"
        if news.links:
            text += f"; the twin's carrier went after {(news.links[0] - at) * 1000:.1f} ms"
        text += f"; the kernel had the other route after {(last - at) * 1000:.1f} ms, the first packet went there {share:+.1f} ms from then"
        return ms, share, text

    def mend(self):
        one = self.one
        set_link(one.b, True)
        one.b.run("ip", "route", "replace", "default", "via", "10.0.2.1")
        for d in self.main:
            d.p.send_signal(signal.SIGCONT)


@pytest.mark.needs("vtysh", "root")
def test_failover_with_bgp_and_bfd(lab):
    """Carrier, then a neighbour that is silent while its link stays."""
    pair = Pair(lab(hosts=("a", "b", "c")), MS)
    for what in ("carrier", "silence"):
        ms, share, text = pair.fail(what)
        print(text)
        pair.mend()
        assert ms < 1000 and share < 300, text
