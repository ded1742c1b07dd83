# SPDX-License-Identifier: BSD-3-Clause
"""Traffic at the rate the machine can, and a witness that sees nothing but some packets of it.

sendmmsg() hands the kernel a whole batch of frames in one call that holds no lock of Python's.
"""
import ctypes
import os
import select
import socket
import struct
import threading
import time

from lab import ETH_P_ALL, SO_TIMESTAMPNS, arrival, inside

SOL_PACKET, PACKET_QDISC_BYPASS, SO_ATTACH_FILTER = 263, 20, 26
LIBC = ctypes.CDLL(None, use_errno=True)


class Iovec(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]


class Msghdr(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint32), ("iov", ctypes.POINTER(Iovec)),
                ("iovlen", ctypes.c_size_t), ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t),
                ("flags", ctypes.c_int)]


class Mmsghdr(ctypes.Structure):
    _fields_ = [("hdr", Msghdr), ("len", ctypes.c_uint)]


def packet_socket(ns, device="eth"):
    with inside(ns):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    s.bind((device, 0))
    return s


class Received:
    """How many packets a device of a namespace received so far."""

    def __init__(self, ns, device="eth"):
        with inside(ns):
            self.fd = os.open("/proc/thread-self/net/dev", os.O_RDONLY)
        self.name = device.encode() + b":"

    def __call__(self):
        text = os.pread(self.fd, 16384, 0)
        return int(text[text.index(self.name) + len(self.name):].split(None, 2)[1])


class Flood:
    """Sends the frames in turn from a thread: `pps` a second, or as many as come out at `sink`: no more than WINDOW are on
    their way, so that the router has always something to do and the cable before it does not overflow. Without both as
    many as the kernel takes."""
    BATCH, WINDOW = 64, 768

    def __init__(self, ns, frames, pps=None, sink=None):
        self.received = Received(sink) if sink else None
        with inside(ns):
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # receives nothing
        self.sock.bind(("eth", 0))
        self.sock.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
        self.buffers = [ctypes.create_string_buffer(f, len(f)) for f in frames]
        self.iov = (Iovec * self.BATCH)()
        self.vec = (Mmsghdr * self.BATCH)()
        for i in range(self.BATCH):
            b = self.buffers[i % len(frames)]
            self.iov[i] = Iovec(ctypes.addressof(b), len(b))
            self.vec[i].hdr.iov, self.vec[i].hdr.iovlen = ctypes.pointer(self.iov[i]), 1
        self.pps, self.sent, self.stopping = pps, 0, threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        begin = time.monotonic()
        while not self.stopping.is_set():
            if self.received:
                self.wait_for_sink()
            n = LIBC.sendmmsg(self.sock.fileno(), self.vec, self.BATCH, 0)
            if n <= 0:
                time.sleep(0.0001)
            self.sent += max(n, 0)
            ahead = self.sent / self.pps - (time.monotonic() - begin) if self.pps else 0
            if ahead > 0.0005:
                time.sleep(ahead)

    def wait_for_sink(self):
        """What does not come within 50 ms is lost, and no longer waited for."""
        if self.sent == 0:
            self.base = self.received()
        end = time.monotonic() + 0.05
        while self.sent - (self.received() - self.base) > self.WINDOW and not self.stopping.is_set():
            if time.monotonic() > end:
                self.base = self.received() - self.sent
                return
            time.sleep(0.0001)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.stopping.set()
        self.thread.join()
        self.sock.close()


def udp_filter(port):
    """Classic BPF: unfragmented IPv4 UDP to a port, untagged."""
    code = [(0x28, 0, 0, 12), (0x15, 0, 8, 0x0800), (0x30, 0, 0, 23), (0x15, 0, 6, 17), (0x28, 0, 0, 20), (0x45, 4, 0, 0x1fff),
            (0xb1, 0, 0, 14), (0x48, 0, 0, 16), (0x15, 0, 1, port), (0x06, 0, 0, 65535), (0x06, 0, 0, 0)]
    return b"".join(struct.pack("HBBI", *c) for c in code)


class Witness:
    """When packets to a UDP port came in by a device, by the kernel's clock: nothing of the flood reaches Python."""

    def __init__(self, ns, device, port):
        with inside(ns):
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        program = ctypes.create_string_buffer(udp_filter(port))
        self.sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                             struct.pack("HxxxxxxQ", len(program) // 8, ctypes.addressof(program)))
        self.sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.sock.bind((device, ETH_P_ALL))
        self.times, self.heads, self.done = [], [], threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.done.is_set():
            if not select.select([self.sock], [], [], 0.05)[0]:
                continue
            try:
                data, aux, _, address = self.sock.recvmsg(64, 256)
            except OSError:  # the link went down: told once
                continue
            if address[2] != socket.PACKET_OUTGOING:
                self.times.append(arrival(aux))
                self.heads.append(data)

    def stop(self):
        self.done.set()
        self.thread.join()
        self.sock.close()
        return self.times

    def worst(self):
        """Seconds of the longest silence between two packets."""
        return max((b - a for a, b in zip(self.times, self.times[1:])), default=0.0)
