# SPDX-License-Identifier: BSD-3-Clause
"""`weir replay`: the real binary on capture files of every form, as a user without rights."""
import gzip
import json
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import time

import pytest
from scapy.all import ARP, ICMP, IP, UDP, Dot1Q, Ether, Raw, fragment, rdpcap

from lab import WEIR, run

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROUTER, OTHER, HOST = "02:00:00:00:00:00", "02:00:00:00:00:01", "02:aa:00:00:00:01"
T = 1_700_000_000 * 10**9  # ns
CONFIG = """
ports:
  p0: {device: "null"}
  p1: {device: "null"}
interfaces:
  lan: {port: p0, addresses: [10.0.0.1/24]}
  guest: {parent: lan, vlan: 5, addresses: [10.5.0.1/24]}
  wan: {port: p1, addresses: [10.1.0.1/24]}
routes:
  - {prefix: 198.51.100.0/24, type: blackhole}
"""


class Bench:
    """A directory that anyone may use, with the binary and a config in it."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="weir-replay-")
        os.chmod(self.dir, 0o777)
        self.weir = shutil.copy(WEIR, self.dir)
        self.put("weir.yaml", CONFIG)

    def path(self, name):
        return os.path.join(self.dir, name)

    def put(self, name, data):
        with open(self.path(name), "wb" if isinstance(data, bytes) else "w") as f:
            f.write(data)
        return self.path(name)

    def argv(self, *words):
        return [self.weir, "replay", "-c", "weir.yaml", *map(str, words)]

    def replay(self, *words, exit=0, **kw):
        kw.setdefault("capture_output", True)
        p = subprocess.run(self.argv(*words), cwd=self.dir, text=True, timeout=60, check=False, **kw)
        assert p.returncode == exit and "Sanitizer" not in (p.stderr or ""), f"exit {p.returncode}\n{p.stdout}{p.stderr}"
        return p

    def report(self, *words, **kw):
        self.replay(*words, "--out", "out", "--report", "report.json", **kw)
        with open(self.path("report.json")) as f:
            return json.load(f)

    def frames(self, name):
        with open(self.path(name), "rb") as f:
            return [(bytes(p), p) for p in rdpcap(f)]

    def bytes(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()


@pytest.fixture
def bench():
    b = Bench()
    yield b
    shutil.rmtree(b.dir, ignore_errors=True)


# --- captures, byte by byte ---

def udp(dst="10.1.0.9", ttl=64, size=20, mac=ROUTER):
    return bytes(Ether(src=HOST, dst=mac) / IP(src="10.0.0.9", dst=dst, ttl=ttl) / UDP(sport=1, dport=2) / Raw(bytes(size)))


def pcap(frames, order="<", magic=0xA1B2C3D4, link=1, cut=None, snaplen=65535, step=10**6):
    """`cut`: bytes kept of each frame. Timestamps start at T and are `step` ns apart."""
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, link)]
    for i, f in enumerate(frames):
        ns, kept = T + i * step, f[:cut]
        part = ns % 10**9 // (1 if magic == 0xA1B23C4D else 1000)
        out.append(struct.pack(order + "IIII", ns // 10**9, part, len(kept), len(f)) + kept)
    return b"".join(out)


class Ng:
    """A pcapng file of one byte order, block by block."""

    def __init__(self, order="<"):
        self.order, self.data = order, b""

    def block(self, kind, body):
        body += bytes(-len(body) % 4)
        size = struct.pack(self.order + "I", len(body) + 12)
        self.data += struct.pack(self.order + "I", kind) + size + body + size
        return self

    def option(self, code, value):
        return struct.pack(self.order + "HH", code, len(value)) + value + bytes(-len(value) % 4)

    def section(self):
        return self.block(0x0A0D0D0A, struct.pack(self.order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + self.option(4, b"a test") +
                          self.option(0, b""))

    def interface(self, link=1, snaplen=0, resolution=None, offset=None):
        options = self.option(2, b"eth0")
        if resolution is not None:
            options += self.option(9, bytes([resolution]))
        if offset is not None:
            options += self.option(14, struct.pack(self.order + "q", offset))
        return self.block(1, struct.pack(self.order + "HHI", link, 0, snaplen) + options + self.option(0, b""))

    def enhanced(self, frame, units, interface=0):
        head = struct.pack(self.order + "IIIII", interface, units >> 32, units & 0xFFFFFFFF, len(frame), len(frame))
        return self.block(6, head + frame + bytes(-len(frame) % 4) + self.option(1, b"a comment") + self.option(0, b""))

    def old(self, frame, units, interface=0):
        return self.block(2, struct.pack(self.order + "HHIIII", interface, 0, units >> 32, units & 0xFFFFFFFF, len(frame),
                                         len(frame)) + frame)

    def simple(self, frame, snaplen=None):
        return self.block(3, struct.pack(self.order + "I", len(frame)) + frame[:snaplen])


def forms():
    frames = [udp(size=n) for n in (1, 20, 300)]
    one = [T, T + 10**6, T + 2 * 10**6]
    for order, word in (("<", "little"), (">", "big")):
        yield f"pcap-us-{word}", pcap(frames, order), one
        yield f"pcap-ns-{word}", pcap(frames, order, 0xA1B23C4D, step=1001), [T, T + 1001, T + 2002]
        ng = Ng(order).section().interface().interface(resolution=9).interface(resolution=0x94, offset=1_600_000_000)
        ng.enhanced(frames[0], T // 1000).block(5, b"statistics").enhanced(frames[1], T + 17, interface=1)
        ng.block(0x0BAD, b"unknown").enhanced(frames[2], (100_000_000 << 20) + (1 << 19), interface=2)
        yield f"pcapng-{word}", ng.data, [T, T + 17, T + 500_000_000]
        yield f"pcapng-old-{word}", Ng(order).section().interface().old(frames[0], T // 1000).simple(frames[1]).data, [T, T]
    yield "gzip", gzip.compress(pcap(frames)), one
    other = Ng(">").section().interface(resolution=6).enhanced(frames[1], T // 1000 + 5)
    yield "two-sections", Ng("<").section().interface(resolution=9).enhanced(frames[0], T).data + other.data, [T, T + 5000]


@pytest.mark.parametrize("name,data,times", list(forms()), ids=[f[0] for f in forms()])
def test_every_form_of_capture_is_read(bench, name, data, times):
    bench.put("in", data)
    report = bench.report("--in", "lan=in")
    assert [(p["timestamp"], p["verdict"], p.get("out")) for p in report["packets"]] == [(t, "transmitted", "p1") for t in times]
    left = bench.frames("out/p1.pcapng")
    assert [int(p.time * 10**9) for _, p in left] == [pytest.approx(t, abs=500) for t in times]
    assert all(p[IP].ttl == 63 and p[IP].dst == "10.1.0.9" for _, p in left)


def test_what_was_not_captured_whole_is_counted(bench):
    bench.put("cut.pcap", pcap([udp(size=500)] * 3, cut=60))
    bench.put("simple.pcapng", Ng().section().interface(snaplen=64).simple(udp(size=200), 64).data)
    report = bench.report("--in", "lan=cut.pcap", "--in", "lan=simple.pcapng")
    assert [(i["input"], i["packets"], i["cut"]) for i in report["inputs"]] == [("lan", 3, 3), ("lan#2", 1, 1)]
    assert report["drops"] == {"ip-truncated": 4}
    assert "3 packets were not captured whole" in bench.replay("--in", "lan=cut.pcap", "--out", "out").stdout


def test_a_huge_snaplen_is_only_a_number(bench):
    bench.put("in", pcap([udp()], snaplen=0xFFFFFFFF))
    bench.put("ng", Ng().section().interface(snaplen=0xFFFFFFFF).simple(udp()).data)
    assert bench.report("--in", "lan=in", "--in", "lan=ng")["summary"]["transmitted"] == 2


# --- one run ---

def mixed():
    """One of each end, on lan."""
    ping = Ether(src=HOST, dst=ROUTER) / IP(src="10.0.0.9", dst="10.0.0.1") / ICMP(id=1, seq=1) / Raw(bytes(2000))
    return [udp(), udp(ttl=1), bytes(Ether(src=HOST, dst=ROUTER) / IP(src="10.0.0.9", dst="10.0.0.1") / ICMP(id=1)),
            bytes(fragment(ping, fragsize=1000)[0]), udp(dst="198.51.100.1"), udp(dst="192.0.2.1"),
            bytes(Ether(src=HOST, dst=ROUTER) / Dot1Q(vlan=5) / IP(src="10.5.0.9", dst="10.1.0.9") / UDP()),
            bytes(Ether(src=HOST, dst=ROUTER) / Dot1Q(vlan=6) / IP(src="10.5.0.9", dst="10.1.0.9") / UDP()),
            bytes(Ether(src=HOST, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=HOST, psrc="10.0.0.9", pdst="10.0.0.1"))]


ENDS = [("lan", "transmitted", None, "p1"), ("lan", "dropped", "ip-ttl-exceeded", None), ("lan", "transmitted", None, "p0"),
        ("lan", "held", None, None), ("lan", "dropped", "route-blackhole", None), ("lan", "dropped", "route-none", None),
        ("guest", "transmitted", None, "p1"), (None, "dropped", "ether-no-interface", None),
        ("lan", "consumed", "arp-handled", None)]


def test_the_report_has_this_form(bench):
    """The contract: members are added, never taken away."""
    bench.put("in", pcap(mixed()))
    report = bench.report("--in", "lan=in")
    assert [(p["interface"], p["verdict"], p.get("reason"), p.get("out")) for p in report["packets"]] == ENDS
    for i, p in enumerate(report["packets"]):
        assert p["n"] == i + 1 and p["input"] == "lan" and p["timestamp"] == T + i * 10**6
        assert set(p) - {"reason", "out"} == {"n", "input", "interface", "timestamp", "verdict"}
    assert report["inputs"] == [{"input": "lan", "port": "p0", "file": "in", "packets": 9, "cut": 0,
                                 "bytes": sum(map(len, mixed()))}]
    s = report["summary"]
    assert s["received"] + s["originated"] == s["transmitted"] + s["consumed"] + s["dropped"] + s["held"]
    assert (s["received"], s["dropped"], s["held"]) == (9, 4, 1)
    for reason in s["reasons"]:
        assert set(reason) == {"reason", "kind", "count", "help"} and reason["kind"] in ("done", "drop", "error")
    assert report["drops"] == {r["reason"]: r["count"] for r in s["reasons"]}
    assert report["ports"] == [{"port": p, "packets": len(bench.frames(f"out/{p}.pcapng"))} for p in ("p0", "p1")]
    assert set(report) == {"packets", "inputs", "ports", "summary", "drops"}


def packets_of(data):
    """(name of the interface, bytes) of each packet of a pcapng file that weir wrote."""
    at, names = 0, []
    while at < len(data):
        kind, size = struct.unpack_from("<II", data, at)
        if kind == 1:
            code, length = struct.unpack_from("<HH", data, at + 16)
            assert code == 2, "if_name"
            names.append(data[at + 20:at + 20 + length].decode())
        if kind == 6:
            interface, _, _, length = struct.unpack_from("<IIII", data, at + 8)
            yield names[interface], data[at + 28:at + 28 + length]
        assert struct.unpack_from("<I", data, at + size - 4)[0] == size
        at += size


def test_outputs_name_the_interface_a_packet_left_by(bench):
    tagged = Ether(src=HOST, dst=OTHER) / IP(src="10.1.0.9", dst="10.5.0.9") / UDP()
    plain = Ether(src=HOST, dst=OTHER) / IP(src="10.1.0.9", dst="10.0.0.9") / UDP()
    bench.put("in", pcap([bytes(tagged), bytes(plain)]))
    bench.replay("--in", "wan=in", "--out", "out")
    assert [(name, b"\x81\x00\x00\x05" in data) for name, data in packets_of(bench.bytes("out/p0.pcapng"))] == [
        ("guest", True), ("lan", False)]
    assert len(bench.frames("out/p0.pcapng")) == 2, "scapy reads it, too"


def test_the_same_input_gives_the_same_bytes_also_at_the_same_time(bench):
    bench.put("lan.pcap", pcap(mixed() * 200, step=7000))
    bench.put("wan.pcap", pcap([udp(dst=f"10.0.0.{i % 250 + 1}", mac=OTHER) for i in range(2000)], step=5000))
    names = [f"out{i}" for i in range(4)]
    running = [subprocess.Popen(bench.argv("-q", "--in", "lan=lan.pcap", "--in", "wan=wan.pcap", "--out", n, "--report", n + ".json"),
                                cwd=bench.dir) for n in names]
    assert [p.wait(60) for p in running] == [0] * 4
    bench.replay("-q", "--in", "lan=lan.pcap", "--in", "wan=wan.pcap", "--out", "plain")
    for n in names[1:]:
        assert bench.bytes(n + ".json") == bench.bytes(names[0] + ".json")
    for n in names[1:] + ["plain"]:
        for port in ("p0", "p1"):
            assert bench.bytes(f"{n}/{port}.pcapng") == bench.bytes(f"{names[0]}/{port}.pcapng")


def test_captures_are_merged_by_time(bench):
    bench.put("a", pcap([udp(size=1)] * 4, step=3_000_000))
    bench.put("b", pcap([udp(size=2)] * 4, step=2_000_000))
    order = [(p["input"], p["timestamp"] - T) for p in bench.report("--in", "lan=a", "--in", "p0=b")["packets"]]
    assert order == [("lan", 0), ("p0", 0), ("p0", 2 * 10**6), ("lan", 3 * 10**6), ("p0", 4 * 10**6), ("lan", 6 * 10**6),
                     ("p0", 6 * 10**6), ("lan", 9 * 10**6)]


def test_pipes_and_standard_input_are_captures(bench):
    data = pcap([udp()] * 5)
    with subprocess.Popen(bench.argv("--in", "lan=-", "--out", "out", "--report", "r.json"), cwd=bench.dir, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as p:
        for i in range(0, len(data), 100):
            p.stdin.write(data[i:i + 100])
            p.stdin.flush()
        p.stdin.close()
        assert p.wait(30) == 0
    assert len(bench.frames("out/p1.pcapng")) == 5
    os.mkfifo(bench.path("fifo"))
    with subprocess.Popen(bench.argv("--in", "lan=fifo", "--out", "out2"), cwd=bench.dir, stdout=subprocess.PIPE) as p:
        bench.put("fifo", gzip.compress(data))
        assert p.wait(30) == 0
    assert bench.bytes("out2/p1.pcapng") == bench.bytes("out/p1.pcapng")
    assert "standard input can be given once" in bench.replay("--in", "lan=-", "--in", "wan=-", "--out", "x", exit=2).stderr


def test_a_port_can_have_the_address_of_the_capture(bench):
    bench.put("in", pcap([udp(mac="00:11:22:33:44:55")]))
    assert bench.report("--in", "lan=in")["drops"] == {"ether-wrong-mac": 1}
    assert bench.report("--in", "lan=in", "--mac", "p0=00:11:22:33:44:55")["summary"]["transmitted"] == 1
    for word, said in (("p0=zz", "--mac needs PORT=MAC"), ("p0", "--mac needs PORT=MAC"), ("p0=01:00:00:00:00:01", "multicast")):
        assert said in bench.replay("--in", "lan=in", "--out", "out", "--mac", word, exit=2).stderr
    assert "no port of that name" in bench.replay("--in", "lan=in", "--out", "out", "--mac", "p9=02:00:00:00:00:09", exit=1).stderr


def test_the_report_goes_to_standard_output(bench):
    bench.put("in", pcap([udp()] * 2))
    p = bench.replay("--in", "lan=in", "--out", "out", "--report", "-")
    assert len(json.loads(p.stdout)["packets"]) == 2
    assert "replayed 2 packets" in p.stderr
    assert bench.replay("-q", "--in", "lan=in", "--out", "out").stdout == ""


# --- expectations ---

def test_a_report_is_an_expectation_that_holds(bench):
    bench.put("in", pcap(mixed()))
    bench.report("--in", "lan=in")
    p = bench.replay("--in", "lan=in", "--out", "again", "--expect", "report.json")
    assert "differ" not in p.stdout + p.stderr
    bench.put("golden.json", json.dumps({"outputs": {"p0": "out/p0.pcapng", "p1": bench.path("out/p1.pcapng")}}))
    bench.replay("--in", "lan=in", "--out", "again", "--expect", "golden.json")


@pytest.mark.parametrize("expect,said", [
    ({"packets": [{"n": 1, "verdict": "dropped"}]}, "packet 1 of lan: verdict dropped expected, transmitted found"),
    ({"packets": [{"n": 2, "verdict": "held"}]}, "packet 2 of lan: verdict held expected, dropped found, reason ip-ttl-exceeded"),
    ({"packets": [{"n": 1, "out": None}]}, "packet 1 of lan: out none expected, p1 found"),
    ({"packets": [{"n": 8, "interface": "lan"}]}, "packet 8 of lan: interface lan expected, none found"),
    ({"packets": [{"n": 10}]}, "packet 10 of lan is expected, but only 9 were replayed"),
    ({"packets": [{"n": 1, "input": "wan"}]}, "packets[0] names no --in"),
    ({"drops": {"route-none": 2}}, "drops: 2 route-none expected, 1 found"),
    ({"drops": {"route-non": 1}}, "drops: there is no reason 'route-non'; did you mean 'route-none'?"),
    ({"ports": [{"port": "p1", "packets": 7}]}, "p1: 7 packets expected, 2 found"),
    ({"ports": [{"port": "p9", "packets": 7}]}, "ports: there is no port 'p9'"),
    ({"summary": {"held": 0}}, "summary: 0 held expected, 1 found"),
    ({"outputs": {"p0": "p1.pcapng"}}, "output p0, packet 1, byte "),
    ({"outputs": {"p1": "absent.pcapng"}}, "absent.pcapng cannot be opened"),
], ids=lambda v: v if isinstance(v, str) else "")
def test_what_differs_is_told_and_exits_1(bench, expect, said):
    bench.put("in", pcap(mixed()))
    bench.replay("--in", "lan=in", "--out", ".")
    bench.put("expect.json", json.dumps(expect))
    p = bench.replay("--in", "lan=in", "--out", "again", "--expect", "expect.json", exit=1)
    assert f"differs: {said}" in p.stderr or ("absent" in said and said in p.stderr)
    assert "weir replay: 1 difference from expect.json" in p.stderr or "byte" in said


def test_many_differences_are_counted(bench):
    bench.put("in", pcap([udp()] * 100))
    bench.put("expect.json", json.dumps({"packets": [{"n": n, "verdict": "held"} for n in range(1, 101)]}))
    p = bench.replay("--in", "lan=in", "--out", "out", "--expect", "expect.json", exit=1)
    assert p.stderr.count("differs:") == 20 and "and 80 more" in p.stderr and "100 differences" in p.stderr


@pytest.mark.parametrize("text,said", [
    ('{"packets":[{"n":1,"verdikt":"held"}]}', "packets[0].'verdikt' cannot be expected; did you mean 'verdict'?"),
    ('{"pakets":[]}', "'pakets' cannot be expected; did you mean 'packets'?"),
    ('{"packets":', "expect.json:1:"), ("", "expect.json:1:"), ("[]", "must be an object"),
    ('{"summary":{"held":"no"}}', "summary.held must be a count"), ('{"ports":[{"packets":1}]}', "needs the name of a port"),
    ('{"drops":1}', "drops must map"), ('{"drops":{},"drops":{}}', "duplicate"),
])
def test_wrong_expectations_are_refused_before_the_run(bench, text, said):
    bench.put("in", pcap([udp()]))
    bench.put("expect.json", text)
    assert said in bench.replay("--in", "lan=in", "--out", "out", "--expect", "expect.json", exit=1).stderr
    assert not os.path.exists(bench.path("out"))
    assert "nowhere.json" in bench.replay("--in", "lan=in", "--out", "out", "--expect", "nowhere.json", exit=1).stderr


# --- what can go wrong ---

@pytest.mark.parametrize("data,said", [
    (b"", "the file is empty"),
    (b"x", "does not start like a pcap"),
    (bytes(range(256)) * 40, "does not start like a pcap"),
    (b"\xd4\xc3\xb2\xa1", "the file ends within its header of 24 bytes"),
    (b"BZh91AY&SY" + bytes(50), "unpack it with bunzip2"),
    (pcap([udp()], link=101), "the link type is 101; only Ethernet"),
    (pcap([udp()], link=113), "Capture on an Ethernet interface and not on 'any'"),
    (Ng().section().interface(link=113).enhanced(udp(), 1).data, "link type 113"),
    (Ng().section().enhanced(udp(), 1).data, "a packet of interface 0, but 0 are described"),
    (gzip.compress(pcap([udp()]), mtime=0)[:15], "compressed"),
])
def test_files_that_are_no_captures_are_refused(bench, data, said):
    bench.put("in", data)
    p = bench.replay("--in", "lan=in", "--out", "out", exit=1)
    assert said in p.stderr
    assert len(p.stderr.splitlines()) == 1, "one sentence"
    assert not os.path.exists(bench.path("out"))


@pytest.mark.parametrize("end", [b"\xff" * 50, b"\x06\0\0\0\x20\0\0\0" + b"\xff" * 40])
def test_a_damaged_file_is_replayed_up_to_the_damage(bench, end):
    good = Ng().section().interface(resolution=9).enhanced(udp(), T).enhanced(udp(), T + 5)
    bench.put("in", good.data + end)
    report = bench.report("--in", "lan=in", exit=1)
    assert [p["verdict"] for p in report["packets"]] == ["transmitted"] * 2
    assert len(bench.frames("out/p1.pcapng")) == 2
    assert re.search(r"in: byte \d+: ", bench.replay("--in", "lan=in", "--out", "out", exit=1).stderr)


def test_a_cut_file_is_used_up_to_there(bench):
    for data in (pcap([udp()] * 3), Ng().section().interface(resolution=9).enhanced(udp(), T).enhanced(udp(), T).enhanced(udp(), T).data):
        bench.put("in", data[:-11])
        report = bench.report("--in", "lan=in")
        assert len(report["packets"]) == 2
        assert "the file ends at byte" in report["inputs"][0]["warning"]


def test_nothing_to_replay_is_no_error(bench):
    for data in (pcap([]), Ng().section().data, Ng().section().interface().data):
        bench.put("in", data)
        report = bench.report("--in", "lan=in")
        assert report["packets"] == [] and report["summary"]["received"] == 0
        assert bench.frames("out/p0.pcapng") == []


def test_words_that_make_no_sense_are_usage_errors(bench):
    bench.put("in", pcap([udp()]))
    for words, said in ((("--out", "x"), "--in IFACE=CAPTURE is missing"), (("--in", "lan=in"), "--out DIR is missing"),
                        (("--in", "lam=in", "--out", "x"), "did you mean 'lan'?"), (("--in", "=in", "--out", "x"), "--in needs"),
                        (("--in", "lan=", "--out", "x"), "--in needs"), (("--bogus",), "'--bogus' is not an option"),
                        (("--in",), "'--in' needs a value"), (("--in", "lan=in", "--out", "x", "y"), "one word too many")):
        assert said in bench.replay(*words, exit=2).stderr
    assert "usage: weir replay" in bench.replay("--help").stdout


def test_a_wrong_config_is_shown_with_its_place(bench):
    bench.put("in", pcap([udp()]))
    bench.put("weir.yaml", CONFIG.replace("addresses", "adresses", 1))
    p = bench.replay("--in", "lan=in", "--out", "out", exit=1)
    assert "weir.yaml:6:" in p.stderr and "did you mean 'addresses'?" in p.stderr
    assert not os.path.exists(bench.path("out"))


def test_outputs_that_cannot_be_written_are_told(bench):
    bench.put("in", pcap([udp()]))
    bench.put("file", "x")
    for words, said in ((("--out", "file"), "file/p0.pcapng cannot be created: Not a directory"),
                        (("--out", "file/x"), "directory file/x cannot be made: Not a directory"),
                        (("--out", "/proc/none"), "directory /proc/none cannot be made"),
                        (("--out", "out", "--report", "none/r.json"), "none/r.json cannot be created: No such file"),
                        (("--out", "out", "--report", "in"), "in is read by this run and would be overwritten")):
        p = bench.replay("--in", "lan=in", *words, exit=1)
        assert said in p.stderr
    assert bench.bytes("in") == pcap([udp()])


@pytest.mark.needs("root", "setpriv")
def test_no_rights_are_needed(bench):
    bench.put("in", pcap(mixed()))
    as_nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
    shut = bench.path("shut")
    os.mkdir(shut, 0o755)
    p = subprocess.run(as_nobody + bench.argv("--in", "lan=in", "--out", "out", "--report", "r.json"), cwd=bench.dir,
                       capture_output=True, text=True, timeout=60, check=False, env={"PATH": os.environ["PATH"]})
    assert p.returncode == 0, p.stderr
    assert os.stat(bench.path("r.json")).st_uid == 65534 and len(bench.frames("out/p1.pcapng")) == 2
    p = subprocess.run(as_nobody + bench.argv("--in", "lan=in", "--out", "shut"), cwd=bench.dir, capture_output=True, text=True,
                       timeout=60, check=False, env={"PATH": os.environ["PATH"]})
    assert p.returncode == 1 and "shut/p0.pcapng cannot be created: Permission denied" in p.stderr


@pytest.mark.needs("root", "mount")
def test_a_full_disk_ends_the_run_with_a_sentence(bench):
    bench.put("in", pcap([udp(size=1000)] * 4000, step=1000))
    disk = bench.path("disk")
    os.mkdir(disk)
    run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk)
    try:
        p = bench.replay("--in", "lan=in", "--out", "disk", exit=1)
        assert re.search(r"disk/p[01].pcapng cannot be written: No space left on device", p.stderr)
        p = bench.replay("--in", "lan=in", "--out", "out", "--report", "disk/r.json", exit=1)
        assert "cannot be written: No space left on device" in p.stderr or "cannot be created" in p.stderr
    finally:
        run("umount", disk)


def test_an_interrupt_ends_the_run_in_good_order(bench):
    os.mkfifo(bench.path("fifo"))
    with subprocess.Popen(bench.argv("--in", "lan=fifo", "--out", "out", "--report", "r.json"), cwd=bench.dir, text=True,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as p:
        with open(bench.path("fifo"), "wb") as f:
            data = pcap([udp()] * 20000, step=1000)
            f.write(data)
            f.flush()
            time.sleep(1.5)
            p.send_signal(signal.SIGTERM)
            for _ in range(30):
                try:
                    f.write(data[24:])
                except BrokenPipeError:
                    break
        assert p.wait(30) == 1
        assert "interrupted by signal 15" in p.stderr.read()
    with open(bench.path("r.json")) as f:
        rows = json.load(f)["packets"]
    assert len(rows) > 0 and len(rows) == sum(1 for _ in packets_of(bench.bytes("out/p1.pcapng")))


def on_terminal(bench, *words):
    """stderr of a run whose stderr is a terminal."""
    parent, child = pty.openpty()
    with subprocess.Popen(bench.argv(*words), cwd=bench.dir, stdout=subprocess.DEVNULL, stderr=child) as p:
        os.close(child)
        seen = b""
        try:
            while chunk := os.read(parent, 65536):
                seen += chunk
        except OSError:  # the terminal's other end is closed
            pass
        assert p.wait(60) == 0
    os.close(parent)
    return seen.decode()


def test_progress_is_for_terminals(bench):
    head, body = pcap([])[:24], pcap([udp(size=900)] * 500, step=10**9)[24:]  # a burst each, so that it takes time
    with gzip.open(bench.path("in"), "wb", compresslevel=1) as f:
        f.write(head)
        for _ in range(800):
            f.write(body)
    seen = on_terminal(bench, "--in", "lan=in", "--out", "out")
    assert re.search(r"\d+ %  \d+ packets, \d+ MB, [\d.]+ M packets/s", seen)
    assert seen.rstrip().endswith("\x1b[K"), "cleared at the end"
    assert " packets, " not in on_terminal(bench, "-q", "--in", "lan=in", "--out", "out")
    assert " %  " not in bench.replay("--in", "lan=in", "--out", "out").stderr


def peak_memory(bench, *words):
    """Largest resident size of a run in bytes."""
    pid = os.posix_spawn(bench.weir, bench.argv(*words, "-q", "-c", bench.path("weir.yaml")), dict(os.environ))
    _, status, usage = os.wait4(pid, 0)
    assert status == 0
    return usage.ru_maxrss * 1024


def test_memory_does_not_grow_with_the_capture(bench):
    head, body = pcap([])[:24], pcap([udp(size=1)] * 1000, step=1000)[24:]
    for name, times in (("small", 20), ("large", 600)):
        bench.put(name, head + body * times)
    out = ("--out", bench.path("out"), "--report", bench.path("r.json"))
    small = peak_memory(bench, "--in", "lan=" + bench.path("small"), *out)
    large = peak_memory(bench, "--in", "lan=" + bench.path("large"), *out)
    assert large < small + (4 << 20), "600,000 packets take no more than 20,000"


def test_a_held_packet_does_not_hold_up_the_report(bench):
    first = bytes(fragment(Ether(src=HOST, dst=ROUTER) / IP(src="10.0.0.9", dst="10.0.0.1") / UDP() / Raw(bytes(2000)), fragsize=800)[0])
    bench.put("in", pcap([first] + [udp()] * 40000, step=1000))
    rows = bench.report("--in", "lan=in")["packets"]
    assert len(rows) == 40001 and [r["n"] for r in rows[:2]] == [2, 3]
    late = [r for r in rows if r["n"] == 1]
    assert len(late) == 1 and late[0]["verdict"] == "held"


def test_the_example_of_the_guide_holds():
    env = dict(os.environ, WEIR_BIN=os.path.abspath(WEIR))
    p = run(os.path.join(REPO, "examples/test-config.sh"), env=env)
    assert p.stdout == "ok      two-networks\nok      firewall/firewall\nok      acl/edge\n"


def test_the_example_of_the_guide_can_fail(tmp_path):
    for name in os.listdir(os.path.join(REPO, "examples")):
        if os.path.isfile(os.path.join(REPO, "examples", name)):
            shutil.copy(os.path.join(REPO, "examples", name), tmp_path)
    config = tmp_path / "two-networks.yaml"
    config.write_text(config.read_text().replace("203.0.113.0/24", "203.0.112.0/24"))
    p = run(tmp_path / "test-config.sh", env=dict(os.environ, WEIR_BIN=os.path.abspath(WEIR)), check=False)
    assert p.returncode == 1
    assert "packet 42 of left: verdict transmitted expected, dropped found, reason route-none" in p.stdout
