#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""A full table by way of the kernel: how fast it comes, how far weir is behind, what it takes, what packets notice.

    tests/bench/routes_bench.py [PART...] [--ipv4 1000000] [--ipv6 250000] [--smoke]     WEIR_BIN names the program; needs root

Parts (all of them unless named):
    netlink   routes from a program that sends as fast as the kernel takes them, all IPv4 ones over one next-hop object, while
              numbered packets run: rate, loss, memory, a change of that object, withdrawal of half of them, a sync, a restart
    ip        the same routes by `ip -batch`
    bird      a BIRD peer announces the table by BGP to a BIRD beside weir
    frr       ... to FRR's zebra and bgpd
    fpm       ... to the same, and zebra sends the routes to weir by FPM
Each part ends with `weir kernel diff` (not fpm: the kernel is not asked there). Exit status 0: all was as it must be.
With two CPUs the daemons, the kernel, the packets' sender and weir share them; weir's worker polls adaptively.
"""
import argparse
import http.client
import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "functional"))
import daemons  # noqa: E402
import rtnl  # noqa: E402
import twins  # noqa: E402
from lab import Lab, run  # noqa: E402
from rest import Connection  # noqa: E402
from traffic import Stream, frame  # noqa: E402

POLLING = ", polling: adaptive"
PEER4, PEER6 = "10.0.1.9", "2001:db8:b::9"
NEIGHBORS = "neighbors:\n" + "".join(f'  - {{interface: wan, address: "{a}", mac: "02:00:00:00:02:aa"}}\n'
                                     for a in ("10.0.1.8", PEER4, PEER6, "2001:db8:b::8"))
PARTS = ("netlink", "ip", "bird", "frr", "fpm")
LAG = 30  # seconds weir may be behind the daemon


def ask(lab, path):
    """A document of the API, in a millisecond."""
    c = Connection(lab.socket)
    try:
        c.request("GET", path)
        return json.loads(c.getresponse().read())
    finally:
        c.close()


def have(lab, name="kernel"):
    """(IPv4, IPv6) routes of a source."""
    s = next(s for s in ask(lab, "/v1/sources")["sources"] if s["name"] == name)
    return s["ipv4_routes"], s["ipv6_routes"]


def wait(what, seconds, every=0.02):
    """The time at which `what()` was true."""
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise AssertionError(f"not done within {seconds} s")
        time.sleep(every)
    return time.monotonic()


def memory(lab):
    """MiB of the daemon's own memory, besides hugepages and files."""
    with open(f"/proc/{lab.daemon.pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("RssAnon")) / 1024


def cpu(lab):
    """Seconds of CPU of (control thread, threads that receive routes)."""
    out = [0.0, 0.0]
    for tid in os.listdir(f"/proc/{lab.daemon.pid}/task"):
        with open(f"/proc/{lab.daemon.pid}/task/{tid}/stat", encoding="ascii") as f:
            name, rest = f.read().split("(", 1)[1].rsplit(")", 1)
        if name in ("weir-netlink", "weir-fpm") or int(tid) == lab.daemon.pid:
            out[int(tid) != lab.daemon.pid] += sum(int(x) for x in rest.split()[11:13]) / os.sysconf("SC_CLK_TCK")
    return out


def control(lab):
    return ask(lab, "/v1/workers")["control"]


def turns(lab):
    c = control(lab)
    return f"longest turn of the control thread {c['longest_turn_ns'] / 1e6:.1f} ms, of that {c['longest_turn_cpu_ns'] / 1e6:.1f} ms CPU"


def clear(lab):
    lab.weir("clear", "counters")


class Table:
    """The prefixes of a run."""

    def __init__(self, ipv4, ipv6):
        octets = [o for o in range(1, 198) if o not in (10, 127)]
        self.v4 = [(bytes((octets[i >> 16], i >> 8 & 255, i & 255, 0)), 24) for i in range(ipv4)]
        self.v6 = rtnl.nets6(ipv6)
        self.size = (ipv4, ipv6)


class Run:
    """A lab with weir, its links, and packets to prefixes that stay."""

    def __init__(self, table, netlink="{}", peer=False):
        self.table, self.netlink = table, netlink
        self.lab = Lab()
        self.ns, self.received = f"{self.lab.prefix}peer", 0
        try:
            twins.make(self.lab)
            run("sysctl", "-qw", "net.ipv4.nexthop_compat_mode=0", ns=self.lab.ns)
            run("sysctl", "-qw", "net.ipv6.route.max_size=2147483647", ns=self.lab.ns, check=False)
            if peer:
                self.make_peer()
            self.start()
        except BaseException:
            self.close()
            raise

    def make_peer(self):
        run("ip", "netns", "add", self.ns)
        run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=0", ns=self.ns)
        run("sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0", ns=self.ns)
        run("ip", "link", "set", "wan-k", "netns", self.ns, ns=self.lab.ns)
        for dev in ("lo", "wan-k"):
            run("ip", "link", "set", dev, "up", ns=self.ns)
        run("ip", "addr", "add", f"{PEER4}/24", "dev", "wan-k", ns=self.ns)
        run("ip", "addr", "add", f"{PEER6}/64", "dev", "wan-k", "nodad", ns=self.ns)

    def start(self):
        self.lab.start(twins.CONFIG + NEIGHBORS + f"netlink: {self.netlink}\n", dataplane=POLLING)
        if "routes: false" not in self.netlink:
            twins.synced(self.lab, 120)

    def close(self):
        self.lab.close()
        run("ip", "netns", "del", self.ns, check=False)

    def index(self, name="wan"):
        return int(twins.kernel_routes(self.lab, "link", "show", name)[0]["ifindex"])

    def stream(self, pps):
        """Packets to two prefixes that nobody changes."""
        twins.ip(self.lab, "route", "replace", "198.51.100.0/23", "via", PEER4, "proto", "bgp")
        wait(lambda: "198.51.100.0/23" in self.lab.weir("-j", "route", "get", "198.51.100.1", check=False).stdout, 10)
        self.received = received(self.lab)
        mac = self.lab.macs()["lan"]
        frames = [frame(mac, "10.0.0.2", f"198.51.{100 + k % 2}.{k}", 1000 + k) for k in range(8)]
        return Stream(self.lab.a, self.lab.b, frames, pps=pps)


def received(lab):
    """Packets that weir took from the port the stream goes to."""
    return next(p["rx_packets"] for p in ask(lab, "/v1/ports")["ports"] if p["name"] == "a")


def lost(r, s):
    """What the stream says, as a sentence; (lost in weir, out of order, twice). Packets that a busy machine lost before weir saw
    them are told, and are no fault of the routes."""
    s.finish()
    f, before_weir = s.faults(), max(0, s.total_sent() - (received(r.lab) - r.received))
    text = f"{s.total_sent()} numbered packets meanwhile: {f[0]} lost, {f[1]} out of order, {f[2]} twice"
    if f[0]:
        text += f" ({before_weir} of them never came to weir: the port's ring was full while its worker had no CPU)"
        if before_weir < f[0]:
            text += f" {s.gaps()}; {s.where()}"
    return text, (max(0, f[0] - before_weir), f[1], f[2])


def compare(lab, out):
    begin = time.monotonic()
    clear(lab)
    text = twins.same_as_kernel(lab, 120).strip()
    print(f"  weir kernel diff: {text.splitlines()[-1]}, {time.monotonic() - begin:.1f} s; {turns(lab)}", flush=True)
    out["diff"] = 0


def show_memory(lab, before, out):
    vrfs = ask(lab, "/v1/vrfs")["totals"]
    out["memory_mib"] = memory(lab) - before
    print(f"  memory: {out['memory_mib']:.0f} MiB more of its own, {memory(lab):.0f} MiB in all; "
          f"{lab.weir('show', 'vrfs').stdout.strip().splitlines()[-1]}; of show memory {ask(lab, '/v1/memory')['total_bytes'] / 2**20:.0f} MiB")
    return vrfs


# --- routes from a program ---

def load(r, sender, nets, target, key, out, stream=None):
    n, before, begin = len(nets), have(r.lab)[key], time.monotonic()
    blocks = sender.messages(nets, target)
    built = time.monotonic() - begin
    used, begin = cpu(r.lab), time.monotonic()
    took = sender.send(blocks)
    end = wait(lambda: have(r.lab)[key] >= before + n, 300) - begin
    family = ("IPv4", "IPv6")[key]
    out[f"{family}_per_s"] = n / end
    print(f"  {n} {family} routes: the kernel took them in {took:.2f} s ({n / took:.0f}/s), all in the FIB {end - took:.2f} s later: "
          f"{n / end:.0f}/s (messages made in {built:.1f} s); {turns(r.lab)}")
    used = [(b - a) / n * 1e6 for a, b in zip(used, cpu(r.lab))]
    print(f"    CPU for each: the kernel's insertion {sender.cpu / n * 1e6:.2f} us, weir's receiving thread {used[1]:.2f} us, its control thread "
          f"{used[0]:.2f} us", flush=True)


def change_object(r, out):
    """All IPv4 routes are over one next-hop object: it changes."""
    clear(r.lab)
    last = rtnl.text(r.table.v4[-1]).split("/", maxsplit=1)[0]

    def there():
        return "10.0.1.8" in r.lab.weir("route", "get", last).stdout
    begin = time.monotonic()
    twins.ip(r.lab, "nexthop", "replace", "id", "1", "via", "10.0.1.8", "dev", "wan")
    end = wait(there, 60)
    c = control(r.lab)
    out["object_s"], out["object_turn_ms"] = end - begin, c["longest_turn_cpu_ns"] / 1e6
    print(f"  a next-hop object with {len(r.table.v4)} routes changed: {end - begin:.2f} s until the last one followed; {turns(r.lab)}", flush=True)


def withdraw(r, sender, n, pps, out):
    nets = r.table.v4[:n]
    before = have(r.lab)[0]
    blocks = sender.messages(nets, sender.over(1), delete=True)
    clear(r.lab)
    with r.stream(pps) as s:
        time.sleep(0.3)
        begin = time.monotonic()
        took = sender.send(blocks)
        end = wait(lambda: have(r.lab)[0] <= before - n + 1, 300) - begin
        time.sleep(0.3)
        text, out["withdraw_faults"] = lost(r, s)
    print(f"  {n} withdrawn in {end:.2f} s ({n / end:.0f}/s; the kernel took {took:.2f} s); {text}; {turns(r.lab)}", flush=True)


def resync(r):
    syncs, begin = twins.source(r.lab)["syncs"], time.monotonic()
    clear(r.lab)
    twins.ip(r.lab, "link", "set", "lan", "down")
    wait(lambda: twins.source(r.lab)["syncs"] > syncs and twins.source(r.lab)["state"] == "synced", 120)
    print(f"  a sync of all: {time.monotonic() - begin:.2f} s; {turns(r.lab)}")
    twins.ip(r.lab, "link", "set", "lan", "up")


def restart(r):
    r.lab.stop()
    begin = time.monotonic()
    r.start()
    print(f"  weir started anew, everything learnt again after {time.monotonic() - begin:.2f} s", flush=True)


def part_netlink(a, table):
    out = {}
    r = Run(table)
    try:
        twins.ip(r.lab, "nexthop", "add", "id", "1", "via", PEER4, "dev", "wan")
        before = memory(r.lab)
        clear(r.lab)
        with rtnl.Sender(r.lab.ns) as sender:
            with r.stream(a.pps) as s:
                load(r, sender, table.v4, sender.over(1), 0, out)
                load(r, sender, table.v6, sender.via(PEER6, r.index()), 1, out)
                text, out["load_faults"] = lost(r, s)
            print(f"  {text}")
            show_memory(r.lab, before, out)
            compare(r.lab, out)
            change_object(r, out)
            compare(r.lab, out)
            withdraw(r, sender, len(table.v4) // 2, a.pps, out)
            compare(r.lab, out)
        if not a.smoke:
            resync(r)
            restart(r)
            compare(r.lab, out)
        out["overruns"] = twins.source(r.lab)["overruns"]
        print(f"  {out['overruns']} overruns")
    finally:
        r.close()
    return out


def part_ip(a, table):
    out = {}
    r = Run(table)
    try:
        for key, nets in enumerate((table.v4, table.v6)):
            path, via, begin = f"{r.lab.dir}/batch", (PEER4, PEER6)[key], time.monotonic()
            with open(path, "w", encoding="utf-8") as f:
                f.writelines(f"route add {rtnl.text(n)} via {via} proto bgp\n" for n in nets)
            begin = time.monotonic()
            run("ip", *(["-6"] if key else []), "-force", "-batch", path, ns=r.lab.ns, timeout=600)
            took = time.monotonic() - begin
            end = wait(lambda k=key, n=len(nets): have(r.lab)[k] >= n, 300) - begin
            print(f"  {len(nets)} {('IPv4', 'IPv6')[key]} routes: ip -batch {took:.2f} s ({len(nets) / took:.0f}/s), "
                  f"all in the FIB {max(0, end - took):.2f} s later", flush=True)
        compare(r.lab, out)
    finally:
        r.close()
    return out


# --- a BGP peer ---

def peer_config(table):
    text = [f"router id {PEER4};", "protocol device {}", "protocol static s4 { ipv4;"]
    text += [f" route {rtnl.text(n)} blackhole;" for n in table.v4] + ["}", "protocol static s6 { ipv6;"]
    text += [f" route {rtnl.text(n)} blackhole;" for n in table.v6] + ["}"]
    for name, here, there, channel in (("up4", PEER4, "10.0.1.1", "ipv4"), ("up6", PEER6, "2001:db8:b::1", "ipv6")):
        text += [f"protocol bgp {name} {{ local {here} as 65001; neighbor {there} as 65000; connect retry time 1; connect delay time 1;",
                 f"  error wait time 1,2; {channel} {{ import none; export where source = RTS_STATIC; next hop self; }}; }}"]
    return "\n".join(text) + "\n"


BIRD = """
router id 10.0.1.1;
protocol device {}
protocol kernel k4 { ipv4 { export all; }; }
protocol kernel k6 { ipv6 { export all; }; }
protocol bgp up4 { local 10.0.1.1 as 65000; neighbor 10.0.1.9 as 65001; connect retry time 1; connect delay time 1; error wait time 1,2;
  ipv4 { import all; export none; }; }
protocol bgp up6 { local 2001:db8:b::1 as 65000; neighbor 2001:db8:b::9 as 65001; connect retry time 1; connect delay time 1;
  error wait time 1,2; ipv6 { import all; export none; }; }
"""
BGPD = """
router bgp 65000
 bgp router-id 10.0.1.1
 no bgp ebgp-requires-policy
 no bgp network import-check
 no bgp default ipv4-unicast
 neighbor 10.0.1.9 remote-as 65001
 neighbor 10.0.1.9 timers connect 1
 neighbor 2001:db8:b::9 remote-as 65001
 neighbor 2001:db8:b::9 timers connect 1
 address-family ipv4 unicast
  neighbor 10.0.1.9 activate
 address-family ipv6 unicast
  neighbor 2001:db8:b::9 activate
"""


def birdc(lab, where, *words):
    return run("birdc", "-s", f"{lab.dir}/{where}/ctl", *words, check=False).stdout


def bird_routes(lab, where, names, word):
    """Sum of the numbers before "imported" or "exported" of protocols."""
    n = 0
    for name in names:
        for line in birdc(lab, where, "show", "protocols", "all", name).splitlines():
            if line.strip().startswith("Routes:"):
                n += int(next(p.split()[-2] for p in line.replace("Routes:", "").split(",") if p.split()[-1] == word))
    return n


def frr_routes(lab):
    """Prefixes bgpd has from its peers."""
    text = run("vtysh", "--vty_socket", f"{lab.dir}/frr", "-c", "show bgp summary json", check=False).stdout
    try:
        doc = json.loads(text)
    except ValueError:
        return 0
    return sum(p.get("pfxRcd", 0) for family in doc.values() for p in family.get("peers", {}).values())


def kernel_has(lab):
    """(IPv4, IPv6) routes in the kernel's tables, by its own counts: nobody is asked for the routes themselves."""
    text = run("cat", "/proc/net/fib_triestat", ns=lab.ns).stdout
    v4 = max(int(line.split()[-1]) for line in text.splitlines() if line.strip().startswith("Prefixes:"))
    v6 = int(run("cat", "/proc/net/rt6_stats", ns=lab.ns).stdout.split()[3], 16)
    return v4, v6


def start_daemon(r, part):
    lab = r.lab
    if part == "bird":
        daemons.Bird(lab, lab.ns, BIRD, "bird-here")
        return lambda: bird_routes(lab, "bird-here", ("up4", "up6"), "imported")
    argv = ("-M", "dplane_fpm_nl") if part == "fpm" else ()
    frr = daemons.Frr(lab, lab.ns)
    frr.start("zebra", "fpm address 127.0.0.1\n" if argv else "", *argv)
    frr.start("bgpd", BGPD)
    return lambda: frr_routes(lab)


def children_memory(lab):
    """MiB of each daemon beside weir."""
    out = []
    for d in lab.programs:
        try:
            with open(f"/proc/{d.p.pid}/status", encoding="ascii") as f:
                lines = dict(line.split(":", 1) for line in f if ":" in line)
            out.append(f"{lines['Name'].strip()} {int(lines['VmRSS'].split()[0]) / 1024:.0f} MiB")
        except (OSError, KeyError):
            pass
    return ", ".join(out)


def follow(r, part, counted, out):
    """Until the daemon, the kernel and weir have all; prints when each had. Asking costs the daemons time: once in half a second."""
    size, name = r.table.size, "fpm" if part == "fpm" else "kernel"
    begin, done = time.monotonic(), {}
    looks = {"daemon": lambda: counted() >= sum(size),
             "kernel": lambda: all(h >= n for h, n in zip(kernel_has(r.lab), size)),
             "weir": lambda: all(h >= n for h, n in zip(have(r.lab, name), size))}
    while len(done) < 3:
        for who, look in looks.items():
            if who not in done and look():
                done[who] = time.monotonic() - begin
        if time.monotonic() - begin > 900:
            raise AssertionError(f"not converged in 15 minutes: {done}, kernel {kernel_has(r.lab)}, weir {have(r.lab, name)}")
        time.sleep(0.05 if "kernel" in done else 0.4)
    out["lag"] = max(0, done["weir"] - max(done["kernel"], done["daemon"]))
    print(f"  {size[0]} IPv4 and {size[1]} IPv6 prefixes: the daemon has them after {done['daemon']:.1f} s, the kernel after "
          f"{done['kernel']:.1f} s, weir's FIB after {done['weir']:.1f} s: {out['lag']:.2f} s behind", flush=True)


def part_bgp(a, table, part):
    out = {}
    r = Run(table, "{routes: false, fpm: {}}" if part == "fpm" else "{}", peer=True)
    try:
        before = memory(r.lab)
        daemons.Bird(r.lab, r.ns, peer_config(table), "bird-peer")
        wait(lambda: bird_routes(r.lab, "bird-peer", ("s4", "s6"), "imported") >= sum(table.size), 300, 0.2)
        clear(r.lab)
        with r.stream(a.pps) if part != "fpm" else Stream(r.lab.a, r.lab.b, []) as s:
            follow(r, part, start_daemon(r, part), out)
            text, out["load_faults"] = lost(r, s)
        print(f"  {text}; {turns(r.lab)}")
        show_memory(r.lab, before, out)
        print(f"  beside it: {children_memory(r.lab)}")
        if part != "fpm":
            out["overruns"] = twins.source(r.lab)["overruns"]
            compare(r.lab, out)
    finally:
        r.close()
    return out


def wrong(part, out):
    """What is not as it must be."""
    if out.get("lag", 0) > LAG:
        yield f"{part}: weir was {out['lag']:.1f} s behind"
    for what in ("load_faults", "withdraw_faults"):
        if any(out.get(what, ())):
            yield f"{part}: packets (lost, out of order, twice) {out[what]}"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("parts", nargs="*", metavar="PART", help="netlink, ip, bird, frr, fpm")
    p.add_argument("--ipv4", type=int, default=1_000_000)
    p.add_argument("--ipv6", type=int, default=250_000)
    p.add_argument("--pps", type=int, default=2000, help="numbered packets per second")
    p.add_argument("--smoke", action="store_true", help="netlink and bird once, with few routes")
    a = p.parse_args()
    if a.smoke:
        a.ipv4, a.ipv6, a.pps = 20000, 5000, 500
        a.parts = a.parts or ["netlink", "bird"]
    if not set(a.parts) <= set(PARTS):
        p.error(f"parts are {', '.join(PARTS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    table, bad = Table(a.ipv4, a.ipv6), []
    for part in a.parts or PARTS:
        print(f"{part}: load of the machine {os.getloadavg()[0]:.1f}", flush=True)
        try:
            out = part_netlink(a, table) if part == "netlink" else part_ip(a, table) if part == "ip" else part_bgp(a, table, part)
        except (AssertionError, http.client.HTTPException) as e:
            bad.append(f"{part}: {e}")
            continue
        bad += wrong(part, out)
    print("\n".join(["WRONG: " + b for b in bad]) if bad else "all was as it must be")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
