# SPDX-License-Identifier: BSD-3-Clause
"""Unmodified programs on twins: DHCP clients, OSPF, BGP and BFD of FRR and BIRD, VRRP of keepalived."""
import json
import os
import re
import shutil
import time

import pytest
from scapy.all import IP, UDP, VRRP, Ether, Raw

from lab import run
from twin import Daemon, addresses, has_carrier, link, sock, talk, twin, until


@pytest.fixture
def programs():
    """Programs of a test; ended one by one, the newest first."""
    started = []
    yield started
    for d in reversed(started):
        d.stop()


@pytest.fixture
def away(tmp_path):
    """A directory that daemons with users of their own can write to."""
    path = f"/tmp/weir-daemons-{os.getpid()}"
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    os.chmod(path, 0o777)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, 0o666)
    return path


# --- DHCP ---

WAN = "interfaces:\n  wan: {port: a}\nkernel: {}\n"


def dhcp_server(one, programs, away):
    one.a.kernel("10.0.1.1/24")
    programs.append(Daemon(one.a.ns, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=eth",
                           "--dhcp-range=10.0.1.50,10.0.1.60,255.255.255.0,120", f"--dhcp-leasefile={away}/leases",
                           "--dhcp-authoritative", "--log-dhcp", "--user=root", f"--pid-file={away}/dnsmasq.pid",
                           log=f"{away}/dnsmasq.log"))


@pytest.mark.needs("dnsmasq", "udhcpc")
@pytest.mark.parametrize("broadcast", [False, True], ids=["unicast", "broadcast"])
def test_udhcpc(lab, programs, away, broadcast):
    """An interface without address: the answers go to an address that is not ours yet."""
    one = lab(hosts=("a",))
    dhcp_server(one, programs, away)
    one.start(WAN)
    until(lambda: has_carrier("wan", one.ns))
    script = write(f"{away}/script", '#!/bin/sh\n[ "$1" = bound ] && ip addr add $ip/24 dev $interface\nexit 0\n')
    os.chmod(script, 0o755)
    p = run("udhcpc", "-i", "wan", "-n", "-q", "-f", "-t", "5", "-T", "2", "-s", script, *(["-B"] if broadcast else []),
            ns=one.ns, timeout=40, check=False)
    assert p.returncode == 0, p.stdout + p.stderr
    assert re.fullmatch(r"10\.0\.1\.5\d/24|10\.0\.1\.60/24", addresses("wan", one.ns)[0])
    assert twin(one, "wan")["class"]["dhcp"]["punted"] >= 2


@pytest.mark.needs("dnsmasq", "dhclient")
def test_dhclient(lab, programs, away):
    one = lab(hosts=("a",))
    dhcp_server(one, programs, away)
    one.start(WAN)
    until(lambda: has_carrier("wan", one.ns))
    script = write(f"{away}/script", '#!/bin/sh\n[ "$reason" = BOUND ] && ip addr add $new_ip_address/24 dev $interface\nexit 0\n')
    os.chmod(script, 0o755)
    conf = write(f"{away}/dhclient.conf", "timeout 20;\n")
    programs.append(Daemon(one.ns, "dhclient", "-4", "-d", "-cf", conf, "-lf", f"{away}/client.leases", "-pf",
                           f"{away}/dhclient.pid", "-sf", script, "wan", log=f"{away}/dhclient.log"))
    until(lambda: addresses("wan", one.ns), 25)
    assert addresses("wan", one.ns)[0].startswith("10.0.1.5") or addresses("wan", one.ns)[0] == "10.0.1.60/24"


# --- FRR ---

