# SPDX-License-Identifier: BSD-3-Clause
"""Routes into the kernel by netlink itself, as fast as it takes them: `ip -batch` waits for an answer to each.

    with Sender(lab.ns) as s:
        s.send(s.messages(prefixes, s.via("10.0.1.9", index)))      # seconds it took
"""
import ipaddress
import socket
import struct
import time

from lab import inside

NEWROUTE, DELROUTE, NEWNEXTHOP = 24, 25, 104
REQUEST, REPLACE, CREATE = 1, 0x100, 0x400
RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_NH_ID = 1, 4, 5, 30
SO_SNDBUFFORCE, BLOCK = 32, 5000  # messages
BGP = 186


def attr(kind, data):
    return struct.pack("HH", 4 + len(data), kind) + data


def packed(address):
    return ipaddress.ip_address(address).packed


def nets4(n, first=20):
    """Networks /24 as (address bytes, length), from first.0.0.0 on."""
    return [(bytes((first + (i >> 16), i >> 8 & 255, i & 255, 0)), 24) for i in range(n)]


def nets6(n):
    """Networks /48 below 2a00::/16 and up."""
    return [(struct.pack("!HHH", 0x2a00 + (i >> 16), i & 0xffff, 0) + bytes(10), 48) for i in range(n)]


def text(net):
    return f"{ipaddress.ip_address(net[0])}/{net[1]}"


class Sender:
    def __init__(self, ns):
        with inside(ns):
            self.sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 8 << 20)
        self.sock.bind((0, 0))
        self.cpu = 0.0

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.sock.close()

    @staticmethod
    def via(gateway, index):
        return attr(RTA_GATEWAY, packed(gateway)) + attr(RTA_OIF, struct.pack("I", index))

    @staticmethod
    def over(nexthop_object):
        return attr(RTA_NH_ID, struct.pack("I", nexthop_object))

    @staticmethod
    def messages(nets, target, delete=False):
        """Blocks of messages for networks of one family and length."""
        size, length = len(nets[0][0]), nets[0][1]
        family = socket.AF_INET if size == 4 else socket.AF_INET6
        body = struct.pack("BBBBBBBBI", family, length, 0, 0, 254, BGP, 0, 1, 0) + struct.pack("HH", 4 + size, RTA_DST)
        total = 16 + len(body) + size + len(target)
        head = struct.pack("IHHII", total, DELROUTE if delete else NEWROUTE, REQUEST if delete else REQUEST | CREATE | REPLACE, 0, 0) + body
        return [b"".join(head + n[0] + target for n in nets[i:i + BLOCK]) for i in range(0, len(nets), BLOCK)]

    def send(self, blocks):
        """The seconds it took the kernel, which answers errors only; self.cpu has those of CPU time."""
        begin, cpu = time.monotonic(), time.thread_time()
        for b in blocks:
            self.sock.send(b)
        took, self.cpu = time.monotonic() - begin, time.thread_time() - cpu
        try:
            code = struct.unpack_from("i", self.sock.recv(65536, socket.MSG_DONTWAIT), 16)[0]
        except BlockingIOError:
            return took
        raise AssertionError(f"the kernel refuses a route: errno {-code}")
