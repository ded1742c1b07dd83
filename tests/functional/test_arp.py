# SPDX-License-Identifier: BSD-3-Clause
"""RFC 826, 5227 and the neighbour states of RFC 4861 for IPv4: who is answered, learnt from, asked and refused."""
import time

import pytest
from scapy.all import ARP, ICMP, IP, UDP, Ether, Raw

CONFIG = """
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24]}
  wan: {port: b, addresses: [10.0.2.1/24]}
neighbors:
  - {interface: wan, address: 10.0.2.2, mac: "02:00:00:00:02:aa"}
"""
FAST = "neighbor: {limit: 16, queue-packets: 4, retransmit-time: 200ms, reachable-time: 1s, stale-time: 1s}\n"
EVERYBODY = "ff:ff:ff:ff:ff:ff"
NOBODY = "00:00:00:00:00:00"


def begin(one, config):
    one.a.raw()
    one.b.raw()
    one.start(config)
    one.mac = one.macs()
    one.first = one.a.receive(wait=3.5, match=is_arp, enough=2)
    return one


@pytest.fixture(scope="module")
def shared(module_lab):
    return begin(module_lab(), CONFIG)


@pytest.fixture
def router(shared):
    shared.quiet()
    shared.weir("neighbor", "flush")
    shared.quiet()
    yield shared
    shared.settle()


def arp(one, to=EVERYBODY, **fields):
    """An ARP packet from host a; a request from 10.0.1.2 for the router unless told otherwise."""
    f = {"op": 1, "hwsrc": one.a.mac, "psrc": "10.0.1.2", "hwdst": NOBODY, "pdst": "10.0.1.1"}
    f.update(fields)
    return Ether(src=f["hwsrc"] if f["hwsrc"] != NOBODY else one.a.mac, dst=to, type=0x0806) / ARP(**f)


def from_b(one, dst, n=0):
    return Ether(src=one.b.mac, dst=one.mac["wan"]) / IP(src="10.0.2.2", dst=dst, id=n) / UDP(sport=7, dport=n) / \
        Raw(b"x" * 30)


def is_arp(p):
    return p.haslayer(ARP)


def is_ip(p):
    return p.haslayer(IP)


def neighbors(one):
    return {n["address"]: n for n in one.show("neighbors")["neighbors"] if n["interface"] == "lan"}


# --- our addresses ---

def test_addresses_are_announced_twice_at_start(shared):
    told = [p for p in shared.first if is_arp(p)]
    assert len(told) == 2
    for p in told:
        assert p.dst == EVERYBODY and p.src == shared.mac["lan"] == p[ARP].hwsrc
        assert p[ARP].psrc == p[ARP].pdst == "10.0.1.1" and p[ARP].op == 1
    assert 1.7 < float(told[1].time - told[0].time) < 2.4


@pytest.mark.parametrize("to", ["everybody", "the router"])
def test_a_request_for_our_address_is_answered(router, to):
    router.a.send(arp(router, to=EVERYBODY if to == "everybody" else router.mac["lan"]))
    got = router.a.receive(wait=0.3, match=is_arp)
    assert len(got) == 1
    p = got[0]
    assert (p.src, p.dst) == (router.mac["lan"], router.a.mac) and len(p) == 60
    a = p[ARP]
    assert (a.op, a.hwsrc, a.psrc, a.hwdst, a.pdst) == (2, router.mac["lan"], "10.0.1.1", router.a.mac, "10.0.1.2")
    assert router.b.receive(wait=0.05) == []
    router.expect_drops({"arp-handled": 1})


SILENT = [
    ("for another host", {"pdst": "10.0.1.77"}, "arp-not-for-us"),
    ("for the address of another interface", {"pdst": "10.0.2.1"}, "arp-not-for-us"),
    ("from another subnet", {"psrc": "10.9.9.9"}, "arp-off-link"),
    ("from the subnet of another interface", {"psrc": "10.0.2.2"}, "arp-off-link"),
    ("of another hardware type", {"hwtype": 6}, "arp-malformed"),
    ("of another protocol", {"ptype": 0x86dd}, "arp-malformed"),
    ("with operation 3", {"op": 3}, "arp-malformed"),
    ("with a multicast sender MAC", {"hwsrc": "03:00:00:00:00:01"}, "arp-malformed"),
    ("with no sender MAC", {"hwsrc": NOBODY}, "arp-malformed"),
    ("from 127.0.0.1", {"psrc": "127.0.0.1"}, "arp-malformed"),
    ("from 224.0.0.1", {"psrc": "224.0.0.1"}, "arp-malformed"),
    ("from 255.255.255.255", {"psrc": "255.255.255.255"}, "arp-malformed"),
    ("from the subnet's broadcast address", {"psrc": "10.0.1.255"}, "arp-off-link"),
    ("from the subnet's zero address", {"psrc": "10.0.1.0"}, "arp-off-link"),
]


