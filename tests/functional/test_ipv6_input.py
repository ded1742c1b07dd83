# SPDX-License-Identifier: BSD-3-Clause
"""RFC 8200 and 4291: what a router drops, answers and forwards of IPv6, header by header. Raw frames."""
import pytest
from scapy.all import (UDP, Ether, ICMPv6EchoReply, ICMPv6EchoRequest, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop,
                       IPv6ExtHdrRouting, PadN, Raw)

CONFIG = """
interfaces:
  lan: {port: a, addresses: ["2001:db8:1::1/64"]}
  wan: {port: b, addresses: ["2001:db8:2::1/64"]}
neighbors:
  - {interface: lan, address: "2001:db8:1::2", mac: "02:00:00:00:01:aa"}
  - {interface: lan, address: "fe80::2", mac: "02:00:00:00:01:aa"}
  - {interface: wan, address: "2001:db8:2::2", mac: "02:00:00:00:02:aa"}
"""
US, FAR = "2001:db8:1::1", "2001:db8:2::2"
ALL, ALL_MAC = "ff02::1", "33:33:00:00:00:01"


@pytest.fixture(scope="module")
def shared(module_lab):
    one = module_lab()
    one.a.raw()
    one.b.raw()
    one.start(CONFIG)
    one.mac = one.macs()
    one.wait_usable()
    one.a.receive(wait=2.5)
    return one


def packet(one, payload=None, to=None, **ip):
    f = {"src": "2001:db8:1::2", "dst": FAR, "hlim": 64}
    f.update(ip)
    return Ether(src=one.a.mac, dst=to or one.mac["lan"], type=0x86dd) / IPv6(**f) / \
        (UDP(sport=1000, dport=2000) / Raw(b"x" * 20) if payload is None else payload)


def is_v6(p):
    return p.haslayer(IPv6)


def error(p):
    """Type, code and pointer of an ICMPv6 error."""
    data = bytes(p[IPv6])[40:]
    assert p[IPv6].nh == 58
    return data[0], data[1], int.from_bytes(data[4:8], "big")


def expect(one, forwarded=0, told=(), echoed=0):
    """What the hosts see, and nothing else."""
    if forwarded:
        got = one.b.receive(wait=0.5, match=is_v6, enough=forwarded)
        assert len(got) == forwarded and {p[IPv6].hlim for p in got} == {63}
    if told or echoed:
        got = one.a.receive(wait=0.5, match=is_v6, enough=len(told) + echoed)
        echo = [p for p in got if p.haslayer(ICMPv6EchoReply)]
        assert len(echo) == echoed and [error(p) for p in got if p not in echo] == list(told)
    assert one.a.receive(wait=0.1, match=is_v6) == [] and one.b.receive(wait=0.05, match=is_v6) == []


def test_a_plain_packet_is_forwarded_unchanged_but_the_hop_limit(router):
    sent = packet(router, tc=0xb9, fl=0x54321)
    router.a.send(sent)
    got = router.b.receive(wait=0.5, match=is_v6, enough=1)
    want = bytearray(bytes(sent[IPv6]))
    want[7] = 63
    assert len(got) == 1 and bytes(got[0][IPv6])[:len(want)] == bytes(want)
    assert (got[0].src, got[0].dst) == (router.mac["wan"], router.b.mac)
    router.expect_drops({})
    expect(router)


def test_padding_of_the_link_is_cut_off(router):
    router.a.send(bytes(packet(router, UDP() / Raw(b"1"))) + b"\xaa" * 100)
    got = router.b.receive(wait=0.5, match=is_v6, enough=1)
    assert len(got) == 1 and len(got[0]) == 14 + 40 + 9
    assert b"\xaa" not in bytes(got[0])[54:]


DROPPED = [
    ("version 4", {"version": 4}, "ip-bad-version"),
    ("version 0", {"version": 0}, "ip-bad-version"),
    ("length beyond the frame", {"plen": 1000}, "ip-truncated"),
    ("source ::", {"src": "::"}, "ip-martian-source"),
    ("source ::1", {"src": "::1"}, "ip-martian-source"),
    ("source multicast", {"src": "ff02::5"}, "ip-martian-source"),
    ("source global multicast", {"src": "ff0e::5"}, "ip-martian-source"),
    ("destination ::", {"dst": "::"}, "ip-martian-destination"),
    ("destination ::1", {"dst": "::1"}, "ip-martian-destination"),
    ("destination interface-local multicast", {"dst": "ff01::1"}, "ip-martian-destination"),
    ("destination reserved multicast", {"dst": "ff00::1"}, "ip-martian-destination"),
    ("destination link-local of another node", {"dst": "fe80::77"}, "ip-martian-destination"),
    ("destination link multicast nobody joined", {"dst": "ff02::9"}, "ip-multicast"),
    ("destination site multicast", {"dst": "ff05::2"}, "ip-multicast"),
    ("destination global multicast", {"dst": "ff0e::1234"}, "ip-multicast"),
]


