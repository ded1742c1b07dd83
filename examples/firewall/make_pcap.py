#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes firewall.pcap and firewall-outside.pcap: what a client inside and the world outside send. Needs scapy.
The destination MAC addresses are the ones `weir replay` gives the ports."""
import os

from scapy.all import ICMP, IP, TCP, UDP, Ether, IPerror, Raw, fragment, wrpcap

LAN, WAN, CLIENT, WORLD = "02:00:00:00:00:00", "02:00:00:00:00:01", "02:00:00:00:01:aa", "02:00:00:00:02:aa"
START = 1_700_000_000.0


def inside(at, *layers, src="10.0.0.7", dst="203.0.113.9", **ip):
    return at, "", make(Ether(src=CLIENT, dst=LAN) / IP(src=src, dst=dst, **ip), layers)


def outside(at, *layers, src="203.0.113.9", dst="10.0.0.7", **ip):
    return at, "-outside", make(Ether(src=WORLD, dst=WAN) / IP(src=src, dst=dst, **ip), layers)


def make(p, layers):
    for layer in layers:
        p = p / layer
    return p


def frames():
    # A connection of the client's, as it should be; then what somebody who guesses sends into it.
    yield inside(0.0, TCP(sport=40000, dport=443, flags="S", seq=100))
    yield outside(0.1, TCP(sport=443, dport=40000, flags="SA", seq=500, ack=101))
    yield inside(0.2, TCP(sport=40000, dport=443, flags="A", seq=101, ack=501))
    yield outside(0.3, TCP(sport=443, dport=40000, flags="R", seq=900000))
    yield outside(0.4, TCP(sport=443, dport=40000, flags="A", seq=501, ack=101) / Raw(b"data"))
    # Nothing begins from outside but the web; ident is refused, the rest meets silence.
    yield outside(1.0, TCP(sport=1000, dport=443, flags="S", seq=1), dst="10.0.0.80")
    yield inside(1.1, TCP(sport=443, dport=1000, flags="SA", seq=7, ack=2), src="10.0.0.80")
    yield outside(1.2, TCP(sport=1001, dport=22, flags="S", seq=1), dst="10.0.0.80")
    yield outside(1.3, TCP(sport=1002, dport=113, flags="S", seq=1))
    yield outside(1.4, UDP(sport=53, dport=5353) / Raw(b"an answer to nothing"))
    yield outside(1.5, TCP(sport=1003, dport=443, flags="A", seq=1, ack=1), dst="10.0.0.80")
    # DNS, and an error about it; an error about something nobody sent.
    asked = inside(2.0, UDP(sport=5000, dport=53) / Raw(b"question"))
    yield asked
    yield outside(2.1, UDP(sport=53, dport=5000) / Raw(b"answer"))
    yield outside(2.2, ICMP(type=3, code=3) / IPerror(bytes(asked[2][IP])[:28]), src="203.0.113.1")
    yield outside(2.3, ICMP(type=3, code=3) / IPerror(bytes(IP(src="10.0.0.7", dst="203.0.113.9") / UDP(sport=5001, dport=53))[:28]))
    # Fragments, the last one first.
    whole = inside(3.0, UDP(sport=6000, dport=53) / Raw(b"z" * 2000), id=7)[2]
    for i, p in enumerate(reversed(fragment(whole, fragsize=1000))):
        yield 3.0 + i / 100, "", p
    # The router itself.
    yield outside(4.0, ICMP(type=8, id=1), dst="198.51.100.2")
    yield outside(4.1, TCP(sport=1004, dport=22, flags="S", seq=1), dst="198.51.100.2")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    for side in ("", "-outside"):
        packets = []
        for at, which, p in frames():
            if which == side:
                p.time = START + at
                packets.append(p)
        wrpcap(os.path.join(here, f"firewall{side}.pcap"), packets)


if __name__ == "__main__":
    main()
