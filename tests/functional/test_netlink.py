# SPDX-License-Identifier: BSD-3-Clause
"""Routes that `ip` puts into the kernel become weir's: every form, order, withdrawal, refusal. `ip monitor` is the witness."""
import subprocess
import time

import pytest
import twins
from lab import Lab, run
from scapy.all import IP, UDP, ARP, Ether, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, IPv6

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def lab():
    it = Lab()
    try:
        twins.make(it)
        it.start(twins.CONFIG + "vrfs: {red: {}}\nnetlink: {tables: [{table: 100, vrf: red}], distances: {babel: 255}}\n")
        it.wait_usable()
        twins.synced(it)
        yield it
    finally:
        it.close()


@pytest.fixture(autouse=True)
def clean(lab):
    yield
    for family in ("-4", "-6"):
        for table in ("main", "100"):
            for r in twins.kernel_routes(lab, family, "route", "show", "table", table):
                if r.get("protocol") != "kernel":
                    twins.ip(lab, family, "route", "del", r.get("type", "unicast") if r.get("type") not in (None, "unicast") else "unicast",
                             r["dst"], "table", table, *(["metric", r["metric"]] if "metric" in r else []), check=False)
    twins.ip(lab, "nexthop", "flush", check=False)
    for name, addresses in twins.ADDRESSES.items():
        twins.ip(lab, "link", "set", name, "up")
        for a in addresses:
            twins.ip(lab, "addr", "replace", a, "dev", name, *(["nodad"] if ":" in a else []))
    twins.same_as_kernel(lab)
    lab.quiet()


V4, V6 = ("10.0.0.9", "10.0.1.9"), ("2001:db8:a::9", "2001:db8:b::9")
FORMS = [
    ("via", "198.51.100.0/24 via 10.0.0.9", ("198.51.100.0/24", "unicast", [("10.0.0.9", "lan", 1)])),
    ("via6", "2001:db8:1::/48 via 2001:db8:a::9", ("2001:db8:1::/48", "unicast", [("2001:db8:a::9", "lan", 1)])),
    ("link-local", "2001:db8:2::/48 via fe80::9 dev wan", ("2001:db8:2::/48", "unicast", [("fe80::9", "wan", 1)])),
    ("dev", "198.51.101.0/24 dev wan", ("198.51.101.0/24", "unicast", [(None, "wan", 1)])),
    ("default", "default via 10.0.1.9 proto dhcp metric 100", ("0.0.0.0/0", "unicast", [("10.0.1.9", "wan", 1)])),
    ("weights", "198.51.102.0/24 nexthop via 10.0.0.9 weight 2 nexthop via 10.0.1.9 weight 256",
     ("198.51.102.0/24", "unicast", [("10.0.0.9", "lan", 2), ("10.0.1.9", "wan", 256)])),
    ("weights6", "2001:db8:3::/48 nexthop via 2001:db8:a::9 weight 3 nexthop via 2001:db8:b::9 weight 1",
     ("2001:db8:3::/48", "unicast", [("2001:db8:a::9", "lan", 3), ("2001:db8:b::9", "wan", 1)])),
    ("onlink", "198.51.103.0/24 via 192.0.2.77 dev lan onlink", ("198.51.103.0/24", "unicast", [("192.0.2.77", "lan", 1)])),
    ("rfc8950", "198.51.104.0/24 via inet6 2001:db8:a::9 dev lan", ("198.51.104.0/24", "unicast", [("2001:db8:a::9", "lan", 1)])),
    ("blackhole", "blackhole 198.51.105.0/24", ("198.51.105.0/24", "blackhole", [])),
    ("unreachable", "unreachable 198.51.106.0/24", ("198.51.106.0/24", "unreachable", [])),
    ("prohibit", "prohibit 198.51.107.0/24", ("198.51.107.0/24", "prohibit", [])),
    ("blackhole6", "blackhole 2001:db8:4::/48", ("2001:db8:4::/48", "blackhole", [])),
    ("host", "198.51.108.7/32 via 10.0.0.9", ("198.51.108.7/32", "unicast", [("10.0.0.9", "lan", 1)])),
]


