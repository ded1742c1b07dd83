# SPDX-License-Identifier: BSD-3-Clause
"""Several next hops: flows are spread by weight and stay where they are, whatever happens to the other paths."""
import collections
import random
import time

import pytest
from scapy.all import IP, TCP, UDP, Ether, ICMPv6EchoRequest, IPv6, Raw

HEAD = """
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
  p1: {port: b, addresses: [10.1.0.1/24, "2001:db8:11::1/64"]}
  p2: {port: c, addresses: [10.2.0.1/24, "2001:db8:12::1/64"]}
  p3: {port: d, addresses: [10.3.0.1/24, "2001:db8:13::1/64"]}
neighbors:
""" + "".join(f'  - {{interface: p{i}, address: {a}, mac: "02:00:00:00:{i + 1:02x}:aa"}}\n'
              for i in (1, 2, 3) for a in (f"10.{i}.0.2", f'"2001:db8:1{i}::2"'))
PATHS = {"b": ("10.1.0.2", '"2001:db8:11::2"'), "c": ("10.2.0.2", '"2001:db8:12::2"'),
         "d": ("10.3.0.2", '"2001:db8:13::2"')}
FLOWS = 600
NETS = {4: "198.51.100.0/24", 6: "2001:db8:f::/64"}


def config(**weights):
    text = HEAD + "routes:\n"
    for i, net in enumerate(NETS.values()):
        via = ", ".join(f"{{address: {PATHS[h][i]}, weight: {w}}}" for h, w in weights.items())
        text += f'  - {{prefix: "{net}", via: [{via}]}}\n'
    return text


EQUAL = config(b=1, c=1, d=1)


@pytest.fixture(scope="module")
def shared(module_lab):
    one = module_lab(hosts=("a", "b", "c", "d"))
    for h in one.hosts.values():
        h.raw()
    one.start(EQUAL)
    one.mac = one.macs()
    one.wait_usable()
    one.a.receive(wait=2.5)
    return one


@pytest.fixture
def router(shared):
    shared.apply(HEAD)
    shared.quiet()
    yield shared
    shared.settle()


def packet(one, family, flow):
    """The same flow has the same addresses and ports. No port is one scapy takes for a protocol it knows."""
    r = random.Random(flow)
    if family == 4:
        ip = IP(src=f"10.0.1.{2 + flow % 200}", dst=f"198.51.100.{r.randrange(1, 255)}")
    else:
        ip = IPv6(src=f"2001:db8:1::{2 + flow % 200:x}", dst=f"2001:db8:f::{r.randrange(1, 65535):x}")
    l4 = (UDP if r.random() < 0.5 else TCP)(sport=r.randrange(20000, 60000), dport=r.randrange(20000, 60000))
    return Ether(src=one.a.mac, dst=one.mac["lan"]) / ip / l4 / Raw(flow.to_bytes(4, "big"))


def placed(one, family, flows=range(FLOWS)):
    """Sends one packet of each flow: flow -> name of the host it came out at."""
    for h in one.hosts.values():
        h.flush()
    frames = [bytes(packet(one, family, f)) for f in flows]
    for i in range(0, len(frames), 100):
        one.a.send(*frames[i:i + 100])
        one.processed()
    out = {}
    layer = IP if family == 4 else IPv6
    for name in ("b", "c", "d"):
        for p in one.hosts[name].receive(wait=0.3, match=lambda p: p.haslayer(Raw) and p.haslayer(layer)):
            flow = int.from_bytes(bytes(p[Raw])[:4], "big")
            assert flow not in out, "a packet came out twice"
            out[flow] = name
    return out


def share(out):
    count = collections.Counter(out.values())
    return {h: count[h] / len(out) for h in ("b", "c", "d")}


def moved(before, after):
    return {f for f in before if before[f] != after.get(f)}


FAMILIES = pytest.mark.parametrize("family", [4, 6])


@FAMILIES
@pytest.mark.parametrize("weights", [(1, 1, 1), (1, 2, 3), (8, 1, 1)])
def test_flows_are_spread_by_weight(router, family, weights):
    router.apply(config(b=weights[0], c=weights[1], d=weights[2]))
    out = placed(router, family)
    assert len(out) == FLOWS
    for host, got in share(out).items():
        assert abs(got - weights["bcd".index(host)] / sum(weights)) < 0.1
    router.expect_drops({})


@FAMILIES
def test_a_flow_keeps_its_path(router, family):
    router.apply(EQUAL)
    first = placed(router, family)
    assert placed(router, family) == first
    frames = [packet(router, family, 7)] * 50
    router.a.send(*frames)
    got = {n: len(router.hosts[n].receive(wait=0.2, match=lambda p: p.haslayer(Raw))) for n in ("b", "c", "d")}
    assert sorted(got.values()) == [0, 0, 50] and got[first[7]] == 50


def test_ports_count_and_fragments_of_a_datagram_stay_together(router):
    """Same addresses, other ports: other paths. Fragments have no ports, so all of them go by address."""
    router.apply(EQUAL)

    def many(**ip):
        return [Ether(src=router.a.mac, dst=router.mac["lan"]) / IP(src="10.0.1.9", dst="198.51.100.9", **ip) /
                UDP(sport=1000 + i, dport=53) / Raw(b"x" * 16) for i in range(60)]

    def seen():
        return [len(router.hosts[n].receive(wait=0.2, match=lambda p: p.haslayer(IP))) for n in ("b", "c", "d")]
    router.a.send(*many())
    assert min(seen()) >= 10
    router.a.send(*many(flags="MF"), *many(frag=4))
    assert sorted(seen()) == [0, 0, 120]


