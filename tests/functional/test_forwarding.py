# SPDX-License-Identifier: BSD-3-Clause
"""Kernel hosts on both sides: ping, TCP, traceroute, path MTU, large packets through weir."""
import re
import time

import pytest

TWO = """
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
  wan: {port: b, addresses: [10.0.2.1/24, "2001:db8:2::1/64"]}
"""
DRIVERS = ["af_packet", "af_xdp"]


def two_hosts(lab, **kw):
    one = lab(**{k: v for k, v in kw.items() if k == "mtu"})
    one.a.kernel("10.0.1.2/24", "2001:db8:1::2/64", gateway=("10.0.1.1", "2001:db8:1::1"))
    one.b.kernel("10.0.2.2/24", "2001:db8:2::2/64", gateway=("10.0.2.1", "2001:db8:2::1"))
    return one.start(kw.get("config", TWO), **{k: v for k, v in kw.items() if k not in ("mtu", "config")})


def answered(p):
    return re.search(r"\b0% packet loss", p.stdout) is not None


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("target", ["10.0.2.2", "2001:db8:2::2"])
def test_ping_through(lab, driver, target):
    one = two_hosts(lab, driver=driver)
    p = one.a.ping(target, count=5)
    assert answered(p), p.stdout
    assert "ttl=63" in p.stdout


@pytest.mark.parametrize("workers", [2, 4])
def test_ping_with_several_workers(lab, workers):
    one = two_hosts(lab, workers=workers)
    assert answered(one.a.ping("10.0.2.2", count=5))
    assert answered(one.b.ping("2001:db8:1::2", count=5))
    assert len(one.show("workers")["workers"]) == workers


@pytest.mark.parametrize("target", ["10.0.1.1", "10.0.2.1", "2001:db8:1::1", "2001:db8:2::1"])
def test_router_answers_ping_on_every_address(lab, target):
    one = two_hosts(lab)
    one.wait_usable()
    p = one.a.ping(target)
    assert answered(p), p.stdout


@pytest.mark.parametrize("target", ["10.0.1.1", "2001:db8:1::1"])
def test_router_answers_fragmented_ping(lab, target):
    one = two_hosts(lab)
    p = one.a.ping(target, s=4000)
    assert answered(p), p.stdout


@pytest.mark.needs("iperf3")
@pytest.mark.parametrize("family", ["-4", "-6"])
def test_tcp_transfer(lab, family):
    one = two_hosts(lab)
    server = one.b.popen("iperf3", "-s", "-1")
    time.sleep(0.5)
    p = one.a.run("iperf3", family, "-c", "10.0.2.2" if family == "-4" else "2001:db8:2::2", "-n", "8M",
                  timeout=60)
    assert "sender" in p.stdout
    server.wait(10)


@pytest.mark.needs("traceroute")
@pytest.mark.parametrize("family,hop,target", [("-4", "10.0.1.1", "10.0.2.2"),
                                               ("-6", "2001:db8:1::1", "2001:db8:2::2")])
def test_traceroute_names_the_router(lab, family, hop, target):
    one = two_hosts(lab)
    p = one.a.run("traceroute", family, "-n", "-q", "1", "-w", "2", "-m", "4", target)
    hops = [line.split()[1] for line in p.stdout.splitlines()[1:]]
    assert hops == [hop, target], p.stdout


def test_path_mtu_is_learnt(lab):
    config = TWO.replace("wan: {port: b", "wan: {port: b, mtu: 1400")
    one = two_hosts(lab, config=config)
    p = one.a.ping("10.0.2.2", count=1, s=1400, M="do")
    assert "1400" in p.stdout + p.stderr and not answered(p)
    p = one.a.ping("2001:db8:2::2", count=3, s=1400, M="do")
    assert "mtu" in (p.stdout + p.stderr).lower() or not answered(p)
    assert "1400" in one.a.run("ip", "-6", "route", "get", "2001:db8:2::2").stdout
    assert one.drops()["ip-too-big"] >= 2


def test_ipv4_is_fragmented_to_a_smaller_mtu(lab):
    config = TWO.replace("wan: {port: b", "wan: {port: b, mtu: 1000").replace(', "2001:db8:2::1/64"', "")
    one = two_hosts(lab, config=config)
    p = one.a.ping("10.0.2.2", count=3, s=1300, M="dont")
    assert answered(p), p.stdout
    assert one.drops()["ip-fragmented"] == 3


def test_jumbo_frames(lab):
    one = two_hosts(lab, mtu=9000, port_options={"mtu": 9000})
    assert answered(one.a.ping("10.0.2.2", count=3, s=8900, M="do"))
    assert answered(one.a.ping("2001:db8:2::2", count=3, s=8900, M="do"))


def test_unreachable_neighbour_is_told(lab):
    one = two_hosts(lab)
    p = one.a.ping("10.0.2.77", count=1, W=6)
    assert "Destination Host Unreachable" in p.stdout, p.stdout
    p = one.a.ping("2001:db8:2::77", count=1, W=6)
    assert "unreachable" in p.stdout, p.stdout


def test_no_route_is_told(lab):
    one = two_hosts(lab)
    p = one.a.ping("192.0.2.1", count=1)
    assert "Net Unreachable" in p.stdout, p.stdout
    p = one.a.ping("2001:db8:ffff::1", count=1)
    assert "No route" in p.stdout, p.stdout
    assert one.drops()["route-none"] == 2


def test_link_down_and_up(lab):
    one = two_hosts(lab)
    assert answered(one.a.ping("10.0.2.2"))
    one.b.run("ip", "link", "set", "eth", "down")
    time.sleep(1.5)
    ports = {p["name"]: p for p in one.show("ports")["ports"]}
    assert ports["b"]["link"] == "down" and ports["a"]["link"] == "up"
    assert not answered(one.a.ping("10.0.2.2", count=1))
    one.b.run("ip", "link", "set", "eth", "up")
    one.b.run("ip", "route", "replace", "default", "via", "10.0.2.1")
    time.sleep(1.5)
    assert answered(one.a.ping("10.0.2.2", count=3))


def test_counters_add_up(lab):
    one = two_hosts(lab)
    one.weir("clear", "counters")
    assert answered(one.a.ping("10.0.2.2", count=10))
    totals = one.settle()
    assert totals["received"] >= 20 and totals["transmitted"] >= 20
    rows = {i["name"]: i for i in one.show("interfaces")["interfaces"]}
    assert rows["lan"]["rx_packets"] >= 10 and rows["wan"]["tx_packets"] >= 10