@pytest.mark.parametrize("text,want", [f[1:] for f in FORMS], ids=[f[0] for f in FORMS])
def test_form(lab, text, want):
    twins.ip(lab, *(["-6"] if "2001:db8:" in text.split()[0] + text.split()[1] and "inet6" not in text else []), "route", "add", *text.split())
    got = twins.route(lab, want[0])
    assert twins.brief(got) == want and got["active"]
    twins.same_as_kernel(lab)
    twins.ip(lab, *(["-6"] if ":" in want[0] else []), "route", "del", *([want[1]] if want[1] != "unicast" else []), want[0])
    twins.no_route(lab, want[0])


def test_protocols_have_distances(lab):
    for proto, distance in (("bgp", 20), ("ospf", 110), ("static", 1), ("boot", 1), ("ra", 220), ("77", 150)):
        twins.ip(lab, "route", "add", "203.0.113.0/24", "via", "10.0.0.9", "proto", proto)
        got = twins.route(lab, "203.0.113.0/24")
        assert (got["protocol"], got["distance"]) == (proto, distance)
        text = lab.weir("show", "routes").stdout
        assert f"kernel/{proto}" in text
        twins.ip(lab, "route", "del", "203.0.113.0/24")
        twins.no_route(lab, "203.0.113.0/24")


def test_lowest_distance_then_metric_wins_and_withdrawal_falls_back(lab):
    lab.weir("route", "add", "203.0.113.0/24", "via", "10.0.1.3", "distance", "50")
    twins.ip(lab, "route", "add", "203.0.113.0/24", "via", "10.0.0.9", "proto", "ospf", "metric", "20")
    twins.ip(lab, "route", "add", "203.0.113.0/24", "via", "10.0.0.8", "proto", "bgp", "metric", "30")
    twins.ip(lab, "route", "add", "203.0.113.0/24", "via", "10.0.0.7", "proto", "bgp", "metric", "25")

    def best():
        return [(r["source"], r["protocol"], r["via"][0]["address"]) for r in lab.show("routes")["routes"]
                if r["prefix"] == "203.0.113.0/24" and r["active"]]
    try:
        for want in (("kernel", "bgp", "10.0.0.7"), ("kernel", "bgp", "10.0.0.8"), ("static", None, "10.0.1.3"),
                     ("kernel", "ospf", "10.0.0.9")):
            assert twins.until(lambda w=want: best() == [w]), (best(), want)
            if want[0] == "static":
                lab.weir("route", "delete", "203.0.113.0/24")
            else:
                twins.ip(lab, "route", "del", "203.0.113.0/24", "via", want[2])
        assert twins.until(lambda: best() == [])
    finally:
        lab.weir("route", "delete", "203.0.113.0/24", check=False)


def test_replace_append_prepend_keep_the_kernels_order(lab):
    p = "203.0.113.0/24"

    def order():
        return [r["via"][0]["address"] for r in twins.routes(lab) if r["prefix"] == p]
    for verb, gateway, want in (("add", "10.0.0.5", ["10.0.0.5"]), ("append", "10.0.0.6", ["10.0.0.5", "10.0.0.6"]),
                                ("prepend", "10.0.0.7", ["10.0.0.7", "10.0.0.5", "10.0.0.6"]),
                                ("replace", "10.0.0.8", ["10.0.0.8", "10.0.0.5", "10.0.0.6"])):
        twins.ip(lab, "route", verb, p, "via", gateway)
        assert twins.until(lambda w=want: order() == w), (order(), want)
    kernel = [r["gateway"] for r in twins.kernel_routes(lab, "route", "show", p)]
    assert kernel == order()
    twins.ip(lab, "route", "del", p, "via", "10.0.0.5")
    assert twins.until(lambda: order() == ["10.0.0.8", "10.0.0.6"]), order()
    assert lab.show("sources")["sources"][0]["overruns"] == 0