def test_both_directions_of_a_flow_hash_alike(router):
    router.apply(EQUAL.replace("198.51.100.0/24", "0.0.0.0/0"))
    for i in range(20):
        ends = (f"203.0.113.{i + 1}", 1000 + i), (f"198.51.100.{i + 1}", 80)
        came = []
        for (src, sport), (dst, dport) in (ends, ends[::-1]):
            router.a.send(Ether(src=router.a.mac, dst=router.mac["lan"]) / IP(src=src, dst=dst) /
                          UDP(sport=sport, dport=dport))
            time.sleep(0.01)
        for n in ("b", "c", "d"):
            came.append(len(router.hosts[n].receive(wait=0.03, match=lambda p: p.haslayer(IP))))
        assert sorted(came) == [0, 0, 2]


def test_icmp_of_one_pair_takes_one_path(router):
    router.apply(EQUAL)
    ask = [Ether(src=router.a.mac, dst=router.mac["lan"]) / IPv6(src="2001:db8:1::9", dst="2001:db8:f::9") /
           ICMPv6EchoRequest(id=i, seq=i) for i in range(20)]
    router.a.send(*ask)
    got = [len(router.hosts[n].receive(wait=0.2, match=lambda p: p.haslayer(ICMPv6EchoRequest))) for n in ("b", "c", "d")]
    assert sorted(got) == [0, 0, 20]


# --- changes ---

def replace_route(one, family, hosts):
    via = [w for h in hosts for w in ("via", PATHS[h][family == 6].strip('"'))]
    one.weir("route", "replace", NETS[family], *via)


@FAMILIES
@pytest.mark.parametrize("how", ["config apply", "route replace"])
def test_a_next_hop_that_is_removed_moves_only_its_flows(router, family, how):
    router.apply(EQUAL)
    before = placed(router, family)
    if how == "config apply":
        router.apply(config(b=1, d=1))
    else:
        replace_route(router, family, "bd")
    after = placed(router, family)
    assert len(after) == FLOWS
    assert moved(before, after) == {f for f, h in before.items() if h == "c"}
    assert abs(share(after)["b"] - 0.5) < 0.1
    router.expect_drops({})


@FAMILIES
@pytest.mark.parametrize("how", ["config apply", "route replace"])
def test_a_next_hop_that_is_added_takes_only_its_share(router, family, how):
    router.apply(config(b=1, c=1))
    before = placed(router, family)
    if how == "config apply":
        router.apply(EQUAL)
    else:
        replace_route(router, family, "bcd")
    after = placed(router, family)
    assert {after[f] for f in moved(before, after)} == {"d"}
    assert all(abs(s - 1 / 3) < 0.1 for s in share(after).values())


@FAMILIES
def test_a_weight_that_changes_moves_flows_one_way(router, family):
    router.apply(EQUAL)
    before = placed(router, family)
    router.apply(config(b=2, c=1, d=1))
    after = placed(router, family)
    assert {after[f] for f in moved(before, after)} == {"b"}
    assert abs(share(after)["b"] - 0.5) < 0.1


def test_applying_the_same_config_moves_nothing(router):
    router.apply(EQUAL)
    before = placed(router, 4)
    router.apply(EQUAL)
    assert placed(router, 4) == before


def link(one, host, state):
    one.hosts[host].run("ip", "link", "set", "eth", state)
    end = time.monotonic() + 5
    while {p["name"]: p["link"] for p in one.show("ports")["ports"]}[host] != state:
        assert time.monotonic() < end
        time.sleep(0.1)
    time.sleep(0.1)


def test_a_link_that_fails_moves_only_its_flows_and_gets_its_share_back(router):
    router.apply(EQUAL)
    before = {f: placed(router, f) for f in (4, 6)}
    link(router, "c", "down")
    down = {f: placed(router, f) for f in (4, 6)}
    for f in (4, 6):
        assert len(down[f]) == FLOWS and set(down[f].values()) == {"b", "d"}
        assert moved(before[f], down[f]) == {x for x, h in before[f].items() if h == "c"}
    routes = {r["prefix"]: r for r in router.show("routes")["routes"] if r["source"] == "static"}
    assert [v["usable"] for v in routes[NETS[4]]["via"]] == [True, False, True]
    link(router, "c", "up")
    time.sleep(1.3)  # duplicate address detection
    up = {f: placed(router, f) for f in (4, 6)}
    for f in (4, 6):
        assert len(up[f]) == FLOWS
        assert {up[f][x] for x in moved(down[f], up[f])} == {"c"}
        assert all(abs(s - 1 / 3) < 0.1 for s in share(up[f]).values())


def test_without_any_path_the_sender_is_told(router):
    router.apply(EQUAL)
    for h in "bcd":
        link(router, h, "down")
    router.quiet()
    assert placed(router, 4, range(5)) == {}
    assert router.drops()["route-none"] == 5
    for h in "bcd":
        link(router, h, "up")
    assert len(placed(router, 4, range(5))) == 5
