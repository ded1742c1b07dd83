# SPDX-License-Identifier: BSD-3-Clause
"""Thousands of damaged packets of every kind (seeded, so a failure can be repeated): nothing crashes, everything is
accounted for, nothing damaged by us comes out, and a good ping still works."""
import random
import struct
import time

import pytest
from scapy.all import (ARP, ICMP, IP, TCP, UDP, Dot1AD, Dot1Q, Ether, ICMPv6DestUnreach, ICMPv6EchoRequest, ICMPv6MLReport2,
                       ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_Redirect, ICMPv6NDOptDstLLAddr,
                       ICMPv6NDOptSrcLLAddr, ICMPv6PacketTooBig, IPOption, IPOption_RR, IPv6, IPv6ExtHdrDestOpt,
                       IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, IPv6ExtHdrRouting, PadN, Raw, RouterAlert)

CONFIG = """
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
  v10: {parent: lan, vlan: 10, addresses: [10.10.0.1/24, "2001:db8:10::1/64"]}
  q: {parent: lan, vlan: 30, inner-vlan: 31, addresses: [10.31.0.1/24, "2001:db8:31::1/64"]}
  wan: {port: b, mtu: 1280, addresses: [10.0.2.1/24, "2001:db8:2::1/64"]}
neighbors:
  - {interface: lan, address: 10.0.1.2, mac: "02:00:00:00:01:aa"}
  - {interface: lan, address: "2001:db8:1::2", mac: "02:00:00:00:01:aa"}
  - {interface: wan, address: 10.0.2.2, mac: "02:00:00:00:02:aa"}
  - {interface: wan, address: "2001:db8:2::2", mac: "02:00:00:00:02:aa"}
neighbor: {limit: 256, retransmit-time: 100ms}
"""
COUNT = 4000  # per kind and driver
FOR_US = "33:33:ff:00:00:01"


@pytest.fixture(scope="module", params=["af_packet", "af_xdp"])
def router(request, module_lab):
    one = module_lab()
    one.a.raw()
    one.b.raw()
    one.start(CONFIG, driver=request.param)
    one.mac = one.macs()
    one.wait_usable()
    return one


def v4(dst="10.0.2.2", **more):
    return IP(src="10.0.1.2", dst=dst, **more)


def v6(dst="2001:db8:2::2", **more):
    return IPv6(src="2001:db8:1::2", dst=dst, **more)


