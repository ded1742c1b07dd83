# SPDX-License-Identifier: BSD-3-Clause
"""BGP unnumbered (FRR): links have link-local addresses and nothing else, IPv4 and IPv6 routes have IPv6 next hops (RFC 8950)."""
import pytest
from daemons import Frr
from lab import run

from twin import has_carrier, until

pytestmark = pytest.mark.needs("vtysh")

CONFIG = """
interfaces:
  lo0: {loopback: true, addresses: [192.0.2.1/32, "2001:db8:f::1/128"]}
  up: {port: a, addresses: ["fe80::1/64"]}
  back: {port: b, addresses: [10.0.2.1/24, "2001:db8:2::1/64"]}
kernel: {}
netlink: {}
"""
BGP = """hostname {name}
interface {interface}
 no ipv6 nd suppress-ra
 ipv6 nd ra-interval 1
router bgp {asn}
 bgp router-id {id}
 no bgp ebgp-requires-policy
 timers bgp 1 3
 neighbor {interface} interface remote-as external
 neighbor {interface} timers connect 1
 neighbor {interface} advertisement-interval 0
 address-family ipv4 unicast
  redistribute connected
 exit-address-family
 address-family ipv6 unicast
  redistribute connected
  neighbor {interface} activate
 exit-address-family
"""


@pytest.fixture
def one(lab):
    it = lab()
    it.a.kernel()
    for a in ("203.0.113.1/32", "2001:db8:9::1/128"):
        run("ip", "addr", "add", a, "dev", "lo", ns=it.a.ns)
    it.b.kernel("10.0.2.2/24", "2001:db8:2::2/64", gateway=("10.0.2.1", "2001:db8:2::1"))
    run("ip", "link", "set", "lo", "up", ns=it.ns)
    it.start(CONFIG, dataplane=", polling: adaptive")
    it.wait_usable()
    until(lambda: has_carrier("up", it.ns) and has_carrier("lo0", it.ns))
    return it


def learnt(one):
    return {r["prefix"]: r for r in one.show("routes")["routes"] if r["source"] == "kernel"}


def test_bgp_unnumbered(one):
    r1, r2 = Frr(one, one.ns, "r1"), Frr(one, one.a.ns, "r2")
    r1.all(BGP.format(name="r1", interface="up", asn=65001, id="1.1.1.1"), "bgpd")
    zebra, bgpd = r2.all(BGP.format(name="r2", interface="eth", asn=65002, id="2.2.2.2"), "bgpd")
    until(lambda: r1.established("up"), 40, 0.3)
    routes = until(lambda: learnt(one) if {"203.0.113.1/32", "2001:db8:9::1/128"} <= set(learnt(one)) else None, 20, 0.2)
    for prefix in ("203.0.113.1/32", "2001:db8:9::1/128"):
        via = routes[prefix]["via"]
        assert [(v["interface"], v["usable"]) for v in via] == [("up", True)] and via[0]["address"].startswith("fe80::")
        assert (routes[prefix]["protocol"], routes[prefix]["active"]) == ("bgp", True)
    assert "4 received" in one.b.ping("203.0.113.1", count=4).stdout  # IPv4 to a neighbour that has no IPv4 address
    assert "4 received" in one.b.ping("2001:db8:9::1", count=4).stdout
    # The neighbour's way back, and to the router itself, whose only IPv4 address on that side is a loopback's.
    assert "10.0.2.0/24" in (text := run("ip", "route", ns=one.a.ns).stdout) and "via inet6 fe80::1" in text
    assert "2 received" in one.a.ping("192.0.2.1", I="203.0.113.1").stdout
    assert "2 received" in one.a.ping("2001:db8:f::1", I="2001:db8:9::1").stdout
    # A router without an IPv4 address on the link reports errors from its loopback (RFC 1812 4.3.2.4).
    answer = one.a.run("ping", "-c", "1", "-W", "3", "-t", "1", "-I", "203.0.113.1", "10.0.2.2", check=False).stdout
    assert "Time to live exceeded" in answer and "From 192.0.2.1" in answer, answer
    assert one.weir("kernel", "diff").returncode == 0
    for d in (bgpd, zebra):
        d.kill()
    until(lambda: not learnt(one), 10, 0.1)  # hold time 3 s
    assert "Unreachable" in one.b.ping("203.0.113.1", count=1).stdout