@pytest.mark.parametrize("name,fields,reason", SILENT, ids=[r[0] for r in SILENT])
def test_a_request_is_neither_answered_nor_learnt(router, name, fields, reason):
    p = arp(router, **fields)
    p.src = router.a.mac
    router.a.send(p)
    router.expect_drops({reason: 1})
    assert router.a.receive(wait=0.15, match=is_arp) == []
    assert neighbors(router) == {}


def test_a_truncated_packet_is_dropped(router):
    router.a.send(bytes(arp(router))[:38])
    router.expect_drops({"arp-truncated": 1})
    assert router.a.receive(wait=0.1) == []


def test_a_frame_for_another_mac_is_not_answered(router):
    router.a.send(arp(router, to="02:00:00:00:99:99"))
    router.expect_drops({"ether-wrong-mac": 1})
    assert router.a.receive(wait=0.1) == []


def test_a_probe_is_answered_and_not_learnt(router):
    router.a.send(arp(router, psrc="0.0.0.0"))
    got = router.a.receive(wait=0.3, match=is_arp)
    assert [(p[ARP].op, p[ARP].psrc, p[ARP].pdst) for p in got] == [(2, "10.0.1.1", "0.0.0.0")]
    assert neighbors(router) == {}


def test_a_probe_for_another_address_is_left_alone(router):
    router.a.send(arp(router, psrc="0.0.0.0", pdst="10.0.1.9"))
    router.expect_drops({"arp-not-for-us": 1})
    assert router.a.receive(wait=0.1) == []


def test_a_conflict_is_counted_and_defended_once_in_ten_seconds(router):
    before = router.show("neighbors")["totals"]["conflicts"]
    claim = arp(router, psrc="10.0.1.1", pdst="10.0.1.1", hwsrc="02:00:00:00:66:66")
    router.a.send(claim)
    got = router.a.receive(wait=0.3, match=is_arp)
    assert [(p.dst, p[ARP].op, p[ARP].psrc, p[ARP].pdst, p[ARP].hwsrc) for p in got] == \
        [(EVERYBODY, 1, "10.0.1.1", "10.0.1.1", router.mac["lan"])]
    router.a.send(claim)
    assert router.a.receive(wait=0.3, match=is_arp) == []
    assert router.show("neighbors")["totals"]["conflicts"] == before + 2
    assert neighbors(router) == {}
    assert "02:00:00:00:66:66" in router.log_text()
    router.expect_drops({"arp-handled": 2})


# --- learning ---

def test_a_host_that_asks_us_is_known(router):
    router.a.send(arp(router, psrc="10.0.1.20"))
    assert len(router.a.receive(wait=0.2, match=is_arp)) == 1
    assert neighbors(router)["10.0.1.20"]["mac"] == router.a.mac
    router.b.send(from_b(router, "10.0.1.20"))
    got = router.a.receive(wait=0.2)
    assert len(got) == 1 and is_ip(got[0]) and got[0].dst == router.a.mac  # and no ARP request
    assert neighbors(router)["10.0.1.20"]["state"] in ("stale", "delay")


@pytest.mark.parametrize("fields", [{"op": 1, "psrc": "10.0.1.21", "pdst": "10.0.1.21"},
                                    {"op": 2, "psrc": "10.0.1.21", "pdst": "10.0.1.1"},
                                    {"op": 2, "psrc": "10.0.1.21", "pdst": "10.0.1.21"}],
                         ids=["announcement", "reply nobody asked for", "gratuitous reply"])
def test_an_unknown_host_is_not_learnt_from(router, fields):
    router.a.send(arp(router, **fields))
    router.expect_drops({"arp-handled": 1})
    assert neighbors(router) == {}
    assert router.a.receive(wait=0.1) == []


