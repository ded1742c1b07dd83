# SPDX-License-Identifier: BSD-3-Clause
"""MTU 9000 through every path that changes a packet. Packets in chains of buffers are in ip_test.c and icmp_test.c: of the
drivers that work here only TAP receives them, and DPDK 22.11's takes no jumbo frames."""
import time

import pytest
from scapy.all import ICMP, IP, UDP, Dot1Q, Ether, ICMPv6EchoReply, ICMPv6EchoRequest, IPOption, IPv6, IPv6ExtHdrDestOpt, PadN, Raw

from lab import run
from test_forwarding import TWO, answered, two_hosts

CONFIG = """
interfaces:
  lan: {port: a, mtu: 9000, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
  v10: {parent: lan, vlan: 10, addresses: [10.10.0.1/24, "2001:db8:10::1/64"]}
  q: {parent: lan, vlan: 30, inner-vlan: 31, addresses: [10.30.0.1/24]}
  wan: {port: b, mtu: 9000, addresses: [10.0.2.1/24, "2001:db8:2::1/64"]}
  small: {parent: wan, vlan: 5, mtu: 1500, addresses: [10.5.0.1/24, "2001:db8:5::1/64"]}
neighbors:
"""
for _iface, _host, *_addresses in (("lan", 1, "10.0.1.2", "2001:db8:1::2"), ("v10", 1, "10.10.0.2", "2001:db8:10::2"),
                                   ("q", 1, "10.30.0.2"), ("wan", 2, "10.0.2.2", "2001:db8:2::2"),
                                   ("small", 2, "10.5.0.2", "2001:db8:5::2")):
    for _a in _addresses:
        CONFIG += f'  - {{interface: {_iface}, address: "{_a}", mac: "02:00:00:00:0{_host}:aa"}}\n'


@pytest.fixture(scope="module")
def shared(module_lab):
    one = module_lab(mtu=9000)
    for h in one.hosts.values():
        h.raw()
        # Two tags: AF_PACKET lets one pass above the MTU. And a frame that the other end of a veth refuses for its size
        # is tried again for ever, with everything behind it.
        run("ip", "link", "set", "eth", "mtu", "9004", ns=h.ns)
        run("ip", "link", "set", h.port, "mtu", "9004", ns=one.ns)
    one.start(CONFIG, port_options={"mtu": 9000})
    one.mac = one.macs()
    one.wait_usable()
    one.a.receive(wait=2.5)
    return one


def data(n):
    return bytes(i * 11 + (i >> 8) & 255 for i in range(n))


def packet(one, src, dst, size, payload=None, tags=(), **ip):
    """`size` bytes with the IP header: UDP from the interface of `src`."""
    p = Ether(src=one.a.mac, dst=one.mac["lan"])
    for t in tags:
        p /= Dot1Q(vlan=t)
    p /= IP(src=src, dst=dst, **{"flags": "DF", **ip}) if "." in src else IPv6(src=src, dst=dst, **ip)
    head = 28 if "." in src else 48
    return p / (UDP(sport=9, dport=7) / Raw(data(size - head)) if payload is None else payload)


def is_ip(p):
    return p.haslayer(IP) or p.haslayer(IPv6) and p[IPv6].dst != "ff02::16" and bytes(p[IPv6])[40] not in (135, 136)


def tags(p):
    out, layer = [], p.getlayer(Dot1Q)
    while layer is not None:
        out.append(layer.vlan)
        layer = layer.payload.getlayer(Dot1Q)
    return out


def payload(p):
    return bytes(p[UDP].payload)


def right(p):
    """Every checksum is what it should be."""
    again = Ether(bytes(p))
    for layer in again.layers():
        for field in ("chksum", "cksum"):
            if field in again[layer].fields:
                del again[layer].fields[field]
    return bytes(Ether(bytes(again))) == bytes(p)


