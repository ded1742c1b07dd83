# SPDX-License-Identifier: BSD-3-Clause
"""RFC 4861, 4862, 6980: neighbour discovery with the router, frame by frame, and with a kernel host."""
import time

import pytest
from scapy.all import (Ether, ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6MLReport2, ICMPv6ND_NA,
                       ICMPv6ND_NS, ICMPv6ND_RA, ICMPv6ND_Redirect, ICMPv6ND_RS, ICMPv6NDOptDstLLAddr,
                       ICMPv6NDOptSrcLLAddr, IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop, Raw, UDP)
from scapy.layers.inet6 import in6_chksum

CONFIG = """
interfaces:
  lan: {port: a, addresses: ["2001:db8:1::1/64"]}
  wan: {port: b, addresses: ["2001:db8:2::1/64"]}
neighbors:
  - {interface: wan, address: "2001:db8:2::2", mac: "02:00:00:00:02:aa"}
"""
US, THEM, WAN = "2001:db8:1::1", "2001:db8:1::2", "2001:db8:2::1"
OUR_GROUP, OUR_GROUP_MAC = "ff02::1:ff00:1", "33:33:ff:00:00:01"
ALL, ALL_MAC = "ff02::1", "33:33:00:00:00:01"


@pytest.fixture(scope="module")
def shared(module_lab):
    one = module_lab()
    one.a.raw()
    one.b.raw()
    one.start(CONFIG)
    one.mac = one.macs()
    one.first = one.a.receive(wait=4.0)
    return one


@pytest.fixture
def router(shared):
    shared.weir("neighbor", "flush")
    shared.quiet()
    yield shared
    shared.settle()


def nd(one, message, src=THEM, dst=OUR_GROUP, to=OUR_GROUP_MAC, hlim=255, mac=None):
    return Ether(src=mac or one.a.mac, dst=to) / IPv6(src=src, dst=dst, hlim=hlim) / message


def ns(one, target=US, lladdr=True, **kw):
    m = ICMPv6ND_NS(tgt=target)
    return nd(one, m / ICMPv6NDOptSrcLLAddr(lladdr=kw.get("mac") or one.a.mac) if lladdr else m, **kw)


def na(one, target, lladdr=None, flags=(0, 0, 0), dst=US, to=None, **kw):
    m = ICMPv6ND_NA(tgt=target, R=flags[0], S=flags[1], O=flags[2])
    if lladdr:
        m = m / ICMPv6NDOptDstLLAddr(lladdr=lladdr)
    return nd(one, m, src=kw.pop("src", target), dst=dst, to=to or one.mac["lan"], **kw)


def from_b(one, dst, n=0):
    return Ether(src=one.b.mac, dst=one.mac["wan"]) / IPv6(src="2001:db8:2::2", dst=dst) / UDP(sport=7, dport=n) / \
        Raw(b"x" * 20)


def is_v6(p):
    return p.haslayer(IPv6)


def neighbors(one):
    return {n["address"]: n for n in one.show("neighbors")["neighbors"] if n["interface"] == "lan"}


def link_local(mac):
    m = [int(x, 16) for x in mac.split(":")]
    return f"fe80::{m[0] ^ 2:x}{m[1]:02x}:{m[2]:x}ff:fe{m[3]:02x}:{m[4]:x}{m[5]:02x}"


def same(a, b):
    import ipaddress
    return ipaddress.ip_address(a) == ipaddress.ip_address(b)


# --- start: duplicate address detection and announcements ---

def test_every_address_is_probed_before_it_is_used(shared):
    probes = [p for p in shared.first if p.haslayer(ICMPv6ND_NS)]
    targets = [p[ICMPv6ND_NS].tgt for p in probes]
    assert targets.count(US) == 1 and len(probes) == 2
    assert any(same(t, link_local(shared.mac["lan"])) for t in targets)
    p = probes[targets.index(US)]
    assert (p.src, p.dst) == (shared.mac["lan"], OUR_GROUP_MAC)
    assert (p[IPv6].src, p[IPv6].dst, p[IPv6].hlim) == ("::", OUR_GROUP, 255)
    assert not p.haslayer(ICMPv6NDOptSrcLLAddr)


