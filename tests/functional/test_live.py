# SPDX-License-Identifier: BSD-3-Clause
"""Ports, queues and workers change in a running daemon: other ports lose nothing, a refused change is none."""
import json
import os
import signal
import struct
import subprocess
import time

import pytest
from scapy.all import ARP, ICMP, IP, Ether

from lab import run
from test_lifecycle import wait_for
from test_workers import AFFINE, PLAIN, forward, workers
from traffic import Stream, frame

C_SIDE = '  dmz: {port: c, addresses: [10.0.3.1/24]}\n'
C_NEIGHBOUR = '  - {interface: dmz, address: 10.0.3.2, mac: "02:00:00:00:03:aa"}\n'


def port(name, device=None, **options):
    more = "".join(f", {k.replace('_', '-')}: {v}" for k, v in options.items())
    return f'  {name}: {{device: "{device or f"af_packet:p-{name}"}"{more}}}\n'


# Rings for more than a second of the streams: on a machine with other work a worker, or the one that takes over its queues,
# may have to wait for a CPU that long. With the usual 512 the kernel drops then, and weir never sees what is missing.
ROOM = {"rx_descriptors": 4096}
BASE = port("a", **ROOM) + port("b", **ROOM)
THREE = BASE + port("c")


def with_c(config=PLAIN):
    head, tail = config.split("neighbors:")
    return head + C_SIDE + "neighbors:" + tail + C_NEIGHBOUR


class Live:
    """A lab whose whole file is applied again and again."""

    def __init__(self, lab, config=PLAIN, ports=BASE, count=1, **kw):
        self.lab = lab(hosts=("a", "b", "c"))
        for h in self.lab.hosts.values():
            h.raw()
        self.lab.start(config, workers=count, ports="ports:\n" + ports, **kw)
        self.lab.wait_usable()
        self.wait_links()

    def text(self, config=PLAIN, ports=BASE, count=1, **kw):
        return self.lab.whole(config, workers=count, ports="ports:\n" + ports, **kw)

    def apply(self, config=PLAIN, ports=BASE, count=1, **kw):
        self.lab.weir("config", "apply", self.lab.config(self.text(config, ports, count, **kw)))

    def refused(self, *words, **kw):
        p = self.lab.weir("config", "apply", self.lab.config(self.text(**kw)), check=False)
        assert p.returncode != 0 and all(w in p.stdout + p.stderr for w in words), p.stdout + p.stderr

    def names(self):
        return sorted(p["name"] for p in self.lab.show("ports")["ports"])

    def wait_links(self):
        """A port that was started is up when its driver says so, which the daemon asks now and then."""
        wait_for(lambda: all(p["link"] == "up" for p in self.lab.show("ports")["ports"]), 10)

    def to_c(self, **kw):
        """Packets from a to c arrive: the port works, from the moment on when its link is up."""
        self.wait_links()
        mac = self.lab.macs()["lan"]
        with Stream(self.lab.a, self.lab.c, [frame(mac, "10.0.1.2", "10.0.3.2", 9000 + i) for i in range(4)], **kw) as s:
            time.sleep(0.5)
        s.check()

    def both_ways(self):
        mac = self.lab.macs()
        back = [frame(mac["wan"], "10.0.2.2", "10.0.1.2", 5000 + i, mac="02:00:00:00:02:aa") for i in range(16)]
        return Stream(self.lab.a, self.lab.b, forward(self.lab)), Stream(self.lab.b, self.lab.a, back, pps=1500)


def route_line(i):
    return f'routes: [{{prefix: 198.51.{i % 200}.0/24, via: [{{address: 10.0.2.2}}]}}]\n'


# --- nothing is lost ---

STEPS = [
    {"ports": BASE + port("c"), "config": with_c()},
    {"ports": BASE + port("c", mtu=1400), "config": with_c()},
    {"ports": BASE + port("c", mtu=1400, rx_queues=2), "config": with_c()},
    {"ports": BASE + port("c", promiscuous="true", mac='"02:00:00:00:0c:01"'), "config": with_c(), "count": 3},
    {"ports": BASE + port("c", rx_descriptors=256), "config": with_c(), "count": 2},
    {"ports": BASE + port("c", "null"), "config": with_c(), "count": 3},
    {"ports": BASE, "count": 1},
]


