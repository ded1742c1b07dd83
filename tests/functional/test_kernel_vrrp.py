# SPDX-License-Identifier: BSD-3-Clause
"""keepalived on twins and on a Linux router beside: two routers with one address each side, and what packets through it notice
when the one with the address dies, and when it returns."""
import os
import re
import signal
import time

import pytest
from daemons import Daemon, place, write
from lab import run

from twin import addresses, has_carrier, until

pytestmark = pytest.mark.needs("keepalived")

CONFIG = """
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24]}
  wan: {port: b, addresses: [10.0.2.1/24]}
kernel: {}
netlink: {addresses: true}
"""
# One router has both addresses or none.
VRRP = """global_defs {{
  router_id {name}
  script_user root
  dynamic_interfaces
}}
vrrp_sync_group both {{
  group {{
    inside
    outside
  }}
}}
vrrp_instance inside {{
  interface {lan}
  state BACKUP
  virtual_router_id 1
  priority {priority}
  advert_int 0.2
  version 3
  virtual_ipaddress {{ 10.0.1.100/24 }}
}}
vrrp_instance outside {{
  interface {wan}
  state BACKUP
  virtual_router_id 2
  priority {priority}
  advert_int 0.2
  version 3
  virtual_ipaddress {{ 10.0.2.100/24 }}
}}
"""


def keepalived(one, ns, **kw):
    at = place(one, kw["name"])
    conf = write(f"{at}/keepalived.conf", VRRP.format(**kw))
    return Daemon(one, ns, "keepalived", "-n", "-l", "-D", "-f", conf, "-p", f"{at}/pid", "-r", f"{at}/vrrp", "--vrrp", log=f"{at}/log")


def join(one, switch, name, ns, dev, address):
    """A namespace on the switch that a host of the lab is made into."""
    run("ip", "link", "add", dev, "netns", ns, "type", "veth", "peer", "name", name, "netns", switch.ns)
    run("ip", "link", "set", name, "master", "switch", "up", ns=switch.ns)
    run("ethtool", "-K", dev, "tx", "off", "gso", "off", "tso", "off", "gro", "off", ns=ns, check=False)
    run("ip", "link", "set", dev, "up", ns=ns)
    run("ip", "addr", "add", address, "dev", dev, ns=ns)


def network(one):
    """client - switch a - (weir | other router) - switch b - server"""
    one.extra = {n: f"{one.prefix}{n}" for n in ("client", "server", "other")}
    for ns in one.extra.values():
        run("ip", "netns", "add", ns)
        run("ip", "link", "set", "lo", "up", ns=ns)
        run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", ns=ns)
    for switch in (one.a, one.b):
        run("ip", "link", "add", "name", "switch", "type", "bridge", ns=switch.ns)
        run("ip", "link", "set", "eth", "master", "switch", ns=switch.ns)
        run("ip", "link", "set", "switch", "up", ns=switch.ns)
    other = one.extra["other"]
    run("sysctl", "-qw", "net.ipv4.ip_forward=1", ns=other)
    for key in ("all", "default"):
        run("sysctl", "-qw", f"net.ipv4.conf.{key}.rp_filter=0", ns=other)
    for name, ns in one.extra.items():
        if name != "server":
            join(one, one.a, name, ns, "lan", f"10.0.1.{2 if name == 'client' else 3}/24")
        if name != "client":
            join(one, one.b, name, ns, "wan", f"10.0.2.{2 if name == 'server' else 3}/24")
    run("ip", "route", "add", "default", "via", "10.0.1.100", ns=one.extra["client"])
    run("ip", "route", "add", "default", "via", "10.0.2.100", ns=one.extra["server"])


@pytest.fixture
def pair(lab):
    one = lab()
    network(one)
    yield one
    one.end_programs()
    for ns in one.extra.values():
        run("ip", "netns", "del", ns, check=False)


class Ping:
    """Pings each 20 ms, and which of them were answered."""

    def __init__(self, one):
        self.log = f"{one.dir}/ping-{time.monotonic_ns()}"
        self.d = Daemon(one, one.extra["client"], "ping", "-D", "-n", "-O", "-i", "0.02", "-W", "1", "10.0.2.2", log=self.log)

    def answers(self):
        return [int(n) for n in re.findall(r"64 bytes from .*icmp_seq=(\d+)", self.d.text())]

    def outage(self):
        """Seconds of the longest gap between answers, once it goes on."""
        n = len(self.answers())
        until(lambda: len(self.answers()) > n + 20, 5)
        self.d.kill(signal.SIGINT)
        got = sorted(set(self.answers()))
        return max(b - a for a, b in zip(got, got[1:])) * 0.02


def holder(one):
    """Who has the addresses: both sides of one router and none of the other, else nobody."""
    here, there = ([any(".100/" in a for a in addresses(dev, ns) or []) for dev in ("lan", "wan")]
                   for ns in (one.ns, one.extra["other"]))
    return "weir" if all(here) and not any(there) else "other" if all(there) and not any(here) else None


def kill(one):
    """As a crash would: nothing is said on the wire."""
    one.daemon.send_signal(signal.SIGKILL)  # `ip netns exec` becomes the program
    one.daemon.wait()
    one.daemon = None
    os.unlink(one.socket)


def restart(one):
    one.start(CONFIG, prefix=f"{one.prefix}b", dataplane=", polling: adaptive")
    until(lambda: has_carrier("lan", one.ns) and has_carrier("wan", one.ns))


def owner_of(one, ns, dev, address):
    """The MAC address a host has for an address."""
    neighbors = run("ip", "-br", "neigh", "show", address, "dev", dev, ns=ns).stdout.split()
    return neighbors[-1] if neighbors else None


def test_failover_and_return(pair):
    one = pair
    one.start(CONFIG, dataplane=", polling: adaptive")
    until(lambda: has_carrier("lan", one.ns) and has_carrier("wan", one.ns))
    keepalived(one, one.ns, name="weir", lan="lan", wan="wan", priority=200)
    keepalived(one, one.extra["other"], name="other", lan="lan", wan="wan", priority=100)
    until(lambda: holder(one) == "weir", 15)
    ours = {"lan": one.macs()["lan"], "wan": one.macs()["wan"]}
    until(lambda: "10.0.1.100/24" in [a["address"] for i in one.show("interfaces")["interfaces"] for a in i["addresses"]])
    assert run("ping", "-c", "1", "-W", "2", "10.0.1.100", ns=one.extra["client"]).returncode == 0  # weir answers for it
    ping = Ping(one)
    until(lambda: len(ping.answers()) > 20, 5)
    assert owner_of(one, one.extra["client"], "lan", "10.0.1.100") == ours["lan"]
    sent = {i["name"]: i["tx_packets"] for i in one.show("interfaces")["interfaces"]}
    assert sent["wan"] > 20
    kill(one)
    until(lambda: holder(one) == "other", 10)
    gone = ping.outage()
    assert owner_of(one, one.extra["client"], "lan", "10.0.1.100") not in (ours["lan"], None)
    restart(one)
    ping = Ping(one)
    until(lambda: holder(one) == "weir", 15)  # it has the higher priority
    until(lambda: owner_of(one, one.extra["client"], "lan", "10.0.1.100") == ours["lan"], 5)
    until(lambda: owner_of(one, one.extra["server"], "wan", "10.0.2.100") == ours["wan"], 5)
    back = ping.outage()
    print(f"the master dies: {gone:.2f} s without answers; it returns: {back:.2f} s")
    assert gone < 3 and back < 3
    assert {i["name"]: i["tx_packets"] for i in one.show("interfaces")["interfaces"]}["wan"] > 20