def test_an_address_is_announced_to_all_nodes_after_its_probe(shared):
    probe = next(p for p in shared.first if p.haslayer(ICMPv6ND_NS) and p[ICMPv6ND_NS].tgt == US)
    told = [p for p in shared.first if p.haslayer(ICMPv6ND_NA) and p[ICMPv6ND_NA].tgt == US]
    assert len(told) == 2
    # A second as the router sends them (own_test.c); a busy machine delays the one frame or the other.
    assert 0.4 < float(told[0].time - probe.time) < 3
    for p in told:
        m = p[ICMPv6ND_NA]
        assert (p.dst, p[IPv6].src, p[IPv6].dst, p[IPv6].hlim) == (ALL_MAC, US, ALL, 255)
        assert (m.R, m.S, m.O) == (1, 0, 1) and p[ICMPv6NDOptDstLLAddr].lladdr == shared.mac["lan"]


# --- solicitations ---

@pytest.mark.parametrize("lladdr", [True, False], ids=["with", "without"])
@pytest.mark.parametrize("way", ["multicast", "unicast"])
def test_a_solicitation_is_answered(router, way, lladdr):
    """With or without the option that names the sender's link-layer address; only with it the sender is learnt."""
    to = {} if way == "multicast" else {"dst": US, "to": router.mac["lan"]}
    router.a.send(ns(router, lladdr=lladdr, **to))
    got = router.a.receive(wait=0.3, match=is_v6)
    assert len(got) == 1
    p, m = got[0], got[0][ICMPv6ND_NA]
    assert (p.src, p.dst) == (router.mac["lan"], router.a.mac)
    assert (p[IPv6].src, p[IPv6].dst, p[IPv6].hlim) == (US, THEM, 255)
    assert (m.tgt, m.R, m.S, m.O) == (US, 1, 1, 1) and p[ICMPv6NDOptDstLLAddr].lladdr == router.mac["lan"]
    router.expect_drops({"nd-handled": 1})
    assert (THEM in neighbors(router)) == lladdr


def test_the_anycast_address_of_the_subnet_is_answered_for(router):
    """RFC 4291 2.6.1 and RFC 4861 7.2.7: all routers of the subnet have it, so the answer does not override."""
    router.a.send(nd(router, ICMPv6ND_NS(tgt="2001:db8:1::") /
                     ICMPv6NDOptSrcLLAddr(lladdr=router.a.mac), dst="ff02::1:ff00:0", to="33:33:ff:00:00:00"))
    got = router.a.receive(wait=0.4, match=lambda p: p.haslayer(ICMPv6ND_NA), enough=1)
    assert [(p[ICMPv6ND_NA].tgt, p[ICMPv6ND_NA].O, p[ICMPv6ND_NA].S, p[ICMPv6ND_NA].R) for p in got] == \
        [("2001:db8:1::", 0, 1, 1)]


def test_our_link_local_address_is_answered_for(router):
    own = link_local(router.mac["lan"])
    router.a.send(ns(router, target=own, src="fe80::2", dst=own, to=router.mac["lan"]))
    got = router.a.receive(wait=0.3, match=is_v6)
    assert len(got) == 1 and same(got[0][ICMPv6ND_NA].tgt, own) and got[0][IPv6].dst == "fe80::2"


def test_an_address_we_use_is_defended_against_a_probe(router):
    router.a.send(nd(router, ICMPv6ND_NS(tgt=US), src="::"))
    got = router.a.receive(wait=0.3, match=is_v6)
    assert len(got) == 1
    p, m = got[0], got[0][ICMPv6ND_NA]
    assert (p.dst, p[IPv6].src, p[IPv6].dst) == (ALL_MAC, US, ALL)
    assert (m.R, m.S, m.O) == (1, 0, 1)
    assert neighbors(router) == {}


def bad_checksum(p):
    p[ICMPv6ND_NS].cksum = 0x1234
    return p


def short(one):
    """The message ends within the target; its checksum is right."""
    ip = IPv6(src=THEM, dst=OUR_GROUP, hlim=255, nh=58, plen=20)
    text = bytes(ICMPv6ND_NS(tgt=US, cksum=0))[:20]
    text = text[:2] + in6_chksum(58, ip, text).to_bytes(2, "big") + text[4:]
    return Ether(src=one.a.mac, dst=OUR_GROUP_MAC) / ip / Raw(text)


