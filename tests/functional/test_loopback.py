# SPDX-License-Identifier: BSD-3-Clause
"""Interfaces without a link: their addresses are ours on every side, and the kernel has a twin with them."""
import json
import socket

import pytest
from daemons import Frr
from lab import run

from twin import Echo, addresses, has_carrier, link, talk, twin, until

CONFIG = """
interfaces:
  lo0: {loopback: true, addresses: [192.0.2.1/32, "2001:db8:f::1/128"]}
  pool: {loopback: true, addresses: [203.0.113.1/28, "2001:db8:e::1/64"]}
  lan: {port: a, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
  wan: {port: b, addresses: [10.0.2.1/24, "2001:db8:2::1/64"]}
kernel: {}
netlink: {addresses: true}
"""


def begin(one):
    one.a.kernel("10.0.1.2/24", "2001:db8:1::2/64", gateway=("10.0.1.1", "2001:db8:1::1"))
    one.b.kernel("10.0.2.2/24", "2001:db8:2::2/64", gateway=("10.0.2.1", "2001:db8:2::1"))
    run("ip", "link", "set", "lo", "up", ns=one.ns)
    one.start(CONFIG, dataplane=", polling: adaptive")
    one.wait_usable()
    until(lambda: has_carrier("lan", one.ns) and has_carrier("lo0", one.ns))
    return one


@pytest.fixture(scope="module")
def shared(module_lab):
    return begin(module_lab())


def answers(host, to):
    return "2 received" in host.ping(to).stdout


def row(one, name):
    return next(i for i in one.show("interfaces")["interfaces"] if i["name"] == name)


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8:f::1", "203.0.113.1", "2001:db8:e::1"])
def test_it_answers_on_every_side(router, address):
    assert answers(router.a, address) and answers(router.b, address)


def test_what_is_shown(router):
    lo0 = row(router, "lo0")
    assert (lo0["loopback"], lo0["port"], lo0["mac"], lo0["up"], lo0["vrf"]) == (True, None, None, True, "default")
    assert [(a["address"], a["state"]) for a in lo0["addresses"]] == [("192.0.2.1/32", "usable"), ("2001:db8:f::1/128", "usable")]
    assert row(router, "lan")["loopback"] is False
    line = next(x for x in router.weir("show", "interfaces").stdout.splitlines() if x.startswith("lo0"))
    assert " up " in line and "192.0.2.1/32" in line and "00:00" not in line
    routes = {r["prefix"]: (r["type"], r["source"], r["via"][0]["interface"]) for r in router.show("routes")["routes"] if r["active"]}
    assert routes["192.0.2.1/32"] == ("local", "connected", "lo0")
    assert routes["203.0.113.0/28"] == ("unreachable", "connected", "pool")
    assert "203.0.113.15/32" not in routes  # nobody to broadcast to
    assert lo0["tx_packets"] == 0 and router.weir("route", "get", "203.0.113.9").returncode == 0


def test_the_rest_of_its_subnet_is_nobodys(router):
    """A pool's addresses that are not ours do not go round between two routers: they end here, and the sender hears of it."""
    assert "Unreachable" in router.a.ping("203.0.113.9", count=1).stdout
    assert "nreachable" in router.a.ping("2001:db8:e::9", count=1).stdout
    assert "Unreachable" in router.a.ping("203.0.113.15", count=1).stdout
    assert router.drops()["route-unreachable"] == 3


def test_its_twin(router):
    it = link("pool", router.ns)
    assert {"UP", "LOWER_UP", "NOARP"} <= set(it["flags"])
    assert addresses("pool", router.ns) == ["2001:db8:e::1/64", "203.0.113.1/28"]
    assert addresses("lo0", router.ns) == ["192.0.2.1/32", "2001:db8:f::1/128"]
    before = twin(router, "pool")["inject_drops"]
    run("ping", "-c", "2", "-i", "0.2", "-W", "1", "203.0.113.9", ns=router.ns, check=False)  # the kernel's view: out of the twin
    until(lambda: twin(router, "pool")["inject_drops"] >= before + 2)


