# SPDX-License-Identifier: BSD-3-Clause
"""ACLs on the real daemon: both families and both directions, sets from a file, rejects as a kernel sees them, counters,
log and events, long lists that come into force under traffic."""
import re
import threading
import time

import pytest
from scapy.all import IP, TCP, UDP, Ether, ICMPv6EchoRequest, IPv6, IPv6ExtHdrFragment, Raw

from rest import Stream, ask

SETS = """
sets:
  hosts: {addresses: [10.0.1.2, "2001:db8:1::/64"]}
  blocked: {file: FILE}
  web: {ports: [80, 8000-8080]}
"""
LISTS = """
acls:
  from-lan:
    rules:
      - {name: blocked, match: {destination: $blocked}, action: drop, log: true}
      - {id: 20, match: {source: $hosts, protocol: tcp, destination-port: $web}, action: accept}
      - {id: 25, name: closed, match: {protocol: tcp}, action: reject}
      - {match: {protocol: udp, destination-port: 9999}, action: reject}
      - {name: all-udp, match: {protocol: udp}, action: count}
      - {match: {protocol: udp, destination-port: 53}, action: accept, comment: names}
      - {match: {protocol: icmp}, action: accept}
      - {match: {protocol: icmpv6}, action: accept}
  to-wan:
    default: accept
    rules:
      - {name: no-echo6, match: {protocol: icmpv6, icmp-type: 128}, action: drop}
"""
FACES = """
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24, "2001:db8:1::1/64"], acl-in: from-lan}
  wan: {port: b, addresses: [10.0.2.1/24, "2001:db8:2::1/64"], acl-out: to-wan}
"""
FAMILIES = pytest.mark.parametrize("family", [4, 6])


@pytest.fixture(scope="module")
def shared(module_lab):
    one = module_lab()
    one.a.kernel("10.0.1.2/24", "2001:db8:1::2/64", gateway=("10.0.1.1", "2001:db8:1::1"))
    one.b.kernel("10.0.2.2/24", "2001:db8:2::2/64", gateway=("10.0.2.1", "2001:db8:2::1"))
    with open(f"{one.dir}/blocked", "w", encoding="utf-8") as f:
        f.write("# nobody goes here\n198.51.100.0/24\n2001:db8:bad::/48\n10.0.2.66-10.0.2.77 ; printers\n")
        f.writelines(f"100.{64 + i // 16384}.{i // 64 % 256}.{i % 64 * 4}\n" for i in range(20000))
    one.text = SETS.replace("FILE", f"{one.dir}/blocked") + LISTS + FACES
    one.start(one.text, dataplane=", polling: adaptive")
    one.wait_usable()
    one.mac = one.macs()["lan"]
    one.a.ping("10.0.2.2")
    one.a.raw()
    one.b.raw()
    return one


def packet(one, family, l4, dst=None):
    ip = IP(src="10.0.1.2", dst=dst or "10.0.2.2") if family == 4 else IPv6(src="2001:db8:1::2", dst=dst or "2001:db8:2::2")
    return Ether(src=one.a.mac, dst=one.mac) / ip / l4


def came(one, proto, wait=0.3, enough=1):
    return len(one.b.receive(wait=wait, match=lambda p: p.haslayer(proto) and p.haslayer(Raw), enough=enough))


def refused(one, counts, seconds=10.0):
    """What lists refused, as soon as the packets have come through; the kernels' own ARP and ND is beside it."""
    end = time.monotonic() + seconds
    while True:
        got = {k: v for k, v in one.drops().items() if v != 0 and k.startswith("acl-")}
        if got == counts:
            return
        assert time.monotonic() < end, f"lists refused {got}, expected {counts}"
        time.sleep(0.05)


def rule(one, name, key):
    """A rule by its name or id."""
    lists = {a["name"]: a["rules"] for a in one.show("acls", name)["acls"]}
    return [r for r in lists[name] if key in (r["id"], r["name"])][0]


