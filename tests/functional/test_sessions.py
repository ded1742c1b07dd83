# SPDX-License-Identifier: BSD-3-Clause
"""Sessions on the wire: TCP and UDP as RFC 5382, 4787 and 5961 want them, ICMP as RFC 5508 does; limits; floods."""
import time

import pytest
from scapy.all import ICMP, IP, TCP, UDP, Ether, IPerror, Raw, fragment

from lab import run
from traffic import Stream, frame

CONFIG = """
sessions: {%s}
interfaces:
  lan: {port: a, zone: inside, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
  wan: {port: b, zone: outside, addresses: [10.0.2.1/24, "2001:db8:2::1/64"]}
neighbors:
  - {interface: lan, address: 10.0.1.2, mac: "02:00:00:00:01:aa"}
  - {interface: wan, address: 10.0.2.2, mac: "02:00:00:00:02:aa"}
firewall: [{from: inside, to: outside, default: accept}]
"""


class Pair:
    """Host a opens, host b answers."""

    def __init__(self, one):
        self.one, self.mac = one, one.macs()

    def there(self, *layers, ip=()):
        p = Ether(src=self.one.a.mac, dst=self.mac["lan"]) / IP(src="10.0.1.2", dst="10.0.2.2", **dict(ip))
        for layer in layers:
            p = p / layer
        self.one.a.send(p)
        self.one.processed()  # the answer must not overtake it
        return p

    def back(self, *layers, ip=()):
        p = Ether(src=self.one.b.mac, dst=self.mac["wan"]) / IP(src="10.0.2.2", dst="10.0.1.2", **dict(ip))
        for layer in layers:
            p = p / layer
        self.one.b.send(p)
        self.one.processed()
        return p

    def passed(self, host, n=1):
        got = host.receive(wait=0.3 if n == 0 else 3, match=lambda p: IP in p and p[IP].src.startswith("10.0."), enough=n or None)
        assert len(got) == n, got

    def connect(self, sport):
        self.there(TCP(sport=sport, dport=80, flags="S", seq=100, window=1000))
        self.back(TCP(sport=80, dport=sport, flags="SA", seq=500, ack=101, window=1000))
        self.there(TCP(sport=sport, dport=80, flags="A", seq=101, ack=501, window=1000))


def start(lab, settings="", workers=1, hosts=("a", "b")):
    one = lab(hosts=hosts)
    one.a.raw()
    one.b.raw()
    one.start(CONFIG % settings, workers=workers, port_options={"rx_queues": 1}, dataplane=", polling: adaptive")
    one.wait_usable()
    return one


@pytest.fixture(scope="module")
def shared(module_lab):
    return start(module_lab, workers=2)


def test_tcp_windows_and_resets(router):
    t = Pair(router)
    t.connect(1000)
    t.passed(router.b, 2)
    t.passed(router.a)
    t.back(TCP(sport=80, dport=1000, flags="R", seq=90000))
    t.there(TCP(sport=1000, dport=80, flags="A", seq=700000, ack=501) / Raw(b"x"))
    t.there(TCP(sport=1000, dport=80, flags="A", seq=101, ack=99999) / Raw(b"x"))
    t.passed(router.b, 0)
    router.expect_drops({"session-window": 3})
    t.back(TCP(sport=80, dport=1000, flags="R", seq=501))
    t.passed(router.a)
    assert [s["state"] for s in router.show("sessions", "port", "1000")["sessions"]] == ["reset"]


def test_a_challenge_ack_saves_the_connection(router):
    """RFC 5961 4: a forged SYN reaches the end, whose challenge comes back; the connection lives on."""
    t = Pair(router)
    t.connect(1001)
    t.there(TCP(sport=1001, dport=80, flags="S", seq=4000000))
    t.back(TCP(sport=80, dport=1001, flags="A", seq=501, ack=101))
    t.there(TCP(sport=1001, dport=80, flags="PA", seq=101, ack=501) / Raw(b"on"))
    t.passed(router.b, 4)
    router.expect_drops({})
    assert [s["state"] for s in router.show("sessions", "port", "1001")["sessions"]] == ["established"]


def test_nothing_begins_from_outside(router):
    t = Pair(router)
    t.back(TCP(sport=2000, dport=22, flags="S", seq=1))
    t.back(UDP(sport=53, dport=2000) / Raw(b"x"))
    t.back(ICMP(type=8, id=5))
    t.passed(router.a, 0)
    router.expect_drops({"firewall-denied": 3})
    t.there(TCP(sport=2000, dport=22, flags="A", seq=1, ack=1))
    t.there(TCP(sport=2000, dport=22, flags="FSPU", seq=1))
    t.passed(router.b, 0)
    router.expect_drops({"firewall-denied": 3, "session-invalid": 2})


def test_icmp_errors_follow_their_session(router):
    t = Pair(router)
    sent = t.there(UDP(sport=3000, dport=53) / Raw(b"question"))
    t.passed(router.b)
    t.back(ICMP(type=3, code=3) / IPerror(bytes(sent[IP])[:28]))
    t.passed(router.a)
    other = IP(src="10.0.1.2", dst="10.0.2.2") / UDP(sport=3001, dport=53) / Raw(b"question")
    t.back(ICMP(type=3, code=3) / IPerror(bytes(other)[:28]))
    t.passed(router.a, 0)
    router.expect_drops({"firewall-denied": 1})