class Frr:
    """FRR's daemons of one namespace, with their files in a directory of their own."""

    def __init__(self, ns, name, away, programs, conf, daemons):
        self.ns, self.dir = ns, f"{away}/{name}"
        os.makedirs(self.dir)
        os.chmod(self.dir, 0o777)
        write(f"{self.dir}/frr.conf", conf)
        for d in ("zebra", *daemons):
            programs.append(Daemon(ns, f"/usr/lib/frr/{d}", "-f", f"{self.dir}/frr.conf", "-z", f"{self.dir}/zserv.api", "-i",
                                   f"{self.dir}/{d}.pid", "--vty_socket", self.dir, "-u", "frr", "-g", "frr", "-A", "127.0.0.1",
                                   "--log", f"file:{self.dir}/{d}.txt",
                                   log=f"{self.dir}/{d}.log"))
            if d == "zebra":
                until(lambda: os.path.exists(f"{self.dir}/zserv.api"), 10)

    def sh(self, *commands):
        args = [x for c in commands for x in ("-c", c)]
        return run("vtysh", "--vty_socket", self.dir, *args, ns=self.ns, check=False).stdout

    def json(self, command):
        text = self.sh(command + " json")
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            return {}


TWO = """
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
kernel: {}
"""


def speakers(lab, programs, away, ours, theirs, daemons, config=TWO):
    one = lab(hosts=("a",))
    one.a.kernel("10.0.1.2/24", "2001:db8:1::2/64")
    run("ip", "link", "set", "lo", "up", ns=one.ns)
    one.start(config)
    until(lambda: has_carrier("lan", one.ns))
    one.wait_usable()
    one.r1 = Frr(one.ns, "r1", away, programs, ours, daemons)
    one.r2 = Frr(one.a.ns, "r2", away, programs, theirs, daemons)
    return one


OSPF = """hostname %s
interface %s
 ip ospf hello-interval 1
 ip ospf dead-interval 4
 ip ospf area 0
 ipv6 ospf6 hello-interval 1
 ipv6 ospf6 dead-interval 4
 ipv6 ospf6 area 0
router ospf
 ospf router-id %s
router ospf6
 ospf6 router-id %s
"""


@pytest.mark.needs("vtysh", "root")
def test_frr_ospf(lab, programs, away):
    one = speakers(lab, programs, away, OSPF % ("r1", "lan", "1.1.1.1", "1.1.1.1"), OSPF % ("r2", "eth", "2.2.2.2", "2.2.2.2"),
                   ("ospfd", "ospf6d"))

    def full4():
        n = one.r1.json("show ip ospf neighbor").get("neighbors", {}).get("2.2.2.2", [{}])[0]
        return str(n.get("nbrState", n.get("state", ""))).startswith("Full")

    def full6():
        n = one.r1.json("show ipv6 ospf6 neighbor").get("neighbors", [])
        return any(x.get("state") == "Full" for x in n)
    until(full4, 60, 0.5)
    until(full6, 60, 0.5)
    assert twin(one, "lan")["class"]["routing"]["policed"] == 0
    time.sleep(5)  # longer than the dead interval
    assert full4() and full6()


BGP = """hostname %s
router bgp %d
 bgp router-id %s
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor %s remote-as %d
 neighbor %s timers 3 9
 neighbor %s timers connect 2
 neighbor %s bfd
 neighbor %s remote-as %d
 neighbor %s timers connect 2
 address-family ipv4 unicast
  network %s
 exit-address-family
 address-family ipv6 unicast
  neighbor %s activate
 exit-address-family
bfd
 peer %s
  transmit-interval 50
  receive-interval 50
  detect-multiplier 3
"""


def bgp(name, asn, rid, peer4, other, peer6, network):
    return BGP % (name, asn, rid, peer4, other, peer4, peer4, peer4, peer6, other, peer6, network, peer6, peer4)


def established(frr, peer):
    peers = frr.json("show bgp summary")
    found = [v.get("peers", {}).get(peer, {}) for v in peers.values() if isinstance(v, dict)]
    return any(p.get("state") == "Established" for p in found)


def bfd_up(frr):
    peers = json.loads(frr.sh("show bfd peers json") or "[]")
    return bool(peers) and all(p["status"] == "up" for p in peers)


