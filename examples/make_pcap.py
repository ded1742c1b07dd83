#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes two-networks.pcap: what a host on the left network sends, one packet of each kind that a router meets.
Needs scapy. The destination MAC address is the one `weir replay` gives the first port."""
import os

from scapy.all import ARP, ICMP, IP, TCP, UDP, Ether, IPv6, ICMPv6EchoRequest, Raw, fragment, wrpcap

ROUTER, HOST = "02:00:00:00:00:00", "02:00:00:00:01:aa"
START = 1_700_000_000.0


def frames():
    e = Ether(src=HOST, dst=ROUTER)
    yield Ether(src=HOST, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=HOST, psrc="10.0.1.2", pdst="10.0.1.1")
    for i in range(20):
        yield e / IP(src="10.0.1.2", dst="10.0.2.2", id=i) / TCP(sport=40000 + i, dport=443, flags="S")
        yield e / IPv6(src="2001:db8:1::2", dst="2001:db8:2::2") / UDP(sport=5000 + i, dport=53) / Raw(b"q" * 30)
    yield e / IP(src="10.0.1.2", dst="203.0.113.7") / UDP(sport=1, dport=2) / Raw(b"by a static route")
    yield e / IP(src="10.0.1.2", dst="198.51.100.9") / UDP(sport=1, dport=2) / Raw(b"into the blackhole")
    yield e / IP(src="10.0.1.2", dst="192.0.2.1") / UDP(sport=1, dport=2) / Raw(b"no route")
    yield e / IP(src="10.0.1.2", dst="10.0.2.2", ttl=1) / UDP(sport=33434, dport=33434) / Raw(b"traceroute")
    yield e / IP(src="10.0.1.2", dst="10.0.1.1") / ICMP(id=1, seq=1) / Raw(b"ping the router")
    yield e / IPv6(src="2001:db8:1::2", dst="2001:db8:1::1") / ICMPv6EchoRequest(id=1, seq=1, data=b"ping the router")
    yield e / IP(src="10.0.1.2", dst="10.0.2.2", chksum=0x1234) / UDP(sport=1, dport=2)
    yield e / IP(src="127.0.0.1", dst="10.0.2.2") / UDP(sport=1, dport=2)
    yield Ether(src=HOST, dst="02:00:00:00:99:99") / IP(src="10.0.1.2", dst="10.0.2.2") / UDP(sport=1, dport=2)
    yield from fragment(e / IP(src="10.0.1.2", dst="10.0.1.1", id=77) / ICMP(id=2, seq=1) / Raw(b"z" * 3000), fragsize=1400)


def main():
    packets = list(frames())
    for i, p in enumerate(packets):
        p.time = START + i * 0.01
    wrpcap(os.path.join(os.path.dirname(os.path.abspath(__file__)), "two-networks.pcap"), packets)


if __name__ == "__main__":
    main()
