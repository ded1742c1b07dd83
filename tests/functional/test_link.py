# SPDX-License-Identifier: BSD-3-Clause
"""Links that go and come, interfaces that are disabled: what is withdrawn, what is told, what comes back."""
import time

import pytest
from scapy.all import ARP, ICMP, IP, UDP, Dot1Q, Ether, ICMPv6ND_NA, IPv6, Raw

from test_forwarding import answered

CONFIG = """
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
  wan: {port: b, addresses: [10.0.2.1/24, "2001:db8:2::1/64"]}
  w10: {parent: wan, vlan: 10, addresses: [10.10.0.1/24]}
  alt: {port: c, addresses: [10.0.3.1/24, "2001:db8:3::1/64"]}
neighbors:
  - {interface: lan, address: 10.0.1.2, mac: "02:00:00:00:01:aa"}
  - {interface: lan, address: "2001:db8:1::2", mac: "02:00:00:00:01:aa"}
  - {interface: wan, address: 10.0.2.9, mac: "02:00:00:00:02:aa"}
  - {interface: wan, address: "2001:db8:2::9", mac: "02:00:00:00:02:aa"}
  - {interface: w10, address: 10.10.0.9, mac: "02:00:00:00:02:aa"}
  - {interface: alt, address: 10.0.3.9, mac: "02:00:00:00:03:aa"}
  - {interface: alt, address: "2001:db8:3::9", mac: "02:00:00:00:03:aa"}
routes:
  - {prefix: 198.51.100.0/24, via: [{address: 10.0.2.9}]}
  - {prefix: 198.51.0.0/16, via: [{address: 10.0.3.9}]}
  - {prefix: "2001:db8:f0::/48", via: [{address: "2001:db8:2::9"}]}
  - {prefix: "2001:db8:f0::/44", via: [{address: "2001:db8:3::9"}]}
  - {prefix: 203.0.113.0/24, via: [{address: 10.0.2.9}, {address: 10.0.3.9}]}
"""


@pytest.fixture(scope="module")
def shared(module_lab):
    one = module_lab(hosts=("a", "b", "c"))
    for h in one.hosts.values():
        h.raw()
    one.start(CONFIG)
    one.mac = one.macs()
    one.wait_usable()
    one.a.receive(wait=2.5)
    return one


@pytest.fixture
def router(shared):
    shared.quiet()
    yield shared
    shared.apply(CONFIG)
    link(shared, "b", "up")
    shared.settle()


def link(one, host, state):
    """The peer's end goes down or up; returns when the daemon has seen it and its addresses are in use."""
    one.hosts[host].run("ip", "link", "set", "eth", state)
    end = time.monotonic() + 5
    while {p["name"]: p["link"] for p in one.show("ports")["ports"]}[host] != state:
        assert time.monotonic() < end, f"port {host} did not go {state}"
        time.sleep(0.05)
    one.wait_usable()


def is_ip(p):
    return p.haslayer(UDP) or p.haslayer(ICMP) or p.haslayer(IPv6) and bytes(p[IPv6])[40] in (1, 2, 3)


def send(one, dst, count=1):
    ip = IPv6(src="2001:db8:1::2", dst=dst) if ":" in dst else IP(src="10.0.1.2", dst=dst)
    one.a.send(*[Ether(src=one.a.mac, dst=one.mac["lan"]) / ip / UDP(sport=1000 + i, dport=2) / Raw(b"x" * 20)
                 for i in range(count)])


def came(one, host, wait=2.5, enough=1):
    return one.hosts[host].receive(wait=wait, match=is_ip, enough=enough)


def active(one):
    return {r["prefix"] for r in one.show("routes")["routes"] if r["active"]}


DOWN = [  # destination, ICMP type and code while its link is down
    ("a host of the subnet", "10.0.2.77", (3, 0)),
    ("a configured neighbour", "10.0.2.9", (3, 0)),
    ("a host behind a VLAN of the port", "10.10.0.9", (3, 0)),
    ("an IPv6 host of the subnet", "2001:db8:2::77", (1, 0)),
    ("a configured IPv6 neighbour", "2001:db8:2::9", (1, 0)),
]