@pytest.mark.parametrize("affinity", [False, True], ids=["plain", "flow-affinity"])
def test_other_ports_lose_nothing(lab, affinity):
    """Commits at 5 Hz or faster: a port comes, changes and goes, workers go 1 to 3 to 1, routes change."""
    live = Live(lab, AFFINE if affinity else PLAIN)
    there, back = live.both_ways()
    commits = 0
    with there, back:
        end = time.monotonic() + 8
        while time.monotonic() < end or commits < 2 * len(STEPS) or commits % len(STEPS) != 0:
            step = dict(STEPS[commits % len(STEPS)])
            config = step.pop("config", PLAIN)
            if affinity:
                config = config.replace("::1/64\"]}", "::1/64\"], flow-affinity: true}")
            live.apply(config + route_line(commits), **step)
            commits += 1
    there.check()
    back.check()
    assert live.names() == ["a", "b"] and len(workers(live.lab)) == 1
    drops = {d["reason"]: d["packets"] for d in live.lab.show("drops")["drops"] if d["kind"] == "error"}
    assert sum(drops.values()) == 0, drops


def test_worker_count_with_several_queues(lab):
    """Queues that receive all the time change hands."""
    ports = port("a", rx_queues=3, **ROOM) + port("b", rx_queues=2, **ROOM)
    live = Live(lab, ports=ports)
    there, back = live.both_ways()
    with there, back:
        for count in (3, 2, 4, 1, 3, 1, 4, 2, 1):
            live.apply(ports=ports, count=count)
            assert len(workers(live.lab)) == count
            assert sum(len(w["queues"]) for w in workers(live.lab)) == 5
            time.sleep(0.2)
    there.check()
    back.check()


def test_interface_moves_to_another_port(lab):
    """With its routes and neighbours: nothing is sent into the void and nothing twice. (Packets that meet the moment
    when the next hop's frame changes wait with the control thread and may be overtaken.)"""
    live = Live(lab, with_c(), BASE + port("c"))
    live.to_c()
    mac = live.lab.macs()["lan"]
    flows = [frame(mac, "10.0.1.2", "10.0.2.2", 1000 + i) for i in range(8)]
    with Stream(live.lab.c, live.lab.c, []) as at_c, Stream(live.lab.a, live.lab.b, flows) as at_b:
        at_c.seen = {k: [] for k in at_b.seen}
        time.sleep(0.5)
        live.apply(PLAIN.replace("port: b", "port: c"), BASE + port("c"))
        time.sleep(0.5)
    assert at_b.total_seen() > 0 and at_c.total_seen() > 0
    for flow in at_b.seen:
        assert sorted(at_b.seen[flow] + at_c.seen[flow]) == list(range(1, at_b.sent[flow] + 1))


# --- the port itself ---

@pytest.mark.parametrize("options", [
    {"rx_queues": 2}, {"mtu": 1400}, {"rx_descriptors": 2048}, {"promiscuous": "true"}, {"device": "af_xdp:p-c"},
], ids=lambda o: next(iter(o)))
def test_changed_port_works(lab, options):
    live = Live(lab, with_c(), BASE + port("c"))
    live.to_c()
    live.apply(with_c(), BASE + port("c", **options))
    row = {p["name"]: p for p in live.lab.show("ports")["ports"]}["c"]
    assert row["link"] == "up"
    if "rx_queues" in options:
        assert row["rx_queues"] == 2
    if "rx_descriptors" in options:  # the kernel's ring is as large as was asked for
        assert "frm_nr:2048" in run("ss", "-0", "-e", ns=live.lab.ns).stdout
    if "device" in options:
        assert row["driver"] == "net_af_xdp"
    live.to_c()
    live.apply(with_c(), BASE + port("c"))
    live.to_c()


def test_added_port_answers_arp(lab):
    live = Live(lab)
    live.apply(with_c(), BASE + port("c", mac='"02:00:00:00:0c:01"'))
    live.lab.wait_usable()
    live.lab.c.flush()
    live.lab.c.send(Ether(dst="ff:ff:ff:ff:ff:ff", src="02:00:00:00:03:aa") /
                    ARP(op=1, hwsrc="02:00:00:00:03:aa", psrc="10.0.3.2", pdst="10.0.3.1"))
    got = live.lab.c.receive(wait=2, match=lambda p: ARP in p and p[ARP].op == 2, enough=1)
    assert [p[ARP].hwsrc for p in got] == ["02:00:00:00:0c:01"]
    live.apply(with_c(), BASE + port("c", mac='"02:00:00:00:0c:02"'))
    live.lab.c.flush()
    live.lab.c.send(Ether(dst="02:00:00:00:0c:02", src="02:00:00:00:03:aa") / IP(src="10.0.3.2", dst="10.0.3.1") / ICMP())
    got = live.lab.c.receive(wait=2, match=lambda p: ICMP in p, enough=1)
    assert [p[Ether].src for p in got] == ["02:00:00:00:0c:02"]


