# SPDX-License-Identifier: BSD-3-Clause
"""Unmodified programs on twins: DHCP clients, OSPF, BGP and BFD of FRR and BIRD, VRRP of keepalived."""
import re
import time

import pytest
from daemons import Bird, Daemon, Frr, keepalived, place, write
from lab import run
from scapy.all import IP, UDP, Ether, Raw

from twin import addresses, has_carrier, twin, until

# --- DHCP ---

WAN = "interfaces:\n  wan: {port: a}\nkernel: {}\n"


def dhcp_server(one):
    one.a.kernel("10.0.1.1/24")
    at = place(one, "dnsmasq")
    Daemon(one, one.a.ns, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--port=0", "--interface=eth",
           "--dhcp-range=10.0.1.50,10.0.1.60,255.255.255.0,120", f"--dhcp-leasefile={at}/leases", "--dhcp-authoritative",
           "--log-dhcp", "--user=root", f"--pid-file={at}/pid", log=f"{at}/log")


@pytest.mark.needs("dnsmasq", "udhcpc")
@pytest.mark.parametrize("broadcast", [False, True], ids=["unicast", "broadcast"])
def test_udhcpc(lab, broadcast):
    """An interface without address: the answers go to an address that is not ours yet."""
    one = lab(hosts=("a",))
    dhcp_server(one)
    one.start(WAN)
    until(lambda: has_carrier("wan", one.ns))
    script = write(f"{one.dir}/script", '#!/bin/sh\n[ "$1" = bound ] && ip addr add $ip/24 dev $interface\nexit 0\n', 0o755)
    p = run("udhcpc", "-i", "wan", "-n", "-q", "-f", "-t", "5", "-T", "2", "-s", script, *(["-B"] if broadcast else []),
            ns=one.ns, timeout=40, check=False)
    assert p.returncode == 0, p.stdout + p.stderr
    assert re.fullmatch(r"10\.0\.1\.5\d/24|10\.0\.1\.60/24", addresses("wan", one.ns)[0])
    assert twin(one, "wan")["class"]["dhcp"]["punted"] >= 2


@pytest.mark.needs("dnsmasq", "dhclient")
def test_dhclient(lab):
    one = lab(hosts=("a",))
    dhcp_server(one)
    one.start(WAN)
    until(lambda: has_carrier("wan", one.ns))
    at = place(one, "dhclient")
    script = write(f"{at}/script", '#!/bin/sh\n[ "$reason" = BOUND ] && ip addr add $new_ip_address/24 dev $interface\nexit 0\n', 0o755)
    conf = write(f"{at}/conf", "timeout 20;\n")
    Daemon(one, one.ns, "dhclient", "-4", "-d", "-cf", conf, "-lf", f"{at}/leases", "-pf", f"{at}/pid", "-sf", script, "wan",
           log=f"{at}/log")
    until(lambda: addresses("wan", one.ns), 25)
    assert addresses("wan", one.ns)[0].startswith("10.0.1.5") or addresses("wan", one.ns)[0] == "10.0.1.60/24"


# --- FRR ---

TWO = """
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
kernel: {}
"""


def speakers(lab, ours, theirs, daemons, config=TWO):
    one = lab(hosts=("a",))
    one.a.kernel("10.0.1.2/24", "2001:db8:1::2/64")
    run("ip", "link", "set", "lo", "up", ns=one.ns)
    one.start(config)
    until(lambda: has_carrier("lan", one.ns))
    one.wait_usable()
    one.r1, one.r2 = Frr(one, one.ns, "r1"), Frr(one, one.a.ns, "r2")
    one.r1.all(ours, *daemons)
    one.r2.all(theirs, *daemons)
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
def test_frr_ospf(lab):
    one = speakers(lab, OSPF % ("r1", "lan", "1.1.1.1", "1.1.1.1"), OSPF % ("r2", "eth", "2.2.2.2", "2.2.2.2"), ("ospfd", "ospf6d"))
    until(lambda: all(one.r1.full("2.2.2.2")), 60, 0.5)
    assert twin(one, "lan")["class"]["routing"]["policed"] == 0
    time.sleep(5)  # longer than the dead interval
    assert one.r1.full("2.2.2.2") == (True, True)


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


