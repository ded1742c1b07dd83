# SPDX-License-Identifier: BSD-3-Clause
"""Numbered packets: every flow counts its own, so that loss, reordering and duplicates show.

    with Stream(one.a, one.b, frames) as s:
        ... whatever happens to the router meanwhile ...
    s.check()           # nothing lost, nothing out of order, nothing twice
"""
import select
import socket
import struct
import threading
import time

from scapy.all import IP, UDP, Ether, IPv6, Raw

MAGIC = b"weir-seq"
SINK = 7777  # UDP port


def frame(router_mac, src, dst, sport, dport=SINK, mac="02:00:00:00:01:aa"):
    """A frame that Stream can number: the sequence number and its complement leave the checksum as it is."""
    ip = IPv6(src=src, dst=dst) if ":" in dst else IP(src=src, dst=dst, id=1)
    body = MAGIC + struct.pack("!III", sport, 0, 0xffffffff) + b"x" * 20
    return bytes(Ether(src=mac, dst=router_mac) / ip / UDP(sport=sport, dport=dport) / Raw(body))


def fold(src, dst, sport, dport):
    """Exclusive or of the 16-bit words of a flow's IPv4 addresses and ports."""
    words = struct.unpack("!4H", socket.inet_aton(src) + socket.inet_aton(dst)) + (sport, dport)
    x = 0
    for w in words:
        x ^= w
    return x


def owner(src, dst, sport, dport, workers):
    """The worker that owns a flow: Toeplitz with the key 6d5a repeated, 128 buckets dealt out in turn."""
    x, h = fold(src, dst, sport, dport), 0
    for i in range(16):
        if x >> (15 - i) & 1:
            h ^= (0x6d5a << i | 0x6d5a >> (16 - i)) & 0xffff
    return h % 128 % workers


class Stream:
    def __init__(self, sender, receiver, frames, pps=3000, burst=4):
        """Sends the frames in turn (none: only receives)."""
        self.lab = sender.lab
        self.tx, self.rx = sender.raw().sock, receiver.raw().sock
        self.frames = [bytearray(f) for f in frames]
        self.at = [f.index(MAGIC) + len(MAGIC) for f in self.frames]
        self.flow = [struct.unpack_from("!I", f, a)[0] for f, a in zip(self.frames, self.at)]
        self.sent = {k: 0 for k in self.flow}
        self.seen = {k: [] for k in self.flow}
        self.pause, self.burst = burst / pps, burst
        self.stop, self.done = threading.Event(), threading.Event()
        self.threads = [threading.Thread(target=self.send), threading.Thread(target=self.receive)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *exc):
        self.finish()

    def finish(self, wait=1.0):
        if self.done.is_set():
            return
        self.stop.set()
        self.threads[0].join()
        end = time.monotonic() + 5
        while self.total_seen() < self.total_sent() and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.1)  # duplicates would come now
        self.done.set()
        self.threads[1].join()

    def send(self):
        turn, due = 0, time.monotonic()
        while self.frames and not self.stop.is_set():
            for _ in range(self.burst):
                i = turn % len(self.frames)
                n = self.sent[self.flow[i]] + 1
                struct.pack_into("!II", self.frames[i], self.at[i] + 4, n, n ^ 0xffffffff)
                self.tx.send(self.frames[i])
                self.sent[self.flow[i]] = n
                turn += 1
            due += self.pause
            time.sleep(max(0, due - time.monotonic()))

    def receive(self):
        while not self.done.is_set():
            if not select.select([self.rx], [], [], 0.05)[0]:
                continue
            data, _, _, address = self.rx.recvmsg(2048)
            at = data.find(MAGIC, 42, 100)
            if at >= 0 and address[2] != socket.PACKET_OUTGOING:
                flow, n = struct.unpack_from("!II", data, at + len(MAGIC))
                self.seen[flow].append(n)

    def total_sent(self):
        return sum(self.sent.values())

    def total_seen(self):
        return sum(len(v) for v in self.seen.values())

    def faults(self):
        """(lost, out of order, twice) over all flows."""
        lost = late = twice = 0
        for flow, seen in self.seen.items():
            lost += self.sent[flow] - len(set(seen))
            twice += len(seen) - len(set(seen))
            late += sum(1 for a, b in zip(seen, seen[1:]) if b < a)
        return lost, late, twice

    def check(self):
        self.finish()
        assert self.total_sent() > 0
        assert self.faults() == (0, 0, 0), \
            f"of {self.total_sent()} packets (lost, out of order, twice) = {self.faults()}; {self.gaps()}; {self.where()}"

    def gaps(self):
        """The first numbers that are missing of each flow, as ranges: one gap for all, or here and there?"""
        out = {}
        for flow, seen in self.seen.items():
            missing = sorted(set(range(1, self.sent[flow] + 1)) - set(seen))
            starts = [n for i, n in enumerate(missing) if i == 0 or n != missing[i - 1] + 1]
            if missing:
                out[flow] = f"{len(missing)} of {self.sent[flow]} in {len(starts)} gaps from {starts[:6]}"
        return out

    def where(self):
        """What weir and the kernel counted: of packets that never came to weir, nobody else tells."""
        if self.lab.daemon is None:
            return "weir has ended"
        ports = {p["name"]: (p["rx_packets"], p["rx_missed"], p["tx_packets"], p["tx_errors"]) for p in self.lab.show("ports")["ports"]}
        return f"ports (received, missed, sent, errors) {ports}; ends {({k: v for k, v in self.lab.drops().items() if v})}"
