# SPDX-License-Identifier: BSD-3-Clause
"""Multicast groups that programs join on a twin go up to them; others do not."""
import socket
import struct
import time

import pytest
from scapy.all import IP, UDP, Ether, IPv6, Raw

from lab import inside, run
from twin import has_carrier, link, twin, until

CONFIG = """
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
  wan: {port: b, addresses: [10.0.2.1/24, "2001:db8:2::1/64"]}
kernel: {}
"""


@pytest.fixture(scope="module")
def shared(module_lab):
    one = module_lab()
    one.start(CONFIG, dataplane=", polling: adaptive")
    until(lambda: has_carrier("lan", one.ns) and has_carrier("wan", one.ns))
    one.wait_usable()
    return one


class Listener:
    """A program that joins groups on a link, as any does."""

    def __init__(self, ns, device, port, *groups):
        v6 = ":" in groups[0]
        self.index, self.groups = link(device, ns)["ifindex"], groups
        with inside(ns):
            self.sock = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("::" if v6 else "", port))
        self.sock.settimeout(2)
        for g in groups:
            self.change(g, True)

    def change(self, group, join):
        if ":" in group:
            self.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP if join else socket.IPV6_LEAVE_GROUP,
                                 socket.inet_pton(socket.AF_INET6, group) + struct.pack("I", self.index))
        else:
            self.sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP if join else socket.IP_DROP_MEMBERSHIP,
                                 socket.inet_aton(group) + socket.inet_aton("0.0.0.0") + struct.pack("i", self.index))

    def gets(self):
        try:
            return self.sock.recv(2000)
        except socket.timeout:
            return None


def packet(group, port, text, host=1):
    if ":" in group:
        mac = "33:33:" + ":".join(f"{b:02x}" for b in socket.inet_pton(socket.AF_INET6, group)[12:])
        ip = IPv6(src=f"2001:db8:{host}::2", dst=group, hlim=3)
    else:
        b = socket.inet_aton(group)
        mac = f"01:00:5e:{b[1] & 127:02x}:{b[2]:02x}:{b[3]:02x}"
        ip = IP(src=f"10.0.{host}.2", dst=group, ttl=3)
    return Ether(src=f"02:00:00:00:0{host}:aa", dst=mac) / ip / UDP(sport=port, dport=port) / Raw(text)


def groups(one, n):
    return until(lambda: twin(one, "lan")["groups"] == n, 3, 0.01)


@pytest.mark.parametrize("group,other", [("239.1.2.3", "239.1.2.4"), ("ff05::1234", "ff05::1235")])
def test_a_program_gets_its_group(router, group, other):
    router.a.send(packet(group, 7001, b"before"))
    router.expect_drops({"ip-multicast": 1})
    with Listener(router.ns, "lan", 7001, group).sock as s:
        joined = time.monotonic()
        groups(router, 1)
        print(f"{group}: known {1000 * (time.monotonic() - joined):.0f} ms after it was joined")
        router.a.send(packet(group, 7001, b"hello"), packet(other, 7001, b"other"))
        assert s.recv(2000) == b"hello"
        router.b.send(packet(group, 7001, b"elsewhere", host=2))  # nobody joined there
        router.expect_drops({"ip-multicast": 3, "kernel-delivered": 1})
        assert twin(router, "lan")["class"]["other"]["punted"] >= 1
    groups(router, 0)
    router.a.send(packet(group, 7001, b"after"))
    router.expect_drops({"ip-multicast": 4, "kernel-delivered": 1})


def test_the_link_hears_of_it(router):
    """A switch that snoops must know: the kernel's reports leave by the port."""
    router.a.raw()
    with Listener(router.ns, "lan", 7001, "239.9.9.9").sock:
        got = router.a.receive(2, lambda p: IP in p and p[IP].proto == 2 and socket.inet_aton("239.9.9.9") in bytes(p), enough=1)
        assert got and got[0].dst == "01:00:5e:00:00:16"
    groups(router, 0)


def test_without_carrier_it_is_found_later(router):
    """Nothing is reported on a link that is down."""
    router.a.run("ip", "link", "set", "eth", "down")
    until(lambda: not has_carrier("lan", router.ns))
    with Listener(router.ns, "lan", 7001, "239.1.2.3").sock:
        router.a.run("ip", "link", "set", "eth", "up")
        until(lambda: has_carrier("lan", router.ns))
        groups(router, 1)
    groups(router, 0)


def test_more_than_there_is_room_for_are_counted(router):
    """64 of a family on an interface; the kernel itself allows as many for each program as it is told."""
    run("sysctl", "-qw", "net.ipv4.igmp_max_memberships=200", ns=router.ns)
    with Listener(router.ns, "lan", 7001, *[f"239.2.0.{i}" for i in range(1, 71)]).sock:
        until(lambda: twin(router, "lan")["groups"] == 64 and twin(router, "lan")["groups_refused"] == 6, 5)
        text = run("curl", "-s", "--unix-socket", router.socket, "http://weir/metrics").stdout
        assert 'weir_kernel_groups{interface="lan"} 64' in text and 'weir_kernel_groups_refused{interface="lan"} 6' in text
    groups(router, 0)