SILENT = [
    ("hop limit 254", lambda o: ns(o, hlim=254), "nd-hop-limit"),
    ("code 1", lambda o: nd(o, ICMPv6ND_NS(tgt=US, code=1)), "nd-malformed"),
    ("wrong checksum", lambda o: bad_checksum(ns(o)), "icmp-bad-checksum"),
    ("multicast target", lambda o: ns(o, target="ff02::5"), "nd-malformed"),
    ("option of length 0", lambda o: nd(o, ICMPv6ND_NS(tgt=US) / Raw(b"\x01\0" + b"\0" * 6)), "nd-malformed"),
    ("option beyond the end", lambda o: nd(o, ICMPv6ND_NS(tgt=US) / Raw(b"\x01\x02" + b"\0" * 6)), "nd-malformed"),
    ("too short", short, "nd-malformed"),
    ("probe to a unicast address", lambda o: nd(o, ICMPv6ND_NS(tgt=US), src="::", dst=US, to=o.mac["lan"]),
     "ip-martian-source"),
    ("probe to all nodes", lambda o: nd(o, ICMPv6ND_NS(tgt=US), src="::", dst=ALL, to=ALL_MAC), "nd-malformed"),
    ("probe with the sender's address", lambda o: ns(o, src="::"), "nd-malformed"),
    ("sender off the link", lambda o: ns(o, src="2001:db8:9::9"), "nd-off-link"),
    ("somebody else's address", lambda o: ns(o, target="2001:db8:1::abcd:1"), "nd-handled"),
    ("address of another interface", lambda o: ns(o, target=WAN), "nd-handled"),
    ("frame for another MAC", lambda o: ns(o, to="02:00:00:00:99:99"), "ether-wrong-mac"),
]


@pytest.mark.parametrize("name,make,reason", SILENT, ids=[r[0] for r in SILENT])
def test_a_solicitation_is_neither_answered_nor_learnt(router, name, make, reason):
    router.a.send(make(router))
    router.expect_drops({reason: 1})
    assert router.a.receive(wait=0.15, match=is_v6) == []
    assert neighbors(router) == {}


def test_fragmented_discovery_is_dropped(router):
    """RFC 6980 5, also when the fragment is the whole message, and by unicast as well."""
    for dst, to in ((OUR_GROUP, OUR_GROUP_MAC), (US, router.mac["lan"])):
        inner = nd(router, ICMPv6ND_NS(tgt=US) / ICMPv6NDOptSrcLLAddr(lladdr=router.a.mac), dst=dst, to=to)
        message = bytes(Ether(bytes(inner))[IPv6].payload)
        p = Ether(src=router.a.mac, dst=to) / IPv6(src=THEM, dst=dst, hlim=255, nh=44) / \
            IPv6ExtHdrFragment(nh=58, id=3) / Raw(message)
        router.a.send(p)
    router.expect_drops({"nd-fragmented": 2})
    assert router.a.receive(wait=0.15, match=is_v6) == [] and neighbors(router) == {}


# --- other messages ---

ROUTER_MESSAGES = [("router solicitation", ICMPv6ND_RS(), "ff02::2", "33:33:00:00:00:02"),
                   ("router advertisement", ICMPv6ND_RA(), ALL, ALL_MAC),
                   ("redirect", ICMPv6ND_Redirect(tgt="fe80::66", dst="2001:db8:9::9"), US, None)]


@pytest.mark.parametrize("name,message,dst,to", ROUTER_MESSAGES, ids=[r[0] for r in ROUTER_MESSAGES])
def test_router_messages_change_nothing(router, name, message, dst, to):
    router.a.send(nd(router, message, src="fe80::2", dst=dst, to=to or router.mac["lan"]))
    router.expect_drops({"icmp-redirect-ignored" if name == "redirect" else "nd-ignored": 1})
    assert router.a.receive(wait=0.15, match=is_v6) == [] and neighbors(router) == {}
    assert router.weir("route", "get", "2001:db8:9::9", check=False).returncode == 1


