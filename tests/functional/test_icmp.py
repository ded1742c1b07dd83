# SPDX-License-Identifier: BSD-3-Clause
"""RFC 792, 1812 4.3 and 4443: which errors are sent, about what, how they look; echo; the limits in `icmp:`."""
import pytest
from scapy.all import (ICMP, IP, TCP, UDP, Ether, ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest,
                       ICMPv6ND_Redirect, ICMPv6TimeExceeded, IPOption, IPOption_NOP, IPv6,
                       IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, PadN, Raw)

CONFIG = """
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24, 10.0.11.1/24, "2001:db8:1::1/64"]}
  wan: {port: b, mtu: 1400, addresses: [10.0.2.1/24, "2001:db8:2::1/64"]}
neighbors:
  - {interface: lan, address: 10.0.1.2, mac: "02:00:00:00:01:aa"}
  - {interface: lan, address: "2001:db8:1::2", mac: "02:00:00:00:01:aa"}
  - {interface: lan, address: "fe80::2", mac: "02:00:00:00:01:aa"}
  - {interface: wan, address: 10.0.2.2, mac: "02:00:00:00:02:aa"}
  - {interface: wan, address: "2001:db8:2::2", mac: "02:00:00:00:02:aa"}
routes:
  - {prefix: 192.0.2.0/28, type: unreachable}
  - {prefix: 192.0.2.16/28, type: prohibit}
  - {prefix: "2001:db8:a::/64", type: unreachable}
  - {prefix: "2001:db8:b::/64", type: prohibit}
"""


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


def p4(one, payload=None, to=None, **ip):
    f = {"src": "10.0.1.2", "dst": "10.0.2.2", "ttl": 64}
    f.update(ip)
    return Ether(src=one.a.mac, dst=to or one.mac["lan"]) / IP(**f) / \
        (UDP(sport=1000, dport=2000) / Raw(b"x" * 20) if payload is None else payload)


def p6(one, payload=None, to=None, **ip):
    f = {"src": "2001:db8:1::2", "dst": "2001:db8:2::2", "hlim": 64}
    f.update(ip)
    return Ether(src=one.a.mac, dst=to or one.mac["lan"]) / IPv6(**f) / \
        (UDP(sport=1000, dport=2000) / Raw(b"x" * 20) if payload is None else payload)


def is_ip(p):
    return p.haslayer(IP) or p.haslayer(IPv6)


def head(p):
    """(type, code, the 32 bits behind the checksum) and the quoted packet of an ICMP error."""
    ip = p[IP] if p.haslayer(IP) else p[IPv6]
    data = bytes(ip)[20 if ip.version == 4 else 40:]
    return (data[0], data[1], int.from_bytes(data[4:8], "big")), data[8:]


def checksums_are_right(p):
    again = Ether(bytes(p))
    for layer in again.layers():
        for field in ("chksum", "cksum"):
            if field in again[layer].fields and layer not in (UDP, TCP):
                del again[layer].fields[field]
            if layer.__name__.endswith("error"):
                return bytes(again)[:34] == bytes(p)[:34]
    return bytes(Ether(bytes(again))) == bytes(p)


BIG = UDP(sport=1, dport=2) / Raw(bytes(i & 255 for i in range(1440)))

