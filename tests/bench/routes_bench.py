#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""A full table through the kernel: how long until it is in the FIB, what memory it takes, what a sync and a comparison cost.

    tests/bench/routes_bench.py [--ipv4 1000000] [--ipv6 250000]     WEIR_BIN names the program; needs root
"""
import argparse
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "functional"))
import twins  # noqa: E402
from lab import Lab, run  # noqa: E402


def prefixes(n, v6):
    for i in range(n):
        if v6:
            yield f"2001:{i >> 16:x}:{i & 0xffff:x}::/48"
        else:
            yield f"{1 + (i >> 16) if i >> 16 < 9 else 2 + (i >> 16)}.{i >> 8 & 255}.{i & 255}.0/24"


def batch(lab, n, v6, verb):
    path, via = f"{lab.dir}/batch{6 if v6 else 4}", "2001:db8:a::9" if v6 else "10.0.0.9"
    with open(path, "w", encoding="utf-8") as f:
        f.writelines(f"route {verb} {p} via {via} proto bgp\n" for p in prefixes(n, v6))
    begin = time.monotonic()
    run("ip", *(["-6"] if v6 else []), "-force", "-batch", path, ns=lab.ns, timeout=600)
    return time.monotonic() - begin


def resident(lab):
    """KiB of the daemon."""
    pid = int(run("pgrep", "-P", lab.daemon.pid, check=False).stdout.split()[0]) if run("pgrep", "-P", lab.daemon.pid, check=False).stdout \
        else lab.daemon.pid
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        return next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))


def load(lab, n, v6, key):
    before, begin = resident(lab), time.monotonic()
    took = batch(lab, n, v6, "add")
    assert twins.until(lambda: twins.source(lab)[key] >= n, 300, 0.02), twins.source(lab)
    end = time.monotonic() - begin
    print(f"{n} {'IPv6' if v6 else 'IPv4'} routes: ip -batch {took:.2f} s, all in the FIB {max(0, end - took):.2f} s later "
          f"({n / end:.0f}/s), {(resident(lab) - before) / 1024:.0f} MiB more resident", flush=True)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--ipv4", type=int, default=1_000_000)
    p.add_argument("--ipv6", type=int, default=250_000)
    a = p.parse_args()
    lab = Lab()
    try:
        twins.make(lab)
        run("sysctl", "-qw", "net.ipv6.route.max_size=2147483647", ns=lab.ns, check=False)
        lab.start(twins.CONFIG + "netlink: {}\n")
        twins.synced(lab)
        load(lab, a.ipv4, False, "ipv4_routes")
        load(lab, a.ipv6, True, "ipv6_routes")
        print(lab.weir("show", "vrfs").stdout.splitlines()[-1])
        begin = time.monotonic()
        print(twins.same_as_kernel(lab, 60).strip(), f"in {time.monotonic() - begin:.2f} s")
        syncs, begin = twins.source(lab)["syncs"], time.monotonic()
        twins.ip(lab, "link", "set", "wan", "down")
        assert twins.until(lambda: twins.source(lab)["syncs"] > syncs and twins.source(lab)["state"] == "synced", 60, 0.02)
        print(f"a sync of all: {time.monotonic() - begin:.2f} s")
        lab.stop()
        begin = time.monotonic()
        lab.start(twins.CONFIG + "netlink: {}\n")
        twins.synced(lab, 120)
        print(f"weir started anew, everything learnt again after {time.monotonic() - begin:.2f} s")
        begin = time.monotonic()
        batch(lab, a.ipv4 // 2, False, "del")
        assert twins.until(lambda: twins.source(lab)["ipv4_routes"] <= a.ipv4 - a.ipv4 // 2, 300, 0.02)
        print(f"{a.ipv4 // 2} withdrawn: {time.monotonic() - begin:.2f} s; {twins.source(lab)['overruns']} overruns")
    finally:
        lab.close()


if __name__ == "__main__":
    main()
