# SPDX-License-Identifier: BSD-3-Clause
"""RFC 791, 1812 4.2.2.7, 8200 4.5, 5722, 6946, 7112: fragments made in transit, and reassembly of what is for us."""
import random
import time

import pytest
from scapy.all import (ICMP, IP, UDP, Ether, ICMPv6EchoReply, ICMPv6EchoRequest, IPOption, IPv6,
                       IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, PadN, Raw)

US4, US6 = "10.0.1.1", "2001:db8:1::1"
CONFIG = """
interfaces:
  lan: {port: a, mtu: 9000, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
  wan: {port: b, mtu: %s, addresses: [10.0.2.1/24%s]}
neighbors:
  - {interface: lan, address: 10.0.1.2, mac: "02:00:00:00:01:aa"}
  - {interface: lan, address: "2001:db8:1::2", mac: "02:00:00:00:01:aa"}
  - {interface: wan, address: 10.0.2.2, mac: "02:00:00:00:02:aa"}
"""


def config(mtu):
    return CONFIG % (mtu, ', "2001:db8:2::1/64"' if mtu >= 1280 else "")


def use(one, text):
    """Applies a config unless it is the one in use."""
    if one.current != text:
        one.apply(text)
        one.wait_usable()
    one.current = text


def begin(one):
    one.current = config(1500)
    one.a.raw()
    one.b.raw()
    one.start(config(1500), port_options={"mtu": 9000})
    one.mac = one.macs()
    one.wait_usable()
    return one


@pytest.fixture(scope="module")
def shared(module_lab):
    one = begin(module_lab(mtu=9000))
    one.a.receive(wait=2.5)  # announcements
    return one


@pytest.fixture
def router(shared):
    use(shared, config(1500))
    shared.quiet()
    yield shared
    shared.settle()


def data(n):
    return bytes(i * 7 + (i >> 8) & 255 for i in range(n))


def ether(one, payload):
    return Ether(src=one.a.mac, dst=one.mac["lan"]) / payload


def p4(one, size, **ip):
    """An IPv4 packet of protocol 253 with `size` bytes behind its header."""
    f = {"src": "10.0.1.2", "dst": "10.0.2.2", "ttl": 64, "proto": 253, "id": 0x4321, "tos": 0x28}
    f.update(ip)
    return ether(one, IP(**f) / Raw(data(size)))


def is_ip(p):
    """Not the router's neighbour discovery when its addresses come and go."""
    return p.haslayer(IP) or p.haslayer(IPv6) and p[IPv6].dst != "ff02::16" and bytes(p[IPv6])[40] not in (135, 136)


def header_sum(p):
    again = IP(bytes(p[IP]))
    del again.chksum
    return IP(bytes(again)).chksum


def pieces(got):
    """(offset, more, bytes) of each IPv4 fragment as its header says."""
    return [(p[IP].frag * 8, bool(p[IP].flags.MF), bytes(p[IP])[p[IP].ihl * 4:p[IP].len]) for p in got]


def whole(cut):
    """The payload of pieces that must touch each other exactly."""
    out = b""
    for at, _, part in sorted(cut):
        assert at == len(out)
        out += part
    return out


# --- in transit ---

MTUS = [68, 69, 75, 76, 296, 576, 577, 1280, 1499, 1500, 4000, 8999]