TOLD = [
    # cause, make(one), (type, code, value), reason
    ("4: TTL 1", lambda o: p4(o, ttl=1), (11, 0, 0), "ip-ttl-exceeded"),
    ("4: TTL 0", lambda o: p4(o, ttl=0), (11, 0, 0), "ip-ttl-exceeded"),
    ("4: no route", lambda o: p4(o, dst="198.51.100.1"), (3, 0, 0), "route-none"),
    ("4: unreachable route", lambda o: p4(o, dst="192.0.2.1"), (3, 1, 0), "route-unreachable"),
    ("4: prohibit route", lambda o: p4(o, dst="192.0.2.17"), (3, 13, 0), "route-prohibit"),
    ("4: too big with DF", lambda o: p4(o, BIG, flags="DF"), (3, 4, 1400), "ip-too-big"),
    ("4: UDP to us", lambda o: p4(o, dst="10.0.1.1"), (3, 3, 0), "local-no-port"),
    ("4: UDP to our other interface", lambda o: p4(o, dst="10.0.2.1"), (3, 3, 0), "local-no-port"),
    ("4: TCP to us", lambda o: p4(o, TCP(dport=80), dst="10.0.1.1"), (3, 3, 0), "local-no-port"),
    ("4: protocol 253 to us", lambda o: p4(o, Raw(b"z" * 20), dst="10.0.1.1", proto=253), (3, 2, 0),
     "local-no-protocol"),
    ("4: option that runs out of the header", lambda o: p4(o, options=[IPOption(b"\x44\x28\x05\x00")]),
     (12, 0, 20 << 24), "ip-bad-options"),
    ("4: option of length 0", lambda o: p4(o, options=[IPOption_NOP(), IPOption(b"\x44\x00\x05")]),
     (12, 0, 21 << 24), "ip-bad-options"),
    ("6: hop limit 1", lambda o: p6(o, hlim=1), (3, 0, 0), "ip-ttl-exceeded"),
    ("6: hop limit 0", lambda o: p6(o, hlim=0), (3, 0, 0), "ip-ttl-exceeded"),
    ("6: no route", lambda o: p6(o, dst="2001:db8:f::1"), (1, 0, 0), "route-none"),
    ("6: unreachable route", lambda o: p6(o, dst="2001:db8:a::1"), (1, 3, 0), "route-unreachable"),
    ("6: prohibit route", lambda o: p6(o, dst="2001:db8:b::1"), (1, 1, 0), "route-prohibit"),
    ("6: too big", lambda o: p6(o, BIG), (2, 0, 1400), "ip-too-big"),
    ("6: UDP to us", lambda o: p6(o, dst="2001:db8:1::1"), (1, 4, 0), "local-no-port"),
    ("6: UDP to our anycast address", lambda o: p6(o, dst="2001:db8:2::"), (1, 4, 0), "local-no-port"),
    ("6: UDP to our other interface", lambda o: p6(o, dst="2001:db8:2::1"), (1, 4, 0), "local-no-port"),
    ("6: TCP to us", lambda o: p6(o, TCP(dport=80), dst="2001:db8:1::1"), (1, 4, 0), "local-no-port"),
    ("6: next header 253 to us", lambda o: p6(o, Raw(b"z" * 20), dst="2001:db8:1::1", nh=253), (4, 1, 6),
     "local-no-protocol"),
    ("6: next header 253 behind an extension header",
     lambda o: p6(o, IPv6ExtHdrDestOpt(nh=253, options=[PadN(optdata=b"\0\0")]) / Raw(b"z" * 20),
                  dst="2001:db8:1::1"), (4, 1, 40), "local-no-protocol"),
    ("6: unknown option of kind 10 to us",
     lambda o: p6(o, IPv6ExtHdrDestOpt(nh=17, options=[PadN(otype=0x9e, optdata=b"\0\0")]) / UDP(),
                  dst="2001:db8:1::1"), (4, 2, 42), "local-bad-headers"),
]


