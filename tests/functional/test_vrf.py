# SPDX-License-Identifier: BSD-3-Clause
"""VRFs: the same addresses twice, routes of their own, and nothing that leaks from one into the other."""
import re
import time

import pytest
from scapy.all import ARP, ICMP, IP, UDP, Ether, IPv6, Raw

CONFIG = """
vrfs:
  red: {}
  blue: {description: the other customer}
interfaces:
  r1: {port: a, vrf: red, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
  r2: {port: b, vrf: red, addresses: [10.0.2.1/24, "2001:db8:2::1/64"]}
  b1: {port: c, vrf: blue, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
  b2: {port: d, vrf: blue, addresses: [10.0.2.1/24, "2001:db8:2::1/64"]}
  plain: {port: e, addresses: [10.0.3.1/24, "2001:db8:3::1/64"]}
neighbors:
""" + "".join(f'  - {{interface: {i}, address: {net}, mac: "02:00:00:00:{n:02x}:aa"}}\n'
              for n, (i, k) in enumerate([("r1", 1), ("r2", 2), ("b1", 1), ("b2", 2), ("plain", 3)], 1)
              for net in (f"10.0.{k}.2", f'"2001:db8:{k}::2"')) + """
routes:
  - {prefix: 198.51.100.0/24, vrf: red, via: [{address: 10.0.2.2}]}
  - {prefix: 198.51.100.0/24, vrf: blue, type: prohibit}
  - {prefix: "2001:db8:f::/64", vrf: blue, via: [{address: "2001:db8:2::2"}]}
"""
NAMES = {"a": "r1", "b": "r2", "c": "b1", "d": "b2", "e": "plain"}
FAMILIES = pytest.mark.parametrize("family", [4, 6])


@pytest.fixture(scope="module")
def shared(module_lab):
    one = module_lab(hosts=tuple(NAMES))
    for h in one.hosts.values():
        h.raw()
    one.start(CONFIG)
    one.mac = one.macs()
    one.wait_usable()
    one.a.receive(wait=2.5)
    return one


def packet(one, host, family, dst, net=1, payload=None):
    src = f"10.0.{net}.2" if family == 4 else f"2001:db8:{net}::2"
    ip = IP(src=src, dst=dst) if family == 4 else IPv6(src=src, dst=dst)
    return Ether(src=one.hosts[host].mac, dst=one.mac[NAMES[host]]) / ip / (payload or UDP(dport=9)) / Raw(b"x" * 20)


def where(one):
    """Hosts that received IP packets -> how many."""
    got = {n: len(h.receive(wait=0.12, match=lambda p: p.haslayer(IP) or p.haslayer(IPv6))) for n, h in one.hosts.items()}
    return {n: k for n, k in got.items() if k}


def addr(family, net):
    return f"10.0.{net}.2" if family == 4 else f"2001:db8:{net}::2"


@FAMILIES
@pytest.mark.parametrize("source,target", [("a", "b"), ("c", "d")])
def test_the_same_addresses_lead_to_each_vrfs_own_host(router, family, source, target):
    router.hosts[source].send(*[packet(router, source, family, addr(family, 2)) for _ in range(3)])
    assert where(router) == {target: 3}
    router.expect_drops({})


@FAMILIES
@pytest.mark.parametrize("source", ["a", "c"])
def test_the_subnet_of_another_vrf_is_not_reachable(router, family, source):
    router.hosts[source].send(packet(router, source, family, addr(family, 3)))
    assert where(router) == {source: 1}, "only the sender is told"
    router.expect_drops({"route-none": 1})


@FAMILIES
def test_the_default_vrf_does_not_know_theirs(router, family):
    router.e.send(packet(router, "e", family, addr(family, 1), net=3))
    assert where(router) == {"e": 1}
    router.expect_drops({"route-none": 1})


def test_a_route_is_only_in_its_vrf(router):
    router.a.send(packet(router, "a", 4, "198.51.100.1"))
    assert where(router) == {"b": 1}
    router.c.send(packet(router, "c", 4, "198.51.100.1"))
    got = router.c.receive(wait=0.3, match=lambda p: p.haslayer(ICMP), enough=1)
    assert [(p[ICMP].type, p[ICMP].code, p[IP].src) for p in got] == [(3, 13, "10.0.1.1")]
    router.c.send(packet(router, "c", 6, "2001:db8:f::1"))
    assert where(router) == {"d": 1}
    router.a.send(packet(router, "a", 6, "2001:db8:f::1"))
    assert where(router) == {"a": 1}
    router.expect_drops({"route-prohibit": 1, "route-none": 1})


