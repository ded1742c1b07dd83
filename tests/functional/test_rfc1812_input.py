# SPDX-License-Identifier: BSD-3-Clause
"""RFC 1812 5.2.2 and 4.3.2: what a router drops on input, why, and what it tells the sender. Raw frames."""
import time

import pytest
from scapy.all import (ARP, ICMP, IP, UDP, Ether, ICMPerror, IPOption, IPOption_NOP, IPOption_RR, Raw, fragment)

CONFIG = """
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24]}
  wan: {port: b, addresses: [10.0.2.1/24]}
neighbors:
  - {interface: lan, address: 10.0.1.2, mac: "02:00:00:00:01:aa"}
  - {interface: wan, address: 10.0.2.2, mac: "02:00:00:00:02:aa"}
"""


@pytest.fixture
def router(lab):
    one = lab()
    one.a.raw()
    one.b.raw()
    one.start(CONFIG)
    one.mac = {i["name"]: i["mac"] for i in one.show("interfaces")["interfaces"]}
    one.a.receive(wait=1.5, enough=0)
    one.a.receive(wait=1.2)
    one.b.flush()
    one.weir("clear", "counters")
    return one


def packet(one, **ip):
    fields = {"src": "10.0.1.2", "dst": "10.0.2.2", "ttl": 64}
    fields.update(ip)
    return Ether(src=one.a.mac, dst=one.mac["lan"]) / IP(**fields) / UDP(sport=1000, dport=2000) / Raw(b"x" * 20)


def is_ip(p):
    return p.haslayer(IP)


def test_plain_packet_is_forwarded_unchanged_but_ttl(router):
    sent = packet(router)
    router.a.send(sent)
    got = router.b.receive(match=is_ip)
    assert len(got) == 1
    assert got[0].src == router.mac["wan"] and got[0].dst == router.b.mac
    expected = IP(bytes(sent[IP]))
    expected.ttl = 63
    del expected.chksum
    assert bytes(IP(bytes(expected))) == bytes(got[0][IP])[:len(expected)]
    assert router.settle()["received"] >= 1


ROWS = [
    ("bad checksum", {"chksum": 0x1234}, "ip-bad-checksum"),
    ("version 5", {"version": 5}, "ip-bad-version"),
    ("header of 16 bytes", {"ihl": 4}, "ip-bad-header-length"),
    ("total length beyond the frame", {"len": 1000}, "ip-truncated"),
    ("total length below the header", {"len": 12}, "ip-bad-length"),
    ("source 127.0.0.1", {"src": "127.0.0.1"}, "ip-martian-source"),
    ("source 0.0.0.1", {"src": "0.0.0.1"}, "ip-martian-source"),
    ("source multicast", {"src": "224.1.2.3"}, "ip-martian-source"),
    ("source broadcast", {"src": "255.255.255.255"}, "ip-martian-source"),
    ("destination 127.0.0.1", {"dst": "127.0.0.1"}, "ip-martian-destination"),
    ("destination 0.1.2.3", {"dst": "0.1.2.3"}, "ip-martian-destination"),
    ("destination 240.0.0.1", {"dst": "240.0.0.1"}, "ip-martian-destination"),
]


@pytest.mark.parametrize("name,fields,reason", ROWS, ids=[r[0] for r in ROWS])
def test_malformed_is_dropped_silently(router, name, fields, reason):
    router.a.send(packet(router, **fields))
    assert router.b.receive(match=is_ip) == []
    assert router.a.receive(wait=0.1, match=is_ip) == []
    assert router.drops()[reason] == 1


def test_frame_for_another_mac_is_dropped(router):
    p = packet(router)
    p.dst = "02:00:00:00:99:99"
    router.a.send(p)
    assert router.b.receive(match=is_ip) == []
    assert router.drops()["ether-wrong-mac"] == 1


def test_link_broadcast_is_not_forwarded(router):
    p = packet(router)
    p.dst = "ff:ff:ff:ff:ff:ff"
    router.a.send(p)
    assert router.b.receive(match=is_ip) == []
    assert router.drops()["route-link-broadcast"] == 1