@pytest.mark.parametrize("cause,make,expected,reason", TOLD, ids=[r[0] for r in TOLD])
def test_the_sender_is_told(router, cause, make, expected, reason):
    sent = make(router)
    v4 = sent.haslayer(IP)
    router.a.send(sent)
    got = router.a.receive(wait=0.4, match=is_ip, enough=1)
    assert len(got) == 1
    p = got[0]
    ip, original = (p[IP], bytes(Ether(bytes(sent))[IP])) if v4 else (p[IPv6], bytes(Ether(bytes(sent))[IPv6]))
    assert (p.src, p.dst) == (router.mac["lan"], router.a.mac)
    dst = sent[IP].dst if v4 else sent[IPv6].dst
    us, them = ("10.0.1.1", "10.0.1.2") if v4 else ("2001:db8:1::1", "2001:db8:1::2")
    if dst in ("10.0.2.1", "2001:db8:2::1"):  # RFC 1122 3.2.1.3, RFC 4443 2.2: the address that was spoken to
        us = dst
    assert (ip.src, ip.dst) == (us, them)
    what, quoted = head(p)
    assert what == expected
    most = (576 if v4 else 1280) - (28 if v4 else 48)
    length = ip.len - 28 if v4 else ip.plen - 8
    assert length == min(len(original), most)
    assert quoted[:length] == original[:length], "the quotation is the packet as it came"
    if v4:
        assert ip.tos >> 5 == 6 and ip.ttl == 64 and ip.proto == 1
    else:
        assert ip.hlim == 64 and ip.nh == 58
    assert checksums_are_right(p)
    router.expect_drops({reason: 1})
    assert router.a.receive(wait=0.05, match=is_ip) == [] and router.b.receive(wait=0.05, match=is_ip) == []


