# SPDX-License-Identifier: BSD-3-Clause
"""FRR 8.4 and BIRD 2 give routes to weir: through the kernel, and FRR through FPM. Each is killed on the way."""
import random
import socket
import struct
import time

import daemons
import pytest
import twins
from lab import Lab, inside, run

pytestmark = [pytest.mark.timeout(180),
              pytest.mark.skipif(not daemons.have("zebra", "bgpd", "ospfd", "staticd", "bird"), reason="needs frr and bird2")]

BGPD = """
router bgp 65000
 bgp router-id 10.0.1.1
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 10.0.1.9 remote-as 65001
 neighbor 10.0.1.9 timers 1 3
 neighbor 10.0.1.9 timers connect 1
"""
OSPFD = """
interface wan
 ip ospf network point-to-point
 ip ospf hello-interval 1
 ip ospf dead-interval 4
 ip ospf area 0
router ospf
 ospf router-id 10.0.1.1
 timers throttle spf 10 100 500
"""
NETS = [f"203.0.{n}.0/24" for n in range(50)]
OSPF = [f"198.51.{n}.0/24" for n in range(20)]


@pytest.fixture
def lab():
    it = Lab()
    it.peer = f"{it.prefix}peer"
    try:
        twins.make(it)
        run("ip", "netns", "add", it.peer)
        run("ip", "link", "set", "wan-k", "netns", it.peer, ns=it.ns)
        run("ip", "addr", "add", "10.0.1.9/24", "dev", "wan-k", ns=it.peer)
        for dev in ("lo", "wan-k"):
            run("ip", "link", "set", dev, "up", ns=it.peer)
        yield it
    finally:
        it.close()
        run("ip", "netns", "del", it.peer, check=False)


def start(lab, netlink="{}"):
    lab.start(twins.CONFIG + f"netlink: {netlink}\n")
    twins.synced(lab)


def zebra(lab, *argv, config="ip route 192.0.2.0/24 10.0.0.9\n"):
    lab.frr = daemons.Frr(lab, lab.ns)
    z = lab.frr.start("zebra", "fpm address 127.0.0.1\n" if argv else "", *argv)
    return z, lab.frr.start("staticd", config)


def count(lab, protocol, source="kernel"):
    s = twins.source(lab, source)
    return next((p["routes"] for p in s["protocols"] if p["protocol"] == protocol), 0)


def expect(lab, seconds=30, source="kernel", **want):
    ok = twins.until(lambda: all(count(lab, k.replace("_", "-"), source) == n for k, n in want.items()), seconds, 0.1)
    assert ok, twins.source(lab, source)


def test_frr_bgp_ospf_static(lab):
    begin = time.monotonic()
    start(lab)
    zebra(lab)
    lab.frr.start("bgpd", BGPD)
    lab.frr.start("ospfd", OSPFD)
    peer = daemons.Bird(lab, lab.peer, daemons.bird_peer(NETS, ospf=OSPF))
    expect(lab, bgp=len(NETS), ospf=len(OSPF), zebra_static=1)
    print(f"BGP, OSPF and static routes of FRR are here after {time.monotonic() - begin:.1f} s")
    twins.same_as_kernel(lab)
    assert twins.route(lab, NETS[0])["distance"] == 20 and twins.route(lab, OSPF[0])["distance"] == 110
    peer.kill()
    expect(lab, bgp=0, ospf=0)
    peer.start()
    expect(lab, bgp=len(NETS), ospf=len(OSPF))
    run("ip", "link", "set", "wan-k", "down", ns=lab.peer)
    expect(lab, bgp=0, ospf=0)
    run("ip", "link", "set", "wan-k", "up", ns=lab.peer)
    expect(lab, bgp=len(NETS), ospf=len(OSPF))
    twins.same_as_kernel(lab)


def test_bird(lab):
    start(lab)
    config = """
router id 10.0.1.1;
protocol device {}
protocol kernel { ipv4 { export all; }; persist; }
protocol bgp up { local 10.0.1.1 as 65000; neighbor 10.0.1.9 as 65001; connect retry time 1; connect delay time 1; error wait time 1,2;
  ipv4 { import all; export none; }; }
"""
    mine = daemons.Bird(lab, lab.ns, config, "bird-here")
    daemons.Bird(lab, lab.peer, daemons.bird_peer(NETS))
    expect(lab, bird=len(NETS))
    twins.same_as_kernel(lab)
    r = random.Random(1)
    for _ in range(3):  # the kernel keeps its routes: forwarding goes on
        expect(lab, bird=len(NETS))
        time.sleep(r.random())
        mine.kill()
        assert count(lab, "bird") == len(NETS)
        mine.start()
        time.sleep(r.random() * 2)
        twins.same_as_kernel(lab)
    expect(lab, bird=len(NETS))


def test_daemons_killed_at_random_moments(lab):
    start(lab)
    z, static = zebra(lab)
    bgp = lab.frr.start("bgpd", BGPD)
    daemons.Bird(lab, lab.peer, daemons.bird_peer(NETS))
    expect(lab, bgp=len(NETS))
    r = random.Random(2)
    for victims in ((bgp,), (z, bgp, static), (z, bgp, static)):
        time.sleep(r.random())
        for v in victims:
            v.kill()
        twins.same_as_kernel(lab)
        for v in victims:
            v.start()
        time.sleep(r.random())
    expect(lab, bgp=len(NETS), zebra_static=1)
    twins.same_as_kernel(lab)