def test_ipv6_paths_come_and_go_one_by_one(lab):
    p = "2001:db8:5::/48"

    def paths():
        return sorted(v["address"] for r in twins.routes(lab) if r["prefix"] == p for v in r["via"])
    twins.ip(lab, "-6", "route", "add", p, "via", V6[0], "proto", "bgp")
    twins.ip(lab, "-6", "route", "append", p, "via", V6[1], "proto", "bgp")
    assert twins.until(lambda: paths() == list(V6)), paths()
    twins.ip(lab, "-6", "route", "append", p, "via", "2001:db8:a::8", "proto", "bgp")
    assert twins.until(lambda: paths() == ["2001:db8:a::8", *V6]), paths()
    twins.ip(lab, "-6", "route", "del", p, "via", V6[0])
    assert twins.until(lambda: paths() == ["2001:db8:a::8", V6[1]]), paths()
    twins.same_as_kernel(lab)
    twins.ip(lab, "-6", "route", "replace", p, "via", V6[0], "proto", "bgp")
    assert twins.until(lambda: paths() == [V6[0]]), paths()
    twins.same_as_kernel(lab)


@pytest.mark.parametrize("compat", [1, 0])
def test_nexthop_objects_and_groups(lab, compat):
    run("sysctl", "-qw", f"net.ipv4.nexthop_compat_mode={compat}", ns=lab.ns)
    p = "203.0.113.0/24"

    def via():
        return sorted((v["address"], v["weight"]) for r in twins.routes(lab) if r["prefix"] == p for v in r["via"])
    try:
        for n, (gw, dev) in enumerate((("10.0.0.9", "lan"), ("10.0.1.9", "wan"), ("10.0.1.8", "wan")), 1):
            twins.ip(lab, "nexthop", "add", "id", n, "via", gw, "dev", dev, "proto", "zebra")
        twins.ip(lab, "nexthop", "add", "id", 10, "group", "1,3/2,5", "proto", "zebra")
        twins.ip(lab, "nexthop", "add", "id", 11, "group", "2/3", "type", "resilient", "buckets", "64")
        twins.ip(lab, "nexthop", "add", "id", 12, "blackhole")
        twins.ip(lab, "route", "add", p, "nhid", 10, "proto", "bgp")
        assert twins.until(lambda: via() == [("10.0.0.9", 3), ("10.0.1.9", 5)]), via()
        twins.same_as_kernel(lab)
        twins.ip(lab, "nexthop", "replace", "id", 10, "group", "1/2/3")
        assert twins.until(lambda: via() == [("10.0.0.9", 1), ("10.0.1.8", 1), ("10.0.1.9", 1)]), via()
        twins.ip(lab, "nexthop", "replace", "id", 1, "via", "10.0.0.77", "dev", "lan")
        assert twins.until(lambda: via() == [("10.0.0.77", 1), ("10.0.1.8", 1), ("10.0.1.9", 1)]), via()
        twins.ip(lab, "nexthop", "del", "id", 3)
        assert twins.until(lambda: via() == [("10.0.0.77", 1), ("10.0.1.9", 1)]), via()
        twins.ip(lab, "route", "replace", p, "nhid", 12)
        assert twins.route(lab, p, type="blackhole")
        twins.same_as_kernel(lab)
        twins.ip(lab, "nexthop", "del", "id", 12)
        twins.no_route(lab, p)
        twins.same_as_kernel(lab)
    finally:
        run("sysctl", "-qw", "net.ipv4.nexthop_compat_mode=1", ns=lab.ns)


def test_resilient_group(lab):
    twins.ip(lab, "nexthop", "add", "id", 1, "via", "10.0.0.9", "dev", "lan")
    twins.ip(lab, "nexthop", "add", "id", 2, "via", "10.0.1.9", "dev", "wan")
    twins.ip(lab, "nexthop", "add", "id", 3, "group", "1,1/2,3", "type", "resilient", "buckets", "64")
    twins.ip(lab, "route", "add", "203.0.113.0/24", "nhid", 3)
    got = twins.route(lab, "203.0.113.0/24")
    assert twins.brief(got)[2] == [("10.0.0.9", "lan", 1), ("10.0.1.9", "wan", 3)]
    twins.same_as_kernel(lab)


def test_tables_are_vrfs(lab):
    twins.ip(lab, "route", "add", "203.0.113.0/24", "via", "10.0.0.9", "table", "100")
    assert twins.until(lambda: [r["prefix"] for r in twins.routes(lab, "red")] == ["203.0.113.0/24"])
    assert [r for r in twins.routes(lab) if r["prefix"] == "203.0.113.0/24"] == []
    before = twins.source(lab)["ignored"]["other-table"]
    twins.ip(lab, "route", "add", "203.0.113.0/24", "via", "10.0.0.9", "table", "101")
    assert twins.until(lambda: twins.source(lab)["ignored"]["other-table"] == before + 1)
    twins.ip(lab, "route", "del", "203.0.113.0/24", "table", "101")


