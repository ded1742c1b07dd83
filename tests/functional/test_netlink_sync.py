# SPDX-License-Identifier: BSD-3-Clause
"""The mirror under strain: lost notifications, random changes, full tables, restarts, addresses, packets meanwhile."""
import os
import random
import signal
import time

import pytest
import rtnl
import twins
from lab import Lab
from traffic import Stream, frame

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def lab():
    it = Lab()
    try:
        twins.make(it)
        yield it
    finally:
        it.close()


def start(lab, netlink="{}"):
    lab.start(twins.CONFIG + f"netlink: {netlink}\n")
    twins.synced(lab)
    return lab


def nets(n, verb="add", via="10.0.0.9", proto="bgp", first=20):
    return [f"route {verb} {first + (i >> 16)}.{i >> 8 & 255}.{i & 255}.0/24 via {via} proto {proto}" for i in range(n)]


def test_lost_notifications_lead_to_a_sync(lab):
    """Sent in blocks: `ip` waits for an answer to each change, and a prompt reader keeps up with that."""
    start(lab, "{buffer: 4096}")
    with rtnl.Sender(lab.ns) as s:
        s.send(s.messages(rtnl.nets4(20000), s.via("10.0.0.9", int(twins.kernel_routes(lab, "link", "show", "lan")[0]["ifindex"]))))
    assert twins.until(lambda: twins.source(lab)["overruns"] >= 1), twins.source(lab)
    assert twins.until(lambda: twins.source(lab)["ipv4_routes"] == 20000, 20), twins.source(lab)
    twins.same_as_kernel(lab)
    twins.batch(lab, nets(19999, "del"))
    assert twins.until(lambda: twins.source(lab)["ipv4_routes"] == 1, 20), twins.source(lab)
    twins.same_as_kernel(lab)
    it = twins.source(lab)
    print(f"forced ENOBUFS: {it['overruns']} overruns, {it['syncs']} syncs, {it['swept']} swept")


class Random:
    """Random changes to the kernel's routes; most of them succeed."""

    def __init__(self, seed):
        self.r = random.Random(seed)
        self.ids = range(1, 9)

    def hop(self, v6):
        dev = self.r.choice(("lan", "wan"))
        net = {"lan": ("10.0.0", "2001:db8:a:"), "wan": ("10.0.1", "2001:db8:b:")}[dev]
        return f"via {net[1]}:{self.r.randint(2, 9)} dev {dev}" if v6 else f"via {net[0]}.{self.r.randint(2, 9)} dev {dev}"

    def target(self, v6, append):
        """Linux leaves a route over an object out of its dumps when it stands between the next hops of a multipath route
        (IPv6, seen on 6.18): not appended here."""
        kind = self.r.random() * (0.75 if v6 and append else 1)
        if kind < 0.45:
            return self.hop(v6)
        if kind < 0.75:
            return " ".join(f"nexthop {self.hop(v6)} weight {self.r.randint(1, 4)}" for _ in range(self.r.randint(2, 4)))
        return f"nhid {self.r.choice(self.ids) + (100 if v6 else 0)}"

    def prefix(self, v6):
        n = self.r.randint(0, 15)
        return f"2001:db8:{n:x}00::/{self.r.choice((40, 48, 56))}" if v6 else f"203.0.{n}.0/{self.r.choice((24, 25, 28))}"

    def change(self):
        v6, kind = self.r.random() < 0.4, self.r.random()
        if kind < 0.12:
            n = self.r.choice(self.ids)
            verb = self.r.choice(("replace", "replace", "replace", "del"))
            base = n + (100 if v6 else 0)
            if verb == "del":
                return f"nexthop del id {base}"
            if n > 5:
                members = "/".join(f"{m + (100 if v6 else 0)},{self.r.randint(1, 5)}" for m in self.r.sample(range(1, 6), 3))
                return f"nexthop replace id {base} group {members}"
            return f"nexthop replace id {base} {self.hop(v6)}"
        fam, metric = ("-6 " if v6 else ""), f"metric {self.r.choice((10, 20))} proto {self.r.choice(('bgp', 'ospf', 'static'))}"
        if kind < 0.30:
            return f"{fam}route del {self.prefix(v6)} metric {self.r.choice((10, 20))}"
        if kind < 0.34:
            return f"{fam}route {self.r.choice(('add', 'replace'))} {self.r.choice(('blackhole', 'unreachable', 'prohibit'))} {self.prefix(v6)} {metric}"
        verb = self.r.choice(("add", "replace", "replace", "append") if v6 else ("add", "replace", "replace", "append", "prepend"))
        return f"{fam}route {verb} {self.prefix(v6)} {metric} {self.target(v6, verb == 'append')}"