@FAMILIES
def test_rules_decide_in_their_order(router, family):
    router.weir("clear", "acls")
    router.a.send(packet(router, family, UDP(dport=53) / Raw(b"x" * 20)), packet(router, family, UDP(dport=54) / Raw(b"x" * 20)),
                  packet(router, family, TCP(dport=8001) / Raw(b"x" * 20)))
    assert came(router, UDP) == 1
    refused(router, {"acl-deny": 1})
    assert rule(router, "from-lan", "all-udp")["packets"] == 2
    assert rule(router, "from-lan", 20)["packets"] == 1
    assert rule(router, "from-lan", 0)["packets"] == 1
    names = [r for r in router.show("acls", "from-lan")["acls"][0]["rules"] if r["comment"] == "names"][0]
    assert names["packets"] == 1 and names["bytes"] == (48 if family == 4 else 68) and names["age_ns"] < 60e9


@pytest.mark.parametrize("dst", ["198.51.100.7", "10.0.2.70", "100.64.1.4", "2001:db8:bad::1"])
def test_a_set_from_a_file_blocks(router, dst):
    with Stream(router.socket, "/v1/events?types=acl") as events:
        router.a.send(packet(router, 6 if ":" in dst else 4, UDP(sport=7, dport=53) / Raw(b"x" * 20), dst))
        refused(router, {"acl-deny": 1})
        seen = events.next()[2]
    assert (seen["acl"], seen["name"], seen["action"]) == ("from-lan", "blocked", "drop")
    assert (seen["destination"], seen["interface_in"], seen["interface_out"]) == (dst, "lan", None)
    assert (seen["protocol"], seen["source_port"], seen["destination_port"]) == (17, 7, 53)
    assert re.search(rf"acl from-lan rule 10 blocked: drop, in lan, \S+ > {dst}", router.log_text())


@FAMILIES
def test_a_kernel_believes_a_reject(router, family):
    to = "10.0.2.2" if family == 4 else "2001:db8:2::2"
    p = router.a.run("python3", "-c", "import socket,sys\n"
                     "try: socket.create_connection((sys.argv[1], 22), 5)\n"
                     "except OSError as e: print(type(e).__name__)", to)
    assert p.stdout.strip() == "ConnectionRefusedError"
    p = router.a.run("python3", "-c", "import socket,sys\n"
                     f"s = socket.socket(socket.AF_INET{'6' if family == 6 else ''}, socket.SOCK_DGRAM)\n"
                     "s.settimeout(5); s.connect((sys.argv[1], 9999)); s.send(b'x')\n"
                     "try: s.recv(9)\n"
                     "except OSError as e: print(e.errno)", to)
    assert int(p.stdout) in (113, 13)  # EHOSTUNREACH, EACCES: prohibited, RFC 1812 and 4443
    refused(router, {"acl-reject": 2})


def test_output_lists_see_what_is_forwarded(router):
    assert " 0% packet loss" in router.a.ping("10.0.2.2").stdout
    router.a.send(packet(router, 6, ICMPv6EchoRequest() / Raw(b"x" * 20)))
    time.sleep(0.2)
    assert router.drops()["acl-deny"] == 1
    assert rule(router, "to-wan", "no-echo6")["packets"] >= 1
    # What weir itself answers is not asked.
    assert " 0% packet loss" in router.b.ping("2001:db8:2::1").stdout


def test_later_fragments_do_not_pass_a_rule_for_ports(router):
    """IPv6: AF_PACKET puts IPv4 packets together before weir sees them (decision 0005)."""
    whole = bytes(UDP(sport=1, dport=53, len=1608, chksum=1) / Raw(b"x" * 1600))
    for offset, more in ((0, 1), (100, 0)):
        router.a.send(packet(router, 6, IPv6ExtHdrFragment(offset=offset, m=more, id=9, nh=17) / Raw(whole[offset * 8:][:800])))
    refused(router, {"acl-reject": 1})  # it may be one for port 9999
    assert len(router.b.receive(wait=0.2, match=lambda p: p.haslayer(IPv6ExtHdrFragment), enough=1)) == 1


