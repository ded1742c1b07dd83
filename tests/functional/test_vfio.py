# SPDX-License-Identifier: BSD-3-Clause
"""NICs by their PCI address: DPDK's own drivers on emulated hardware behind vfio-pci and an IOMMU, in QEMU.

Software emulation: what is said here is whether it works, never how fast.
"""
import shutil
import tempfile
import time

import pytest
from scapy.all import ARP, IP, UDP, Ether, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6, raw

from vm import VirtualMachine

HOST = ["02:00:00:00:f0:00", "02:00:00:00:f0:01"]
PORT = ["02:00:00:00:00:01", "02:00:00:00:01:01"]
CONFIG = """
dataplane: {{workers: 1, polling: {polling}}}
ports:
  p0: {{device: "{0}"}}
  p1: {{device: "{1}"}}
interfaces:
  a: {{port: p0, addresses: [10.0.0.1/24, "2001:db8:0::1/64"]}}
  b: {{port: p1, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}}
neighbors:
  - {{interface: a, address: 10.0.0.2, mac: "02:00:00:00:f0:00"}}
  - {{interface: b, address: 10.0.1.2, mac: "02:00:00:00:f0:01"}}
  - {{interface: a, address: "2001:db8:0::2", mac: "02:00:00:00:f0:00"}}
  - {{interface: b, address: "2001:db8:1::2", mac: "02:00:00:00:f0:01"}}
"""
DRIVER = {"e1000e": "net_e1000_em", "virtio-net-pci": "net_virtio", "vmxnet3": "net_vmxnet3"}


@pytest.fixture(scope="module", params=["e1000e", "virtio-net-pci", "vmxnet3"])
def machine(request):
    directory = tempfile.mkdtemp(prefix="weir-vm-")
    vm = VirtualMachine(directory, [request.param, request.param])
    vm.nic = request.param
    try:
        yield vm.boot()
    finally:
        vm.close()
        shutil.rmtree(directory)


def packet(way, i, family, size):
    """Frame i from host `way` to the other one."""
    other = 1 - way
    ip = (IP(src=f"10.0.{way}.2", dst=f"10.0.{other}.2", ttl=64, id=i) if family == 4 else
          IPv6(src=f"2001:db8:{way}::2", dst=f"2001:db8:{other}::2", hlim=64))
    head = Ether(src=HOST[way], dst=PORT[way]) / ip / UDP(sport=1024 + i, dport=9)
    return raw(head / (i.to_bytes(4, "big") + bytes(size - len(head) - 4)))


def expected(way, i, family, size):
    """What leaves at the other port."""
    p = Ether(packet(way, i, family, size))
    ip = p[IP] if family == 4 else p[IPv6]
    if family == 4:
        ip.ttl = 63
        del ip.chksum
    else:
        ip.hlim = 63
    p.src, p.dst = PORT[1 - way], HOST[1 - way]
    return raw(p)


def ours(frame):
    """The forwarded frames among what a port sends: neither ND nor ARP of weir's own."""
    p = Ether(frame)
    return UDP in p and p[UDP].dport == 9


def collect(wire, count, seconds):
    frames, end = [], time.monotonic() + seconds
    while len(frames) < count and time.monotonic() < end:
        f = wire.receive(0.2)
        if f is not None and ours(f):
            frames.append(f)
    return frames


def send_all(vm, way, count, family, size):
    """All frames one way, a few at a time: emulated rings are short. They come back whole, in order."""
    for first in range(0, count, 16):
        part = range(first, min(first + 16, count))
        for i in part:
            vm.wire[way].send(packet(way, i, family, size))
        got = collect(vm.wire[1 - way], len(part), 20)
        assert got == [expected(way, i, family, size) for i in part]


def resolve(vm, way):
    """weir answers for its addresses, once duplicate address detection is over."""
    asked = [Ether(src=HOST[way], dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=HOST[way], psrc=f"10.0.{way}.2", pdst=f"10.0.{way}.1"),
             Ether(src=HOST[way], dst="33:33:ff:00:00:01") / IPv6(src=f"2001:db8:{way}::2", dst="ff02::1:ff00:1", hlim=255) /
             ICMPv6ND_NS(tgt=f"2001:db8:{way}::1") / ICMPv6NDOptSrcLLAddr(lladdr=HOST[way])]
    client = ("2001:db8::2", "2001:db8:1::2")[way]
    found, end = set(), time.monotonic() + 30
    while found != {"arp", "nd"} and time.monotonic() < end:
        for p in asked:
            vm.wire[way].send(p)
        while (frame := vm.wire[way].receive(1)) is not None:
            p = Ether(frame)
            if ARP in p and p[ARP].op == 2 or ICMPv6ND_NA in p and p[IPv6].dst == client:
                assert p.src == PORT[way]
                found.add("arp" if ARP in p else "nd")
    assert found == {"arp", "nd"}


@pytest.mark.needs("root")
@pytest.mark.timeout(400)
def test_nics_behind_vfio_and_an_iommu(machine):
    machine.start(CONFIG.format(machine.pci(0), machine.pci(1), polling="busy"))
    for way in (0, 1):
        resolve(machine, way)
    for way in (0, 1):
        for family, size in ((4, 60), (6, 90), (4, 1514), (6, 1514)):
            send_all(machine, way, 64, family, size)
    ports = {p["name"]: p for p in machine.weir("show", "ports")["ports"]}
    for name in ("p0", "p1"):
        assert ports[name]["driver"] == DRIVER[machine.nic] and ports[name]["link"] == "up"
    interfaces = {i["name"]: i for i in machine.weir("show", "interfaces")["interfaces"]}
    for name in ("a", "b"):
        assert interfaces[name]["rx_packets"] >= 256 and interfaces[name]["tx_packets"] >= 256
    drops = machine.weir("show", "drops")["drops"]
    assert all(d["kind"] == "done" for d in drops), drops  # nothing but answered ARP and ND ended here
    assert "all packet buffers are back in their pools" in machine.stop()
    if machine.nic != "vmxnet3":  # its model reads address 0 once at the start, which the IOMMU refuses
        assert "DMAR" not in machine.run("dmesg | grep -i fault || true").stdout


def idle_share(vm, seconds):
    """Share of one CPU that weir's threads do not use."""
    read = "awk '{print $14 + $15}' /proc/$(cat /tmp/pid)/stat; cut -d' ' -f1 /proc/uptime"
    before = [float(x) for x in vm.run(read).stdout.split()]
    time.sleep(seconds)
    after = [float(x) for x in vm.run(read).stdout.split()]
    return 1 - (after[0] - before[0]) / 100 / (after[1] - before[1])


@pytest.mark.needs("root")
@pytest.mark.timeout(400)
def test_workers_sleep_until_a_nic_interrupts(machine):
    """The e1000e model accepts everything and never does: weir notices and says so, and goes on."""
    machine.start(CONFIG.format(machine.pci(0), machine.pci(1), polling="interrupt"))
    for way in (0, 1):
        resolve(machine, way)
    assert idle_share(machine, 4) > 0.7
    for way in (0, 1):
        send_all(machine, way, 48, 4, 60)
    deaf = "interrupts" in machine.log()
    assert deaf == (machine.nic == "e1000e"), machine.log()
    assert "all packet buffers are back in their pools" in machine.stop()