def batches(lab, changes):
    """`ip -batch` knows one family each."""
    run, now = [], None
    for c in [*changes, None]:
        v6 = c is not None and c.startswith("-6 ")
        if run and (c is None or v6 != now):
            path = f"{lab.dir}/random"
            with open(path, "w", encoding="utf-8") as f:
                f.write("\n".join(run) + "\n")
            twins.ip(lab, *(["-6"] if now else []), "-force", "-batch", path, check=False)
            run = []
        now = v6
        if c is not None:
            run.append(c.removeprefix("-6 "))


@pytest.mark.parametrize("seed", range(3))
def test_random_changes_end_as_the_kernel_has_them(lab, seed):
    start(lab)
    it = Random(seed)
    for n in range(6):
        batches(lab, [it.change() for _ in range(300)])
        if n == 3:
            dev = it.r.choice(("lan", "wan"))
            twins.ip(lab, "link", "set", dev, "down")
            time.sleep(it.r.random() * 0.2)
            twins.ip(lab, "link", "set", dev, "up")
            for a in twins.ADDRESSES[dev]:
                twins.ip(lab, "addr", "replace", a, "dev", dev, *(["nodad"] if ":" in a else []))
        twins.same_as_kernel(lab)
        independent(lab)
    print(f"seed {seed}: {twins.source(lab)}")


def independent(lab):
    """The same comparison by what `ip -j route` and the API say, without weir's decoder."""
    want = set()
    for fam in ("-4", "-6"):
        for r in twins.kernel_routes(lab, fam, "route", "show"):
            hops = r.get("nexthops") or [r]
            devs = {h.get("dev") for h in hops}
            if r.get("protocol") == "kernel" or "lan-k" in devs or "wan-k" in devs or r["dst"].startswith("fe80"):
                continue
            dst = r["dst"] if "/" in r["dst"] or r["dst"] == "default" else r["dst"] + ("/128" if ":" in r["dst"] else "/32")
            kind = r.get("type") or "unicast"
            want.add((dst, kind, r.get("metric", 0), tuple(sorted((h.get("gateway"), h.get("dev")) for h in hops))
                      if kind == "unicast" else ()))
    got = {(r["prefix"], r["type"], r["metric"], tuple(sorted((v["address"], v["interface"]) for v in r["via"])))
           for r in twins.routes(lab)}
    assert got == want, (sorted(got - want), sorted(want - got), twins.source(lab))


def test_a_full_table_is_said_and_tried_again(lab):
    start(lab)
    lines = [f"route add 20.{i >> 8 & 255}.{i & 255}.1/32 via 10.0.0.9" for i in range(33000)]
    twins.batch(lab, lines)
    assert twins.until(lambda: twins.source(lab)["refused"]["no-room"] > 0, 20), twins.source(lab)
    have = twins.until(lambda: twins.source(lab)["ipv4_routes"] > 32700 and twins.source(lab)["ipv4_routes"], 20)
    print(f"{have} prefixes longer than /24 in as many /24 networks fit")
    assert "forwarding table is full" in lab.log_text()
    assert lab.weir("kernel", "diff", check=False).returncode == 5
    twins.batch(lab, [line.replace(" add ", " del ") for line in lines[:1000]])
    assert twins.until(lambda: twins.source(lab)["ipv4_routes"] == 32000, 20), twins.source(lab)
    twins.same_as_kernel(lab)