def test_multicast_listener_reports_are_nobodys(router):
    p = Ether(src=router.a.mac, dst="33:33:00:00:00:16") / IPv6(src="fe80::2", dst="ff02::16", hlim=1) / \
        IPv6ExtHdrHopByHop(options=[]) / ICMPv6MLReport2()
    router.a.send(p)
    router.expect_drops({"ip-multicast": 1})
    assert router.a.receive(wait=0.1, match=is_v6) == []


# --- resolving and what advertisements do (RFC 4861 7.2.5 and appendix C) ---

def resolve(one, host, lladdr=None):
    """The router asks for `host` because of a packet and is answered."""
    one.b.send(from_b(one, host, 1))
    asked = one.a.receive(wait=0.5, match=lambda p: p.haslayer(ICMPv6ND_NS), enough=1)
    assert len(asked) == 1
    one.a.send(na(one, host, lladdr or one.a.mac, (0, 1, 1)))
    return asked[0], one.a.receive(wait=0.3, match=lambda p: p.haslayer(UDP), enough=1)


def goes_to(one, host):
    one.b.send(from_b(one, host, 5))
    return [p.dst for p in one.a.receive(wait=0.2, match=lambda p: p.haslayer(UDP), enough=1)]


def test_a_neighbour_is_asked_for_by_multicast_and_packets_follow(router):
    host = "2001:db8:1::12:3456"
    asked, got = resolve(router, host)
    assert (asked.dst, asked[IPv6].src, asked[IPv6].dst, asked[IPv6].hlim) == \
        ("33:33:ff:12:34:56", US, "ff02::1:ff12:3456", 255)
    assert asked[ICMPv6ND_NS].tgt == host and asked[ICMPv6NDOptSrcLLAddr].lladdr == router.mac["lan"]
    assert [(p.dst, p[IPv6].dst, p[IPv6].hlim) for p in got] == [(router.a.mac, host, 63)]
    assert neighbors(router)[host]["state"] == "reachable"


def test_a_silent_neighbour_is_told_after_three_questions(router):
    router.b.send(from_b(router, "2001:db8:1::77"))
    asked = router.a.receive(wait=2.6, match=is_v6)
    assert [p[ICMPv6ND_NS].tgt for p in asked] == ["2001:db8:1::77"] * 3
    told = router.b.receive(wait=1.2, match=is_v6, enough=1)
    assert len(told) == 1 and told[0][IPv6].src == WAN and told[0][ICMPv6DestUnreach].code == 3
    router.expect_drops({"route-unreachable": 1})


MOVED = "02:00:00:00:77:77"
ADVERTS = [
    # flags (router, solicited, override), lladdr, then where packets go and the states it may be in
    ("another MAC, override", (0, 0, 1), MOVED, MOVED, {"stale", "delay"}),
    ("another MAC, override, solicited", (0, 1, 1), MOVED, MOVED, {"reachable"}),
    ("another MAC without override", (0, 0, 0), MOVED, None, {"stale", "delay"}),
    ("the same MAC, unasked", (0, 0, 1), "same", None, {"reachable"}),
    ("no MAC, unasked", (1, 0, 0), None, None, {"reachable"}),
]


@pytest.mark.parametrize("name,flags,lladdr,expected,states", ADVERTS, ids=[r[0] for r in ADVERTS])
def test_an_advertisement_of_a_known_neighbour(router, name, flags, lladdr, expected, states):
    host = "2001:db8:1::88"
    resolve(router, host)
    router.a.send(na(router, host, router.a.mac if lladdr == "same" else lladdr, flags, dst=US if flags[1] else ALL,
                     to=None if flags[1] else ALL_MAC))
    router.expect_drops({"nd-handled": 2})
    assert neighbors(router)[host]["state"] in states
    assert neighbors(router)[host]["router"] == bool(flags[0])
    assert goes_to(router, host) == [expected or router.a.mac]


@pytest.mark.parametrize("flags", [(0, 0, 1), (0, 1, 1)])
def test_an_advertisement_of_an_unknown_neighbour_is_not_learnt(router, flags):
    router.a.send(na(router, "2001:db8:1::99", router.a.mac, flags))
    router.expect_drops({"nd-handled": 1})
    assert neighbors(router) == {}