WAYS = [  # name, tags it comes with, source, destination, tags it leaves with
    ("IPv4", [], "10.0.1.2", "10.0.2.2", "b", []),
    ("IPv6", [], "2001:db8:1::2", "2001:db8:2::2", "b", []),
    ("IPv4 a tag is taken off", [10], "10.10.0.2", "10.0.2.2", "b", []),
    ("IPv6 a tag is taken off", [10], "2001:db8:10::2", "2001:db8:2::2", "b", []),
    ("IPv4 a tag is put on", [], "10.0.1.2", "10.10.0.2", "a", [10]),
    ("IPv6 a tag is put on", [], "2001:db8:1::2", "2001:db8:10::2", "a", [10]),
    ("IPv4 two tags are put on", [], "10.0.1.2", "10.30.0.2", "a", [30, 31]),
    ("IPv4 two tags become one", [30, 31], "10.30.0.2", "10.10.0.2", "a", [10]),
]


@pytest.mark.parametrize("came,src,dst,host,left", [w[1:] for w in WAYS], ids=[w[0] for w in WAYS])
@pytest.mark.parametrize("size", [2034, 4096, 9000])
def test_forwarded(router, size, came, src, dst, host, left):
    router.a.send(packet(router, src, dst, size, tags=came))
    got = router.hosts[host].receive(wait=2.5, match=is_ip, enough=1)
    head = 28 if "." in src else 48
    assert [(tags(p), payload(p)) for p in got] == [(left, data(size - head))]
    assert right(got[0])
    router.expect_drops({})


def test_too_big_for_a_jumbo_link(router):
    """The wire carries a little more than the MTU: the packet gets in, and does not get out again."""
    router.a.send(packet(router, "10.0.1.2", "10.0.2.2", 9001))
    got = router.a.receive(wait=2.5, match=is_ip, enough=1)
    assert (got[0][ICMP].type, got[0][ICMP].code, got[0][ICMP].nexthopmtu) == (3, 4, 9000)