@pytest.mark.parametrize("family,address", [(socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8:f::1")])
def test_local_programs_use_its_address(router, family, address):
    """A server on it is reached from both sides; a client with it as its source gets its answers."""
    server = Echo(router.ns, address, 7000, family)
    assert talk(router.a.ns, (address, 7000), b"x" * 5000, family) == b"x" * 5000
    assert talk(router.b.ns, (address, 7000), b"y" * 5000, family) == b"y" * 5000
    server.close()
    there = Echo(router.b.ns, "10.0.2.2" if family == socket.AF_INET else "2001:db8:2::2", 7001, family)
    assert talk(router.ns, ("10.0.2.2" if family == socket.AF_INET else "2001:db8:2::2", 7001), b"z" * 5000, family,
                bind=(address, 0)) == b"z" * 5000
    there.close()


def test_addresses_come_and_go(router):
    """By hand, and from a program that puts one on the twin, as keepalived does."""
    router.weir("address", "add", "192.0.2.7/32", "dev", "lo0")
    until(lambda: "192.0.2.7/32" in addresses("lo0", router.ns))
    assert answers(router.a, "192.0.2.7")
    router.weir("address", "del", "192.0.2.7/32", "dev", "lo0")
    until(lambda: "192.0.2.7/32" not in addresses("lo0", router.ns))
    assert "Unreachable" in router.a.ping("192.0.2.7", count=1).stdout
    run("ip", "addr", "add", "192.0.2.8/32", "dev", "lo0", ns=router.ns)
    until(lambda: "192.0.2.8/32" in [a["address"] for a in row(router, "lo0")["addresses"]])
    assert answers(router.b, "192.0.2.8")
    run("ip", "addr", "del", "192.0.2.8/32", "dev", "lo0", ns=router.ns)
    until(lambda: "192.0.2.8/32" not in [a["address"] for a in row(router, "lo0")["addresses"]])


def test_nobody_is_behind_it(router):
    """Routes and neighbours by way of it are refused, those of the kernel are counted."""
    for argv, words in ((("route", "add", "198.51.100.0/24", "dev", "lo0"), "loopback"),
                        (("neighbor", "add", "203.0.113.9", "lladdr", "02:00:00:00:00:09", "dev", "pool"), "not in a subnet"),
                        (("address", "add", "fe80::1/64", "dev", "lo0"), "no link")):
        p = router.weir(*argv, check=False)
        assert p.returncode != 0 and words in p.stderr, p.stderr
    run("ip", "route", "add", "198.51.100.0/24", "dev", "pool", ns=router.ns)
    until(lambda: [s for s in router.show("sources")["sources"] if s["name"] == "kernel" and s["refused"].get("no-interface", 0) >= 1])
    assert not [r for r in router.show("routes")["routes"] if r["prefix"] == "198.51.100.0/24"]
    run("ip", "route", "del", "198.51.100.0/24", "dev", "pool", ns=router.ns)


def test_it_becomes_a_link_and_one_becomes_it(router):
    """Addresses begin anew: what had nobody to ask goes through duplicate address detection, and announces itself."""
    other = CONFIG.replace("lo0: {loopback: true,", "lo0: {parent: lan, vlan: 9,").replace("/32", "/24").replace("/128", "/64")
    router.apply(other)
    lo0 = row(router, "lo0")
    assert (lo0["loopback"], lo0["port"], lo0["mac"]) == (False, "a", row(router, "lan")["mac"])
    assert "tentative" in [a["state"] for a in lo0["addresses"]]
    it = link("lo0", router.ns)
    assert "NOARP" not in it["flags"] and it["address"] == lo0["mac"]
    router.wait_usable()
    router.apply(CONFIG)
    it = link("lo0", router.ns)
    assert {"UP", "LOWER_UP", "NOARP"} <= set(it["flags"])
    assert addresses("lo0", router.ns) == ["192.0.2.1/32", "2001:db8:f::1/128"]
    assert answers(router.a, "192.0.2.1") and answers(router.b, "2001:db8:f::1")
    router.apply(CONFIG.replace("lo0: {loopback: true,", "lo0: {loopback: true, enabled: false,"))
    assert row(router, "lo0")["up"] is False and "UP" not in link("lo0", router.ns)["flags"]
    assert "nreachable" in router.a.ping("192.0.2.1", count=1).stdout
    router.apply(CONFIG)
    assert answers(router.a, "192.0.2.1")


# --- announced by OSPF ---

OSPF = """hostname {name}
interface {interface}
 ip ospf network point-to-point
 ip ospf hello-interval 1
 ip ospf dead-interval 4
 ip ospf area 0
 ipv6 ospf6 network point-to-point
 ipv6 ospf6 hello-interval 1
 ipv6 ospf6 dead-interval 4
 ipv6 ospf6 area 0
router ospf
 ospf router-id {id}
 redistribute connected
 timers throttle spf 10 100 500
 timers throttle lsa all 0
 timers lsa min-arrival 0
router ospf6
 ospf6 router-id {id}
 redistribute connected
 timers throttle spf 10 100 500
 timers lsa min-arrival 0
"""


@pytest.mark.needs("vtysh")
def test_frr_announces_it_by_ospf(router):
    """`redistribute connected` is all it takes: the neighbour has routes of OSPFv2 and OSPFv3 to the loopbacks, and uses them. The
    other way round the neighbour's own network is in weir's tables."""
    for c in ("ip route del default", "ip -6 route del default", "ip addr add 198.51.100.1/24 dev lo",
              "ip addr add 2001:db8:d::1/64 dev lo"):
        run(*c.split(), ns=router.a.ns)
    r1, r2 = Frr(router, router.ns, "r1"), Frr(router, router.a.ns, "r2")
    ours = r1.all(OSPF.format(name="r1", interface="lan", id="1.1.1.1"), "ospfd", "ospf6d")
    r2.all(OSPF.format(name="r2", interface="eth", id="2.2.2.2"), "ospfd", "ospf6d")

    def learnt():
        return {r["dst"]: r.get("gateway") for v in ("-4", "-6") for r in
                json.loads(run("ip", "-j", v, "route", "show", "proto", "ospf", ns=router.a.ns).stdout)}
    until(lambda: learnt().get("192.0.2.1") == learnt().get("203.0.113.0/28") == "10.0.1.1", 40, 0.3)
    until(lambda: {"2001:db8:f::1", "2001:db8:e::/64"} <= set(learnt()), 40, 0.3)
    for address in ("192.0.2.1", "203.0.113.1", "2001:db8:f::1", "2001:db8:e::1"):
        assert answers(router.a, address)

    def here():
        return {r["prefix"]: r["protocol"] for r in router.show("routes")["routes"] if r["source"] == "kernel"}
    until(lambda: here().get("198.51.100.0/24") == here().get("2001:db8:d::/64") == "ospf", 20, 0.3)
    assert answers(router.b, "198.51.100.1") and answers(router.b, "2001:db8:d::1")
    router.weir("address", "add", "192.0.2.9/32", "dev", "lo0")  # a service comes, and goes
    until(lambda: "192.0.2.9" in learnt(), 10, 0.1)
    assert answers(router.a, "192.0.2.9")
    router.weir("address", "del", "192.0.2.9/32", "dev", "lo0")
    until(lambda: "192.0.2.9" not in learnt(), 10, 0.1)
    assert router.weir("kernel", "diff").returncode == 0
    for d in ours:
        d.kill()
    router.end_programs()
