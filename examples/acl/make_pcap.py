#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes edge.pcap: what comes in from the internet. Needs scapy."""
import os

from scapy.all import ICMP, IP, TCP, UDP, Ether, IPv6, Raw, fragment, wrpcap

ROUTER, HOST = "02:00:00:00:00:00", "02:00:00:00:01:aa"


def frames():
    e = Ether(src=HOST, dst=ROUTER)
    yield e / IP(src="203.0.113.9", dst="192.0.2.80") / TCP(sport=40000, dport=443, flags="S")
    yield e / IPv6(src="2001:db8:9::9", dst="2001:db8:2::80") / TCP(sport=40000, dport=80, flags="S")
    yield e / IP(src="203.0.113.9", dst="192.0.2.81") / TCP(sport=40000, dport=443, flags="S")
    yield e / IP(src="10.1.2.3", dst="192.0.2.80") / TCP(sport=40000, dport=443, flags="S")
    yield e / IP(src="203.0.113.9", dst="192.0.2.81") / TCP(sport=443, dport=40000, flags="SA")
    yield e / IP(src="203.0.113.9", dst="192.0.2.81") / TCP(sport=40000, dport=113, flags="S")
    yield e / IP(src="203.0.113.9", dst="192.0.2.81") / ICMP(id=1, seq=1) / Raw(b"ping")
    yield e / IP(src="203.0.113.9", dst="192.0.2.80") / UDP(sport=1, dport=443) / Raw(b"no rule")
    yield from fragment(e / IP(src="203.0.113.9", dst="192.0.2.80", id=7) / TCP(sport=40000, dport=443, flags="S") / Raw(b"z" * 100), fragsize=64)
    yield e / IP(src="203.0.113.9", dst="192.0.2.80", frag=1, proto=6) / Raw(b"\0" * 16)


def main():
    packets = list(frames())
    for i, p in enumerate(packets):
        p.time = 1_700_000_000.0 + i * 0.01
    wrpcap(os.path.join(os.path.dirname(os.path.abspath(__file__)), "edge.pcap"), packets)


if __name__ == "__main__":
    main()