def start_bgp(lab, programs, away, **kw):
    one = speakers(lab, programs, away, bgp("r1", 65001, "1.1.1.1", "10.0.1.2", 65002, "2001:db8:1::2", "198.51.100.0/24"),
                   bgp("r2", 65002, "2.2.2.2", "10.0.1.1", 65001, "2001:db8:1::1", "203.0.113.0/24"), ("bgpd", "bfdd"), **kw)
    until(lambda: established(one.r1, "10.0.1.2") and established(one.r1, "2001:db8:1::2"), 60, 0.5)
    until(lambda: bfd_up(one.r1) and bfd_up(one.r2), 30, 0.5)
    return one


@pytest.mark.needs("vtysh", "root")
def test_frr_bgp_and_bfd(lab, programs, away):
    """The route of the neighbour is in the kernel of the twin; 50 ms x 3 holds while other packets come fast."""
    one = start_bgp(lab, programs, away)
    until(lambda: "203.0.113.0/24" in run("ip", "route", ns=one.ns).stdout, 10)
    downs = bfd_downs(one.r1)
    mac = one.macs()["lan"]
    frame = bytes(Ether(src="02:00:00:00:01:bb", dst=mac) / IP(src="10.0.1.77", dst="10.0.1.1") / UDP(sport=1, dport=9) / Raw(b"x" * 40))
    one.a.raw()
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for _ in range(300):
            one.a.sock.send(frame)
        time.sleep(0.001)
    assert bfd_downs(one.r1) == downs and bfd_up(one.r1) and established(one.r1, "10.0.1.2")
    assert twin(one, "lan")["class"]["other"]["punted"] > 10000


ROUTER = """
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
  back: {port: b, addresses: [10.0.2.1/24]}
kernel: {prefix: w-}
netlink: {}
"""


@pytest.mark.needs("vtysh", "root")
def test_frr_on_twins_fills_the_fib(lab, programs, away):
    """The whole way: BGP over the twin, its route from the kernel into weir's table, packets by it; and back again
    when the neighbour dies. Twins have a prefix, so that they are not found by the interfaces' names."""
    one = lab()
    one.a.kernel("10.0.1.2/24", "2001:db8:1::2/64", "203.0.113.1/32")
    one.b.kernel("10.0.2.2/24", gateway=("10.0.2.1",))
    run("ip", "link", "set", "lo", "up", ns=one.ns)
    one.start(ROUTER)
    until(lambda: has_carrier("w-lan", one.ns) and has_carrier("w-back", one.ns))
    one.wait_usable()
    ours = bgp("r1", 65001, "1.1.1.1", "10.0.1.2", 65002, "2001:db8:1::2", "10.0.2.0/24")
    theirs = bgp("r2", 65002, "2.2.2.2", "10.0.1.1", 65001, "2001:db8:1::1", "203.0.113.0/24")
    one.r1 = Frr(one.ns, "r1", away, programs, ours, ("bgpd", "bfdd"))
    one.r2 = Frr(one.a.ns, "r2", away, programs, theirs, ("bgpd", "bfdd"))

    def learnt():
        return [r for r in one.show("routes")["routes"] if r["prefix"] == "203.0.113.0/24"]
    until(learnt, 60, 0.5)
    assert (learnt()[0]["source"], learnt()[0]["protocol"]) == ("kernel", "bgp")
    until(lambda: one.b.ping("203.0.113.1", count=1).returncode == 0, 20, 0.5)
    assert one.weir("kernel", "diff").returncode == 0
    until(lambda: bfd_up(one.r1), 30, 0.5)
    for d in programs[-3:]:  # the neighbour's daemons, all at once
        d.kill()
    until(lambda: not learnt(), 5, 0.05)
    assert "Unreachable" in one.b.ping("203.0.113.1", count=1).stdout
    assert one.weir("kernel", "diff").returncode == 0


def bfd_downs(frr):
    peers = json.loads(frr.sh("show bfd peers counters json") or "[]")
    return sum(p.get("session-down", 0) for p in peers)