def test_frr_by_fpm(lab):
    start(lab, "{routes: false, hold: 4s, fpm: {}}")
    z, static = zebra(lab, "-M", "dplane_fpm_nl")
    bgp = lab.frr.start("bgpd", BGPD)
    daemons.Bird(lab, lab.peer, daemons.bird_peer(NETS))
    expect(lab, source="fpm", bgp=len(NETS), zebra_static=1)
    assert twins.source(lab, "fpm")["state"] == "connected"
    assert twins.source(lab, "fpm")["answers"] >= len(NETS)
    r = next(r for r in twins.routes(lab, kind="fpm") if r["prefix"] == NETS[3])
    assert (r["protocol"], r["distance"], r["active"]) == ("bgp", 20, True)
    for d in (bgp, static, z):
        d.kill()
    assert twins.until(lambda: twins.source(lab, "fpm")["state"] == "stale", 5)
    assert count(lab, "bgp", "fpm") == len(NETS)  # forwarding goes on
    for d in (z, static, bgp):
        d.start()
    expect(lab, source="fpm", bgp=len(NETS), zebra_static=1)
    bgp.kill()  # zebra withdraws its routes
    expect(lab, source="fpm", bgp=0, zebra_static=1)
    z.kill()
    assert twins.until(lambda: twins.source(lab, "fpm")["ipv4_routes"] == 0, 10), twins.source(lab, "fpm")


# --- FPM by hand ---

def attr(kind, data):
    return struct.pack("HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def fpm_route(prefix, length, gateway, index, delete=False, metric=20, protocol=186):
    body = struct.pack("BBBBBBBBI", 2, length, 0, 0, 254, protocol, 0, 1, 0) + attr(1, socket.inet_aton(prefix)) + \
        attr(6, struct.pack("I", metric))
    if gateway:
        body += attr(5, socket.inet_aton(gateway)) + attr(4, struct.pack("I", index))
    h = struct.pack("IHHII", 16 + len(body), 25 if delete else 24, 0x501, 1, 0)
    return struct.pack("!BBH", 1, 1, 4 + len(h) + len(body)) + h + body


def connect(lab):
    with inside(lab.ns):
        s = socket.create_connection(("127.0.0.1", 2620), 5)
    s.settimeout(5)
    return s


def test_fpm_framing_answers_and_stale_routes(lab):
    start(lab, "{hold: 2s, fpm: {}}")
    index = int(twins.kernel_routes(lab, "link", "show", "lan")[0]["ifindex"])
    s = connect(lab)
    message = fpm_route("203.0.113.0", 24, "10.0.0.9", index)
    s.sendall(message[:3])
    time.sleep(0.1)
    s.sendall(message[3:] + fpm_route("203.0.114.0", 24, "10.0.0.9", index))
    assert twins.until(lambda: len(twins.routes(lab, kind="fpm")) == 2)
    answer = b""
    while len(answer) < 2 * len(message):
        answer += s.recv(4096)
    flags = struct.unpack_from("I", answer, 4 + 16 + 8)[0]
    assert answer[:2] == b"\x01\x01" and flags & 0x4000, hex(flags)
    # Deleted and added in a row is one change: the route is never away.
    s.sendall(fpm_route("203.0.113.0", 24, None, 0, delete=True) + fpm_route("203.0.113.0", 24, "10.0.0.8", index))
    assert twins.until(lambda: ["10.0.0.8"] in [[v["address"] for v in r["via"]] for r in twins.routes(lab, kind="fpm")])
    s.sendall(fpm_route("203.0.114.0", 24, None, 0, delete=True))
    assert twins.until(lambda: len(twins.routes(lab, kind="fpm")) == 1)
    s.close()
    assert twins.until(lambda: twins.source(lab, "fpm")["state"] == "stale")
    assert len(twins.routes(lab, kind="fpm")) == 1
    s = connect(lab)
    s.sendall(fpm_route("203.0.115.0", 24, "10.0.0.9", index))
    assert twins.until(lambda: [r["prefix"] for r in twins.routes(lab, kind="fpm")] == ["203.0.115.0/24"], 6)
    for bad in (b"\x02" + message[1:], b"\x01\x02" + message[2:], struct.pack("!BBH", 1, 1, 3), message[:4] + b"\xff\xff\xff\x7f" + message[8:]):
        before = twins.source(lab, "fpm")["connections"]
        s.sendall(bad)
        assert twins.until(lambda: twins.source(lab, "fpm")["state"] == "stale"), bad
        s.close()
        s = connect(lab)
        assert twins.until(lambda b=before: twins.source(lab, "fpm")["connections"] == b + 1)
    s.sendall(message)
    assert twins.until(lambda: "203.0.113.0/24" in [r["prefix"] for r in twins.routes(lab, kind="fpm")])
    s.close()