@pytest.mark.parametrize("mtu", MTUS)
def test_packets_are_cut_to_the_mtu(router, mtu):
    use(router, config(mtu))
    router.quiet()
    step = (mtu - 20) // 8 * 8
    sizes = [n for n in (mtu - 20, mtu - 19, 2 * step, 2 * step + 1, 3 * step + 5, 8980) if n <= 8980]
    for size in sizes:
        router.a.send(p4(router, size))
        count = 1 if size <= mtu - 20 else -(-size // step)
        got = router.b.receive(wait=2.5, match=is_ip, enough=count)
        cut = pieces(got)
        assert len(got) == count and whole(cut) == data(size)
        assert [m for _, m, _ in cut] == [True] * (count - 1) + [False], "in order, MF on all but the last"
        assert all(at % 8 == 0 for at, _, _ in cut)
        assert [len(d) for _, _, d in cut[:-1]] == [step] * (count - 1), "as few fragments as possible"
        for p in got:
            assert p[IP].len <= mtu and len(p) >= p[IP].len + 14 and not p[IP].flags.DF
            assert (p[IP].id, p[IP].ttl, p[IP].tos, p[IP].proto) == (0x4321, 63, 0x28, 253)
            assert p[IP].chksum == header_sum(p) and (p.src, p.dst) == (router.mac["wan"], router.b.mac)
    assert router.b.receive(wait=0.05, match=is_ip) == [] and router.a.receive(wait=0.05, match=is_ip) == []
    router.expect_drops({"ip-fragmented": sum(s > mtu - 20 for s in sizes)})


def test_packets_with_df_are_not_cut(router):
    router.a.send(p4(router, 1481, flags="DF"))
    got = router.a.receive(wait=2.5, match=is_ip, enough=1)
    assert [(p[ICMP].type, p[ICMP].code, p[ICMP].nexthopmtu) for p in got] == [(3, 4, 1500)]
    assert router.b.receive(wait=0.1, match=is_ip) == []
    router.expect_drops({"ip-too-big": 1})


@pytest.mark.parametrize("frag,more", [(0, 1), (100, 1), (100, 0), (7000, 0)],
                         ids=["first", "middle", "last", "far last"])
def test_fragments_of_a_fragment_keep_their_place(router, frag, more):
    use(router, config(576))
    router.a.send(p4(router, 1600, frag=frag, flags="MF" if more else 0))
    cut = pieces(router.b.receive(wait=2.5, match=is_ip, enough=3))
    assert [(at, m) for at, m, _ in cut] == [(frag * 8 + n * 552, n < 2 or bool(more)) for n in range(3)]
    assert b"".join(d for _, _, d in cut) == data(1600)


@pytest.mark.parametrize("frag,size", [(8191, 1600), (8100, 1600)])
def test_a_fragment_beyond_65535_is_not_cut_into_a_first_one(router, frag, size):
    """Its pieces' offsets do not fit 13 bits: the last would begin at 0 again, with flags of the attacker's choice."""
    use(router, config(576))
    router.quiet()
    router.a.send(p4(router, size, frag=frag))
    router.expect_drops({"ip-bad-fragment": 1})
    assert router.b.receive(wait=0.15, match=is_ip) == []


def option(kind, fill, length=4):
    return IPOption(bytes([kind, length]) + bytes([fill]) * (length - 2))


def test_options_are_copied_as_their_flag_says(router):
    """RFC 791 3.1: the high bit of the type says whether an option goes into every fragment."""
    # Nothing for us to write into: a record that is full and a timestamp asked of somebody else.
    options = [IPOption(b"\x01"), IPOption(b"\x44\x0c\x05\x03\x0a\0\x02\x02\0\0\0\0"), option(0x94, 0),
               IPOption(b"\x07\x07\x08\x01\x02\x03\x04"), option(0x88, 9)]
    router.a.send(p4(router, 3000, options=options))
    got = router.b.receive(wait=2.5, match=is_ip, enough=3)
    heads = [bytes(p[IP])[20:p[IP].ihl * 4] for p in got]
    first = b"".join(bytes(o) for o in options)
    assert heads[0] == first + b"\0" * (-len(first) % 4)
    assert heads[1:] == [b"\x94\x04\0\0\x88\x04\x09\x09"] * (len(got) - 1)
    assert whole(pieces(got)) == data(3000)
    assert all(p[IP].chksum == header_sum(p) and p[IP].len <= 1500 for p in got)


def test_ttl_is_looked_at_before_the_size(router):
    router.a.send(p4(router, 3000, ttl=1))
    got = router.a.receive(wait=2.5, match=is_ip, enough=1)
    assert [p[ICMP].type for p in got] == [11]
    router.expect_drops({"ip-ttl-exceeded": 1})
    assert router.b.receive(wait=0.1, match=is_ip) == []


def test_many_large_packets_at_once(router):
    """More fragments than the re-inject ring holds: whole packets are refused, none is cut halfway."""
    use(router, config(68))
    router.quiet()
    router.a.send(*[p4(router, 8980, id=i + 1) for i in range(40)])
    got = [f for f in router.b.drain(idle=0.6) if f[12:14] == b"\x08\0"]
    drops = router.drops()
    assert drops["ip-fragmented"] >= len({f[18:20] for f in got}) >= 5
    assert len(got) == drops["ip-fragmented"] * -(-8980 // 48) - drops["tx-full"]
    assert drops["ip-fragmented"] + drops["ip-fragment-failed"] == 40


def test_our_own_packets_are_cut_even_with_df(router):
    """Errors carry DF and echo replies that of the request; nobody tells us a path MTU, so small links cut them."""
    text = config(1500).replace("lan: {port: a, mtu: 9000", "lan: {port: a, mtu: 296").replace(', "2001:db8:1::1/64"', "")
    text = "\n".join(line for line in text.splitlines() if "2001:db8:1::2" not in line)
    use(router, text)
    router.a.send(p4(router, 1000, ttl=1))
    got = router.a.receive(wait=2.5, match=is_ip, enough=3)
    quoted = whole(pieces(got))
    assert quoted[0] == 11 and len(quoted) == 556 and len({p[IP].id for p in got}) == 1
    router.a.send(p4(router, 0, dst=US4, proto=1, flags="DF") / ICMP(id=1, seq=2) / Raw(data(1000)))
    got = router.a.receive(wait=2.5, match=is_ip, enough=4)
    assert whole(pieces(got))[8:] == data(1000)


# --- reassembly of what is for us ---

class Family4:
    name, us, head, drops_ttl = "4", US4, 20, True

    @staticmethod
    def echo(size):
        return bytes(IP(src="10.0.1.2", dst=US4) / ICMP(id=5, seq=6) / Raw(data(size)))[20:]

    @staticmethod
    def piece(ident, at, more, part, proto=1, **extra):
        return IP(src="10.0.1.2", dst=US4, proto=proto, id=ident, frag=at // 8, flags="MF" if more else 0, **extra) / Raw(part)

    @staticmethod
    def reply(got):
        cut = pieces(got)
        return whole(cut)[8:] if cut and not max(cut)[1] else None


class Family6:
    name, us, head = "6", US6, 40

    @staticmethod
    def echo(size):
        return bytes(IPv6(src="2001:db8:1::2", dst=US6) / ICMPv6EchoRequest(id=5, seq=6, data=data(size)))[40:]

    @staticmethod
    def piece(ident, at, more, part, proto=58, **extra):
        return IPv6(src="2001:db8:1::2", dst=US6, **extra) / \
            IPv6ExtHdrFragment(nh=proto, id=ident, offset=at // 8, m=int(more)) / Raw(part)

    @staticmethod
    def reply(got):
        cut = []
        for p in got:
            f = p.getlayer(IPv6ExtHdrFragment)
            body = bytes(p[IPv6])[40:40 + p[IPv6].plen]
            cut.append((f.offset * 8, f.m, body[8:]) if f else (0, 0, body))
        return whole(cut)[8:] if cut and not max(cut)[1] else None


FAMILIES = pytest.mark.parametrize("fam", [Family4, Family6], ids=["4", "6"])
_ident = iter(range(1000, 60000))


def split(message, step):
    return [(at, at + step < len(message), message[at:at + step]) for at in range(0, len(message), step)]


def send_cut(one, fam, cut, ident=None, **extra):
    ident = ident if ident is not None else next(_ident)
    frames = [bytes(ether(one, fam.piece(ident, *c, **extra))) for c in cut]
    for i in range(0, len(frames), 64):
        one.a.send(*frames[i:i + 64])
        time.sleep(0.01)
    return ident


def answer(one, fam, wait=3):
    """The data of the echo reply that comes, or None."""
    got, end = [], time.monotonic() + wait
    while time.monotonic() < end:
        got += one.a.receive(wait=0.1, match=is_ip, enough=1)
        last = got and got[-1]
        if last and not (last[IP].flags.MF if last.haslayer(IP) else last.haslayer(IPv6ExtHdrFragment) and last[IPv6ExtHdrFragment].m):
            return fam.reply(got)
    return None


def shuffled(cut):
    return random.Random(5).sample(cut, len(cut))


ORDERS = [("in order", lambda c: c), ("reverse", lambda c: c[::-1]), ("shuffled", shuffled),
          ("last first", lambda c: c[-1:] + c[:-1])]


@FAMILIES
@pytest.mark.parametrize("order", [o[1] for o in ORDERS], ids=[o[0] for o in ORDERS])
@pytest.mark.parametrize("size,step", [(1000, 8), (1000, 504), (4001, 1400), (20000, 1400)])
def test_fragments_become_the_packet(router, fam, order, size, step):
    cut = order(split(fam.echo(size), step))
    send_cut(router, fam, cut)
    assert answer(router, fam) == data(size)
    drops = router.drops()
    assert drops["reassembled"] == len(cut) - 1
    assert drops["ip-fragmented"] == (size > 8972), "the reply is cut again if it must be"


@FAMILIES
def test_the_largest_packet(router, fam):
    """65535 bytes with the IPv4 header, 65535 behind the IPv6 header."""
    size = 65535 - 8 - (20 if fam is Family4 else 0)
    send_cut(router, fam, split(fam.echo(size), 1400))
    assert answer(router, fam) == data(size)


@FAMILIES
def test_duplicates_do_no_harm(router, fam):
    cut = split(fam.echo(4000), 1400)
    send_cut(router, fam, cut[:2] + cut[:2] + cut[1:])
    assert answer(router, fam) == data(4000)
    assert router.drops()["reassembly-duplicate"] == 3


OVERLAPS = [  # of the two-piece packet 0-800, 800-..: what else comes, in which place
    ("8 bytes into the next", [(0, 1, 808), (800, 0, 208)]),
    ("8 bytes into the one before", [(0, 1, 800), (792, 0, 216)]),
    ("inside another", [(0, 1, 800), (400, 1, 8), (800, 0, 208)]),
    ("around another", [(400, 1, 8), (0, 1, 800), (800, 0, 208)]),
    ("the same start, longer", [(0, 1, 800), (0, 1, 808), (800, 0, 208)]),
    ("the same start, shorter", [(0, 1, 800), (0, 1, 792), (800, 0, 208)]),
    ("beyond the end", [(800, 0, 208), (1008, 1, 8), (0, 1, 800)]),
    ("an end before data", [(0, 1, 800), (1200, 1, 8), (800, 0, 208)]),
    ("two ends", [(800, 0, 208), (800, 0, 200), (0, 1, 800)]),
    ("the end without its mark and with it", [(800, 1, 208), (800, 0, 208), (0, 1, 800)]),
]


@FAMILIES
@pytest.mark.parametrize("cut", [o[1] for o in OVERLAPS], ids=[o[0] for o in OVERLAPS])
def test_an_overlap_ends_the_whole_datagram(router, fam, cut):
    """RFC 5722 4: what came, what overlaps and what still comes is dropped silently."""
    message = fam.echo(1000)
    pieces_ = [(at, more, (message + data(2000))[at:at + n]) for at, more, n in cut]
    ident = send_cut(router, fam, pieces_)
    assert answer(router, fam, wait=0.12) is None
    router.expect_drops({"reassembly-overlap": len(cut)})
    send_cut(router, fam, split(message, 504), ident)  # the same identification again is still the poisoned one
    assert answer(router, fam, wait=0.12) is None
    send_cut(router, fam, split(message, 504))  # another one is not
    assert answer(router, fam) == data(1000)


BAD = [  # name, (offset, more, bytes), parameter problem over IPv6: (code, pointer)
    ("not the last, not a multiple of 8", (0, 1, 801), (0, 4)),
    ("a middle one, not a multiple of 8", (800, 1, 13), (0, 4)),
    ("not the last and empty", (800, 1, 0), None),
    ("the last and empty", (800, 0, 0), None),
    ("beyond 65535", (65528, 0, 800), (0, 42)),
    ("ends at 65536", (65520, 1, 16), (0, 42)),
]


@FAMILIES
@pytest.mark.parametrize("piece,told", [(b[1], b[2]) for b in BAD], ids=[b[0] for b in BAD])
def test_an_impossible_fragment_is_refused(router, fam, piece, told):
    at, more, n = piece
    send_cut(router, fam, [(at, more, data(n))], proto=17)  # about ICMPv6, which may be an error, nothing is said
    got = router.a.receive(wait=0.15, match=is_ip)
    router.expect_drops({"reassembly-bad-fragment": 1})
    if fam is Family4 or told is None:
        assert got == []
    else:
        body = bytes(got[0][IPv6])[40:]
        assert (body[0], body[1], int.from_bytes(body[4:8], "big")) == (4, *told)


def test_headers_that_make_it_too_long_are_refused(router):
    """Each fragment ends below 65536, but the first one's options do not fit any more."""
    message = Family4.echo(65535 - 28)
    cut = split(message, 1400)
    ident = next(_ident)
    router.a.send(ether(router, Family4.piece(ident, *cut[0], options=[IPOption(b"\x01")] * 4)))
    send_cut(router, Family4, cut[1:], ident)
    assert answer(router, Family4, wait=0.2) is None
    router.expect_drops({"reassembly-bad-fragment": len(cut)})


def test_datagrams_are_told_apart(router):
    """By source, destination, protocol and identification, however they interleave."""
    message = Family4.echo(1000)
    cut = split(message, 504)
    ident = next(_ident)
    other = [ether(router, IP(src="10.0.1.2", dst=US4, proto=17, id=ident, frag=c[0] // 8, flags="MF" if c[1] else 0) /
                   Raw(c[2])) for c in cut]
    third = [ether(router, IP(src="10.0.1.3", dst=US4, proto=1, id=ident, frag=c[0] // 8, flags="MF" if c[1] else 0) /
                   Raw(c[2])) for c in cut]
    for mine, udp, his in zip([ether(router, Family4.piece(ident, *c)) for c in cut], other, third):
        router.a.send(udp, mine, his)
    got = router.a.receive(wait=0.3, match=lambda p: p.haslayer(IP) and p[IP].proto == 1 and p[IP].dst == "10.0.1.2")
    echoes = [p for p in got if p[ICMP].type == 0]
    assert [bytes(p[IP])[28:p[IP].len] for p in echoes] == [data(1000)]
    router.weir("neighbor", "del", "10.0.1.3", "dev", "lan", check=False)


# --- IPv6 alone ---

def test_an_atomic_fragment_stands_alone(router):
    """RFC 6946: processed at once, also while others with the same identification are under reassembly."""
    message = Family6.echo(1000)
    cut = split(message, 504)
    ident = send_cut(router, Family6, cut[:1])
    send_cut(router, Family6, [(0, 0, Family6.echo(100))], ident)
    assert answer(router, Family6) == data(100)
    send_cut(router, Family6, cut[1:], ident)
    assert answer(router, Family6) == data(1000)


TINY = [
    ("part of a TCP header", 6, b"\0\1\0\2" + b"\0" * 12),
    ("an extension header without the next", 60, b"\x11\0\x01\x04\0\0\0\0"),
]


@pytest.mark.parametrize("nh,part", [(t[1], t[2]) for t in TINY], ids=[t[0] for t in TINY])
def test_a_first_fragment_holds_all_headers(router, nh, part):
    """RFC 7112 5: otherwise it is discarded, with parameter problem code 3."""
    router.a.send(ether(router, IPv6(src="2001:db8:1::2", dst=US6) / IPv6ExtHdrFragment(nh=nh, id=next(_ident), m=1) /
                        Raw(part)))
    got = router.a.receive(wait=2.5, match=is_ip, enough=1)
    assert [bytes(p[IPv6])[40:42] for p in got] == [b"\x04\x03"]
    router.expect_drops({"reassembly-bad-fragment": 1})


def test_options_before_the_fragment_header_stay(router):
    message = Family6.echo(2000)
    ident = next(_ident)
    for at, more, part in split(message, 1200):
        router.a.send(ether(router, IPv6(src="2001:db8:1::2", dst=US6) / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 2)]) /
                            IPv6ExtHdrFragment(nh=58, id=ident, offset=at // 8, m=int(more)) / Raw(part)))
    assert answer(router, Family6) == data(2000)


def test_the_reply_to_a_link_local_neighbour_is_cut(lab):
    """No route leads to a link-local address; the size counts all the same."""
    one = lab(mtu=1500)
    one.a.kernel("10.0.1.2/24", "2001:db8:1::2/64")
    one.b.raw()
    one.start(config(1500).replace("mtu: 9000", "mtu: 1280"))
    one.wait_usable()
    ll = [a["address"].split("/")[0] for i in one.show("interfaces")["interfaces"] if i["name"] == "lan"
          for a in i["addresses"] if a["address"].startswith("fe80")][0]
    p = one.a.ping(f"{ll}%eth", count=3, s=4000)
    assert " 0% packet loss" in p.stdout, p.stdout
    assert one.drops()["ip-fragmented"] == 3


# --- limits and time ---

def test_limits_and_time(lab):
    """Incomplete datagrams are bounded in number and in fragments, end after 30 seconds, and the sender is told when
    the first fragment came."""
    one = begin(lab(mtu=9000))
    start = time.monotonic()
    for fam in (Family4, Family6):
        cut = split(fam.echo(1000), 504)
        send_cut(one, fam, cut[:1], 1)        # the first alone
        send_cut(one, fam, cut[1:], 2)        # the rest alone
        send_cut(one, fam, [(0, 1, b"x" * 16), (8, 1, b"y" * 16)], 3)  # poisoned
        send_cut(one, fam, [(8 * i, 1, b"z" * 8) for i in range(1, 131)], 4)  # 128 fragments fit
    one.expect_drops({"reassembly-overlap": 4, "reassembly-full": 4})
    one.quiet()
    # Many more than may be under reassembly: whatever is refused is counted, and the router lives.
    for ident in range(100, 1200):
        one.a.send(ether(one, Family4.piece(ident, 8, 1, b"x" * 8)))
    one.expect_drops({"reassembly-full": 1100 - (1024 - 8)})
    one.quiet()
    one.a.send(ether(one, IP(src="10.0.1.2", dst=US4) / ICMP(id=1) / Raw(b"alive")))
    assert len(one.a.receive(wait=0.4, match=lambda p: p.haslayer(ICMP) and p[ICMP].type == 0, enough=1)) == 1
    time.sleep(max(0, start + 29 - time.monotonic()))
    one.a.flush()
    assert one.drops()["reassembly-timeout"] == 0
    got = one.a.receive(wait=4.0, match=is_ip, enough=2)
    told = {p.haslayer(IP): bytes(p[IP])[20:22] if p.haslayer(IP) else bytes(p[IPv6])[40:42] for p in got}
    assert sorted(told.values()) == [b"\x03\x01", b"\x0b\x01"], "only about those whose first fragment came"
    end = time.monotonic() + 5
    while one.show("drops", "--all")["totals"]["held"] != 0:
        assert time.monotonic() < end, "all were given up"
        time.sleep(0.1)
    assert one.drops()["reassembly-timeout"] == 2 * (1 + 1 + 128) + 1024 - 8
    assert one.a.receive(wait=0.2, match=is_ip) == []
    send_cut(one, Family4, split(Family4.echo(3000), 1400))
    assert answer(one, Family4) == data(3000)


def test_tiny_fragments_do_not_eat_the_buffers(lab):
    """Many datagrams of many tiny fragments: buffers are bounded, not only bytes, so forwarding goes on."""
    one = begin(lab(mtu=9000))
    frames = [bytes(ether(one, Family4.piece(1 + i // 100, 8 + 8 * (i % 100), 1, b"x" * 8))) for i in range(6000)]
    for i in range(0, len(frames), 100):
        one.a.send(*frames[i:i + 100])
        time.sleep(0.004)
    time.sleep(0.2)
    held = one.show("drops", "--all")["totals"]["held"]
    assert 1000 < held <= 4096
    assert one.drops()["reassembly-full"] > 0
    one.b.flush()
    one.a.send(*[p4(one, 100) for _ in range(50)])
    assert len(one.b.receive(wait=2.5, match=is_ip, enough=50)) == 50
