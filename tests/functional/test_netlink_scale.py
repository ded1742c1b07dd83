# SPDX-License-Identifier: BSD-3-Clause
"""Many routes by way of the kernel: a BGP peer's table, withdrawal under traffic, one change that concerns all of them.

The sizes are small enough for every run; tests/bench/routes_bench.py does the same with a full table."""
import ipaddress
import os
import sys
import time
import types

import daemons
import pytest
import rtnl
import twins
from lab import run
from traffic import Stream, frame

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "bench"))
import routes_bench as bench  # noqa: E402

pytestmark = pytest.mark.timeout(180)
ROUTES = 60000
TURN_MS = 15  # CPU time of the longest turn of the control thread: about 2, up to 8 where pages are touched first on a busy machine; 30 to 47 without parts


@pytest.mark.skipif(not daemons.have("bird", "birdc"), reason="needs bird2")
def test_a_peers_table_is_in_the_fib_when_the_daemon_has_it():
    args = types.SimpleNamespace(pps=500, smoke=True)
    out = bench.part_bgp(args, bench.Table(100_000, 25_000), "bird")
    assert out["lag"] < 10 and out["diff"] == 0 and out["load_faults"] == (0, 0, 0), out


def test_withdrawal_costs_others_nothing():
    args = types.SimpleNamespace(pps=500, smoke=True)
    out = bench.part_netlink(args, bench.Table(100_000, 25_000))
    assert out["load_faults"] == out["withdraw_faults"] == (0, 0, 0), out
    assert out["object_turn_ms"] < TURN_MS, out


@pytest.fixture
def lab(lab):
    it = lab()
    twins.make(it)
    run("sysctl", "-qw", "net.ipv4.nexthop_compat_mode=0", ns=it.ns)
    it.start(twins.CONFIG + bench.NEIGHBORS.replace("10.0.1.9", "10.0.1.7") + "netlink: {}\n", dataplane=bench.POLLING)
    twins.synced(it)
    it.mac = it.macs()["lan"]
    return it


def fill(lab, target):
    nets = rtnl.nets4(ROUTES)
    with rtnl.Sender(lab.ns) as s:
        s.send(s.messages(nets, target))
    assert twins.until(lambda: bench.have(lab)[0] >= ROUTES, 60), twins.source(lab)
    return nets


def way(lab, address):
    return lab.weir("route", "get", address).stdout


def far(nets):
    return str(ipaddress.ip_address(nets[-1][0][:3] + b"\x01"))


def bounded(lab):
    c = bench.control(lab)
    print(bench.turns(lab))
    assert c["longest_turn_cpu_ns"] < TURN_MS * 1_000_000, c


def test_one_object_with_many_routes(lab):
    """Changed, exchanged for a group, deleted: each time all routes follow, in parts."""
    twins.ip(lab, "nexthop", "add", "id", "1", "via", "10.0.1.7", "dev", "wan")
    nets = fill(lab, rtnl.Sender.over(1))
    lab.weir("clear", "counters")
    twins.ip(lab, "nexthop", "replace", "id", "1", "via", "10.0.1.8", "dev", "wan")
    assert twins.until(lambda: "10.0.1.8" in way(lab, far(nets)), 20)
    twins.same_as_kernel(lab, 30)
    twins.ip(lab, "nexthop", "del", "id", "1")
    assert twins.until(lambda: bench.have(lab)[0] == 0, 20), twins.source(lab)
    twins.same_as_kernel(lab, 30)
    bounded(lab)


def test_flows_over_a_group_change_before_its_routes_do(lab):
    """No packet goes to a next hop that left the group some milliseconds ago, whichever route it takes; none is lost."""
    for n, gateway in ((1, "10.0.1.7"), (2, "10.0.1.8")):
        twins.ip(lab, "nexthop", "add", "id", n, "via", gateway, "dev", "wan")
    twins.ip(lab, "nexthop", "add", "id", "10", "group", "1/2")
    nets = fill(lab, rtnl.Sender.over(10))
    frames = [frame(lab.mac, "10.0.0.2", str(ipaddress.ip_address(nets[i * 997][0][:3] + b"\x05")), 1000 + i) for i in range(16)]
    lab.weir("clear", "counters")
    with Stream(lab.a, lab.b, frames, pps=1000) as s:
        for members in ("1", "2", "1/2", "2,3/1,1"):
            twins.ip(lab, "nexthop", "replace", "id", "10", "group", members)
            time.sleep(0.2)
    s.check()
    twins.same_as_kernel(lab, 30)
    bounded(lab)


def test_a_link_with_all_routes(lab):
    """The kernel's link goes down: backup routes take over, in parts; it returns."""
    nets = fill(lab, rtnl.Sender.via("10.0.1.7", int(twins.kernel_routes(lab, "link", "show", "wan")[0]["ifindex"])))
    twins.ip(lab, "route", "add", "20.0.0.0/6", "via", "10.0.0.9", "metric", "100")
    assert twins.until(lambda: bench.have(lab)[0] == ROUTES + 1)
    lab.weir("clear", "counters")
    run("ip", "link", "set", "wan-k", "down", ns=lab.ns)
    assert twins.until(lambda: "10.0.0.9" in way(lab, far(nets)), 20), way(lab, far(nets))
    run("ip", "link", "set", "wan-k", "up", ns=lab.ns)
    assert twins.until(lambda: "10.0.1.7" in way(lab, far(nets)), 20), way(lab, far(nets))
    twins.same_as_kernel(lab, 30)
    bounded(lab)


def test_a_configuration_without_netlink(lab):
    """The commit does not wait for 60,000 routes to go, and a feed that begins meanwhile is another one."""
    nets = fill(lab, rtnl.Sender.via("10.0.1.7", int(twins.kernel_routes(lab, "link", "show", "wan")[0]["ifindex"])))
    lab.weir("clear", "counters")
    lab.apply(twins.CONFIG)
    lab.apply(twins.CONFIG + "netlink: {}\n")
    assert twins.until(lambda: bench.have(lab)[0] == ROUTES, 30), twins.source(lab)
    twins.same_as_kernel(lab, 30)
    assert "10.0.1.7" in way(lab, far(nets))
    lab.apply(twins.CONFIG)
    assert twins.until(lambda: "no route" in lab.weir("route", "get", far(nets), check=False).stderr.lower(), 20)
    bounded(lab)