@pytest.mark.parametrize("how", ["link down", "enabled: false"])
def test_what_leads_to_a_dead_interface_is_withdrawn(router, how):
    """Also /32 routes of configured neighbours: a packet that cannot leave is told, not sent into a dead port."""
    assert {"10.0.2.0/24", "10.10.0.0/24", "2001:db8:2::/64"} <= active(router)
    if how == "link down":
        link(router, "b", "down")
    else:
        router.apply(CONFIG.replace("wan: {port: b,", "wan: {port: b, enabled: false,"))
    assert not {"10.0.2.0/24", "10.10.0.0/24", "2001:db8:2::/64"} & active(router)
    router.quiet()
    for name, dst, told in DOWN:
        send(router, dst)
        got = came(router, "a")
        payload = [bytes(p[IP])[20:22] if p.haslayer(IP) else bytes(p[IPv6])[40:42] for p in got]
        assert payload == [bytes(told)], name
    router.expect_drops({"route-none": len(DOWN)})
    counts = {i["name"]: i for i in router.show("interfaces")["interfaces"]}
    assert counts["wan"]["tx_packets"] == counts["w10"]["tx_packets"] == 0


def test_a_less_specific_route_takes_over_and_gives_back(router):
    for dst in ("198.51.100.7", "2001:db8:f0::7"):
        send(router, dst)
        assert len(came(router, "b")) == 1
    link(router, "b", "down")
    for dst in ("198.51.100.7", "2001:db8:f0::7"):
        send(router, dst)
        assert len(came(router, "c")) == 1
    link(router, "b", "up")
    for dst in ("198.51.100.7", "2001:db8:f0::7"):
        send(router, dst)
        assert len(came(router, "b")) == 1
    assert came(router, "c", wait=0.1) == []


def test_multipath_leaves_a_dead_link_at_once_and_returns(router):
    def share():
        send(router, "203.0.113.5", 64)
        return [len(router.hosts[h].receive(wait=0.25, match=is_ip)) for h in "bc"]
    both = share()
    assert sum(both) == 64 and min(both) > 10
    link(router, "b", "down")
    assert share() == [0, 64]
    link(router, "b", "up")
    assert share() == both, "the same flows come back"
    router.expect_drops({})


def test_learnt_neighbours_are_forgotten_and_waiting_packets_end(router):
    router.b.send(Ether(src=router.b.mac, dst="ff:ff:ff:ff:ff:ff") /
                  ARP(op=1, hwsrc=router.b.mac, psrc="10.0.2.5", pdst="10.0.2.1"))
    send(router, "10.0.2.6", 5)  # nobody: they wait
    end = time.monotonic() + 2
    while not {"10.0.2.5", "10.0.2.6"} <= {n["address"] for n in router.show("neighbors")["neighbors"]}:
        assert time.monotonic() < end
        time.sleep(0.02)
    assert router.show("drops", "--all")["totals"]["held"] == 5
    link(router, "b", "down")
    left = {n["address"]: n["state"] for n in router.show("neighbors")["neighbors"]}
    assert "10.0.2.5" not in left and "10.0.2.6" not in left and left["10.0.2.9"] == "permanent"
    assert router.drops()["neighbor-removed"] == 5
    assert router.show("drops", "--all")["totals"]["held"] == 0


def test_addresses_are_announced_again(router):
    link(router, "b", "down")
    router.b.flush()
    link(router, "b", "up")
    got = router.b.receive(wait=1.0)
    assert {p[ARP].psrc for p in got if p.haslayer(ARP) and p[ARP].psrc == p[ARP].pdst} == {"10.0.2.1", "10.10.0.1"}
    assert "2001:db8:2::1" in {p[ICMPv6ND_NA].tgt for p in got if p.haslayer(ICMPv6ND_NA)}
    assert {p[Dot1Q].vlan for p in got if p.haslayer(Dot1Q)} == {10}