@pytest.mark.parametrize("size", [2000, 2031, 8192, 9000])
def test_cut_to_1500(router, size):
    router.a.send(packet(router, "10.0.1.2", "10.5.0.2", size, flags=0, id=77))
    count = -(-(size - 20) // 1480)
    got = router.b.receive(wait=2.5, match=is_ip, enough=count)
    parts = b"".join(bytes(p[IP])[20:p[IP].len] for p in sorted(got, key=lambda p: p[IP].frag))
    assert len(got) == count and parts[8:] == data(size - 28)
    assert all(tags(p) == [5] and p[IP].len <= 1500 and p[IP].id == 77 for p in got)
    router.expect_drops({"ip-fragmented": 1})


@pytest.mark.parametrize("src,dst,types", [("10.0.1.2", "10.5.0.2", (3, 4)), ("2001:db8:1::2", "2001:db8:5::2", (2, 0))],
                         ids=["4", "6"])
def test_refused_for_1500(router, src, dst, types):
    sent = packet(router, src, dst, 9000)
    router.a.send(sent)
    got = router.a.receive(wait=2.5, match=is_ip, enough=1)
    v4 = "." in src
    body = bytes(got[0][IP])[20:] if v4 else bytes(got[0][IPv6])[40:]
    original = bytes(sent[IP] if v4 else sent[IPv6])
    assert (body[0], body[1], int.from_bytes(body[4:8], "big")) == (*types, 1500)
    assert body[8:] == original[:len(body) - 8] and len(body) - 8 == (548 if v4 else 1232)


@pytest.mark.parametrize("src,dst,field,types", [("10.0.1.2", "10.0.2.2", "ttl", (11, 0)),
                                                 ("2001:db8:1::2", "2001:db8:2::2", "hlim", (3, 0))], ids=["4", "6"])
def test_the_error_about_a_jumbo_packet_quotes_its_start(router, src, dst, field, types):
    sent = packet(router, src, dst, 9000, **{field: 1})
    router.a.send(sent)
    got = router.a.receive(wait=2.5, match=is_ip, enough=1)
    v4 = "." in src
    body = bytes(got[0][IP])[20:] if v4 else bytes(got[0][IPv6])[40:]
    original = bytes(sent[IP] if v4 else sent[IPv6])
    assert (body[0], body[1]) == types and body[8:] == original[:548 if v4 else 1232]


ECHOES = [
    ("4", lambda o, n: packet(o, "10.0.1.2", "10.0.1.1", 0, ICMP(id=3, seq=4) / Raw(data(n)))),
    ("4 of a VLAN", lambda o, n: packet(o, "10.10.0.2", "10.10.0.1", 0, ICMP(id=3, seq=4) / Raw(data(n)), tags=[10])),
    ("4 with options", lambda o, n: packet(o, "10.0.1.2", "10.0.1.1", 0, ICMP(id=3, seq=4) / Raw(data(n)),
                                           options=[IPOption(b"\x01")] * 4)),
    ("6", lambda o, n: packet(o, "2001:db8:1::2", "2001:db8:1::1", 0, ICMPv6EchoRequest(id=3, seq=4, data=data(n)))),
    ("6 with an extension header",
     lambda o, n: packet(o, "2001:db8:1::2", "2001:db8:1::1", 0, IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0\0")]) /
                         ICMPv6EchoRequest(id=3, seq=4, data=data(n)))),
]


@pytest.mark.parametrize("make", [e[1] for e in ECHOES], ids=[e[0] for e in ECHOES])
@pytest.mark.parametrize("size", [1999, 2049, 8940])
def test_echo(router, make, size):
    router.a.send(make(router, size))
    got = router.a.receive(wait=2.5, match=is_ip, enough=1)
    assert len(got) == 1 and right(got[0])
    p = got[0]
    assert (p[ICMPv6EchoReply].data if p.haslayer(ICMPv6EchoReply) else bytes(p[ICMP].payload)) == data(size)
    router.expect_drops({})


@pytest.mark.parametrize("src,dst", [("10.0.1.2", "10.0.2.2"), ("2001:db8:1::2", "2001:db8:2::2")], ids=["4", "6"])
@pytest.mark.parametrize("size,junk", [(60, 7000), (2020, 3000), (4000, 1), (4100, 2200)])
def test_padding_is_cut_off_in_whichever_buffer_it_begins(router, src, dst, size, junk):
    router.a.send(bytes(packet(router, src, dst, size)) + b"\xee" * junk)
    got = router.b.receive(wait=2.5, match=is_ip, enough=1)
    assert [len(p) for p in got] == [size + 14]


@pytest.mark.parametrize("src,dst", [("10.0.1.2", "10.0.2.2"), ("2001:db8:1::2", "2001:db8:2::2")], ids=["4", "6"])
def test_a_packet_that_ends_early_is_dropped(router, src, dst):
    for cut in (3000, 8999):
        router.a.send(bytes(packet(router, src, dst, 9000))[:14 + cut])
    router.expect_drops({"ip-truncated": 2})
    assert router.b.receive(wait=0.05, match=is_ip) == []


# --- kernel hosts ---

@pytest.mark.needs("iperf3")
@pytest.mark.parametrize("family", ["-4", "-6"])
def test_tcp_with_jumbo_segments(lab, family):
    one = two_hosts(lab, mtu=9000, port_options={"mtu": 9000})
    one.wait_usable()
    assert answered(one.a.ping("10.0.2.2", count=2, s=8972, M="do"))
    server = one.b.popen("iperf3", "-s", "-1")
    time.sleep(0.4)
    p = one.a.run("iperf3", family, "-c", "10.0.2.2" if family == "-4" else "2001:db8:2::2", "-n", "8M", timeout=60)
    assert "sender" in p.stdout
    server.wait(10)


def test_the_largest_mtu_of_af_xdp(lab):
    """Its buffers are pages: what fits is found in the refusal of more (test_lifecycle.py)."""
    one = two_hosts(lab, mtu=2900, driver="af_xdp", port_options={"mtu": 2900})
    one.wait_usable()
    for target, head in (("10.0.2.2", 28), ("2001:db8:2::2", 48)):
        p = one.a.ping(target, count=2, s=2900 - head, M="do")
        assert answered(p), p.stdout


def test_a_tap_takes_no_jumbo_frames(lab):
    one = lab(hosts=())
    p = one.attempt(one.whole(TWO, ports='ports: {a: {device: "tap:tj0", mtu: 9000}, b: {device: "null"}}\n'))
    assert p.returncode == 1 and "port 'a': mtu 9000 is above the 1504 of its device" in p.stderr
