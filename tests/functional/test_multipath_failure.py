# SPDX-License-Identifier: BSD-3-Clause
"""A gateway that stops answering while its link stays up: only its flows move, and it gets its share back."""
import time

import pytest

from test_multipath import EQUAL, FLOWS, HEAD, moved, placed, share

ADDRESS = {"b": ("10.1.0.2/24", "2001:db8:11::2/64"), "c": ("10.2.0.2/24", "2001:db8:12::2/64"),
           "d": ("10.3.0.2/24", "2001:db8:13::2/64")}
# The gateways are to be resolved, and their silence is to be noticed soon.
CONFIG = (HEAD.split("neighbors:")[0] + "neighbor: {reachable-time: 1s, retransmit-time: 300ms, probes: 2}\n" +
          EQUAL[len(HEAD):])


@pytest.fixture(scope="module")
def router(module_lab):
    one = module_lab(hosts=("a", "b", "c", "d"))
    for name, addresses in ADDRESS.items():
        one.hosts[name].kernel(*addresses)
    for h in one.hosts.values():
        h.raw()
    one.start(CONFIG)
    one.mac = one.macs()
    one.wait_usable()
    wait(one, 0)
    return one


def states(one):
    return {n["address"]: n["state"] for n in one.show("neighbors")["neighbors"]}


def wait(one, failed, seconds=60):
    """Until so many paths are out of their groups, with some traffic for all of them."""
    end = time.monotonic() + seconds
    while True:
        known = states(one)
        gateways = [known.get(a.split("/")[0]) for pair in ADDRESS.values() for a in pair]
        if one.show("vrfs")["totals"]["failed_paths"] == failed and None not in gateways and \
                (failed != 0 or not {"failed", "incomplete"} & set(gateways)):
            return
        assert time.monotonic() < end, known
        for family in (4, 6):
            placed(one, family, range(40))


def silence(one, host, on):
    """The host neither asks nor answers for addresses any more; its link stays."""
    h = one.hosts[host]
    h.run("ip", "link", "set", "eth", "arp", "off" if on else "on")
    h.run("sysctl", "-qw", f"net.ipv6.conf.eth.disable_ipv6={int(on)}")
    if not on:
        h.run("ip", "-6", "addr", "replace", ADDRESS[host][1], "dev", "eth", "nodad")


def test_only_the_flows_of_the_dead_gateway_move(router):
    before = {f: placed(router, f) for f in (4, 6)}
    silence(router, "c", True)
    wait(router, 2)
    assert states(router)["10.2.0.2"] == states(router)["2001:db8:12::2"] == "failed"
    router.quiet()
    dead = {f: placed(router, f) for f in (4, 6)}
    for f in (4, 6):
        assert len(before[f]) == len(dead[f]) == FLOWS and set(dead[f].values()) == {"b", "d"}
        assert moved(before[f], dead[f]) == {x for x, h in before[f].items() if h == "c"}
    assert not {"route-unreachable", "neighbor-queue-full"} & set(router.drops())
    via = next(r["via"] for r in router.show("routes")["routes"] if r["prefix"] == "198.51.100.0/24")
    assert [v["usable"] for v in via] == [True, False, True]
    silence(router, "c", False)
    wait(router, 0)
    after = {f: placed(router, f) for f in (4, 6)}
    for f in (4, 6):
        assert len(after[f]) == FLOWS and {after[f][x] for x in moved(dead[f], after[f])} == {"c"}
        assert all(abs(s - 1 / 3) < 0.1 for s in share(after[f]).values())


def test_without_any_gateway_the_sender_is_told(router):
    for h in "bcd":
        silence(router, h, True)
    wait(router, 6)
    router.quiet()
    assert placed(router, 4, range(20)) == {}
    assert router.drops()["route-unreachable"] >= 20  # some of the traffic before may still have been on its way
    silence(router, "d", False)
    wait(router, 4)
    assert set(placed(router, 4, range(60)).values()) == {"d"}
    for h in "bc":
        silence(router, h, False)
    wait(router, 0)
