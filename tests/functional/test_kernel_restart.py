# SPDX-License-Identifier: BSD-3-Clause
"""weir ends and starts again: twins that stay, and carrier only when the kernel's routes are in the FIB."""
import fcntl
import os
import random
import signal
import socket
import struct
import time

import pytest
import rtnl
import twins
from lab import inside, run
from traffic import Stream, frame

pytestmark = pytest.mark.timeout(120)
ROUTES = 100_000
IFF_UP, IFF_RUNNING, SIOCGIFFLAGS = 1, 0x40, 0x8913
CONFIG = twins.CONFIG + 'neighbors: [{interface: wan, address: 10.0.1.9, mac: "02:00:00:00:02:aa"}]\n'


class Link:
    """Flags of a link, at the cost of a system call."""

    def __init__(self, ns, name):
        with inside(ns):
            self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.name = name.encode()

    def flags(self):
        try:
            return struct.unpack_from("16sH", fcntl.ioctl(self.sock, SIOCGIFFLAGS, struct.pack("16sH14x", self.name, 0)))[1]
        except OSError:
            return 0

    def carrier(self):
        return self.flags() & (IFF_UP | IFF_RUNNING) == IFF_UP | IFF_RUNNING


@pytest.fixture
def lab(lab):
    it = lab()
    run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=0", ns=it.ns)
    it.a.raw()
    it.b.raw()
    return it


def start(lab, kernel, wait=True):
    lab.start(CONFIG + f"kernel: {kernel}\nnetlink: {{}}\n", wait=wait, dataplane=", polling: adaptive")


def kill(lab):
    os.kill(lab.daemon.pid, signal.SIGKILL)
    lab.daemon.wait(10)
    lab.log.close()
    if os.path.exists(lab.socket):
        os.unlink(lab.socket)


def fill(lab, n=ROUTES):
    nets = rtnl.nets4(n)
    index = int(twins.kernel_routes(lab, "link", "show", "wan")[0]["ifindex"])
    with rtnl.Sender(lab.ns) as s:
        s.send(s.messages(nets, s.via("10.0.1.9", index)))
    assert twins.until(lambda: twins.source(lab)["ipv4_routes"] == n, 60), twins.source(lab)
    return nets


def kernel_count(lab):
    return sum(1 for r in run("ip", "route", "show", "proto", "bgp", ns=lab.ns).stdout.splitlines() if r)


def test_no_packet_is_lost_for_want_of_a_route(lab):
    """100,000 kernel routes over a twin outlive weir; the next one has them before the twin has carrier."""
    start(lab, "{persist: true}")
    link = Link(lab.ns, "wan")
    assert twins.until(link.carrier)
    nets = fill(lab)
    mac = lab.macs()["lan"]
    r = random.Random(7)
    for end in (kill, lambda lab: lab.stop()):
        end(lab)
        assert twins.until(lambda: not link.carrier()) and link.flags() & IFF_UP
        assert kernel_count(lab) == ROUTES
        start(lab, "{persist: true}", wait=False)
        assert twins.until(link.carrier, 20, 0.0005), lab.log_text()
        frames = [frame(mac, "10.0.0.2", ".".join(map(str, r.choice(nets)[0][:3])) + ".9", 1000 + i) for i in range(200)]
        with Stream(lab.a, lab.b, frames, pps=4000) as s:
            time.sleep(0.3)
        lab.wait_ready()
        assert lab.drops()["route-none"] == 0 and s.total_sent() > 200, (lab.drops(), s.total_sent())
        s.check()
        it = next(t for t in lab.show("kernel")["twins"] if t["link"] == "wan")
        assert it["adopted"] and not it["held"] and it["carrier"]
        print(f"carrier held {it['waited_ns'] / 1e6:.0f} ms; {s.total_sent()} packets, none lost; {twins.source(lab)['ipv4_routes']} routes")
        twins.same_as_kernel(lab, 30)
    assert lab.show("kernel")["waits_expired"] == 0


def test_the_wait_is_bounded(lab):
    start(lab, "{persist: true}")
    fill(lab)
    kill(lab)
    start(lab, "{persist: true, wait: 20ms}")
    assert twins.until(Link(lab.ns, "wan").carrier)
    assert lab.show("kernel")["waits_expired"] >= 1
    assert "kernel.wait" in lab.log_text()
    twins.synced(lab, 20)
    twins.same_as_kernel(lab, 30)


def test_links_that_stay_are_ours_only(lab):
    """Settings follow the new configuration; a link that goes from the configuration goes from the kernel; others' links stay."""
    start(lab, "{persist: true}")
    twins.ip(lab, "addr", "add", "10.77.0.1/24", "dev", "wan")
    lab.stop()
    before = twins.kernel_routes(lab, "link", "show", "wan")[0]
    text = CONFIG.replace('wan: {port: b, addresses: [10.0.1.1/24, "2001:db8:b::1/64"]}',
                          'wan: {port: b, addresses: [10.0.1.1/24, "2001:db8:b::1/64"], mtu: 1400}')
    lab.start(text + "kernel: {persist: true}\nnetlink: {}\n", dataplane=", polling: adaptive")
    now = twins.kernel_routes(lab, "addr", "show", "wan")[0]
    assert now["ifindex"] == before["ifindex"] and now["mtu"] == 1400
    assert {"10.0.1.1", "10.77.0.1", "2001:db8:b::1"} <= {a["local"] for a in now["addr_info"]}
    lab.apply(twins.CONFIG + "kernel: {}\nnetlink: {}\n")  # they do not stay any more
    lab.stop()
    assert not twins.kernel_routes(lab, "link", "show", "wan")
    lab.start(CONFIG + "kernel: {persist: true}\n", dataplane=", polling: adaptive")
    lab.apply(twins.CONFIG)
    assert not twins.kernel_routes(lab, "link", "show", "lan")
    lab.stop()
    run("ip", "tuntap", "add", "wan", "mode", "tap", ns=lab.ns)
    p = lab.attempt(lab.whole(CONFIG + "kernel: {persist: true}\n"))
    assert p.returncode != 0 and "already has a link 'wan'" in p.stderr, p.stderr
    assert twins.kernel_routes(lab, "link", "show", "wan")
