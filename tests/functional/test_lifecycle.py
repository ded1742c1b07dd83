# SPDX-License-Identifier: BSD-3-Clause
"""Starting, stopping, refusing to start, reloading, and every kind of device."""
import glob
import os
import signal
import time

import pytest
from scapy.all import ICMP, IP, Ether, Raw, rdpcap, wrpcap

from lab import run
from test_forwarding import TWO, answered, two_hosts

HUGE = "/dev/hugepages"


def pages(prefix):
    return glob.glob(f"{HUGE}/{prefix}map_*")


def end(one, sig):
    one.daemon.send_signal(sig)
    return one.daemon.wait(15)


def refused(p, *words):
    """The daemon ended with 1 and one of its lines holds all the words."""
    assert p.returncode == 1, p.stderr
    lines = [line for line in p.stderr.splitlines() if " error: " in line]
    assert any(all(w in line for w in words) for line in lines), p.stderr
    assert "buffers are missing" not in p.stderr


# --- start and stop ---

@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("huge", [True, False], ids=["hugepages", "no-huge"])
def test_start_and_stop(lab, huge, sig):
    one = two_hosts(lab, dpdk_args=() if huge else ("--no-huge",))
    has = one.show("version")["hugepages"]
    if huge and not has:
        pytest.skip("needs free hugepages")
    assert has == huge and (len(pages(one.prefix)) > 0) == huge
    assert answered(one.a.ping("10.0.2.2"))
    assert answered(one.a.ping("2001:db8:2::2"))
    assert end(one, sig) == 0, one.log_text()
    assert "all packet buffers are back" in one.log_text()
    assert not os.path.exists(one.socket) and pages(one.prefix) == []


def test_stop_with_packets_inside(lab):
    """Queued for unresolved neighbours, half reassembled, just arriving: every buffer comes back."""
    one = two_hosts(lab)
    flood = one.a.popen("ping", "-f", "-q", "10.0.2.2")
    one.a.popen("ping", "-i", "0.01", "10.0.2.99")
    mac = one.macs()["lan"]
    piece = Ether(dst=mac) / IP(src="10.0.1.2", dst="10.0.1.1", flags="MF", id=7) / ICMP() / Raw(b"x" * 64)
    one.a.send(piece)
    time.sleep(0.7)
    totals = one.show("drops")["totals"]
    assert totals["held"] > 0 and totals["received"] > 10
    assert end(one, signal.SIGTERM) == 0, one.log_text()
    assert "all packet buffers are back" in one.log_text()
    flood.kill()


def test_restart_after_kill(lab):
    one = two_hosts(lab)
    assert end(one, signal.SIGKILL) == -signal.SIGKILL
    assert os.path.exists(one.socket)
    one.log.close()
    one.start(TWO)
    assert answered(one.a.ping("10.0.2.2"))
    assert end(one, signal.SIGTERM) == 0
    assert not os.path.exists(one.socket) and pages(one.prefix) == []


def test_eal_arguments_are_passed_through(lab):
    one = lab()
    prefix = f"{one.prefix}own"
    one.start(TWO, argv=("--", "--file-prefix", prefix, "--log-level=lib.eal:debug"))
    v = one.show("version")
    assert f"--file-prefix {prefix}" in v["eal_arguments"] and "--log-level=lib.eal:debug" in v["eal_arguments"]
    assert v["file_prefix"] == prefix
    assert os.path.exists(f"/var/run/dpdk/{prefix}/config") and not os.path.exists(f"/var/run/dpdk/{one.prefix}")
    assert end(one, signal.SIGTERM) == 0
    assert pages(prefix) == []


def test_wrong_eal_argument_is_told(lab):
    one = lab()
    refused(one.attempt(one.whole(TWO), "--", "--no-such-option"), "DPDK did not start", "--no-such-option")


# --- a second daemon ---