def test_packets_on_their_way_when_the_link_goes(router):
    """A flood while the link flaps: every packet is sent, refused with a reason, or dropped by the port."""
    for i in range(6):
        send(router, "10.0.2.9", 100)
        router.b.run("ip", "link", "set", "eth", "down" if i % 2 == 0 else "up")
        send(router, "198.51.100.9", 100)
    link(router, "b", "up")
    totals = router.settle()
    assert totals["received"] >= 1200
    router.b.flush()
    send(router, "10.0.2.9")
    assert len(came(router, "b")) == 1


# --- enabled: false ---

def test_a_disabled_interface_neither_receives_nor_speaks(router):
    router.apply(CONFIG.replace("lan: {port: a,", "lan: {port: a, enabled: false,"))
    router.quiet()
    send(router, "10.0.2.9")
    router.a.send(Ether(src=router.a.mac, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=router.a.mac, psrc="10.0.1.2", pdst="10.0.1.1"))
    router.expect_drops({"interface-disabled": 2})
    assert router.a.receive(wait=0.1) == [] and came(router, "b", wait=0.1) == []
    # Its address is nobody's: not answered through another interface, and not a sender of errors.
    router.b.send(Ether(src=router.b.mac, dst=router.mac["wan"]) / IP(src="10.0.2.9", dst="10.0.1.1") / ICMP())
    got = came(router, "b")
    assert [(p[ICMP].type, p[ICMP].code, p[IP].src) for p in got] == [(3, 0, "10.0.2.1")]
    rows = {i["name"]: i for i in router.show("interfaces")["interfaces"]}
    assert rows["lan"]["enabled"] is False
    router.apply(CONFIG)
    router.wait_usable()
    router.a.flush()
    send(router, "10.0.2.9")
    assert len(came(router, "b")) == 1


def test_a_disabled_sub_interface_leaves_its_parent_alone(router):
    router.apply(CONFIG.replace("w10: {parent: wan,", "w10: {parent: wan, enabled: false,"))
    router.quiet()
    router.b.send(Ether(src=router.b.mac, dst=router.mac["wan"]) / Dot1Q(vlan=10) / IP(src="10.10.0.9", dst="10.0.1.2") / UDP())
    router.expect_drops({"interface-disabled": 1})
    send(router, "10.0.2.9")
    assert len(came(router, "b")) == 1
    send(router, "10.10.0.9")
    assert [(p[ICMP].type, p[ICMP].code) for p in came(router, "a")] == [(3, 0)]


def test_a_disabled_parent_takes_its_sub_interfaces_along(router):
    router.apply(CONFIG.replace("wan: {port: b,", "wan: {port: b, enabled: false,"))
    router.quiet()
    router.b.send(Ether(src=router.b.mac, dst=router.mac["wan"]) / Dot1Q(vlan=10) / IP(src="10.10.0.9", dst="10.0.1.2") / UDP())
    router.expect_drops({"interface-disabled": 1})
    assert came(router, "a", wait=0.1) == []


# --- kernel hosts ---

@pytest.mark.parametrize("driver", ["af_packet", "af_xdp"])
def test_kernel_hosts_talk_again_after_a_flap(lab, driver):
    one = lab()
    one.a.kernel("10.0.1.2/24", "2001:db8:1::2/64", gateway=("10.0.1.1", "2001:db8:1::1"))
    one.b.kernel("10.0.2.2/24", gateway=("10.0.2.1",))
    one.start("""
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
  wan: {port: b, addresses: [10.0.2.1/24]}
""", driver=driver)
    one.wait_usable()
    assert answered(one.a.ping("10.0.2.2"))
    link(one, "b", "down")
    p = one.a.ping("10.0.2.2", count=1, W=1)
    assert "Net Unreachable" in p.stdout, p.stdout
    link(one, "b", "up")
    one.b.run("ip", "route", "replace", "default", "via", "10.0.2.1")
    assert answered(one.a.ping("10.0.2.2"))
    link(one, "a", "down")
    link(one, "a", "up")
    one.a.run("ip", "route", "replace", "default", "via", "10.0.1.1")
    assert answered(one.a.ping("10.0.2.2"))