@pytest.mark.parametrize("name,fields,reason", DROPPED, ids=[r[0] for r in DROPPED])
def test_malformed_or_martian_is_dropped_silently(router, name, fields, reason):
    router.a.send(packet(router, **fields))
    router.expect_drops({reason: 1})
    expect(router)


@pytest.mark.parametrize("length", [14, 15, 53, 54, 60])
def test_a_frame_cut_short_is_dropped_silently(router, length):
    router.a.send(bytes(packet(router))[:length])
    router.expect_drops({"ip-truncated": 1})
    expect(router)


def test_a_frame_for_another_mac_is_dropped(router):
    router.a.send(packet(router, to="02:00:00:00:99:99"))
    router.expect_drops({"ether-wrong-mac": 1})
    expect(router)


@pytest.mark.parametrize("to", ["ff:ff:ff:ff:ff:ff", ALL_MAC])
def test_a_packet_in_a_frame_for_many_is_not_forwarded(router, to):
    router.a.send(packet(router, to=to))
    router.expect_drops({"route-link-broadcast": 1})
    expect(router)


# --- scope ---

def test_a_link_local_source_is_not_forwarded_but_told(router):
    """RFC 4291 2.5.6 and RFC 4443 3.1, code 2: beyond scope of source address."""
    router.a.send(packet(router, src="fe80::2"))
    router.expect_drops({"route-scope": 1})
    expect(router, told=[(1, 2, 0)])


@pytest.mark.parametrize("dst", [US, "2001:db8:2::1"])
def test_a_link_local_source_may_speak_to_us(router, dst):
    router.a.send(packet(router, ICMPv6EchoRequest(), src="fe80::2", dst=dst))
    expect(router, echoed=1)


# --- hop-by-hop options: RFC 8200 4.2, the two highest bits of the type ---

def hop_by_hop(kind):
    return IPv6ExtHdrHopByHop(options=[PadN(otype=kind, optdata=b"\0\0")])


BITS = [
    # bits, destination, forwarded, told
    ("00 in transit", 0x1e, FAR, 1, [], {}),
    ("01 in transit", 0x5e, FAR, 0, [], {"ip-unknown-option": 1}),
    ("10 in transit", 0x9e, FAR, 0, [(4, 2, 42)], {"ip-unknown-option": 1}),
    ("11 in transit", 0xde, FAR, 0, [(4, 2, 42)], {"ip-unknown-option": 1}),
    ("01 to us", 0x5e, US, 0, [], {"ip-unknown-option": 1}),
    ("10 to us", 0x9e, US, 0, [(4, 2, 42)], {"ip-unknown-option": 1}),
    ("11 to us", 0xde, US, 0, [(4, 2, 42)], {"ip-unknown-option": 1}),
    ("00 to all nodes", 0x1e, ALL, 0, [], {"local-multicast": 1}),
    ("01 to all nodes", 0x5e, ALL, 0, [], {"ip-unknown-option": 1}),
    ("10 to all nodes", 0x9e, ALL, 0, [(4, 2, 42)], {"ip-unknown-option": 1}),
    ("11 to all nodes", 0xde, ALL, 0, [], {"ip-unknown-option": 1}),
]


@pytest.mark.parametrize("name,kind,dst,forwarded,told,drops", BITS, ids=[r[0] for r in BITS])
def test_an_unknown_option_says_itself_what_to_do(router, name, kind, dst, forwarded, told, drops):
    router.a.send(packet(router, hop_by_hop(kind) / UDP() / Raw(b"x" * 8), dst=dst, to=ALL_MAC if dst == ALL else None))
    expect(router, forwarded=forwarded, told=told)
    router.expect_drops(drops)


def test_an_option_that_runs_out_of_its_header_is_told(router):
    raw = bytes([17, 0, 0x1e, 20, 0, 0, 0, 0])
    router.a.send(packet(router, Raw(raw) / UDP(), nh=0))
    router.expect_drops({"ip-bad-options": 1})
    expect(router, told=[(4, 0, 42)])