def start_bgp(lab, **kw):
    one = speakers(lab, bgp("r1", 65001, "1.1.1.1", "10.0.1.2", 65002, "2001:db8:1::2", "198.51.100.0/24"),
                   bgp("r2", 65002, "2.2.2.2", "10.0.1.1", 65001, "2001:db8:1::1", "203.0.113.0/24"), ("bgpd", "bfdd"), **kw)
    until(lambda: one.r1.established("10.0.1.2", "2001:db8:1::2"), 60, 0.5)
    until(lambda: one.r1.bfd_up() and one.r2.bfd_up(), 30, 0.5)
    return one


@pytest.mark.needs("vtysh", "root")
def test_frr_bgp_and_bfd(lab):
    """The route of the neighbour is in the kernel of the twin; 50 ms x 3 holds while other packets come fast."""
    one = start_bgp(lab)
    until(lambda: "203.0.113.0/24" in run("ip", "route", ns=one.ns).stdout, 10)
    downs = one.r1.bfd_downs()
    mac = one.macs()["lan"]
    frame = bytes(Ether(src="02:00:00:00:01:bb", dst=mac) / IP(src="10.0.1.77", dst="10.0.1.1") / UDP(sport=1, dport=9) / Raw(b"x" * 40))
    one.a.raw()
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for _ in range(300):
            one.a.sock.send(frame)
        time.sleep(0.001)
    assert one.r1.bfd_downs() == downs and one.r1.bfd_up() and one.r1.established("10.0.1.2")
    assert twin(one, "lan")["class"]["other"]["punted"] > 10000


ROUTER = """
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
  back: {port: b, addresses: [10.0.2.1/24]}
kernel: {prefix: w-}
netlink: {}
"""


@pytest.mark.needs("vtysh", "root")
def test_frr_on_twins_fills_the_fib(lab):
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
    one.r1, one.r2 = Frr(one, one.ns, "r1"), Frr(one, one.a.ns, "r2")
    one.r1.all(ours, "bgpd", "bfdd")
    neighbor = one.r2.all(theirs, "bgpd", "bfdd")

    def learnt():
        return [r for r in one.show("routes")["routes"] if r["prefix"] == "203.0.113.0/24"]
    until(learnt, 60, 0.5)
    assert (learnt()[0]["source"], learnt()[0]["protocol"]) == ("kernel", "bgp")
    until(lambda: one.b.ping("203.0.113.1", count=1).returncode == 0, 20, 0.5)
    assert one.weir("kernel", "diff").returncode == 0
    until(lambda: one.r1.bfd_up(), 30, 0.5)
    for d in neighbor:  # all at once
        d.kill()
    until(lambda: not learnt(), 5, 0.05)
    assert "Unreachable" in one.b.ping("203.0.113.1", count=1).stdout
    assert one.weir("kernel", "diff").returncode == 0


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
def test_bird(lab):
    one = lab(hosts=("a",))
    one.a.kernel("10.0.1.2/24", "2001:db8:1::2/64")
    one.start(TWO)
    until(lambda: has_carrier("lan", one.ns))
    one.wait_usable()
    ours = Bird(one, one.ns, BIRD % ("1.1.1.1", "lan", "lan", "lan", 65001, "10.0.1.2", 65002), "r1")
    Bird(one, one.a.ns, BIRD % ("2.2.2.2", "eth", "eth", "eth", 65002, "10.0.1.1", 65001), "r2")
    until(lambda: ours.says("show ospf neighbors ospf1", "Full"), 60, 0.5)
    until(lambda: ours.says("show ospf neighbors ospf2", "Full"), 60, 0.5)
    until(lambda: ours.says("show protocols peer", "Established"), 60, 0.5)
    until(lambda: ours.says("show bfd sessions", "Up"), 20, 0.5)


# --- keepalived ---

@pytest.mark.needs("keepalived")
def test_keepalived(lab):
    """The neighbour is master; when it goes, the twin is, and it says so on the wire."""
    one = lab(hosts=("a",))
    one.a.kernel("10.0.1.2/24")
    one.start(TWO)
    until(lambda: has_carrier("lan", one.ns))
    theirs = keepalived(one, one.a.ns, "r2", "eth", 200)
    keepalived(one, one.ns, "r1", "lan", 100)
    until(lambda: "10.0.1.100/24" in addresses("eth", one.a.ns), 15)
    time.sleep(1)
    assert "10.0.1.100/24" not in addresses("lan", one.ns)
    assert twin(one, "lan")["class"]["routing"]["punted"] > 3
    one.a.raw()
    theirs.stop()
    until(lambda: "10.0.1.100/24" in addresses("lan", one.ns), 5)
    assert one.a.receive(2, lambda p: IP in p and p[IP].proto == 112 and p.dst == "01:00:5e:00:00:12", enough=2)