def test_device_is_free_after_its_port_is_gone(lab):
    live = Live(lab, ports=BASE + port("c"))
    live.refused("in use by port 'c'", "remove that first", ports=BASE + port("d", "af_packet:p-c"))
    live.refused("have the same device", ports=BASE + port("c") + port("d", "af_xdp:p-c"))
    live.apply()
    live.apply(ports=BASE + port("d", "af_xdp:p-c"))
    live.apply()
    live.apply(ports=BASE + port("d", "tap:wlive0"))
    assert "wlive0" in run("ip", "link", ns=live.lab.ns).stdout
    live.apply()
    assert "wlive0" not in run("ip", "link", ns=live.lab.ns).stdout


def test_port_of_a_file_is_read_after_the_commit(lab):
    """Every packet of a file that becomes a port finds interfaces, routes and neighbours in place."""
    live = Live(lab)
    data = frame("02:00:00:00:00:0f", "10.0.3.2", "10.0.2.2", 4000, mac="02:00:00:00:03:aa")
    write_pcap(f"{live.lab.dir}/in.pcap", data, 3000)
    live.apply(with_c(), BASE + port("c", f"pcap:{live.lab.dir}/in.pcap,", mac='"02:00:00:00:00:0f"'))
    wait_for(lambda: {i["name"]: i["rx_packets"] for i in live.lab.show("interfaces")["interfaces"]}["dmz"] == 3000)
    live.lab.settle()
    assert {d["reason"]: d["packets"] for d in live.lab.show("drops")["drops"] if d["kind"] != "done"} == {}


# --- refusals ---

def state(one):
    rows = [{k: v for k, v in p.items() if not k.startswith(("rx_p", "rx_b", "tx_p", "tx_b"))}
            for p in one.show("ports")["ports"]]
    return json.dumps([rows, [m["what"] for m in one.show("memory")["memory"]],
                       [(w["cpu"], w["queues"]) for w in workers(one)], one.weir("config", "show").stdout])


@pytest.mark.parametrize("words,change", [
    (["no network interface 'nowhere'"], {"ports": THREE + port("d", "af_packet:nowhere")}),
    (["port 'd'", "net_nonsense0"], {"ports": THREE + port("d", "net_nonsense0")}),
    (["port 'c'", "9000", "above the 1500"], {"ports": BASE + port("c", mtu=9000)}),
    (["port 'c'", "of its device"], {"ports": BASE + port("c", "af_xdp:p-c", mtu=9000)}),
    (["port 'd'", "3b:00.0", "without PCI"], {"ports": THREE + port("d", "0000:3b:00.0")}),
    (["64 workers", "restart weir"], {"count": 64}),
    (["dataplane.memory is 16 MB"], {"ports": THREE + port("d", "null", rx_descriptors=8192, tx_descriptors=8192),
                                     "dataplane": ", memory: 16M"}),
    (["names 'gone'"], {"config": with_c().replace("port: c", "port: gone")}),
    # The neighbours refuse it when the devices are there already.
    (["limit"], {"config": with_c() + "".join(f'  - {{interface: dmz, address: 10.0.3.{i}, mac: "02:00:00:00:03:{i:02x}"}}\n'
                                              for i in range(100, 120)) + "neighbor: {limit: 16}\n",
                 "ports": BASE + port("c", rx_queues=2) + port("d", "tap:wlive1"), "count": 3}),
], ids=lambda v: v[0] if isinstance(v, list) else None)
def test_refused_change_is_none(lab, words, change):
    live = Live(lab, with_c(), BASE + port("c"))
    before = state(live.lab)
    there, back = live.both_ways()
    with there, back:
        time.sleep(0.2)
        change.setdefault("config", with_c())
        change.setdefault("ports", BASE + port("c"))
        live.refused(*words, **change)
        time.sleep(0.2)
    there.check()
    back.check()
    assert state(live.lab) == before
    live.to_c()
    live.apply(with_c(), BASE + port("c", rx_queues=2))
    live.to_c()


def test_plan_disturbs_nothing(lab):
    live = Live(lab)
    there, back = live.both_ways()
    with there, back:
        for ports, count in ((port("a", rx_queues=2, **ROOM) + port("b", **ROOM), 1), (port("a", mtu=1400, **ROOM) + port("b", **ROOM), 3),
                             (BASE + port("c"), 2), (port("a", **ROOM), 1)):
            config = PLAIN if "b:" in ports else PLAIN.replace("port: b", "port: a").replace("wan:", "wan2:", 0)
            path = live.lab.config(live.text(config, ports, count), "next.yaml")
            live.lab.weir("config", "plan", path, check=False)
            time.sleep(0.1)
    there.check()
    back.check()
    assert live.names() == ["a", "b"] and [p["rx_queues"] for p in live.lab.show("ports")["ports"]] == [1, 1]