def test_second_daemon_on_the_same_socket(lab):
    one = two_hosts(lab)
    text = one.whole("", prefix=f"{one.prefix}2", ports="ports: {}\n", dpdk_args=("--no-huge",))
    refused(one.attempt(text, socket=one.socket), "another weir already serves", one.socket)
    assert answered(one.a.ping("10.0.2.2"))
    assert one.show("version")["file_prefix"] == one.prefix


def test_second_daemon_with_the_same_prefix(lab):
    one = two_hosts(lab)
    before = len(pages(one.prefix))
    refused(one.attempt(one.whole("", ports="ports: {}\n")), "already runs", f"file prefix '{one.prefix}'")
    assert len(pages(one.prefix)) == before
    assert answered(one.a.ping("10.0.2.2"))


# --- workers and memory ---

def test_workers_on_listed_cpus(lab):
    one = lab()
    cpus = sorted(os.sched_getaffinity(0))[:2]
    one.start(TWO, workers='"' + ",".join(map(str, cpus)) + '"')
    assert len(one.show("workers")["workers"]) == len(cpus)
    pid = int(run("ip", "netns", "pids", one.ns).stdout.split()[0])
    bound = [os.sched_getaffinity(int(t)) for t in os.listdir(f"/proc/{pid}/task")]
    assert all({c} in bound for c in cpus), bound


@pytest.mark.parametrize("workers,words", [
    ('"4000"', ["4000"]),
    ('"0-"', ["'0-'", "CPU list"]),
    ('"5-2"', ["'5-2'", "CPU list"]),
    ('"eight"', ["'eight'", "CPU list"]),
    ('"0,1000"', ["CPU 1000", "does not exist"]),
    ("1, main-cpu: 1000", ["main-cpu", "CPU 1000"]),
])
def test_wrong_cpus_are_refused(lab, workers, words):
    one = lab(hosts=())
    refused(one.attempt(one.whole("", workers=workers, ports="ports: {}\n")), *words)


def test_too_little_memory_is_refused_with_numbers(lab):
    one = lab(hosts=("a",))
    p = one.attempt(one.whole("", dataplane=", memory: 16M", dpdk_args=("--no-huge",)))
    refused(p, "packet buffers take", "dataplane.memory is 16 MB", "raise it")
    one.start("", dataplane=", memory: 1G", dpdk_args=("--no-huge",))


# --- ports ---

@pytest.mark.parametrize("device,words", [
    ("af_packet:nowhere", ["port 'p'", "no network interface 'nowhere'"]),
    ("af_xdp:nowhere", ["port 'p'", "no network interface 'nowhere'"]),
    ("net_nonsense0", ["port 'p'", "net_nonsense0"]),
    ("nonsense", ["port 'p'", "'nonsense'", "af_packet:IF"]),
    ("pcap:/nowhere/in.pcap,", ["port 'p'", "/nowhere/in.pcap"]),
    ("tap:a-name-that-is-too-long", ["port 'p'", "TAP"]),
    ("memif:", ["port 'p'", "memif:SOCKET"]),
])
def test_device_that_is_not_there(lab, device, words):
    one = lab(hosts=())
    text = one.whole("", ports=f'ports: {{p: {{device: "{device}"}}}}\n', dpdk_args=("--no-huge",))
    refused(one.attempt(text), *words)


@pytest.mark.parametrize("driver,mtu,words", [
    ("af_packet", 9000, ["above the 1500 of interface p-a", "ip link set p-a mtu 9000"]),
    ("af_xdp", 3000, ["above the 1500 of interface p-a", "ip link set p-a mtu 3000"]),
    ("af_xdp", 9000, ["of its device"]),
])
def test_mtu_that_is_too_large_is_refused(lab, driver, mtu, words):
    one = lab(hosts=("a",))
    p = one.attempt(one.whole("", driver=driver, port_options={"mtu": mtu}, dpdk_args=("--no-huge",)))
    refused(p, "port 'a'", str(mtu), *words)


def test_more_queues_than_the_device_has(lab):
    one = lab(hosts=("a",))
    p = one.attempt(one.whole("", driver="af_xdp", port_options={"rx_queues": 4}, dpdk_args=("--no-huge",)))
    refused(p, "port 'a'", "4 receive queues")


