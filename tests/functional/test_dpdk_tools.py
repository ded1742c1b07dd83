# SPDX-License-Identifier: BSD-3-Clause
"""DPDK's own tools look into the running daemon: statistics, capture, telemetry. And what it is linked with."""
import json
import re

import pytest
from scapy.all import ICMP, IP, rdpcap

from lab import WEIR, run
from test_forwarding import answered, two_hosts


@pytest.fixture(scope="module")
def one(module_lab):
    return two_hosts(module_lab)


@pytest.mark.needs("dpdk-proc-info")
def test_proc_info(one):
    assert answered(one.a.ping("10.0.2.2"))
    p = run("dpdk-proc-info", "--file-prefix", one.prefix, "--no-pci", "--", "--stats", ns=one.ns)
    seen = [int(n) for n in re.findall(r"^\s*RX-packets:\s*(\d+)", p.stdout, re.M)]
    assert len(seen) == 2 and all(0 < n <= port["rx_packets"] for n, port in zip(seen, one.show("ports")["ports"]))
    p = run("dpdk-proc-info", "--file-prefix", one.prefix, "--no-pci", "--", "--xstats", ns=one.ns)
    assert p.stdout.count("rx_q0_packets:") == 2
    assert answered(one.a.ping("10.0.2.2"))


@pytest.mark.needs("dpdk-dumpcap")
def test_dumpcap(one):
    """A capture of one port holds what came in and what went out; forwarding goes on, also afterwards."""
    one.a.popen("ping", "-i", "0.02", "-q", "10.0.2.2")
    path = f"{one.dir}/got.pcapng"
    prefix = f"--file-prefix={one.prefix}"
    ports = run("dpdk-dumpcap", prefix, "-D", ns=one.ns).stdout
    assert "net_af_packet_a" in ports and "net_af_packet_b" in ports
    run("dpdk-dumpcap", prefix, "-p", "-i", "net_af_packet_a", "-c", "20", "-w", path, ns=one.ns)
    got = [p for p in rdpcap(path) if ICMP in p]
    sources = {p[IP].src for p in got}
    assert len(got) >= 18 and sources == {"10.0.1.2", "10.0.2.2"}
    assert answered(one.b.ping("10.0.1.2"))


@pytest.mark.needs("dpdk-telemetry.py")
def test_telemetry(one):
    p = run("dpdk-telemetry.py", "-f", one.prefix, input="/ethdev/list\n/ethdev/info,1\n", ns=one.ns)
    answers = {k: v for line in p.stdout.splitlines() if line.startswith("{") for k, v in json.loads(line).items()}
    assert answers["/ethdev/list"] == [p["id"] for p in one.show("ports")["ports"]]
    assert answers["/ethdev/info"]["name"] == "net_af_packet_b"


@pytest.mark.needs("ldd")
def test_drivers_are_loaded_not_linked():
    """Devices, buses and mempool handlers are EAL's plug-ins: the program names none of them."""
    libs = re.findall(r"librte_(\w+)\.so", run("ldd", WEIR).stdout)
    needed = re.findall(r"NEEDED.*\[librte_(\w+)\.so", run("readelf", "-d", WEIR).stdout)
    assert "ethdev" in needed and "eal" in libs
    assert [x for x in libs + needed if re.match(r"(net|mempool|bus|common|crypto|event|vdpa)_", x)] == []