def test_tables_for_people_and_the_metrics(router):
    router.a.send(packet(router, 4, UDP(dport=53) / Raw(b"x" * 20)))
    assert came(router, UDP) == 1
    text = router.weir("show", "acls").stdout
    assert re.search(r"from-lan \(bits, in of lan\)", text) and re.search(r"to-wan \(bits, out of wan\)", text)
    assert re.search(r"25\s+closed\s+reject", text) and re.search(r"default\s+\S+\s+drop", text)
    assert re.search(r"blocked\s+addresses\s+20,003", router.weir("show", "sets").stdout)
    metrics = ask(router.socket, "GET", "/metrics").body
    assert re.search(r'weir_acl_packets_total\{acl="from-lan",action="accept"\} [1-9]', metrics)
    assert re.search(r'weir_acl_rule_packets_total\{acl="from-lan",rule="all-udp"\} [1-9]', metrics)
    router.weir("clear", "acls", "from-lan")
    assert rule(router, "from-lan", "all-udp")["packets"] == 0
    p = router.weir("show", "acls", "none", check=False)
    assert p.returncode == 1 and "there is no list 'none'" in p.stderr


def test_mistakes_change_nothing(router):
    for wrong, says in ((router.text.replace("$web", "$wob"), "names the set 'wob'"),
                        (router.text.replace("acl-in: from-lan", "acl-in: from-lam"), "did you mean 'from-lan'"),
                        (router.text.replace("/blocked", "/missing"), "cannot be read")):
        p = router.apply(wrong, check=False)
        assert p.returncode != 0 and says in p.stderr, p.stderr
    with open(f"{router.dir}/blocked2", "w", encoding="utf-8") as f:
        f.write("10.0.0.1\nten\n")
    p = router.apply(router.text.replace("/blocked", "/blocked2"), check=False)
    assert "blocked2:2: 'ten' is no address" in p.stderr
    router.a.send(packet(router, 4, UDP(dport=53) / Raw(b"x" * 20)))
    assert came(router, UDP) == 1


def long_list(n, port):
    rules = "".join(f"      - {{match: {{source: 172.{16 + i % 16}.{i // 16 % 256}.0/26, protocol: udp, destination-port: {1 + i}}}, action: drop}}\n"
                    for i in range(n))
    return (f"\nacls:\n  from-lan:\n    rules:\n{rules}      - {{match: {{protocol: udp, destination-port: {port}}}, action: drop}}\n"
            "      - {action: accept}\n  to-wan: {default: accept}\n")


def test_ten_thousand_rules_under_traffic(router):
    """Whatever list is in force, port 53 is open and the last rule decides: not one packet is lost."""
    texts = [SETS.replace("FILE", f"{router.dir}/blocked") + long_list(10000, p) + FACES for p in (77, 78)]
    frame = bytes(packet(router, 4, UDP(dport=53, chksum=0) / Raw(b"00000000")))
    frames = [frame[:-8] + b"%08d" % i for i in range(20000)]
    stop, sent = threading.Event(), [0]

    def flood():
        while not stop.is_set() and sent[0] < len(frames):
            router.a.sock.send(frames[sent[0]])
            sent[0] += 1
            time.sleep(0.0005)

    t = threading.Thread(target=flood)
    t.start()
    took = []
    for text in texts:
        start = time.monotonic()
        router.apply(text)
        took.append(time.monotonic() - start)
    stop.set()
    t.join()
    router.sent += sent[0]
    router.unseen = True
    got = [d for d in router.b.drain() if len(d) >= 50 and d[36:38] == b"\x00\x35"]
    assert len(got) == sent[0] and sent[0] > 100
    refused(router, {})
    print(f"10,000 rules: applied in {took[0]:.2f} and {took[1]:.2f} s, {sent[0]} packets")
    end = time.monotonic() + 60
    while router.show("acls", "from-lan")["acls"][0]["matcher"] != "rte_acl" and time.monotonic() < end:
        time.sleep(0.2)
    matcher = router.show("acls", "from-lan")["acls"][0]["matcher"]
    assert matcher in ("rte_acl", "bits")  # bits: DPDK has no memory for more
    router.a.send(packet(router, 4, UDP(dport=78) / Raw(b"x" * 20)))
    refused(router, {"acl-deny": 1})
    router.apply(router.text)