# --- BIRD ---

BIRD = """log stderr all;
router id %s;
protocol device { scan time 2; }
protocol direct { ipv4; ipv6; }
protocol kernel { ipv4 { export all; }; }
protocol bfd { interface "%s" { interval 50 ms; multiplier 3; }; }
protocol ospf v2 { ipv4 { import all; export all; }; area 0 { interface "%s" { hello 1; dead 4; }; }; }
protocol ospf v3 { ipv6 { import all; export all; }; area 0 { interface "%s" { hello 1; dead 4; }; }; }
protocol bgp peer { local as %d; neighbor %s as %d; bfd on; connect retry time 2; connect delay time 1; ipv4 { import all; export all; }; }
"""


@pytest.mark.needs("bird", "birdc")
def test_bird(lab, programs, away):
    one = lab(hosts=("a",))
    one.a.kernel("10.0.1.2/24", "2001:db8:1::2/64")
    one.start(TWO)
    until(lambda: has_carrier("lan", one.ns))
    one.wait_usable()
    for ns, name, text in ((one.ns, "r1", BIRD % ("1.1.1.1", "lan", "lan", "lan", 65001, "10.0.1.2", 65002)),
                           (one.a.ns, "r2", BIRD % ("2.2.2.2", "eth", "eth", "eth", 65002, "10.0.1.1", 65001))):
        write(f"{away}/{name}.conf", text)
        programs.append(Daemon(ns, "bird", "-f", "-c", f"{away}/{name}.conf", "-s", f"{away}/{name}.ctl", "-P", f"{away}/{name}.pid",
                               log=f"{away}/{name}.log"))

    def says(command, *words):
        text = run("birdc", "-s", f"{away}/r1.ctl", *command.split(), ns=one.ns, check=False).stdout
        return all(w in text for w in words)
    until(lambda: says("show ospf neighbors ospf1", "Full"), 60, 0.5)
    until(lambda: says("show ospf neighbors ospf2", "Full"), 60, 0.5)
    until(lambda: says("show protocols peer", "Established"), 60, 0.5)
    until(lambda: says("show bfd sessions", "Up"), 20, 0.5)


# --- keepalived ---

VRRP_CONF = """global_defs {
  router_id %s
  script_user root
}
vrrp_instance v {
  interface %s
  state BACKUP
  virtual_router_id 7
  priority %d
  advert_int 0.2
  version 3
  virtual_ipaddress { 10.0.1.100/24 }
}
"""


def keepalived(ns, name, interface, priority, away):
    conf = write(f"{away}/{name}.conf", VRRP_CONF % (name, interface, priority))
    os.chmod(conf, 0o644)
    return Daemon(ns, "keepalived", "-n", "-l", "-D", "-f", conf, "-p", f"{away}/{name}.pid", "-r", f"{away}/{name}.vrrp", "--vrrp",
                  log=f"{away}/{name}.log")


@pytest.mark.needs("keepalived")
def test_keepalived(lab, programs, away):
    """The neighbour is master; when it goes, the twin is, and it says so on the wire."""
    one = lab(hosts=("a",))
    one.a.kernel("10.0.1.2/24")
    one.start(TWO)
    until(lambda: has_carrier("lan", one.ns))
    theirs = keepalived(one.a.ns, "r2", "eth", 200, away)
    programs.append(theirs)
    programs.append(keepalived(one.ns, "r1", "lan", 100, away))
    until(lambda: "10.0.1.100/24" in addresses("eth", one.a.ns), 15)
    time.sleep(1)
    assert "10.0.1.100/24" not in addresses("lan", one.ns)
    assert twin(one, "lan")["class"]["routing"]["punted"] > 3
    one.a.raw()
    theirs.stop()
    until(lambda: "10.0.1.100/24" in addresses("lan", one.ns), 5)
    assert one.a.receive(2, lambda p: IP in p and p[IP].proto == 112 and p.dst == "01:00:5e:00:00:12", enough=2)