US4, US6 = "10.0.1.1", "2001:db8:1::1"
X = Raw(b"x" * 40)
KINDS = {
    "ipv4": [v4() / UDP() / X, v4(US4) / UDP() / X, v4() / TCP() / X, v4(frag=5) / X, v4(flags="MF") / UDP() / X,
             v4(US4, flags="MF", id=7) / ICMP() / Raw(b"y" * 56), v4(US4, frag=8, id=7) / X, v4() / UDP() / Raw(b"z" * 1300),
             v4("255.255.255.255") / UDP(), v4("224.0.0.5", proto=89) / X, v4("10.0.2.77") / UDP(),
             v4(options=[IPOption_RR(length=11, pointer=4, routers=["0.0.0.0"] * 2)]) / UDP() / X,
             v4(US4, options=[IPOption(b"\x94\x04\0\0"), IPOption(b"\x44\x08\x05\x00aaaa")]) / ICMP() / X],
    "icmp": [v4(US4) / ICMP() / X, v4(US4) / ICMP(type=13) / X, v4(US4) / ICMP(type=3, code=4) / v4() / UDP() / X,
             v4(US4) / ICMP(type=5) / v4() / UDP(), v4(ttl=1) / ICMP() / X, v4(ttl=1) / ICMP(type=11) / v4() / UDP(),
             v4("10.0.1.255") / ICMP(), v4(US4) / ICMP() / Raw(b"w" * 1400)],
    "ipv6": [v6() / UDP() / X, v6(US6) / UDP() / X, v6() / TCP() / X, v6() / IPv6ExtHdrFragment(m=1, id=9) / UDP() / X,
             v6(US6) / IPv6ExtHdrFragment(m=1, id=9) / ICMPv6EchoRequest(data=b"y" * 40),
             v6(US6) / IPv6ExtHdrFragment(offset=6, id=9, nh=58) / X, v6() / UDP() / Raw(b"z" * 1300),
             v6() / IPv6ExtHdrHopByHop(options=[RouterAlert(), PadN(optdata=b"\0\0")]) / UDP() / X,
             v6(US6) / IPv6ExtHdrDestOpt(options=[PadN(otype=0x9e, optdata=b"\0\0")]) / UDP() / X,
             v6() / IPv6ExtHdrRouting(type=0, segleft=1, addresses=["2001:db8:9::9"]) / UDP() / X,
             v6(US6) / IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 4)]) / IPv6ExtHdrDestOpt() / IPv6ExtHdrFragment() /
             ICMPv6EchoRequest(), v6("ff02::1") / UDP() / X, v6("fe80::77") / UDP(), v6("2001:db8:2::77") / UDP()],
    "icmpv6": [v6(US6) / ICMPv6EchoRequest(data=b"x" * 40), v6("ff02::1") / ICMPv6EchoRequest(), v6(hlim=1) / ICMPv6EchoRequest(),
               v6(US6) / ICMPv6PacketTooBig(mtu=100) / v6() / UDP() / X, v6(US6) / ICMPv6DestUnreach() / v6() / UDP(),
               v6(US6) / ICMPv6EchoRequest(data=b"w" * 1400)],
    "arp": [ARP(op=1, hwsrc="02:00:00:00:01:aa", psrc="10.0.1.3", pdst=US4), ARP(op=2, psrc="10.0.1.3", pdst=US4),
            ARP(op=1, psrc="0.0.0.0", pdst=US4), ARP(op=1, psrc="10.0.1.9", pdst="10.0.1.9"), ARP(op=1, psrc=US4, pdst=US4),
            ARP(op=1, psrc="10.0.1.3", pdst="10.0.1.2")],
    "nd": [v6("ff02::1:ff00:1", hlim=255) / ICMPv6ND_NS(tgt=US6) / ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:00:01:aa"),
           v6(US6, hlim=255) / ICMPv6ND_NS(tgt=US6), IPv6(src="::", dst="ff02::1:ff00:1", hlim=255) / ICMPv6ND_NS(tgt=US6),
           v6(US6, hlim=255) / ICMPv6ND_NA(tgt="2001:db8:1::3", S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr="02:00:00:00:01:ab"),
           v6("ff02::1", hlim=255) / ICMPv6ND_NA(tgt=US6, O=1) / ICMPv6NDOptDstLLAddr(lladdr="02:00:00:00:01:ac"),
           IPv6(src="fe80::9", dst="ff02::1", hlim=255) / ICMPv6ND_RA() / ICMPv6NDOptSrcLLAddr(lladdr="02:00:00:00:01:ad"),
           v6(US6, hlim=255) / ICMPv6ND_Redirect(tgt="fe80::9", dst="2001:db8:2::2"),
           IPv6(src="fe80::9", dst="ff02::16", hlim=1) / IPv6ExtHdrHopByHop(options=[RouterAlert()]) / ICMPv6MLReport2()],
}


def wrapped(r, one, payload):
    """A frame around the payload, mostly a right one."""
    dst = r.choice([one.mac["lan"]] * 6 + ["ff:ff:ff:ff:ff:ff", FOR_US])
    tags = r.choice([[]] * 5 + [[Dot1Q(vlan=10)], [Dot1Q(vlan=30), Dot1Q(vlan=31)], [Dot1AD(vlan=30), Dot1Q(vlan=31)],
                                [Dot1Q(vlan=30), Dot1Q(vlan=31), Dot1Q(vlan=32)], [Dot1Q(vlan=0)]])
    p = Ether(src=one.a.mac, dst=dst)
    for t in tags:
        p /= t
    return bytes(p / payload)


def fixed(frame):
    """The IPv4 header's checksum set right, so that damage behind it is looked at."""
    at = 14
    while frame[at - 2:at] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    if frame[at - 2:at] != b"\x08\x00" or len(frame) < at + 20:
        return frame
    hlen = (frame[at] & 15) * 4
    if hlen < 20 or len(frame) < at + hlen:
        return frame
    head = frame[at:at + 10] + b"\0\0" + frame[at + 12:at + hlen]
    s = sum(struct.unpack(f"!{hlen // 2}H", head))
    s = (s & 0xffff) + (s >> 16)
    s = ~((s & 0xffff) + (s >> 16)) & 0xffff
    return frame[:at + 10] + s.to_bytes(2, "big") + frame[at + 12:]


def damaged(r, frame):
    """One to four changes behind the MAC addresses: bytes, bits, lengths, cuts, insertions, extreme values."""
    b = bytearray(frame)
    for _ in range(r.choice([1, 1, 1, 2, 4])):
        at = r.randrange(12, min(len(b), 110)) if len(b) > 13 else 12
        how = r.randrange(7)
        if at >= len(b):
            break
        if how == 0:
            b[at] = r.randrange(256)
        elif how == 1:
            b[at] ^= 1 << r.randrange(8)
        elif how == 2:
            b[at] = r.choice([0, 1, 0x7f, 0x80, 0xff])
        elif how == 3 and at + 1 < len(b):
            b[at:at + 2] = r.choice([b"\0\0", b"\xff\xff", len(b).to_bytes(2, "big"), (len(b) - 13).to_bytes(2, "big")])
        elif how == 4:
            del b[r.randrange(14, len(b)) if len(b) > 15 else 14:]
        elif how == 5:
            b[at:at] = r.randbytes(r.randrange(1, 9))
        else:
            del b[at:at + r.randrange(1, 9)]
    b = bytes(b[:1514])
    return fixed(b) if r.random() < 0.8 else b


