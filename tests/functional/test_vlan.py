# SPDX-License-Identifier: BSD-3-Clause
"""802.1Q and QinQ sub-interfaces, with raw frames: this kernel has no VLAN devices, and a veth carries any frame."""
import pytest
from scapy.all import ARP, ICMP, IP, UDP, Dot1Q, Ether, ICMPv6EchoReply, ICMPv6EchoRequest, IPv6, Raw

CONFIG = """
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24]}
  v10: {parent: lan, vlan: 10, addresses: [10.10.0.1/24, "2001:db8:10::1/64"]}
  v20: {parent: lan, vlan: 20, addresses: [10.20.0.1/24, "2001:db8:20::1/64"]}
  q: {parent: lan, vlan: 30, inner-vlan: 31, addresses: [10.30.0.1/24]}
  wan: {port: b, addresses: [10.0.2.1/24]}
neighbors:
  - {interface: lan, address: 10.0.1.2, mac: "02:00:00:00:01:aa"}
  - {interface: v10, address: 10.10.0.2, mac: "02:00:00:00:01:aa"}
  - {interface: v20, address: 10.20.0.2, mac: "02:00:00:00:01:aa"}
  - {interface: v10, address: "2001:db8:10::2", mac: "02:00:00:00:01:aa"}
  - {interface: v20, address: "2001:db8:20::2", mac: "02:00:00:00:01:aa"}
  - {interface: q, address: 10.30.0.2, mac: "02:00:00:00:01:aa"}
  - {interface: wan, address: 10.0.2.2, mac: "02:00:00:00:02:aa"}
"""


@pytest.fixture(scope="module", params=["af_packet", "af_xdp"])
def shared(request, module_lab):
    one = module_lab()
    one.a.raw()
    one.b.raw()
    one.start(CONFIG, driver=request.param)
    one.mac = one.macs()
    one.wait_usable()
    one.a.receive(wait=2.5)
    return one


def frame(one, tags, payload):
    p = Ether(src=one.a.mac, dst=one.mac["lan"])
    for t in tags:
        p /= Dot1Q(vlan=t)
    return p / payload


def udp(src, dst, size=20):
    return IP(src=src, dst=dst) / UDP(sport=1, dport=2) / Raw(b"x" * size)


def tags(p):
    out, layer = [], p.getlayer(Dot1Q)
    while layer is not None:
        out.append(layer.vlan)
        layer = layer.payload.getlayer(Dot1Q)
    return out


def is_ip(p):
    return p.haslayer(IP)


ROUTES = [
    ("from a VLAN to an untagged port", [10], "10.10.0.2", "10.0.2.2", "b", []),
    ("between two VLANs of one port", [10], "10.10.0.2", "10.20.0.2", "a", [20]),
    ("from untagged to a VLAN of the same port", [], "10.0.1.2", "10.10.0.2", "a", [10]),
    ("from a priority tag, which is untagged", [0], "10.0.1.2", "10.0.2.2", "b", []),
    ("from two tags to one", [30, 31], "10.30.0.2", "10.20.0.2", "a", [20]),
    ("from one tag to two", [20], "10.20.0.2", "10.30.0.2", "a", [30, 31]),
]


@pytest.mark.parametrize("name,came,src,dst,host,left", ROUTES, ids=[r[0] for r in ROUTES])
def test_routed(router, name, came, src, dst, host, left):
    router.a.send(frame(router, came, udp(src, dst)))
    out = router.hosts[host].receive(match=is_ip, wait=0.3)
    assert [(tags(p), p[IP].dst, p[IP].ttl) for p in out] == [(left, dst, 63)]
    assert router.hosts["b" if host == "a" else "a"].receive(match=is_ip, wait=0.1) == []
    router.expect_drops({})


LOST = [("an unknown VLAN", [99]), ("an unknown inner VLAN", [30, 99]), ("an outer tag alone", [30]),
        ("a second tag nobody configured", [10, 11])]


@pytest.mark.parametrize("name,came", LOST, ids=[r[0] for r in LOST])
def test_no_interface(router, name, came):
    router.a.send(frame(router, came, udp("10.10.0.2", "10.0.2.2")))
    assert router.b.receive(match=is_ip, wait=0.2) == []
    assert router.a.receive(match=is_ip, wait=0.1) == []
    router.expect_drops({"ether-no-interface": 1})


def test_three_tags_are_dropped(router):
    router.a.send(frame(router, [30, 31, 32], udp("10.30.0.2", "10.0.2.2")))
    assert router.b.receive(match=is_ip, wait=0.2) == []
    router.expect_drops({"ether-unknown-type": 1})


def test_arp_is_answered_inside_the_vlan(router):
    ask = ARP(op=1, hwsrc=router.a.mac, psrc="10.10.0.2", pdst="10.10.0.1")
    p = frame(router, [10], ask)
    p.dst = "ff:ff:ff:ff:ff:ff"
    router.a.send(p)
    got = router.a.receive(match=lambda p: p.haslayer(ARP) and p[ARP].op == 2, wait=0.4)
    assert [(tags(g), g[ARP].psrc, g[ARP].hwsrc) for g in got] == [([10], "10.10.0.1", router.mac["lan"])]
    # The same question outside the VLAN is not for that interface.
    p = frame(router, [], ask)
    p.dst = "ff:ff:ff:ff:ff:ff"
    router.a.send(p)
    assert router.a.receive(match=lambda p: p.haslayer(ARP) and p[ARP].op == 2, wait=0.2) == []


def test_ipv6_echo_and_routing_between_vlans(router):
    router.a.send(frame(router, [10], IPv6(src="2001:db8:10::2", dst="2001:db8:10::1") / ICMPv6EchoRequest(data=b"hello")))
    got = router.a.receive(match=lambda p: p.haslayer(ICMPv6EchoReply), wait=0.3)
    assert [(tags(g), g[ICMPv6EchoReply].data) for g in got] == [([10], b"hello")]
    router.a.send(frame(router, [10], IPv6(src="2001:db8:10::2", dst="2001:db8:20::2") / UDP(sport=1, dport=2)))
    got = router.a.receive(match=lambda p: p.haslayer(UDP), wait=0.3)
    assert [(tags(g), g[IPv6].hlim) for g in got] == [([20], 63)]


def test_a_packet_of_full_mtu_fits_into_a_vlan(router):
    router.a.send(frame(router, [10], IP(src="10.10.0.2", dst="10.0.2.2", flags="DF") / UDP(sport=1, dport=2) / Raw(b"y" * 1472)))
    out = router.b.receive(match=is_ip, wait=0.3)
    assert [len(p[IP]) for p in out] == [1500]
    router.b.send(Ether(src=router.b.mac, dst=router.mac["wan"]) / IP(src="10.0.2.2", dst="10.10.0.2", flags="DF") /
                  UDP(sport=1, dport=2) / Raw(b"y" * 1472))
    out = router.a.receive(match=is_ip, wait=0.3)
    assert [(tags(p), len(p[IP])) for p in out] == [([10], 1500)]


def test_icmp_errors_go_back_into_the_vlan(router):
    router.a.send(frame(router, [20], IP(src="10.20.0.2", dst="10.0.2.2", ttl=1) / UDP(sport=1, dport=2)))
    got = router.a.receive(match=lambda p: p.haslayer(ICMP), wait=0.3)
    assert [(tags(g), g[IP].src, g[ICMP].type) for g in got] == [([20], "10.20.0.1", 11)]
    router.expect_drops({"ip-ttl-exceeded": 1})