@pytest.mark.parametrize("reason,kind,text", [
    ("source-prefix", "refused", "-6 route add 2001:db8:6::/48 from 2001:db8:77::/48 via 2001:db8:a::9"),
    ("type-of-service", "refused", "route add 203.0.114.0/24 tos 8 via 10.0.0.9"),
    ("type", "refused", "route add throw 203.0.114.0/24"),
    ("no-interface", "refused", "route add 203.0.114.0/24 dev lan-k"),
    ("unwanted", "ignored", "route add 203.0.114.0/24 via 10.0.0.9 proto babel"),
])
def test_refused_and_ignored_are_counted_and_named(lab, reason, kind, text):
    before = twins.source(lab)[kind][reason]
    twins.ip(lab, *text.split())
    assert twins.until(lambda: twins.source(lab)[kind][reason] == before + 1), twins.source(lab)
    prefix = next(w for w in text.split() if "/" in w)
    assert prefix not in [r["prefix"] for r in twins.routes(lab)]
    assert reason in lab.weir("show", "sources").stdout
    words = text.replace(" add ", " del ").split()
    twins.ip(lab, *words)
    twins.same_as_kernel(lab)


def test_partly_on_other_links(lab):
    twins.ip(lab, "addr", "add", "10.9.0.1/24", "dev", "lan-k")
    twins.ip(lab, "route", "add", "203.0.113.0/24", "nexthop", "via", "10.0.0.9", "nexthop", "via", "10.9.0.9")
    got = twins.route(lab, "203.0.113.0/24")
    assert twins.brief(got)[2] == [("10.0.0.9", "lan", 1)]
    twins.ip(lab, "route", "del", "203.0.113.0/24")
    twins.no_route(lab, "203.0.113.0/24")
    twins.ip(lab, "addr", "del", "10.9.0.1/24", "dev", "lan-k")


def test_link_down_flushes_ipv4_without_a_word(lab):
    """The kernel sends no DELROUTE for these; `ip monitor` is the witness."""
    monitor = subprocess.Popen(["ip", "netns", "exec", lab.ns, "ip", "monitor", "route"], stdout=subprocess.PIPE, text=True)
    try:
        twins.ip(lab, "nexthop", "add", "id", 7, "via", "10.0.1.9", "dev", "wan")
        twins.ip(lab, "route", "add", "203.0.113.0/24", "nhid", 7)
        twins.ip(lab, "route", "add", "203.0.114.0/24", "via", "10.0.1.9")
        twins.ip(lab, "route", "add", "203.0.114.0/24", "via", "10.0.0.9", "metric", "50")
        twins.ip(lab, "route", "add", "203.0.115.0/24", "nexthop", "via", "10.0.1.9", "nexthop", "via", "10.0.0.9")
        for p in ("203.0.113.0/24", "203.0.114.0/24", "203.0.115.0/24"):
            twins.route(lab, p)
        syncs = twins.source(lab)["syncs"]
        twins.ip(lab, "link", "set", "wan", "down")
        twins.no_route(lab, "203.0.113.0/24")
        assert twins.until(lambda: [r["via"][0]["address"] for r in twins.routes(lab)
                                    if r["prefix"] == "203.0.114.0/24" and r["active"]] == ["10.0.0.9"])
        assert twins.until(lambda: twins.source(lab)["syncs"] > syncs)
        assert lab.weir("route", "get", "203.0.115.1").stdout.count("dev lan") == 1
        twins.same_as_kernel(lab)
    finally:
        monitor.terminate()
        text = monitor.communicate()[0]
    gone = [line for line in text.splitlines() if line.startswith("Deleted 203.0.113.0/24")]
    print("ip monitor on link down:", gone or "silent for IPv4")