@pytest.mark.parametrize("host,answers", [("a", ["10.0.1.1", "10.0.2.1"]), ("c", ["10.0.1.1", "10.0.2.1"]),
                                          ("e", ["10.0.3.1"])])
def test_only_the_vrfs_own_addresses_answer(router, host, answers):
    net = 3 if host == "e" else 1
    asked = ["10.0.1.1", "10.0.2.1", "10.0.3.1"]
    router.hosts[host].send(*[packet(router, host, 4, dst, net, ICMP()) for dst in asked])
    got = router.hosts[host].receive(wait=0.3, match=lambda p: p.haslayer(ICMP), enough=3)
    assert [p[IP].src for p in got if p[ICMP].type == 0] == answers
    assert len([p for p in got if p[ICMP].type == 3]) == 3 - len(answers)
    assert where(router) == {}


def test_neighbours_are_learnt_on_their_own_link_only(router):
    router.a.send(Ether(src=router.a.mac, dst="ff:ff:ff:ff:ff:ff") /
                  ARP(hwsrc=router.a.mac, psrc="10.0.1.50", pdst="10.0.1.1"))
    router.expect_drops({"arp-handled": 1})
    rows = [n["interface"] for n in router.show("neighbors")["neighbors"] if n["address"] == "10.0.1.50"]
    assert rows == ["r1"]
    router.d.send(packet(router, "d", 4, "10.0.1.50", net=2))
    asked = router.c.receive(wait=0.3, match=lambda p: p.haslayer(ARP), enough=1)
    assert [p[ARP].pdst for p in asked] == ["10.0.1.50"]
    assert where(router) == {}
    router.weir("neighbor", "flush")
    router.settle()


def test_routes_are_changed_and_shown_by_vrf(router):
    router.weir("route", "add", "203.0.113.0/24", "via", "10.0.2.2", "vrf", "blue")
    assert "203.0.113.0/24" in router.weir("show", "routes", "vrf", "blue").stdout
    assert "203.0.113.0/24" not in router.weir("show", "routes", "vrf", "red").stdout
    assert "203.0.113.0/24" not in router.weir("show", "routes").stdout
    assert router.weir("route", "get", "203.0.113.9", "vrf", "red", check=False).returncode == 1
    router.c.send(packet(router, "c", 4, "203.0.113.9"))
    router.a.send(packet(router, "a", 4, "203.0.113.9"))
    assert where(router) == {"d": 1, "a": 1}
    assert router.weir("route", "delete", "203.0.113.0/24", check=False).returncode == 1
    router.weir("route", "delete", "203.0.113.0/24", "vrf", "blue")
    router.c.send(packet(router, "c", 4, "203.0.113.9"))
    assert where(router) == {"c": 1}


def test_a_gateway_is_looked_for_in_the_routes_vrf(router):
    """10.0.2.2 is on a subnet of red and blue, not of the default VRF."""
    router.weir("route", "add", "203.0.113.0/24", "via", "10.0.2.2")
    row = [r for r in router.show("routes")["routes"] if r["prefix"] == "203.0.113.0/24"]
    assert [r["active"] for r in row] == [False] and "connected" in row[0]["reason"]
    router.e.send(packet(router, "e", 4, "203.0.113.9", net=3))
    assert where(router) == {"e": 1}
    router.weir("route", "delete", "203.0.113.0/24")


def test_an_unknown_vrf_is_refused(router):
    p = router.weir("route", "add", "203.0.113.0/24", "via", "10.0.2.2", "vrf", "green", check=False)
    assert p.returncode == 1 and "green" in p.stderr
    names = {v["name"]: v["interfaces"] for v in router.show("vrfs")["vrfs"]}
    assert names == {"default": ["plain"], "red": ["r1", "r2"], "blue": ["b1", "b2"]}


def test_an_interface_that_changes_its_vrf_takes_its_subnet_along(router):
    moved = re.sub(r"(?m)^.*(plain, address|vrf: default).*\n", "", CONFIG).replace(
        "plain: {port: e, addresses", "plain: {port: e, vrf: red, addresses")
    router.apply(moved)
    time.sleep(0.2)
    router.weir("neighbor", "add", "10.0.3.2", "lladdr", router.e.mac, "dev", "plain")
    router.quiet()
    router.a.send(packet(router, "a", 4, "10.0.3.2"))
    assert where(router) == {"e": 1}
    router.c.send(packet(router, "c", 4, "10.0.3.2"))
    assert where(router) == {"c": 1}
    router.weir("neighbor", "delete", "10.0.3.2", "dev", "plain")
    router.apply(CONFIG)
    router.quiet()
    router.a.send(packet(router, "a", 4, "10.0.3.2"))
    assert where(router) == {"a": 1}
