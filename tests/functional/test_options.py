# SPDX-License-Identifier: BSD-3-Clause
"""RFC 791 3.1, RFC 1812 5.3.13 and 4.3.3.6: record route and timestamp are filled in on the way and in echo replies; source
routes are refused."""
import re
import time

import pytest
from scapy.all import ICMP, IP, UDP, Ether, IPOption, Raw

CONFIG = """
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24]}
  wan: {port: b, addresses: [10.0.2.1/24]}
neighbors:
  - {interface: lan, address: 10.0.1.2, mac: "02:00:00:00:01:aa"}
  - {interface: wan, address: 10.0.2.2, mac: "02:00:00:00:02:aa"}
"""
ZERO, LAN, WAN, HIM = b"\0\0\0\0", b"\x0a\0\x01\x01", b"\x0a\0\x02\x01", b"\x0a\0\x02\x02"


@pytest.fixture(scope="module")
def shared(module_lab):
    one = module_lab()
    one.a.raw()
    one.b.raw()
    one.start(CONFIG)
    one.mac = one.macs()
    one.a.receive(wait=2.5)
    return one


def packet(one, options, dst="10.0.2.2", inner=None, **ip):
    raw = bytes(options) + b"\0" * (-len(options) % 4)
    return Ether(src=one.a.mac, dst=one.mac["lan"]) / IP(src="10.0.1.2", dst=dst, options=[IPOption(raw)], **ip) / \
        (inner or UDP(sport=1, dport=2)) / Raw(b"x" * 20)


def options_of(p):
    return bytes(p[IP])[20:p[IP].ihl * 4]


def good_sum(p):
    again = IP(bytes(p[IP]))
    del again.chksum
    return IP(bytes(again)).chksum == p[IP].chksum


def is_ip(p):
    return p.haslayer(IP)


def now_ms():
    return int(time.time() * 1000) % 86400000


def near(stamp):
    """Within two seconds, also around midnight."""
    return (now_ms() - int.from_bytes(stamp, "big")) % 86400000 < 2000


WRITTEN = [  # name, options, what they look like behind the router; TTTT is the time
    ("room for two", b"\x07\x0b\x04" + ZERO + ZERO, b"\x07\x0b\x08" + WAN + ZERO),
    ("the second of two", b"\x07\x0b\x08" + HIM + ZERO, b"\x07\x0b\x0c" + HIM + WAN),
    ("full", b"\x07\x07\x08" + HIM, b"\x07\x07\x08" + HIM),
    ("timestamp", b"\x44\x08\x05\x00" + ZERO, b"\x44\x08\x09\x00TTTT"),
    ("timestamp with address", b"\x44\x0c\x05\x01" + ZERO * 2, b"\x44\x0c\x0d\x01" + WAN + b"TTTT"),
    ("timestamp asked of us", b"\x44\x0c\x05\x03" + LAN + ZERO, b"\x44\x0c\x0d\x03" + LAN + b"TTTT"),
    ("timestamp asked of somebody else", b"\x44\x0c\x05\x03" + HIM + ZERO, b"\x44\x0c\x05\x03" + HIM + ZERO),
    ("timestamp full", b"\x44\x08\x09\x00" + HIM, b"\x44\x08\x09\x10" + HIM),
    ("an option nobody knows", b"\x5e\x04\x01\x02", b"\x5e\x04\x01\x02"),
]


@pytest.mark.parametrize("name,before,after", WRITTEN, ids=[w[0] for w in WRITTEN])
def test_options_are_written_into(router, name, before, after):
    router.a.send(packet(router, before))
    got = router.b.receive(match=is_ip, enough=1)
    assert len(got) == 1 and good_sum(got[0]) and got[0][IP].ttl == 63
    seen = options_of(got[0])[:len(after)]
    at = after.find(b"TTTT")
    if at >= 0:
        assert near(seen[at:at + 4])
        seen = seen[:at] + b"TTTT" + seen[at + 4:]
    assert seen == after
    router.expect_drops({})