def test_addresses_take_routes_along_without_a_word(lab):
    """The last IPv4 address of a link takes all its routes, any address those that have it as their source."""
    twins.ip(lab, "addr", "add", "10.0.1.77/24", "dev", "wan")
    twins.ip(lab, "route", "add", "203.0.113.0/24", "via", "10.0.1.9", "src", "10.0.1.77")
    twins.ip(lab, "route", "add", "203.0.114.0/24", "via", "10.0.1.9")
    twins.route(lab, "203.0.113.0/24")
    twins.route(lab, "203.0.114.0/24")
    twins.ip(lab, "addr", "del", "10.0.1.77/24", "dev", "wan")
    twins.no_route(lab, "203.0.113.0/24")
    assert twins.route(lab, "203.0.114.0/24")
    twins.ip(lab, "addr", "flush", "dev", "wan")
    twins.no_route(lab, "203.0.114.0/24")
    assert not twins.kernel_routes(lab, "route", "show", "203.0.114.0/24")
    twins.same_as_kernel(lab)


def test_carrier_down(lab):
    twins.ip(lab, "nexthop", "add", "id", 7, "via", "10.0.1.9", "dev", "wan")
    twins.ip(lab, "route", "add", "203.0.113.0/24", "nhid", 7)
    twins.ip(lab, "route", "add", "203.0.114.0/24", "via", "10.0.1.9")
    twins.route(lab, "203.0.113.0/24")
    assert twins.route(lab, "203.0.114.0/24")["active"]
    twins.ip(lab, "link", "set", "wan-k", "down")
    twins.no_route(lab, "203.0.113.0/24")
    assert not twins.route(lab, "203.0.114.0/24", active=False)["active"]
    twins.same_as_kernel(lab)
    twins.ip(lab, "link", "set", "wan-k", "up")
    assert twins.route(lab, "203.0.114.0/24", active=True)
    twins.same_as_kernel(lab)


def test_packets_take_a_kernel_route(lab):
    """Also IPv4 by way of an IPv6 neighbour (RFC 8950)."""
    lab.a.raw()
    lab.b.raw()
    twins.ip(lab, "route", "add", "203.0.113.0/24", "via", "10.0.1.9", "proto", "bgp")
    twins.ip(lab, "route", "add", "203.0.114.0/24", "via", "inet6", "2001:db8:b::9", "dev", "wan")
    twins.route(lab, "203.0.114.0/24")
    mac = lab.macs()
    for to in ("203.0.113.5", "203.0.114.5"):
        lab.a.send(Ether(src=lab.a.mac, dst=mac["lan"]) / IP(src="10.0.0.2", dst=to) / UDP(dport=9))
        got = lab.b.receive(1.0, lambda p: ARP in p or ICMPv6ND_NS in p, enough=1)
        assert got, to
        if ARP in got[0]:
            lab.b.send(Ether(src=lab.b.mac, dst=mac["wan"]) / ARP(op=2, hwsrc=lab.b.mac, psrc="10.0.1.9", hwdst=mac["wan"], pdst="10.0.1.1"))
        else:
            lab.b.send(Ether(src=lab.b.mac, dst=mac["wan"]) / IPv6(src="2001:db8:b::9", dst=got[0][IPv6].src, hlim=255) /
                       ICMPv6ND_NA(tgt="2001:db8:b::9", R=1, S=1, O=1) / ICMPv6NDOptDstLLAddr(lladdr=lab.b.mac))
        got = lab.b.receive(1.0, lambda p: IP in p and p[IP].dst == to, enough=1)
        assert len(got) == 1 and got[0].dst == lab.b.mac and got[0][IP].ttl == 63 and got[0].type == 0x800


def test_hundred_thousand_routes(lab):
    n = 100_000
    lines = [f"route add {20 + (i >> 16)}.{i >> 8 & 255}.{i & 255}.0/24 via 10.0.0.9 proto bgp" for i in range(n)]
    begin = time.monotonic()
    took = twins.batch(lab, lines)
    have = twins.until(lambda: (twins.source(lab)["ipv4_routes"] >= n), 60)
    print(f"{n} routes: ip -batch {took:.2f} s, in the FIB after {time.monotonic() - begin:.2f} s; {twins.source(lab)}")
    assert have
    begin = time.monotonic()
    twins.same_as_kernel(lab)
    print(f"kernel diff of {n} routes: {time.monotonic() - begin:.2f} s")
    took = twins.batch(lab, [line.replace(" add ", " del ") for line in lines])
    assert twins.until(lambda: twins.source(lab)["ipv4_routes"] < 100, 60), twins.source(lab)
    twins.same_as_kernel(lab)