def test_fewer_queues_than_workers(lab):
    """Worker 1 hands its packets to the owner of the only transmit queue."""
    one = two_hosts(lab, workers=3, port_options={"rx_queues": 1})
    ports = one.show("ports")["ports"]
    assert [(p["rx_queues"], p["tx_queues"]) for p in ports] == [(1, 1), (1, 1)]
    queues = [len(w["queues"]) for w in one.show("workers")["workers"]]
    assert sorted(queues) == [0, 1, 1]
    assert answered(one.a.ping("10.0.2.2", count=10))
    assert answered(one.b.ping("2001:db8:1::2", count=10))


def test_promiscuous(lab):
    def promiscuity():
        return " promiscuity 1 " in run("ip", "-d", "link", "show", "p-a", ns=one.ns).stdout

    one = lab()
    one.start(TWO, ports='ports: {a: {device: "af_packet:p-a", promiscuous: true}, b: {device: "af_packet:p-b"}}\n')
    assert {p["name"]: p["promiscuous"] for p in one.show("ports")["ports"]} == {"a": True, "b": False}
    assert promiscuity()
    one.wait_usable()
    one.quiet()
    one.a.send(Ether(dst="02:99:99:99:99:99") / IP(src="10.0.1.2", dst="10.0.1.1") / ICMP())
    one.expect_drops({"ether-wrong-mac": 1})


def test_daemon_without_ports(lab):
    one = lab(hosts=())
    one.start("", ports="ports: {}\n", dpdk_args=("--no-huge",))
    assert one.show("ports")["ports"] == [] and one.show("interfaces")["interfaces"] == []


# --- SIGHUP ---

def wait_for(what, seconds=5):
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.05)


def test_sighup_applies_the_file(lab):
    one = two_hosts(lab)
    one.config(one.whole(TWO + "routes: [{prefix: 192.0.2.0/24, type: blackhole}]\n"))
    one.daemon.send_signal(signal.SIGHUP)
    wait_for(lambda: any(r["prefix"] == "192.0.2.0/24" for r in one.show("routes")["routes"]))
    assert "applied" in one.log_text()
    before = one.show("routes")
    one.config(one.whole(TWO + "rotes: []\n"))
    one.daemon.send_signal(signal.SIGHUP)
    wait_for(lambda: "did you mean 'routes'?" in one.log_text())
    assert one.show("routes") == before
    assert answered(one.a.ping("10.0.2.2"))


# --- devices ---

def test_tap(lab):
    """The kernel side of the TAP is the host; the driver gave both sides the same MAC address."""
    one = lab(hosts=("b",))
    ports = 'ports: {a: {device: "tap:wtap0"}, b: {device: "af_packet:p-b"}}\n'
    one.b.kernel("10.0.2.2/24", "2001:db8:2::2/64", gateway=("10.0.2.1", "2001:db8:2::1"))
    one.start(TWO, ports=ports)
    run("ip", "link", "set", "wtap0", "address", "02:00:00:00:0a:02", ns=one.ns)
    run("sysctl", "-qw", "net.ipv6.conf.wtap0.disable_ipv6=0", ns=one.ns)
    run("ip", "addr", "add", "10.0.1.2/24", "dev", "wtap0", ns=one.ns)
    run("ip", "addr", "add", "2001:db8:1::2/64", "dev", "wtap0", "nodad", ns=one.ns)
    run("ip", "route", "add", "10.0.2.0/24", "via", "10.0.1.1", ns=one.ns)
    run("ip", "-6", "route", "add", "2001:db8:2::/64", "via", "2001:db8:1::1", ns=one.ns)
    one.wait_usable()
    for target in ("10.0.1.1", "10.0.2.2", "2001:db8:2::2"):
        p = run("ping", "-c", "3", "-l", "3", "-i", "5", "-W", "5", target, ns=one.ns, check=False)
        assert answered(p), p.stdout
    assert one.show("ports")["ports"][0]["driver"] == "net_tap"