BAD = [  # name, options, offset of the wrong byte from the IP header
    ("record route points into an address", b"\x07\x07\x06" + ZERO, 22),
    ("record route points before its data", b"\x07\x07\x03" + ZERO, 22),
    ("record route without a pointer", b"\x07\x02", 21),
    ("timestamp ends within an entry", b"\x44\x0a\x05\x01" + ZERO + b"\0\0", 22),
    ("timestamp points into its head", b"\x44\x08\x04\x00" + ZERO, 22),
    ("sixteen routers too many", b"\x44\x08\x09\xf0" + ZERO, 23),
]


@pytest.mark.parametrize("name,options,pointer", BAD, ids=[b[0] for b in BAD])
def test_malformed_options_are_a_parameter_problem(router, name, options, pointer):
    sent = packet(router, options)
    router.a.send(sent)
    got = router.a.receive(match=is_ip, enough=1)
    assert [(p[ICMP].type, p[ICMP].code, p[ICMP].ptr, p[IP].src) for p in got] == [(12, 0, pointer, "10.0.1.1")]
    assert bytes(got[0][ICMP])[8:] == bytes(sent[IP]), "quoted as it came"
    assert router.b.receive(wait=0.1, match=is_ip) == []
    router.expect_drops({"ip-bad-options": 1})


def test_an_error_quotes_the_options_as_they_came(router):
    sent = packet(router, b"\x07\x07\x04" + ZERO, ttl=1)
    router.a.send(sent)
    got = router.a.receive(match=is_ip, enough=1)
    assert [p[ICMP].type for p in got] == [11] and bytes(got[0][ICMP])[8:] == bytes(sent[IP])


def test_echo_replies_carry_the_record_back(router):
    """With our address in it; other options are not sent back."""
    router.a.send(packet(router, b"\x94\x04\0\0\x07\x0b\x04" + ZERO * 2, dst="10.0.1.1", inner=ICMP(id=7, seq=8)))
    got = router.a.receive(match=is_ip, enough=1)
    assert len(got) == 1 and good_sum(got[0]) and (got[0][ICMP].type, got[0][ICMP].id) == (0, 7)
    assert options_of(got[0])[:15] == b"\x01\x01\x01\x01\x07\x0b\x08" + LAN + ZERO
    router.a.send(packet(router, b"\x94\x04\0\0", dst="10.0.1.1", inner=ICMP(id=9)))
    got = router.a.receive(match=is_ip, enough=1)
    assert [(p[ICMP].type, p[IP].ihl) for p in got] == [(0, 5)]
    router.a.send(packet(router, b"\x07\x07\x03" + ZERO, dst="10.0.1.1", inner=ICMP(id=9)))
    got = router.a.receive(match=is_ip, enough=1)
    assert [(p[ICMP].type, p[ICMP].ptr) for p in got] == [(12, 22)]
    router.expect_drops({"local-bad-options": 1})


@pytest.mark.parametrize("kind", [131, 137], ids=["loose", "strict"])
def test_source_routes_are_refused(router, kind):
    router.a.send(packet(router, bytes([kind, 7, 4]) + HIM))
    router.expect_drops({"ip-source-route": 1})
    assert router.b.receive(wait=0.1, match=is_ip) == [] and router.a.receive(wait=0.1, match=is_ip) == []


def test_ping_shows_the_way(lab):
    one = lab()
    one.a.kernel("10.0.1.2/24", gateway=("10.0.1.1",))
    one.b.kernel("10.0.2.2/24", gateway=("10.0.2.1",))
    one.start(CONFIG)
    one.a.ping("10.0.2.2")
    p = one.a.ping("10.0.2.2", R=True)
    way = re.findall(r"\d+\.\d+\.\d+\.\d+", p.stdout.split("RR:")[1].split("\n\n")[0])
    assert way[:3] == ["10.0.1.2", "10.0.2.1", "10.0.2.2"], p.stdout
    assert "10.0.1.1" in way[3:], p.stdout
    p = one.a.ping("10.0.2.2", T="tsandaddr")
    assert re.search(r"10\.0\.1\.2\s+\d+ absolute\s+10\.0\.2\.1\s+-?\d+\s", p.stdout), p.stdout