def test_addresses_of_twins(lab):
    start(lab, "{addresses: true}")

    def addresses():
        return sorted(a["address"] for i in lab.show("interfaces")["interfaces"] if i["name"] == "lan" for a in i["addresses"])
    before = addresses()
    twins.ip(lab, "addr", "add", "10.7.0.1/24", "dev", "lan")
    twins.ip(lab, "addr", "add", "2001:db8:7::1/64", "dev", "lan", "nodad")
    both = sorted([*before, "10.7.0.1/24", "2001:db8:7::1/64"])
    assert twins.until(lambda: addresses() == both), addresses()
    lab.apply(twins.CONFIG + "netlink: {addresses: true}\nlog: {level: notice}\n")
    assert addresses() == both
    twins.ip(lab, "addr", "del", "10.7.0.1/24", "dev", "lan")
    assert twins.until(lambda: "10.7.0.1/24" not in addresses()), addresses()
    lab.apply(twins.CONFIG + "netlink: {}\n")
    assert addresses() == before


def test_configuration_on_and_off(lab):
    start(lab)
    twins.batch(lab, nets(10))
    assert twins.until(lambda: len(twins.routes(lab)) == 10)
    lab.apply(twins.CONFIG)
    assert twins.routes(lab) == [] and lab.show("sources")["sources"] == []
    assert lab.weir("kernel", "diff", check=False).returncode == 1
    lab.apply(twins.CONFIG + "netlink: {}\n")
    assert twins.until(lambda: len(twins.routes(lab)) == 10)
    lab.apply(twins.CONFIG + "netlink: {distances: {bgp: 30}}\n")
    assert twins.until(lambda: {r["distance"] for r in twins.routes(lab)} == {30})
    lab.apply(twins.CONFIG + "netlink: {distances: {bgp: 255}}\n")
    assert twins.until(lambda: twins.routes(lab) == [])
    lab.apply(twins.CONFIG.replace("wan:", "uplink:") + "netlink: {}\n")
    twins.ip(lab, "route", "add", "198.51.100.0/24", "via", "10.0.1.9")
    assert twins.until(lambda: twins.source(lab)["refused"]["no-interface"] >= 1)
    lab.apply(twins.CONFIG + "netlink: {}\n")
    twins.route(lab, "198.51.100.0/24")
    twins.same_as_kernel(lab)


def test_weir_killed_at_random_moments_learns_everything_again(lab):
    r = random.Random(4)
    start(lab)
    for n in range(4):
        twins.batch(lab, nets(3000, "add", first=20 + n))
        if n % 2:
            time.sleep(r.random() / 4)
        pids = open(f"/proc/{lab.daemon.pid}/task/{lab.daemon.pid}/children", encoding="utf-8").read().split()
        for pid in pids or [lab.daemon.pid]:
            os.kill(int(pid), signal.SIGKILL)
        lab.daemon.wait(10)
        lab.log.close()
        if os.path.exists(lab.socket):
            os.unlink(lab.socket)
        twins.batch(lab, nets(1000, "del", first=20 + n))
        start(lab)
        twins.same_as_kernel(lab)
        assert len(twins.kernel_routes(lab, "route", "show", "proto", "bgp")) == twins.source(lab)["ipv4_routes"] == 2000 * (n + 1)


def test_other_prefixes_lose_no_packet_while_routes_churn(lab):
    start(lab)
    lab.weir("neighbor", "add", "10.0.1.9", "lladdr", lab.b.mac, "dev", "wan")
    lab.weir("neighbor", "add", "10.0.1.8", "lladdr", lab.b.mac, "dev", "wan")
    twins.ip(lab, "route", "add", "198.51.100.0/24", "via", "10.0.1.9", "proto", "bgp")
    twins.ip(lab, "route", "add", "198.51.101.0/24", "via", "10.0.1.9", "proto", "bgp")
    twins.route(lab, "198.51.101.0/24")
    mac = lab.macs()["lan"]
    frames = [frame(mac, "10.0.0.2", f"198.51.{100 + k % 2}.{k}", 1000 + k) for k in range(8)]
    begin = time.monotonic()
    with Stream(lab.a, lab.b, frames, pps=500) as s:
        for n in range(2):
            twins.batch(lab, nets(20000, "replace", "10.0.1.9" if n else "10.0.1.8"))
            twins.ip(lab, "route", "replace", "198.51.101.0/24", "via", "10.0.1.8", "proto", "bgp")
        twins.batch(lab, nets(20000, "del", "10.0.1.9"))
        twins.until(lambda: twins.source(lab)["ipv4_routes"] == 2, 20)
    s.check()
    print(f"60,000 changes in {time.monotonic() - begin:.1f} s, {sum(s.sent.values())} packets, none lost")
    twins.same_as_kernel(lab)