def test_null(lab):
    """What goes to a null port is gone, but counted as sent."""
    one = lab(hosts=("a",))
    one.a.kernel("10.0.1.2/24", gateway=("10.0.1.1",))
    one.start(TWO + 'neighbors: [{interface: wan, address: 10.0.2.2, mac: "02:00:00:00:00:99"}]\n',
              ports='ports: {a: {device: "af_packet:p-a"}, b: {device: "null"}}\n')
    one.wait_usable()
    one.quiet()
    assert not answered(one.a.ping("10.0.2.2", count=3, W=1))
    one.settle()
    assert {i["name"]: i["tx_packets"] for i in one.show("interfaces")["interfaces"]}["wan"] >= 3


def test_pcap(lab):
    """Packets of a file are routed into another."""
    one = lab(hosts=())
    mac, peer = "02:00:00:00:00:01", "02:00:00:00:00:99"
    sent = [Ether(dst=mac, src=peer) / IP(src="10.0.1.2", dst="10.0.2.2", id=i, ttl=9) / ICMP(seq=i) / Raw(b"y" * 80)
            for i in range(50)]
    wrpcap(f"{one.dir}/in.pcap", sent)
    one.start("interfaces: {lan: {port: a, addresses: [10.0.1.1/24]}, wan: {port: b, addresses: [10.0.2.1/24]}}\n"
              f'neighbors: [{{interface: wan, address: 10.0.2.2, mac: "{peer}"}}]\n',
              ports=f'ports: {{a: {{device: "pcap:{one.dir}/in.pcap,", mac: "{mac}"}}, '
                    f'b: {{device: "pcap:,{one.dir}/out.pcap", mac: "02:00:00:00:00:02"}}}}\n')
    one.settle()
    one.stop()
    got = [p for p in rdpcap(f"{one.dir}/out.pcap") if ICMP in p]
    assert [(p[IP].id, p[IP].ttl, p[Ether].dst) for p in got] == [(i, 8, peer) for i in range(50)]


def test_memif_between_two_daemons(lab):
    """Hosts of two daemons that are joined by shared memory only."""
    left, right = lab(hosts=("a",)), lab(hosts=("b",))
    path = f"{left.dir}/memif.sock"
    left.a.kernel("10.0.1.2/24", "2001:db8:1::2/64", gateway=("10.0.1.1", "2001:db8:1::1"))
    right.b.kernel("10.0.2.2/24", "2001:db8:2::2/64", gateway=("10.0.2.1", "2001:db8:2::1"))
    left.start("""
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
  mid: {port: m, addresses: [10.0.9.1/24, "2001:db8:9::1/64"]}
routes:
  - {prefix: 10.0.2.0/24, via: [{address: 10.0.9.2}]}
  - {prefix: "2001:db8:2::/64", via: [{address: "2001:db8:9::2"}]}
""", ports=f'ports: {{a: {{device: "af_packet:p-a"}}, m: {{device: "memif:{path}", mac: "02:00:00:00:09:01"}}}}\n')
    right.start("""
interfaces:
  lan: {port: b, addresses: [10.0.2.1/24, "2001:db8:2::1/64"]}
  mid: {port: m, addresses: [10.0.9.2/24, "2001:db8:9::2/64"]}
routes:
  - {prefix: 10.0.1.0/24, via: [{address: 10.0.9.1}]}
  - {prefix: "2001:db8:1::/64", via: [{address: "2001:db8:9::1"}]}
""", ports=f'ports: {{b: {{device: "af_packet:p-b"}}, m: {{device: "memif-client:{path}", mac: "02:00:00:00:09:02"}}}}\n')
    wait_for(lambda: all(p["link"] == "up" for o in (left, right) for p in o.show("ports")["ports"]), 10)
    left.wait_usable()
    right.wait_usable()
    for target in ("10.0.2.2", "2001:db8:2::2"):
        p = left.a.ping(target, count=5)
        assert answered(p) and "ttl=62" in p.stdout, p.stdout
    right.stop()
    wait_for(lambda: {p["name"]: p["link"] for p in left.show("ports")["ports"]}["m"] == "down", 5)