def test_a_neighbour_that_moved_tells_us_by_gratuitous_arp(router):
    router.a.send(arp(router, psrc="10.0.1.22"))
    router.b.send(from_b(router, "10.0.1.22", 1))
    got = router.a.receive(wait=0.2, match=is_ip)
    assert [p.dst for p in got] == [router.a.mac]
    router.a.send(arp(router, psrc="10.0.1.22", pdst="10.0.1.22", hwsrc="02:00:00:00:77:77"))
    router.expect_drops({"arp-handled": 2})
    router.b.send(from_b(router, "10.0.1.22", 2))
    assert [p.dst for p in router.a.receive(wait=0.2, match=is_ip)] == ["02:00:00:00:77:77"]


def test_a_configured_neighbour_is_not_moved_by_arp(router):
    router.weir("neighbor", "add", "10.0.1.23", "lladdr", "02:00:00:00:23:23", "dev", "lan")
    router.a.send(arp(router, psrc="10.0.1.23", hwsrc="02:00:00:00:66:66"))
    assert len(router.a.receive(wait=0.2, match=is_arp)) == 1
    router.b.send(from_b(router, "10.0.1.23"))
    assert [p.dst for p in router.a.receive(wait=0.2, match=is_ip)] == ["02:00:00:00:23:23"]
    assert neighbors(router)["10.0.1.23"]["state"] == "permanent"
    router.weir("neighbor", "delete", "10.0.1.23", "dev", "lan")


# --- resolving ---

def test_packets_wait_and_leave_in_order(router):
    router.b.send(*[from_b(router, "10.0.1.30", i) for i in range(1, 6)])
    asked = router.a.receive(wait=0.3)
    assert len(asked) == 1 and asked[0].dst == EVERYBODY
    a = asked[0][ARP]
    assert (a.op, a.hwsrc, a.psrc, a.hwdst, a.pdst) == (1, router.mac["lan"], "10.0.1.1", NOBODY, "10.0.1.30")
    assert neighbors(router)["10.0.1.30"]["queued"] == 5
    router.a.send(arp(router, to=router.mac["lan"], op=2, psrc="10.0.1.30", hwdst=router.mac["lan"]))
    got = router.a.receive(wait=0.3)
    assert [p[IP].id for p in got] == [1, 2, 3, 4, 5] and {p.dst for p in got} == {router.a.mac}
    assert {p[IP].ttl for p in got} == {63}
    assert neighbors(router)["10.0.1.30"]["state"] == "reachable"
    router.expect_drops({"arp-handled": 1})


def test_three_requests_a_second_apart_then_host_unreachable(router):
    router.b.send(from_b(router, "10.0.1.31", 1), from_b(router, "10.0.1.31", 2))
    asked = router.a.receive(wait=2.6)
    assert [p[ARP].pdst for p in asked] == ["10.0.1.31"] * 3
    gaps = [float(q.time - p.time) for p, q in zip(asked, asked[1:])]
    assert all(0.9 < g < 1.2 for g in gaps), gaps
    told = router.b.receive(wait=1.5, match=is_ip, enough=2)
    assert [(p[ICMP].type, p[ICMP].code, p[IP].src, p[IP].dst) for p in told] == [(3, 1, "10.0.2.1", "10.0.2.2")] * 2
    assert [IP(bytes(p[ICMP].payload)).id for p in told] == [1, 2]
    router.expect_drops({"route-unreachable": 2})
    router.b.send(from_b(router, "10.0.1.31", 3))  # while it counts as gone: at once
    assert [IP(bytes(p[ICMP].payload)).id for p in router.b.receive(wait=0.3, match=is_ip, enough=1)] == [3]
    assert router.a.receive(wait=0.1) == []
    assert neighbors(router)["10.0.1.31"]["state"] == "failed"


@pytest.mark.parametrize("dst", ["10.0.1.0", "10.0.1.255"])
def test_nobody_asks_for_a_broadcast_address(router, dst):
    router.b.send(from_b(router, dst))
    router.expect_drops({"local-multicast": 1})
    assert router.a.receive(wait=0.15) == [] and router.b.receive(wait=0.05) == []


# --- ageing and bounds, with short times ---

@pytest.fixture(scope="module")
def quick(module_lab):
    return begin(module_lab(), CONFIG + FAST)