def test_an_answer_without_the_address_leaves_the_neighbour_unresolved(router):
    router.b.send(from_b(router, "2001:db8:1::9a"))
    router.a.receive(wait=0.3, match=is_v6, enough=1)
    router.a.send(na(router, "2001:db8:1::9a", None, (0, 1, 1)))
    router.expect_drops({"nd-handled": 1})
    assert neighbors(router)["2001:db8:1::9a"]["state"] == "incomplete"


ADVERT_BAD = [("hop limit 254", {"hlim": 254}, "nd-hop-limit"),
              ("solicited but to all nodes", {"flags": (0, 1, 1), "dst": ALL, "to": ALL_MAC}, "nd-malformed"),
              ("from nowhere", {"src": "::", "dst": ALL, "to": ALL_MAC}, "nd-malformed")]


@pytest.mark.parametrize("name,fields,reason", ADVERT_BAD, ids=[r[0] for r in ADVERT_BAD])
def test_a_bad_advertisement_moves_nobody(router, name, fields, reason):
    host = "2001:db8:1::9b"
    resolve(router, host)
    router.quiet()
    router.a.send(na(router, host, MOVED, **{"flags": (0, 0, 1), **fields}))
    router.expect_drops({reason: 1})
    assert goes_to(router, host) == [router.a.mac]


def test_somebody_who_advertises_our_address_is_a_conflict(router):
    before = router.show("neighbors")["totals"]["conflicts"]
    for _ in range(2):
        router.a.send(na(router, US, "02:00:00:00:66:66", (0, 0, 1), dst=ALL, to=ALL_MAC, mac="02:00:00:00:66:66"))
    got = router.a.receive(wait=0.3, match=is_v6)
    assert [(p[ICMPv6ND_NA].tgt, p[IPv6].dst, p[ICMPv6NDOptDstLLAddr].lladdr) for p in got] == \
        [(US, ALL, router.mac["lan"])]
    assert router.show("neighbors")["totals"]["conflicts"] == before + 2
    assert neighbors(router) == {}


# --- duplicate addresses, run time ---

def states(one, iface):
    return {a["address"]: a["state"] for i in one.show("interfaces")["interfaces"] if i["name"] == iface
            for a in i["addresses"]}


@pytest.mark.parametrize("how", ["advertisement", "probe"])
def test_an_address_somebody_else_has_is_not_used(router, how):
    new = "2001:db8:1::d00d"
    mac = "02:00:00:00:44:44"
    router.weir("address", "add", f"{new}/64", "dev", "lan")
    probes = router.a.receive(wait=0.5, match=lambda p: p.haslayer(ICMPv6ND_NS), enough=1)
    assert [(p[ICMPv6ND_NS].tgt, p[IPv6].src) for p in probes] == [(new, "::")]
    assert states(router, "lan")[f"{new}/64"] == "tentative"
    if how == "advertisement":
        router.a.send(na(router, new, mac, (0, 0, 1), dst=ALL, to=ALL_MAC, mac=mac))
    else:
        router.a.send(nd(router, ICMPv6ND_NS(tgt=new), src="::", dst="ff02::1:ff00:d00d", to="33:33:ff:00:d0:0d",
                         mac=mac))
    time.sleep(1.2)
    assert states(router, "lan")[f"{new}/64"] == "duplicate"
    router.a.flush()
    router.a.send(ns(router, target=new, dst="ff02::1:ff00:d00d", to="33:33:ff:00:d0:0d"))
    router.a.send(Ether(src=router.a.mac, dst=router.mac["lan"]) / IPv6(src=THEM, dst=new) / ICMPv6EchoRequest())
    assert [p for p in router.a.receive(wait=0.3, match=is_v6) if p[IPv6].src == new] == []
    assert new in router.log_text() and mac in router.log_text()
    router.weir("address", "delete", f"{new}/64", "dev", "lan")
    assert f"{new}/64" not in states(router, "lan")


def test_an_address_nobody_claims_is_used_after_a_second(router):
    new = "2001:db8:1::900d"
    router.weir("address", "add", f"{new}/64", "dev", "lan")
    ask = Ether(src=router.a.mac, dst=router.mac["lan"]) / IPv6(src=THEM, dst=new) / ICMPv6EchoRequest()
    router.a.send(ns(router), ask)
    assert [p for p in router.a.receive(wait=0.4) if p.haslayer(ICMPv6EchoReply)] == []
    router.wait_usable()
    router.a.send(ask)
    assert [p[IPv6].src for p in router.a.receive(wait=0.4, match=lambda p: p.haslayer(ICMPv6EchoReply), enough=1)] == [new]
    router.weir("address", "delete", f"{new}/64", "dev", "lan")
    router.a.send(ask)
    assert [p for p in router.a.receive(wait=0.3) if p.haslayer(ICMPv6EchoReply)] == []