def test_router_alert_and_padding_are_forwarded(router):
    alert = IPv6ExtHdrHopByHop(options=[PadN(otype=5, optdata=b"\0\0"), PadN(optdata=b"")])
    router.a.send(packet(router, alert / UDP()))
    expect(router, forwarded=1)
    router.expect_drops({})


def test_a_jumbogram_is_dropped(router):
    raw = bytes([17, 0, 0xc2, 4, 0, 1, 0, 1])
    router.a.send(packet(router, Raw(raw) / UDP(), nh=0, plen=0))
    router.expect_drops({"ip-truncated": 1})
    expect(router)


def test_hop_by_hop_behind_another_header_is_refused_by_us(router):
    """RFC 8200 4.1: only directly behind the IPv6 header; else it is an unrecognised next header."""
    router.a.send(packet(router, Raw(bytes([0, 0, 1, 4, 0, 0, 0, 0])) / Raw(bytes([17, 0, 1, 4, 0, 0, 0, 0])) / UDP(), nh=60,
                         dst=US))
    expect(router, told=[(4, 1, 40)])


# --- other extension headers ---

TRANSIT = [
    ("an unknown destination option", IPv6ExtHdrDestOpt(options=[PadN(otype=0xde, optdata=b"\0\0")]) / UDP(), {}),
    ("a routing header of type 0", IPv6ExtHdrRouting(type=0, segleft=1, addresses=["2001:db8:9::9"]) / UDP(), {}),
    ("an unknown next header", Raw(b"z" * 24), {"nh": 253}),
    ("no next header", Raw(b""), {"nh": 59}),
    ("a truncated transport header", Raw(b"\0\1"), {"nh": 17}),
]


@pytest.mark.parametrize("name,payload,fields", TRANSIT, ids=[r[0] for r in TRANSIT])
def test_what_concerns_the_destination_passes(router, name, payload, fields):
    sent = packet(router, payload, **fields)
    router.a.send(sent)
    got = router.b.receive(wait=0.5, match=is_v6, enough=1)
    assert len(got) == 1
    assert bytes(got[0][IPv6])[8:40 + got[0][IPv6].plen] == bytes(sent[IPv6])[8:]
    router.expect_drops({})


def routing(kind, left):
    return IPv6ExtHdrRouting(type=kind, segleft=left, addresses=["2001:db8:2::2"])


def test_source_routing_by_us_is_refused(router):
    """RFC 5095: type 0 with segments left is answered with parameter problem, pointing at the type."""
    router.a.send(packet(router, routing(0, 1) / ICMPv6EchoRequest(), dst=US))
    router.expect_drops({"local-bad-headers": 1})
    expect(router, told=[(4, 0, 42)])


def test_an_unknown_routing_type_with_segments_left_is_refused(router):
    router.a.send(packet(router, routing(77, 1) / ICMPv6EchoRequest(), dst=US))
    router.expect_drops({"local-bad-headers": 1})
    expect(router, told=[(4, 0, 42)])


def test_a_routing_header_without_segments_left_is_ignored(router):
    router.a.send(packet(router, routing(0, 0) / ICMPv6EchoRequest(), dst=US))
    expect(router, echoed=1)


def test_too_many_extension_headers_are_dropped(router):
    def chain(n):
        return Raw(b"".join(bytes([60 if i < n - 1 else 17, 0, 1, 4, 0, 0, 0, 0]) for i in range(n))) / UDP()
    router.a.send(packet(router, chain(8), nh=60))
    expect(router, forwarded=1)
    router.a.send(packet(router, chain(9), nh=60))
    router.expect_drops({"ip-too-many-headers": 1})
    expect(router)


@pytest.mark.parametrize("header", [0, 43, 44, 60, 51])
def test_an_extension_header_that_ends_too_early_is_dropped(router, header):
    router.a.send(packet(router, Raw(bytes([17, 9, 0, 0])), nh=header))
    router.expect_drops({"ip-truncated": 1})
    expect(router)


def test_the_pipeline_survives_every_length_of_every_header(router):
    for header in (0, 43, 44, 50, 51, 58, 59, 60, 135):
        for n in range(0, 40, 3):
            router.a.send(packet(router, Raw(bytes([header, n % 7] * 20)[:n]), nh=header))
            router.a.send(packet(router, Raw(bytes([header, n % 7] * 20)[:n]), nh=header, dst=US))
    router.a.receive(wait=0.3)
    router.b.flush()
    router.a.send(packet(router))
    assert len(router.b.receive(wait=0.5, match=is_v6, enough=1)) == 1