def test_the_newest_packets_are_kept(quick):
    quick.quiet()
    quick.b.send(*[from_b(quick, "10.0.1.40", i) for i in range(1, 8)])
    assert len(quick.a.receive(wait=0.15, match=is_arp, enough=1)) == 1
    quick.expect_drops({"neighbor-queue-full": 3})
    quick.a.send(arp(quick, to=quick.mac["lan"], op=2, psrc="10.0.1.40"))
    assert [p[IP].id for p in quick.a.receive(wait=0.3, match=is_ip)] == [4, 5, 6, 7]
    quick.settle()


def watch(one, seconds, answers):
    """Receives for that long; whoever is in `answers` answers unicast requests. The ARP requests seen."""
    seen, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        for p in one.a.receive(wait=0.1, match=is_arp, enough=1):
            seen.append((p[ARP].pdst, p.dst))
            if p[ARP].pdst in answers and p.dst != EVERYBODY:
                one.a.send(arp(one, to=one.mac["lan"], op=2, psrc=p[ARP].pdst))
    return seen


@pytest.fixture(scope="module")
def aged(quick):
    """Three neighbours become stale: .50 is used and answers, .51 is used and is gone, .52 is not used."""
    quick.weir("neighbor", "flush")
    quick.quiet()
    for host in ("10.0.1.50", "10.0.1.51", "10.0.1.52"):
        quick.a.send(arp(quick, psrc=host))
    quick.a.receive(wait=0.2)
    quick.b.send(from_b(quick, "10.0.1.50"), from_b(quick, "10.0.1.51"))
    seen = watch(quick, 3, answers=())
    middle = neighbors(quick)
    seen += watch(quick, 4.5, answers=("10.0.1.50",))
    failed = neighbors(quick)
    seen += watch(quick, 3, answers=("10.0.1.50",))
    return seen, middle, failed, neighbors(quick)


def test_a_stale_neighbour_in_use_is_asked_by_unicast_and_stays(aged, quick):
    seen, middle, failed, last = aged
    assert middle["10.0.1.50"]["state"] == "delay"
    assert [to for who, to in seen if who == "10.0.1.50"] == [quick.a.mac]
    assert failed["10.0.1.50"]["state"] in ("reachable", "stale")


def test_a_stale_neighbour_that_is_gone_is_asked_by_unicast_then_by_broadcast_and_deleted(aged, quick):
    seen, middle, failed, last = aged
    assert [to for who, to in seen if who == "10.0.1.51"] == [quick.a.mac] * 3 + [EVERYBODY] * 3
    assert failed["10.0.1.51"]["state"] == "failed"
    assert "10.0.1.51" not in last


def test_a_stale_neighbour_nobody_uses_is_forgotten_silently(aged):
    seen, middle, failed, last = aged
    assert [to for who, to in seen if who == "10.0.1.52"] == []
    assert "10.0.1.52" not in middle


def test_a_scan_fills_no_more_than_half_the_table(quick):
    quick.weir("neighbor", "flush")
    quick.quiet()
    quick.b.send(*[from_b(quick, f"10.0.1.{i}") for i in range(100, 200)])
    asked = {p[ARP].pdst for p in quick.a.receive(wait=0.15, match=is_arp, enough=30)}
    assert len(asked) == 8
    assert quick.drops()["neighbor-table-full"] == 92
    assert quick.show("neighbors")["totals"]["table_full"] >= 92


def test_a_scan_does_not_evict_working_neighbours(quick):
    """Six hosts talk while thousands of packets look for hosts that are not there, until long after FAILED."""
    quick.weir("neighbor", "flush")
    quick.quiet()
    working = [f"10.0.1.{i}" for i in range(60, 66)]
    for host in working:
        quick.a.send(arp(quick, psrc=host))
    quick.a.receive(wait=0.1)
    known = neighbors(quick)
    assert set(known) == set(working)
    sent = 0
    for round_ in range(40):
        quick.b.send(*[from_b(quick, f"10.0.1.{100 + (round_ * 37 + i) % 150}") for i in range(20)])
        quick.b.send(*[from_b(quick, host, 9) for host in working])
        sent += len(working)
        time.sleep(0.04)
    seen = quick.a.receive(wait=0.2)
    assert len([p for p in seen if is_ip(p) and p[UDP].dport == 9]) == sent
    assert not [p for p in seen if is_arp(p) and p[ARP].pdst in working and p.dst == EVERYBODY]
    assert quick.show("neighbors")["totals"]["entries"] <= 16
    quick.settle()