def test_a_link_local_address_somebody_else_has_is_not_used(lab):
    """RFC 4862 5.4: probe, conflict, silence; asked for again when the link returns."""
    one = lab(hosts=("a",))
    one.a.raw()
    one.start('interfaces: {lan: {port: a, addresses: ["2001:db8:1::1/64", "fe80::1/64"]}}\n')
    mac = one.macs()["lan"]
    other = "02:00:00:00:44:44"

    def probed():
        got = one.a.receive(wait=3.0, match=lambda p: p.haslayer(ICMPv6ND_NS) and p[ICMPv6ND_NS].tgt == "fe80::1", enough=1)
        assert [p[IPv6].src for p in got] == ["::"]

    def ask():
        own = [Ether(src=one.a.mac, dst=mac) / IPv6(src="fe80::2", dst="fe80::1") / ICMPv6EchoRequest(),
               Ether(src=one.a.mac, dst=ALL_MAC) / IPv6(src="fe80::2", dst=ALL) / ICMPv6EchoRequest(),
               Ether(src=one.a.mac, dst="33:33:ff:00:00:01") / IPv6(src="fe80::2", dst=OUR_GROUP, hlim=255) /
               ICMPv6ND_NS(tgt="fe80::1") / ICMPv6NDOptSrcLLAddr(lladdr=one.a.mac),
               Ether(src=one.a.mac, dst=mac) / IPv6(src="fe80::2", dst="2001:db8:9::9") / UDP()]
        one.a.send(*own)
        got = [p for p in one.a.receive(wait=0.5, match=is_v6) if p[IPv6].src == "fe80::1" and not p.haslayer(ICMPv6ND_NS)]
        return [p for p in got if p[IPv6].dst != "ff02::16"]  # listener reports are repeated
    probed()
    one.a.send(Ether(src=other, dst=ALL_MAC) / IPv6(src="fe80::1", dst=ALL, hlim=255) /
               ICMPv6ND_NA(tgt="fe80::1", R=0, S=0, O=1) / ICMPv6NDOptDstLLAddr(lladdr=other))
    one.wait_usable()
    assert states(one, "lan") == {"2001:db8:1::1/64": "usable", "fe80::1/64": "duplicate"}
    assert ask() == [] and one.drops()["address-not-usable"] == 1
    assert "fe80::1" in one.log_text() and other in one.log_text()
    one.a.run("ip", "link", "set", "eth", "down")
    while one.show("ports")["ports"][0]["link"] != "down":
        time.sleep(0.05)
    one.a.flush()
    one.a.run("ip", "link", "set", "eth", "up")
    probed()
    assert states(one, "lan")["fe80::1/64"] == "tentative"
    one.wait_usable()
    assert states(one, "lan")["fe80::1/64"] == "usable"
    one.a.flush()
    assert len(ask()) == 4


# --- a kernel host ---

@pytest.mark.needs("ndisc6", "rdisc6")
def test_a_kernel_host_pings_the_link_local_address(lab):
    one = lab()
    one.a.kernel("2001:db8:1::2/64")
    one.start(CONFIG)
    one.wait_usable()
    own = link_local(one.macs()["lan"])
    p = one.a.run("ping", "-c", "2", "-l", "2", "-i", "5", "-W", "5", f"{own}%eth", check=False)
    assert " 0% packet loss" in p.stdout, p.stdout
    assert "hlim=64" in p.stdout or "ttl=64" in p.stdout
    p = one.a.run("ndisc6", "-1", "-r", "1", US, "eth", check=False)
    assert one.macs()["lan"].upper() in p.stdout, p.stdout
    p = one.a.run("rdisc6", "-1", "-r", "1", "-w", "300", "eth", check=False)
    assert p.returncode != 0 and "No response" in p.stdout + p.stderr
    assert one.drops()["nd-ignored"] >= 1