# --- memory, settings ---

def test_buffers_are_added_and_given_back(lab):
    live = Live(lab)

    def pools():
        return [m["what"] for m in live.lab.show("memory")["memory"] if m["what"].startswith("weir_mbufs")]

    assert pools() == ["weir_mbufs_0"]
    live.apply(ports=BASE + port("c", rx_descriptors=8192, tx_descriptors=8192, rx_queues=4))
    assert len(pools()) == 2
    live.apply()
    wait_for(lambda: pools() == ["weir_mbufs_0"])


def test_polling_changes_while_running(lab):
    live = Live(lab)
    for mode in ("interrupt", "busy", "adaptive"):
        live.apply(dataplane=f", polling: {mode}")
        assert [w["polling"] for w in workers(live.lab)] == [mode]


def test_workers_move_to_other_cpus(lab):
    live = Live(lab)
    there, back = live.both_ways()
    with there, back:
        for cpu in ("0", "1", "0"):
            live.apply(count=f'"{cpu}"')
            assert [w["cpu"] for w in workers(live.lab)] == [int(cpu)]
            time.sleep(0.2)
    there.check()
    back.check()


# --- shared transmit queue ---

def write_pcap(path, data, count):
    record = struct.pack("<IIII", 0, 0, len(data), len(data)) + data
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1))
        for _ in range(count // 1000):
            f.write(record * 1000)


def test_full_ring_of_a_shared_transmit_queue_is_counted(lab):
    """Three workers read a file round and round, faster than worker 0 can send to the kernel."""
    one = lab(hosts=("b",))
    write_pcap(f"{one.dir}/in.pcap", frame("02:00:00:00:00:01", "10.0.1.2", "10.0.2.2", 1000), 1000)
    readers = "".join(f'  z{i}: {{device: "net_pcap_z{i},rx_pcap={one.dir}/in.pcap,infinite_rx=1", mac: "02:00:00:00:00:01"}}\n'
                      for i in range(1, 4))
    sides = "".join(f"  lan{i}: {{port: z{i}, addresses: [10.0.{10 + i}.1/24]}}\n" for i in range(1, 4))
    wan = "interfaces:\n  wan: {port: b, addresses: [10.0.2.1/24]}\n"
    neighbour = 'neighbors: [{interface: wan, address: 10.0.2.2, mac: "02:00:00:00:02:aa"}]\n'
    b = 'ports:\n  b: {device: "af_packet:p-b", rx-queues: 1}\n'
    one.start(wan + neighbour, workers=4, ports=b)
    one.wait_usable()
    one.weir("config", "apply", one.config(one.whole(wan + sides + neighbour, workers=4, ports=b + readers)))
    wait_for(lambda: one.drops()["tx-full"] > 0, 20)
    one.weir("config", "apply", one.config(one.whole(wan + neighbour, workers=4, ports=b)))
    one.settle()
    assert one.drops()["tx-full"] > 0


# --- with DPDK's tools, without hugepages ---

@pytest.mark.needs("dpdk-dumpcap")
def test_capture_goes_on_while_ports_change(lab):
    """A second DPDK process is attached: it hears of devices that come and go."""
    live = Live(lab)
    one = live.lab
    path = f"{one.dir}/capture.pcapng"
    tool = subprocess.Popen(["ip", "netns", "exec", one.ns, "dpdk-dumpcap", "--file-prefix", one.prefix, "-i", "0", "-w", path],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    one.children.append(tool)
    there, back = live.both_ways()
    with there, back:
        wait_for(lambda: os.path.exists(path) and os.path.getsize(path) > 10000, 10)
        for step in STEPS:
            live.apply(**{"config": PLAIN, **step})
        size = os.path.getsize(path)
        wait_for(lambda: os.path.getsize(path) > size + 10000)
    there.check()
    back.check()
    tool.send_signal(signal.SIGINT)
    assert tool.wait(10) == 0


def test_without_hugepages(lab):
    """Memory is what EAL was started with: small changes fit, others are refused with numbers."""
    live = Live(lab, dpdk_args=("--no-huge",))
    how = {"dpdk_args": ("--no-huge",)}
    live.apply(with_c(), BASE + port("c"), 2, **how)
    live.to_c()
    live.refused("packet buffers (", "do not fit", ports=BASE + port("c", rx_queues=16, rx_descriptors=8192, tx_descriptors=8192),
                 count=2, config=with_c(), **how)
    live.to_c()
    live.apply(**how)