def test_fragments_in_any_order(router):
    t = Pair(router)
    whole = Ether(src=router.a.mac, dst=t.mac["lan"]) / IP(src="10.0.1.2", dst="10.0.2.2", id=9) / UDP(sport=4000, dport=53) / Raw(b"z" * 2500)
    pieces = fragment(whole, fragsize=800)
    for order in (pieces, pieces[::-1], pieces[1:] + pieces[:1]):
        for p in order:
            p[IP].id += 1
            router.a.send(p)
        t.passed(router.b, len(pieces))
    assert len(router.show("sessions", "port", "4000")["sessions"]) == 1
    # The other direction has to follow a session, too; a first fragment that hides the ports is refused.
    back = Ether(src=router.b.mac, dst=t.mac["wan"]) / IP(src="10.0.2.2", dst="10.0.1.2", id=99) / UDP(sport=53, dport=4000) / Raw(b"z" * 2500)
    for p in fragment(back, fragsize=800)[::-1]:
        router.b.send(p)
    t.passed(router.a, len(pieces))
    router.expect_drops({})
    router.a.send(Ether(src=router.a.mac, dst=t.mac["lan"]) / IP(src="10.0.1.2", dst="10.0.2.2", id=50, flags="MF", proto=6) / Raw(b"12345678"))
    router.expect_drops({"fragment-tiny": 1})


def test_times_follow_the_configuration(lab):
    """Short ones, by the clock on the wall: the defaults are tested with a clock that can be set (session_test.c)."""
    one = start(lab, "timeouts: {udp-new: 1s, udp: 3s}, accounting: true")
    t = Pair(one)
    t.there(UDP(sport=1, dport=53) / Raw(b"x"))
    t.there(UDP(sport=2, dport=53) / Raw(b"x"))
    t.back(UDP(sport=53, dport=2) / Raw(b"x"))
    t.passed(one.a)
    row = one.show("sessions", "port", "2")["sessions"][0]
    assert (row["original"]["packets"], row["original"]["bytes"], row["reply"]["packets"]) == (1, 29, 1)
    time.sleep(1.6)
    t.back(UDP(sport=53, dport=1) / Raw(b"late"))
    t.back(UDP(sport=53, dport=2) / Raw(b"in time"))
    t.passed(one.a)
    one.expect_drops({"firewall-denied": 1})
    end = time.monotonic() + 15  # swept within a round
    while one.show("sessions", "--totals")["sessions"] != 0:
        assert time.monotonic() < end
        time.sleep(0.1)


FLOOD = """
interfaces:
  lan: {port: a, zone: inside, addresses: [10.0.1.1/24]}
  wan: {port: b, zone: outside, addresses: [10.0.2.1/24]}
  bad: {port: c, zone: inside, addresses: [10.0.3.1/24]}
neighbors:
  - {interface: lan, address: 10.0.1.2, mac: "02:00:00:00:01:aa"}
  - {interface: wan, address: 10.0.2.2, mac: "02:00:00:00:02:aa"}
firewall: [{from: inside, to: outside, default: accept}]
sessions: {max: 1000}
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_flood_leaves_established_flows_alone(lab, workers):
    """More SYNs than the table holds, again and again: numbered packets of flows that were answered all arrive."""
    one = lab(hosts=("a", "b", "c"))
    for h in one.hosts.values():
        h.raw()
    one.start(FLOOD, workers=workers, port_options={"rx_queues": 1}, dataplane=", polling: adaptive")
    one.wait_usable()
    mac = one.macs()
    flows = [frame(mac["lan"], "10.0.1.2", "10.0.2.2", 1000 + i) for i in range(16)]
    answers = [frame(mac["wan"], "10.0.2.2", "10.0.1.2", 7777, 1000 + i, mac="02:00:00:00:02:aa") for i in range(16)]
    one.a.send(*flows)
    one.b.receive(wait=2, enough=16, match=lambda p: UDP in p)
    one.b.send(*answers)
    one.a.receive(wait=2, enough=16, match=lambda p: UDP in p)
    assert one.show("sessions", "--totals")["states"]["udp"] == 16
    syn = bytes(Ether(src=one.c.mac, dst=mac["bad"]) / IP(src="10.0.3.2", dst="10.0.2.2") / TCP(sport=1, dport=80, flags="S"))
    flood = []
    for i in range(4000):
        p = Ether(syn)
        p[IP].src, p[TCP].sport = f"10.0.3.{2 + i % 250}", 1024 + i
        del p[IP].chksum, p[TCP].chksum
        flood.append(bytes(p))
    with Stream(one.a, one.b, flows, pps=500) as s:
        for i in range(0, len(flood), 50):
            one.c.send(*flood[i:i + 50])
            time.sleep(0.01)
    s.check()
    totals = one.show("sessions", "--totals")
    assert totals["evicted"] > 2000 and totals["states"]["udp"] == 16 and totals["sessions"] <= 1140, totals
    assert one.drops()["session-table-full"] == 0


def test_exhaustion_is_an_event_and_a_metric(lab):
    one = start(lab, "max: 64, per-source: 1000")
    t = Pair(one)
    for i in range(70):
        t.there(UDP(sport=1000 + i, dport=53) / Raw(b"x"))
        t.back(UDP(sport=53, dport=1000 + i) / Raw(b"x"))
    one.processed()
    drops = one.drops()
    assert drops["session-table-full"] >= 1, drops
    end = time.monotonic() + 5
    while "could not begin for want of room" not in one.log_text():
        assert time.monotonic() < end
        time.sleep(0.1)
    text = run("curl", "-s", "--unix-socket", one.socket, "http://weir/metrics").stdout
    assert 'weir_sessions_refused_total{cause="table-full"}' in text and 'weir_sessions{state="udp"} ' in text
    assert 'weir_firewall_hits_total{from="inside",to="outside",rule="default"}' in text