def alive(one):
    """A good ping through and to the router, over both versions, in spite of what is left over."""
    for _ in range(20):  # the rate limits of a second ago
        one.a.flush()
        one.b.flush()
        one.a.send(Ether(src=one.a.mac, dst=one.mac["lan"]) / v4() / ICMP(id=0x5151) / X,
                   Ether(src=one.a.mac, dst=one.mac["lan"]) / v6() / ICMPv6EchoRequest(id=0x5151, data=b"x" * 40),
                   Ether(src=one.a.mac, dst=one.mac["lan"]) / v4(US4) / ICMP(id=0x5151) / X,
                   Ether(src=one.a.mac, dst=one.mac["lan"]) / v6(US6) / ICMPv6EchoRequest(id=0x5151, data=b"x" * 40))
        through = [f for f in one.b.drain(idle=0.2) if b"\x51\x51" in f]
        back = [f for f in one.a.drain(idle=0.1) if b"\x51\x51" in f]
        if len(through) == 2 and len(back) == 2:
            return True
    return False


def sane(frame, mac):
    """What we send is well-formed whatever came in: our address, right lengths, right IPv4 checksum."""
    at = 14
    while frame[at - 2:at] in (b"\x81\x00", b"\x88\xa8"):
        at += 4
    assert frame[6:12] == mac, frame.hex()
    kind = frame[at - 2:at]
    assert kind in (b"\x08\x00", b"\x86\xdd", b"\x08\x06"), frame.hex()
    if kind == b"\x08\x00":
        hlen, total = (frame[at] & 15) * 4, int.from_bytes(frame[at + 2:at + 4], "big")
        assert frame[at] >> 4 == 4 and 20 <= hlen <= total <= len(frame) - at and frame[at + 8] > 0, frame.hex()
        assert fixed(frame) == frame, "a wrong header checksum: " + frame.hex()
    elif kind == b"\x86\xdd":
        assert frame[at] >> 4 == 6 and 40 + int.from_bytes(frame[at + 4:at + 6], "big") <= len(frame) - at, frame.hex()
        assert frame[at + 7] > 0, frame.hex()


def taken(one, count, seconds=1.2):
    """Waits until so many packets were received; how many that are, for a slow machine's drivers lose some."""
    end = time.monotonic() + seconds
    while True:
        received = one.show("drops", "--all")["totals"]["received"]
        if received >= count or time.monotonic() > end:
            return received
        time.sleep(0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_packets(router, kind):
    r = random.Random(f"{kind} 1")
    seeds = [wrapped(r, router, p) for p in KINDS[kind] for _ in range(6)]
    frames = [damaged(r, r.choice(seeds)) for _ in range(COUNT)]
    router.weir("clear", "counters")
    macs = {h: bytes.fromhex(router.mac[i].replace(":", "")) for h, i in (("a", "lan"), ("b", "wan"))}
    sent = received = 0
    for i in range(0, COUNT, 400):
        batch = [f for f in frames[i:i + 400] if len(f) >= 14]
        router.a.send(*batch)
        sent += len(batch)
        received = taken(router, received + len(batch) * 0.95)  # Linux drops frames that end within a tag
        for h, mac in macs.items():
            for f in router.hosts[h].drain(idle=0.005):
                sane(f, mac)
    router.settle(seconds=6)
    assert router.daemon.poll() is None
    assert received >= sent / 2
    assert alive(router)


def test_random_bytes(router):
    r = random.Random("random 1")
    mac = bytes.fromhex(router.mac["lan"].replace(":", ""))
    head = mac + bytes.fromhex(router.a.mac.replace(":", ""))
    types = [b"\x08\0", b"\x86\xdd", b"\x08\x06", b"\x81\0", b"\x88\xa8", b"\x81\0\0\x0a\x08\0", b"\x81\0\0\x1e\x81\0\0\x1f\x86\xdd"]
    for _ in range(COUNT // 100):
        router.a.send(*[head + r.choice(types) + r.choice([b"", b"\x45", b"\x60", b"\0\1\x08\0\6\4"]) +
                        r.randbytes(r.choice([0, 1, 7, 20, 40, 64, 300, 1400])) for _ in range(100)])
        time.sleep(0.002)
    router.settle(seconds=6)
    assert alive(router)