OLD4 = IP(src="10.0.2.2", dst="10.0.1.2") / UDP()
OLD6 = IPv6(src="2001:db8:2::2", dst="2001:db8:1::2") / UDP()
ALL = "ff:ff:ff:ff:ff:ff"
UNTOLD = [
    ("4: about destination unreachable", lambda o: p4(o, ICMP(type=3) / OLD4, ttl=1), "ip-ttl-exceeded"),
    ("4: about source quench", lambda o: p4(o, ICMP(type=4) / OLD4, ttl=1), "ip-ttl-exceeded"),
    ("4: about a redirect", lambda o: p4(o, ICMP(type=5) / OLD4, ttl=1), "ip-ttl-exceeded"),
    ("4: about time exceeded", lambda o: p4(o, ICMP(type=11) / OLD4, ttl=1), "ip-ttl-exceeded"),
    ("4: about parameter problem", lambda o: p4(o, ICMP(type=12) / OLD4, ttl=1), "ip-ttl-exceeded"),
    ("4: about an error without route", lambda o: p4(o, ICMP(type=3) / OLD4, dst="198.51.100.1"), "route-none"),
    ("4: about ICMP without a type", lambda o: p4(o, Raw(b""), proto=1, ttl=1), "ip-ttl-exceeded"),
    ("4: about a later fragment", lambda o: p4(o, frag=3, ttl=1), "ip-ttl-exceeded"),
    ("4: about a frame to everybody", lambda o: p4(o, to=ALL, dst="198.51.100.1"), "route-none"),
    ("4: about UDP to the subnet's broadcast", lambda o: p4(o, to=ALL, dst="10.0.1.255"), "local-multicast"),
    ("4: about UDP to it in a frame for us", lambda o: p4(o, dst="10.0.1.255"), "local-multicast"),
    ("4: about UDP to the zero address of the subnet", lambda o: p4(o, dst="10.0.1.0"), "local-multicast"),
    ("4: about UDP to 255.255.255.255", lambda o: p4(o, to=ALL, dst="255.255.255.255"), "local-multicast"),
    ("4: about UDP to all hosts", lambda o: p4(o, to="01:00:5e:00:00:01", dst="224.0.0.1"), "local-multicast"),
    ("4: about a multicast group", lambda o: p4(o, to="01:00:5e:01:01:01", dst="239.1.1.1", ttl=1), "ip-multicast"),
    ("4: about UDP to us in a frame to everybody", lambda o: p4(o, to=ALL, dst="10.0.1.1"), "local-multicast"),
    ("4: about bad options in a frame to everybody",
     lambda o: p4(o, to=ALL, options=[IPOption(b"\x44\x28\x05\x00")]), "ip-bad-options"),
    ("6: about destination unreachable", lambda o: p6(o, ICMPv6DestUnreach() / OLD6, hlim=1), "ip-ttl-exceeded"),
    ("6: about time exceeded without route", lambda o: p6(o, ICMPv6TimeExceeded() / OLD6, dst="2001:db8:f::1"),
     "route-none"),
    ("6: about a redirect", lambda o: p6(o, ICMPv6ND_Redirect(), hlim=1), "ip-ttl-exceeded"),
    ("6: about an error behind an extension header",
     lambda o: p6(o, IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0\0")]) / ICMPv6DestUnreach() / OLD6, hlim=1),
     "ip-ttl-exceeded"),
    ("6: about an error in a fragment",
     lambda o: p6(o, IPv6ExtHdrFragment(m=1) / ICMPv6DestUnreach() / OLD6, hlim=1), "ip-ttl-exceeded"),
    ("6: about a frame to all nodes", lambda o: p6(o, to="33:33:00:00:00:01", dst="2001:db8:f::1"), "route-none"),
    ("6: about UDP to all nodes", lambda o: p6(o, to="33:33:00:00:00:01", dst="ff02::1"), "local-multicast"),
    ("6: about no next header to us", lambda o: p6(o, Raw(b""), dst="2001:db8:1::1", nh=59), "local-no-protocol"),
]


@pytest.mark.parametrize("cause,make,reason", UNTOLD, ids=[r[0] for r in UNTOLD])
def test_no_error_is_sent(router, cause, make, reason):
    router.a.send(make(router))
    router.expect_drops({reason: 1})
    assert router.a.receive(wait=0.12, match=is_ip) == [] and router.b.receive(wait=0.05, match=is_ip) == []


def test_an_error_about_a_query_is_sent(router):
    """Echo is no error: traceroute -I lives on it."""
    router.a.send(p4(router, ICMP(type=8), ttl=1), p6(router, ICMPv6EchoRequest(), hlim=1))
    got = router.a.receive(wait=0.4, match=is_ip, enough=2)
    assert [head(p)[0][0] for p in got] == [11, 3]
    router.expect_drops({"ip-ttl-exceeded": 2})


def test_an_error_about_a_first_fragment_is_sent(router):
    router.a.send(p4(router, ttl=1, flags="MF"), p6(router, IPv6ExtHdrFragment(nh=17, m=1) / UDP() / Raw(b"x" * 8), hlim=1))
    assert [head(p)[0][0] for p in router.a.receive(wait=0.4, match=is_ip, enough=2)] == [11, 3]


def test_a_link_local_sender_is_told_from_the_link_local_address(router):
    """Unless it spoke to another one of ours (RFC 4443 2.2)."""
    router.a.send(p6(router, src="fe80::2", dst="2001:db8:2::2"), p6(router, src="fe80::2", dst="2001:db8:1::1"))
    got = router.a.receive(wait=0.4, match=is_ip, enough=2)
    assert [p[IPv6].dst for p in got] == ["fe80::2"] * 2 and [head(p)[0] for p in got] == [(1, 2, 0), (1, 4, 0)]
    assert got[0][IPv6].src.startswith("fe80::") and got[1][IPv6].src == "2001:db8:1::1"


def test_the_far_side_is_told_from_its_own_interface(router):
    router.b.send(Ether(src=router.b.mac, dst=router.mac["wan"]) / IP(src="10.0.2.2", dst="10.0.1.2", ttl=1) / UDP())
    got = router.b.receive(wait=0.4, match=is_ip, enough=1)
    assert [(p[IP].src, p[IP].dst) for p in got] == [("10.0.2.1", "10.0.2.2")]
    assert router.a.receive(wait=0.05, match=is_ip) == []


# --- echo ---

@pytest.mark.parametrize("size", [0, 1, 9, 56, 1472])
@pytest.mark.parametrize("dst", ["10.0.1.1", "10.0.11.1", "10.0.2.1"])
def test_echo_is_answered(router, dst, size):
    data = bytes(i & 255 for i in range(size))
    router.a.send(p4(router, ICMP(id=7, seq=9) / Raw(data), dst=dst, ttl=1, tos=0x28))
    got = router.a.receive(wait=0.4, match=is_ip, enough=1)
    assert len(got) == 1
    p = got[0]
    assert (p[IP].src, p[IP].dst, p[IP].ttl, p[IP].tos, p[IP].len) == (dst, "10.0.1.2", 64, 0x28, 28 + size)
    assert (p[ICMP].type, p[ICMP].id, p[ICMP].seq) == (0, 7, 9)
    assert bytes(p[IP])[28:28 + size] == data and checksums_are_right(p)
    router.expect_drops({})


@pytest.mark.parametrize("size", [0, 1, 9, 56, 1452])
@pytest.mark.parametrize("dst", ["2001:db8:1::1", "2001:db8:2::1"])
def test_echo_is_answered_over_ipv6(router, dst, size):
    data = bytes(i & 255 for i in range(size))
    router.a.send(p6(router, ICMPv6EchoRequest(id=7, seq=9, data=data), dst=dst, hlim=1))
    got = router.a.receive(wait=0.4, match=is_ip, enough=1)
    assert len(got) == 1
    p = got[0]
    assert (p[IPv6].src, p[IPv6].dst, p[IPv6].hlim, p[IPv6].plen) == (dst, "2001:db8:1::2", 64, 8 + size)
    assert (p[ICMPv6EchoReply].id, p[ICMPv6EchoReply].seq, p[ICMPv6EchoReply].data) == (7, 9, data)
    assert checksums_are_right(p)
    router.expect_drops({})


@pytest.mark.parametrize("options", [[IPOption_NOP()] * 4, [IPOption(b"\x94\x04\x00\x00")]], ids=["nop", "router alert"])
def test_echo_with_options_is_answered_without_them(router, options):
    """But for those that record the way: test_options.py."""
    router.a.send(p4(router, ICMP(seq=3) / Raw(b"hello"), dst="10.0.1.1", options=options))
    got = router.a.receive(wait=0.4, match=is_ip, enough=1)
    assert [(p[IP].ihl, p[IP].len, p[ICMP].type, bytes(p[IP])[28:33]) for p in got] == [(5, 33, 0, b"hello")]
    assert checksums_are_right(got[0])


def test_echo_with_extension_headers_is_answered_without_them(router):
    router.a.send(p6(router, IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0\0")]) /
                     IPv6ExtHdrDestOpt(options=[PadN(otype=0x1e, optdata=b"\0\0")]) /
                     ICMPv6EchoRequest(seq=3, data=b"hello"), dst="2001:db8:1::1"))
    got = router.a.receive(wait=0.4, match=is_ip, enough=1)
    assert [(p[IPv6].nh, p[IPv6].plen, p[ICMPv6EchoReply].data) for p in got] == [(58, 13, b"hello")]
    assert checksums_are_right(got[0])


def test_echo_to_all_nodes_is_answered_from_a_unicast_address(router):
    router.a.send(p6(router, ICMPv6EchoRequest(seq=3), src="fe80::2", dst="ff02::1", to="33:33:00:00:00:01"))
    got = router.a.receive(wait=0.4, match=is_ip, enough=1)
    assert len(got) == 1 and got[0][IPv6].src.startswith("fe80::") and got[0][IPv6].dst == "fe80::2"


def test_echo_to_the_anycast_address_is_answered_from_a_unicast_address(router):
    """RFC 4443 4.2: of the interface the request came by."""
    for dst in ("2001:db8:1::", "2001:db8:2::"):
        router.a.send(p6(router, ICMPv6EchoRequest(seq=3), dst=dst))
        got = router.a.receive(wait=0.4, match=is_ip, enough=1)
        assert [(p[IPv6].src, p[ICMPv6EchoReply].seq) for p in got] == [("2001:db8:1::1", 3)]
        assert checksums_are_right(got[0])


NO_ECHO = [
    ("to the subnet's broadcast", lambda o: p4(o, ICMP(), dst="10.0.1.255", to=ALL), "icmp-echo-broadcast"),
    ("to the broadcast of another subnet", lambda o: p4(o, ICMP(), dst="10.0.2.255"), "icmp-echo-broadcast"),
    ("to 255.255.255.255", lambda o: p4(o, ICMP(), dst="255.255.255.255", to=ALL), "icmp-echo-broadcast"),
    ("to all hosts", lambda o: p4(o, ICMP(), dst="224.0.0.1", to="01:00:5e:00:00:01"), "icmp-echo-broadcast"),
    ("to us in a frame to everybody", lambda o: p4(o, ICMP(), dst="10.0.1.1", to=ALL), "icmp-echo-broadcast"),
    ("with a wrong checksum", lambda o: p4(o, ICMP(chksum=1), dst="10.0.1.1"), "icmp-bad-checksum"),
    ("with code 1", lambda o: p4(o, ICMP(code=1), dst="10.0.1.1"), "icmp-not-handled"),
    ("that is a reply", lambda o: p4(o, ICMP(type=0), dst="10.0.1.1"), "icmp-not-handled"),
    ("that is a timestamp request", lambda o: p4(o, ICMP(type=13), dst="10.0.1.1"), "icmp-not-handled"),
    ("that is an address mask request", lambda o: p4(o, ICMP(type=17), dst="10.0.1.1"), "icmp-not-handled"),
    ("that is a redirect", lambda o: p4(o, ICMP(type=5, gw="10.0.1.66") / OLD4, dst="10.0.1.1"), "icmp-redirect-ignored"),
    ("cut within its header", lambda o: p4(o, Raw(b"\x08\x00\xf7\xff"), proto=1, dst="10.0.1.1"), "local-truncated"),
    ("over IPv6 with a wrong checksum", lambda o: p6(o, ICMPv6EchoRequest(cksum=1), dst="2001:db8:1::1"),
     "icmp-bad-checksum"),
    ("over IPv6 that is a reply", lambda o: p6(o, ICMPv6EchoReply(), dst="2001:db8:1::1"), "icmp-not-handled"),
]


@pytest.mark.parametrize("name,make,reason", NO_ECHO, ids=[r[0] for r in NO_ECHO])
def test_echo_is_not_answered(router, name, make, reason):
    router.a.send(make(router))
    router.expect_drops({reason: 1})
    assert router.a.receive(wait=0.12, match=is_ip) == [] and router.b.receive(wait=0.05, match=is_ip) == []


# --- the configuration ---

def test_the_rate_of_errors_follows_the_config(router):
    router.apply(CONFIG + "icmp: {error-rate: 1, error-burst: 5}\n")
    router.a.receive(wait=0.3)
    router.a.send(*[p4(router, ttl=1, id=i) for i in range(1, 31)])
    got = router.a.receive(wait=0.4, match=is_ip)
    assert 1 <= len(got) <= 6
    router.expect_drops({"ip-ttl-exceeded": 30})
    router.apply(CONFIG + "icmp: {error-rate: 0}\n")
    router.a.receive(wait=1.2, match=is_ip)
    router.quiet()
    router.a.send(*[p4(router, ttl=1) for _ in range(200)])
    assert len(router.a.receive(wait=0.3, match=is_ip)) <= 100
    router.a.send(*[p4(router, ttl=1) for _ in range(200)])
    assert router.a.receive(wait=0.3, match=is_ip) == []
    router.apply(CONFIG)


def test_echo_can_be_turned_off_and_on(router):
    asks = [p4(router, ICMP(), dst="10.0.1.1"), p6(router, ICMPv6EchoRequest(), dst="2001:db8:1::1")]
    router.apply(CONFIG + "icmp: {echo: false}\n")
    router.a.send(*asks)
    router.expect_drops({"icmp-echo-off": 2})
    assert router.a.receive(wait=0.12, match=is_ip) == []
    router.a.send(p4(router, ICMP()))  # what passes through is nobody's business
    assert len(router.b.receive(wait=0.4, match=is_ip, enough=1)) == 1
    router.apply(CONFIG)
    router.a.send(*asks)
    assert len(router.a.receive(wait=0.4, match=is_ip, enough=2)) == 2
