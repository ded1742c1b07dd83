#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Numbers of the control path: reading, planning and applying large configurations, and listing a large table.

    tests/bench/control.py [--weir build/src/cli/weir] [--rounds 7]

A daemon with ports that are nothing, no root and no hugepages. Each number is the median of the rounds, with the smallest
and the largest; CPU is what the daemon's process used meanwhile, which the rest of the machine changes little.
"""
import argparse
import http.client
import json
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HEAD = """dataplane: {{workers: 1, polling: adaptive}}
dpdk: {{file-prefix: {prefix}, extra-args: ["--no-huge", "--no-pci"]}}
ports: {{a: {{device: "null"}}, b: {{device: "null"}}}}
interfaces:
  lan: {{port: a, addresses: [10.0.1.1/24]}}
  wan: {{port: b, addresses: [10.0.2.1/24]}}
"""


def routes(n, gateway, first=0x64000000):
    out = ["routes:"]
    for i in range(n):
        a = first + (i << 8)
        out.append(f"  - {{prefix: {a >> 24}.{a >> 16 & 255}.{a >> 8 & 255}.0/24, via: [{{address: {gateway}}}]}}")
    return "\n".join(out) + "\n"


class Socket(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("weir", timeout=120)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Daemon:
    def __init__(self, weir, directory):
        self.weir, self.dir, self.prefix = weir, directory, f"weirbench{os.getpid()}"
        self.socket = f"{directory}/sock"
        first = self.write("start.yaml", "")
        self.log = open(f"{directory}/log", "w", encoding="utf-8")
        self.process = subprocess.Popen([weir, "run", "-c", first, "--socket", self.socket, "--state", f"{directory}/state"],
                                        stdout=self.log, stderr=subprocess.STDOUT)
        end = time.monotonic() + 30
        while subprocess.run([weir, "-s", self.socket, "show", "version"], capture_output=True, check=False).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > end:
                sys.exit(f"weir does not start, see {directory}/log")
            time.sleep(0.05)

    def write(self, name, more):
        path = f"{self.dir}/{name}"
        with open(path, "w", encoding="utf-8") as f:
            f.write(HEAD.format(prefix=self.prefix) + more)
        return path

    def run(self, *argv):
        p = subprocess.run([self.weir, "-s", self.socket, *argv], capture_output=True, text=True, check=False)
        if p.returncode != 0:
            sys.exit(f"weir {' '.join(argv)}: {p.stderr}")
        return p.stdout

    def cpu(self):
        """Seconds of the control thread, which is the first one."""
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def anonymous(self):
        """MiB of memory of its own."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            return int(re.search(r"RssAnon:\s+(\d+)", f.read()).group(1)) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.log.close()


def row(what, values, unit="ms", scale=1000):
    v = [x * scale for x in values]
    print(f"{what:<58} {statistics.median(v):9.1f} {unit:<4} ({min(v):.1f} to {max(v):.1f})")


def timed(fn):
    start = time.monotonic()
    fn()
    return time.monotonic() - start


def checks(d, path, rounds):
    walls, cpus = [], []
    for _ in range(rounds):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        walls.append(timed(lambda: d.run("config", "check", path)))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpus.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    row("check a file of 100000 routes, whole command", walls)
    row("  of that CPU", cpus)


def commits(d, count, rounds):
    files = [d.write(f"{g[-1]}.yaml", routes(count, g)) for g in ("10.0.2.2", "10.0.2.3")]
    d.run("config", "apply", files[0])
    walls, cpus, plans = [], [], []
    for i in range(rounds):
        path = files[(i + 1) % 2]
        plans.append(timed(lambda p=path: d.run("config", "plan", p)))
        before = d.cpu()
        walls.append(timed(lambda p=path: d.run("config", "apply", p)))
        cpus.append(d.cpu() - before)
    row(f"plan: {count} routes change their next hop", plans)
    row(f"apply: {count} routes change their next hop, whole command", walls)
    row("  of that the control thread's CPU", cpus)
    print(f"{'  commits a second, one after the other':<58} {1 / statistics.median(walls):9.1f}")


def listing(d, total, rounds):
    c = Socket(d.socket)
    for start in range(0, total, 10000):
        batch = [{"prefix": f"{16 + (i >> 16)}.{i >> 8 & 255}.{i & 255}.0/24", "type": "blackhole"} for i in range(start, start + 10000)]
        c.request("PUT", "/v1/routes", json.dumps({"routes": batch}))
        r = c.getresponse()
        if r.status != 200:
            sys.exit(r.read().decode())
        r.read()
    walls, grown = [], []
    before = d.anonymous()
    for _ in range(rounds):
        start, peak, size = time.monotonic(), before, 0
        c.request("GET", "/v1/routes?limit=all")
        r = c.getresponse()
        while piece := r.read(1 << 22):
            size += len(piece)
            peak = max(peak, d.anonymous())
        walls.append(time.monotonic() - start)
        grown.append(peak - before)
    row(f"list {total} routes by the API ({size >> 20} MiB of JSON)", walls, "s", 1)
    row("  memory the daemon takes for it", grown, "MiB", 1)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("--weir", default="build/src/cli/weir")
    p.add_argument("--rounds", type=int, default=7)
    o = p.parse_args()
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as directory:
        d = Daemon(os.path.abspath(o.weir), directory)
        try:
            path = d.write("large.yaml", routes(100000, "10.0.2.2"))
            checks(d, path, o.rounds)
            commits(d, 10000, o.rounds)
            d.run("config", "apply", d.write("start.yaml", ""))
            listing(d, 1000000, min(o.rounds, 3))
        finally:
            d.stop()


if __name__ == "__main__":
    main()