def test_ttl_exceeded_is_told_with_the_original(router):
    sent = packet(router, ttl=1)
    router.a.send(sent)
    got = router.a.receive(match=is_ip, enough=1)
    assert len(got) == 1
    assert (got[0][ICMP].type, got[0][ICMP].code) == (11, 0)
    assert got[0][IP].src == "10.0.1.1" and got[0][IP].dst == "10.0.1.2"
    assert bytes(got[0][ICMP].payload)[:28] == bytes(sent[IP])[:28]
    check = IP(bytes(got[0][IP]))
    del check[ICMP].chksum
    assert IP(bytes(check))[ICMP].chksum == got[0][ICMP].chksum
    assert router.b.receive(wait=0.1, match=is_ip) == []
    assert router.drops()["ip-ttl-exceeded"] == 1


def test_no_error_about_a_later_fragment(router):
    p = packet(router, ttl=1, frag=10)
    router.a.send(p)
    assert router.a.receive(match=is_ip) == []


def test_no_error_about_an_icmp_error(router):
    inner = IP(src="10.0.2.2", dst="10.0.1.2") / UDP()
    p = Ether(src=router.a.mac, dst=router.mac["lan"]) / IP(src="10.0.1.2", dst="10.0.2.2", ttl=1) / \
        ICMP(type=3, code=1) / inner
    router.a.send(p)
    assert router.a.receive(match=is_ip) == []
    assert router.drops()["ip-ttl-exceeded"] == 1


def test_errors_are_rate_limited(router):
    frames = [bytes(packet(router, ttl=1, id=i)) for i in range(600)]
    start = time.monotonic()
    router.a.send(*frames)
    router.processed()
    allowed = 100 + 1000 * (time.monotonic() - start)  # burst and rate
    got = router.a.receive(match=is_ip)
    assert 100 <= len(got) <= allowed + 1
    router.expect_drops({"ip-ttl-exceeded": 600})
    assert len(got) + router.totals()["icmp_suppressed"] == 600


def test_options_are_forwarded(router):
    router.a.send(packet(router, options=[IPOption_NOP(), IPOption_NOP(), IPOption_NOP(), IPOption_NOP()]))
    got = router.b.receive(match=is_ip)
    assert len(got) == 1 and got[0][IP].ihl == 6 and got[0][IP].ttl == 63


def test_source_route_is_refused(router):
    lsrr = IPOption(b"\x83\x07\x04\x0a\x00\x02\x02")
    router.a.send(packet(router, options=[lsrr]))
    assert router.b.receive(match=is_ip) == []
    assert router.drops()["ip-source-route"] == 1


def test_fragments_pass_unchanged(router):
    p = Ether(src=router.a.mac, dst=router.mac["lan"]) / IP(src="10.0.1.2", dst="10.0.2.2", id=7) / \
        UDP(sport=1, dport=2) / Raw(b"y" * 2000)
    parts = fragment(p, fragsize=800)
    router.a.send(*parts)
    got = router.b.receive(match=is_ip)
    assert [(g[IP].frag, g[IP].flags.MF) for g in got] == [(q[IP].frag, q[IP].flags.MF) for q in parts]


def test_directed_broadcast_is_not_forwarded(router):
    router.a.send(packet(router, dst="10.0.2.255"))
    assert router.b.receive(match=is_ip) == []


def test_every_length_of_garbage_is_survived(router):
    for n in range(0, 61):
        router.a.send(Ether(src=router.a.mac, dst=router.mac["lan"], type=0x0800) / Raw(b"\x45" * n))
        router.a.send(Ether(src=router.a.mac, dst=router.mac["lan"], type=0x86dd) / Raw(b"\x60" * n))
        router.a.send(Ether(src=router.a.mac, dst=router.mac["lan"], type=0x8100) / Raw(b"\x00\x0a" * n))
        router.a.send(Ether(src=router.a.mac, dst=router.mac["lan"], type=0x0806) / Raw(b"\x00\x01" * n))
    assert router.b.receive(match=is_ip) == []
    router.a.send(packet(router))
    assert len(router.b.receive(match=is_ip)) == 1
