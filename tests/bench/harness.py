#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""weir beside DPDK's own testpmd and l3fwd on the same virtual device and the same packets.

(a) in-process: pipeline_bench, cycles per packet with an in-memory source, minimum over separate processes;
(b) net_pcap with infinite_rx=1 (its transmit side drops): one core receives, forwards and sends. testpmd in io mode is
    the floor; l3fwd (DPDK's example, built here) is the peer. Programs take turns; each cell is the best window over
    several processes, because noise from outside only ever slows a run down. Rates are read from the driver's
    counters through DPDK's telemetry socket, the same way for all.
Prints tables and writes results.json.
"""
import argparse
import ipaddress
import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLE = "/usr/share/dpdk/examples/l3fwd"
MAC = bytes.fromhex("027063617000")  # of the first net_pcap port
SOURCE = bytes.fromhex("020000000199")
DUT_CPU, CONTROL_CPU = 1, 0
GATEWAYS = 4


def tsc_mhz():
    text = subprocess.run(["dmesg"], capture_output=True, text=True, check=False).stdout
    m = re.search(r"tsc: (?:Refined TSC clocksource calibration|Detected) ?:? ?([0-9.]+) MHz", text)
    if m:
        return float(m.group(1))
    m = re.search(r"cpu MHz\s*:\s*([0-9.]+)", open("/proc/cpuinfo", encoding="ascii").read())
    return float(m.group(1))


def canary(build):
    p = subprocess.run(["taskset", "-c", str(DUT_CPU), f"{build}/tests/bench/canary"], capture_output=True, text=True, check=True)
    return float(p.stdout)


# --- (a) ---

def in_process(build, args):
    rows = [("IPv4, 1k routes", ["-r", "1000"]), ("IPv4, 10k routes", ["-r", "10000"]),
            ("IPv4, 1M routes, random", ["-r", "1000000"]), ("IPv6, 1k routes", ["-6", "-r", "1000"]),
            ("IPv6, 200k routes", ["-6", "-r", "200000"])]
    results = []
    for name, options in rows[:1] if args.smoke else rows:
        runs = []
        for _ in range(args.processes):
            p = subprocess.run([f"{build}/tests/bench/pipeline_bench", *options], capture_output=True, text=True, check=False)
            if p.returncode != 0:
                raise SystemExit(f"pipeline_bench {' '.join(options)}: {p.stdout}{p.stderr}")
            runs.append(json.loads(p.stdout.strip().splitlines()[-1]))
        best = min(runs, key=lambda r: r["cycles_per_packet"])
        results.append({"row": name, **best, "all": [r["cycles_per_packet"] for r in runs]})
    quiet = min(r["canary"] for r in results)
    print("\n(a) pipeline alone, in-memory source included: TSC cycles per packet, minimum of separate processes\n")
    print(f"{'':26}{'cycles':>8}{'source':>8}{'canary':>8}  per stage")
    for r in results:
        noisy = "  (noisy)" if r["canary"] > 1.05 * quiet else ""
        stages = " ".join(f"{k} {v:.1f}" for k, v in r["stages"].items())
        print(f"{r['row']:26}{r['cycles_per_packet']:8.1f}{r['source_cycles']:8.1f}{r['canary']:8.3f}  {stages}{noisy}")
    return results


# --- (b): packets and routes ---

def routes_of(count, seed=7):
    """Distinct prefixes with the lengths of a BGP table; the first four are /16s when only four are wanted."""
    if count == 4:
        return [(0xC6120000 + (i << 16), 16) for i in range(4)]
    rnd, seen = random.Random(seed), set()
    lengths = [24] * 59 + [23] * 10 + [22] * 12 + [21] * 5 + [20] * 5 + [19] * 3 + [18] * 2 + [16] * 4
    while len(seen) < count:
        n = rnd.choice(lengths)
        ip = rnd.getrandbits(32) >> (32 - n) << (32 - n)
        if ip >> 24 not in (0, 10, 127) and ip >> 24 < 224:
            seen.add((ip, n))
    return sorted(seen)


def routes6_of(count, seed=7):
    """The same for IPv6: /32s to /48s in 2000::/3; the first four are /48s when only four are wanted."""
    if count == 4:
        return [((0x200102000000 + i) << 80, 48) for i in range(4)]
    rnd, seen = random.Random(seed), set()
    lengths = [48] * 50 + [32] * 20 + [44] * 10 + [40] * 10 + [36] * 10
    while len(seen) < count:
        n = rnd.choice(lengths)
        seen.add(((1 << 125 | rnd.getrandbits(125)) >> (128 - n) << (128 - n), n))
    return sorted(seen)


def text_ip(ip, family=4):
    return str((ipaddress.IPv4Address if family == 4 else ipaddress.IPv6Address)(ip))


def checksum(data):
    s = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while s >> 16:
        s = (s & 0xFFFF) + (s >> 16)
    return ~s & 0xFFFF


def packet(dst, flow):
    head = bytearray(struct.pack("!BBHHHBBHII", 0x45, 0, 46, 0, 0, 64, 17, 0, 0xC6336402 + (flow & 63), dst))
    struct.pack_into("!H", head, 10, checksum(bytes(head)))
    udp = struct.pack("!HHHH", 1024 + flow % 50000, 9, 26, 0)
    return MAC + SOURCE + b"\x08\x00" + bytes(head) + udp + bytes(18)


def packet6(dst, flow):
    head = struct.pack("!IHBB", 0x60000000, 10, 17, 64) + (0x20010DB8 << 96 | flow).to_bytes(16, "big") + dst.to_bytes(16, "big")
    return MAC + SOURCE + b"\x86\xdd" + head + struct.pack("!HHHH", 1024 + flow % 50000, 9, 10, 0) + bytes(2)


def write_pcap(path, routes, flows, family=4, seed=3):
    rnd, width = random.Random(seed), 32 if family == 4 else 128
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for i in range(flows):
            ip, n = routes[i % len(routes)] if len(routes) <= 4 else rnd.choice(routes)
            p = (packet if family == 4 else packet6)(ip | rnd.getrandbits(width - n), i)
            f.write(struct.pack("<IIII", 0, i, len(p), len(p)) + p)


# --- (b): programs ---

def build_l3fwd(directory):
    """DPDK's example as it comes, but for what this virtual device lacks (offloads, RSS) and larger limits."""
    out = f"{directory}/l3fwd"
    if os.path.exists(out):
        return out
    if not os.path.isdir(EXAMPLE):
        return None
    src = f"{directory}/l3fwd-src"
    shutil.rmtree(src, ignore_errors=True)
    shutil.copytree(EXAMPLE, src)
    edits = {"main.c": [("RTE_ETH_MQ_RX_RSS", "RTE_ETH_MQ_RX_NONE"), (".offloads = RTE_ETH_RX_OFFLOAD_CHECKSUM", ".offloads = 0"),
                        ("(unsigned)8192", "(unsigned)49152")],
             "l3fwd_lpm.c": [("MAX_RULES         1024", "MAX_RULES         1100000"), ("NUMBER_TBL8S (1 << 8)", "NUMBER_TBL8S (1 << 15)")],
             "l3fwd_fib.c": [("max_routes = (1 << 16);", "max_routes = (1 << 21);")]}
    for name, pairs in edits.items():
        text = open(f"{src}/{name}", encoding="utf-8").read()
        for old, new in pairs:
            text = text.replace(old, new)
        open(f"{src}/{name}", "w", encoding="utf-8").write(text)
    flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libdpdk"], capture_output=True, text=True, check=True).stdout.split()
    wanted = re.findall(r"^SRCS-y \+?:?= *(.*)$", open(f"{src}/Makefile", encoding="utf-8").read(), re.M)
    sources = [f"{src}/{n}" for n in " ".join(wanted).split() if n.endswith(".c")]
    cmd = ["gcc", "-O3", "-DALLOW_EXPERIMENTAL_API", "-w", f"-I{src}", f"-I{os.path.dirname(EXAMPLE)}/common", *[f for f in flags if not f.startswith("-l")],
           "-march=native", *sources, "-o", out, *[f for f in flags if f.startswith("-l")]]
    p = subprocess.run(cmd, capture_output=True, text=True, check=False)
    if p.returncode != 0:
        print("l3fwd does not build here: " + p.stderr[-400:], file=sys.stderr)
        return None
    return out


class Telemetry:
    def __init__(self, prefix):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(5)
        self.sock.connect(f"/var/run/dpdk/{prefix}/dpdk_telemetry.v2")
        self.sock.recv(16384)

    def opackets(self):
        self.sock.send(b"/ethdev/stats,0")
        before = time.perf_counter()
        d = json.loads(self.sock.recv(65536))["/ethdev/stats"]
        return before, d["opackets"], d["ipackets"]


class Run:
    """One process under measurement."""

    def __init__(self, argv, prefix, log, stdin=None):
        self.prefix = prefix
        self.log = open(log, "w", encoding="utf-8")
        self.process = subprocess.Popen(argv, stdin=stdin or subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT)

    def telemetry(self, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise RuntimeError(f"ended with {self.process.returncode}: {open(self.log.name, encoding='utf-8').read()[-600:]}")
            try:
                t = Telemetry(self.prefix)
                if t.opackets()[1] > 0:
                    return t
            except (OSError, KeyError, TypeError, ValueError):  # not there yet, or not ready
                pass
            time.sleep(0.1)
        raise RuntimeError("no packets within a minute: " + open(self.log.name, encoding="utf-8").read()[-600:])

    def best_rate(self, seconds):
        """Packets per second in the best window of 0.2 s."""
        t, best = self.telemetry(), 0.0
        time.sleep(0.5)
        end = time.monotonic() + seconds
        last = t.opackets()
        while time.monotonic() < end:
            time.sleep(0.2)
            now = t.opackets()
            best = max(best, (now[1] - last[1]) / (now[0] - last[0]))
            last = now
        return best

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.log.close()


class Bench:
    def __init__(self, build, args):
        self.build, self.args = build, args
        self.dir = tempfile.mkdtemp(prefix="weir-bench-")
        self.out = f"{build}/bench"
        os.makedirs(self.out, exist_ok=True)
        self.l3fwd = build_l3fwd(self.out)
        self.testpmd = shutil.which("dpdk-testpmd")
        self.weir = os.environ.get("WEIR_BIN", f"{build}/src/cli/weir")
        self.serial = 0

    def close(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        for n in os.listdir("/dev/hugepages") if os.path.isdir("/dev/hugepages") else []:
            if n.startswith(f"wb{os.getpid()}x"):
                os.unlink(f"/dev/hugepages/{n}")

    def eal(self, prefix, pcap, cpus=f"{CONTROL_CPU},{DUT_CPU}"):
        return ["-l", cpus, "--no-pci", "--file-prefix", prefix, "--force-max-simd-bitwidth=512",
                "--vdev", f"net_pcap0,rx_pcap={pcap},infinite_rx=1"]

    def start_testpmd(self, prefix, pcap, column):
        return Run([self.testpmd, *self.eal(prefix, pcap), "--", "--forward-mode=io", "--total-num-mbufs=49152", "--burst=64",
                    "--port-topology=loop", "--nb-cores=1", "--auto-start", "--stats-period=3600"], prefix, f"{self.dir}/log")

    def start_l3fwd(self, prefix, pcap, column):
        rules = {4: f"{self.dir}/rules4", 6: f"{self.dir}/rules6"}
        lists = {4: [(0xC6120000, 16)], 6: [(0x200102000000 << 80, 48)], column["family"]: column["list"]}
        for family, routes in lists.items():
            with open(rules[family], "w", encoding="ascii") as f:
                for ip, n in routes:
                    text = text_ip(ip) if family == 4 else ipaddress.IPv6Address(ip).exploded
                    f.write(f"R{text}/{n} 0\n")
        lookup = "fib" if column["routes"] > 100000 else "lpm"
        # One lcore: l3fwd wants a transmit queue for each, and this device has one.
        return Run([self.l3fwd, *self.eal(prefix, pcap, str(DUT_CPU)), "--", "-p", "0x1", f"--config=(0,0,{DUT_CPU})", "--parse-ptype",
                    f"--lookup={lookup}", f"--rule_ipv4={rules[4]}", f"--rule_ipv6={rules[6]}"], prefix, f"{self.dir}/log")

    def start_weir(self, prefix, pcap, column):
        config, sock = f"{self.dir}/weir.yaml", f"{self.dir}/sock"
        family = column["family"]
        gateways = [f"10.99.0.{i + 2}" if family == 4 else f"2001:db8:99::{i + 2}" for i in range(GATEWAYS)]
        few = column["list"] if column["routes"] <= 20000 else []
        with open(config, "w", encoding="utf-8") as f:
            f.write(f"dataplane: {{workers: \"{DUT_CPU}\", main-cpu: {CONTROL_CPU}, polling: busy, spare-buffers: 32768}}\n"
                    f"dpdk: {{file-prefix: {prefix}}}\n"
                    f"ports: {{p0: {{device: \"net_pcap0,rx_pcap={pcap},infinite_rx=1\"}}}}\n"
                    "interfaces: {a: {port: p0, addresses: [10.99.0.1/24, \"2001:db8:99::1/64\"]}}\nneighbors:\n")
            for i, g in enumerate(gateways):
                f.write(f"  - {{interface: a, address: \"{g}\", mac: \"02:00:00:00:02:{i:02x}\"}}\n")
            f.write("routes:\n" if few else "routes: []\n")
            for i, (ip, n) in enumerate(few):
                f.write(f"  - {{prefix: \"{text_ip(ip, family)}/{n}\", via: [{{address: \"{gateways[i % GATEWAYS]}\"}}]}}\n")
        run = Run([self.weir, "run", "-c", config, "--socket", sock], prefix, f"{self.dir}/log")
        if not few:
            self.load_routes(run, sock, column["list"], gateways)
        return run

    def load_routes(self, run, path, routes, gateways):
        end = time.monotonic() + 30
        while not os.path.exists(path) and time.monotonic() < end and run.process.poll() is None:
            time.sleep(0.1)
        started = time.monotonic()
        for first in range(0, len(routes), 10000):
            body = json.dumps({"routes": [{"prefix": f"{text_ip(ip)}/{n}", "via": [{"address": gateways[(first + i) % GATEWAYS]}]}
                                          for i, (ip, n) in enumerate(routes[first:first + 10000])]}).encode()
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
                s.settimeout(30)
                s.connect(path)
                s.sendall(b"POST /v1/routes HTTP/1.1\r\nHost: weir\r\nConnection: close\r\nContent-Type: application/json\r\n"
                          b"Content-Length: %d\r\n\r\n" % len(body) + body)
                answer = s.recv(4096)
                if b" 200 " not in answer.split(b"\r\n")[0]:
                    raise RuntimeError(f"routes were refused: {answer.decode(errors='replace')}")
        self.load_seconds = time.monotonic() - started

    def measure(self, name, pcap, column):
        self.serial += 1
        prefix = f"wb{os.getpid()}x{self.serial}"
        run = {"testpmd": self.start_testpmd, "l3fwd": self.start_l3fwd, "weir": self.start_weir}[name](prefix, pcap, column)
        try:
            rate = run.best_rate(self.args.seconds)
        finally:
            run.stop()
        return rate

    def programs(self):
        found = {"testpmd": self.testpmd, "l3fwd": self.l3fwd, "weir": self.weir if os.path.exists(self.weir) else None}
        for name, path in found.items():
            if path is None:
                print(f"{name} is not here: its column is left out (./check.sh and ./bench.sh install the packages)")
        return [n for n, p in found.items() if p is not None]

    def run(self):
        columns = [(4, 4, 64), (4, 4, 16384), (4, 10000, 16384), (4, 1000000, 16384), (6, 4, 16384), (6, 10000, 16384)]
        columns = columns[:1] if self.args.smoke else columns
        mhz, names, results = tsc_mhz(), self.programs(), []
        for family, routes, flows in columns:
            column = {"family": family, "routes": routes, "flows": flows, "list": (routes_of if family == 4 else routes6_of)(routes),
                      "rates": {n: [] for n in names}, "canary": []}
            pcap = f"{self.dir}/{family}-{routes}-{flows}.pcap"
            write_pcap(pcap, column["list"], flows, family)
            for _ in range(self.args.processes):
                for name in names:
                    if name == "testpmd" and routes > 4:
                        continue
                    column["canary"].append(canary(self.build))
                    column["rates"][name].append(self.measure(name, pcap, column))
            results.append(column)
            del column["list"]
        self.table(results, names, mhz)
        return results

    def table(self, results, names, mhz):
        print(f"\n(b) net_pcap, one core, 60-byte frames: best million packets/s (TSC cycles per packet at {mhz:.0f} MHz);"
              "\n    columns: family, routes, flows\n")
        heads = [f"v{c['family']} {c['routes']} routes, {c['flows']}" for c in results]
        print(f"{'':10}" + "".join(f"{h:>26}" for h in heads))
        for n in names:
            cells = []
            for c in results:
                best = max(c["rates"][n], default=0.0)
                c.setdefault("best", {})[n] = best
                cells.append(f"{best / 1e6:.1f} ({mhz * 1e6 / best:.0f})" if best else "-")
            print(f"{n:10}" + "".join(f"{x:>26}" for x in cells))
        if "weir" in names and "l3fwd" in names:
            print(f"{'weir/l3fwd':10}" + "".join(f"{c['best']['weir'] / c['best']['l3fwd']:>26.2f}" for c in results))
        print(f"{'canary':10}" + "".join(f"{min(c['canary']):>17.3f} .. {max(c['canary']):.3f}" for c in results))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--build", default="build")
    p.add_argument("--smoke", action="store_true", help="everything once, briefly")
    p.add_argument("--processes", type=int, default=3, help="separate processes per cell")
    p.add_argument("--seconds", type=float, default=3.0, help="of measurement per process")
    p.add_argument("--only", choices=["a", "b"], help="one of the two parts")
    args = p.parse_args()
    if args.smoke:
        args.processes, args.seconds = 1, 0.6
    if len(os.sched_getaffinity(0)) < 2:
        raise SystemExit("two CPUs are needed: one for the program under test, one for everything else")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results = {"date": time.strftime("%Y-%m-%d %H:%M:%S"), "machine": os.uname().release}
    if args.only != "b":
        results["in_process"] = in_process(args.build, args)
    if args.only != "a":
        bench = Bench(args.build, args)
        try:
            results["net_pcap"] = bench.run()
        finally:
            bench.close()
    os.makedirs(f"{args.build}/bench", exist_ok=True)
    with open(f"{args.build}/bench/results.json", "w", encoding="utf-8") as f:
        json.dump(results, f, indent=1)
    print(f"\nWritten to {args.build}/bench/results.json")


if __name__ == "__main__":
    main()
