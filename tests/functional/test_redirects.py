# SPDX-License-Identifier: BSD-3-Clause
"""Linux hosts take our redirects, and go the better way from then on."""
import pytest
from scapy.all import ICMP, IP, UDP, Ether, ICMPv6ND_Redirect, IPv6, Raw

from twin import until

CONFIG = """
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24, "2001:db8:1::1/64", "fe80::1/64"]}
  wan: {port: b, addresses: [10.0.2.1/24, "2001:db8:2::1/64"]}
neighbors:
  - {interface: lan, address: 10.0.1.3, mac: "02:00:00:00:09:03"}
  - {interface: lan, address: "fe80::3", mac: "02:00:00:00:09:03"}
routes:
  - {prefix: 198.51.100.0/24, via: [{address: 10.0.1.3}]}
  - {prefix: "2001:db8:f0::/48", via: [{address: "fe80::3", interface: lan}]}
"""
DESTINATIONS = {4: ("198.51.100.7", "10.0.1.3"), 6: ("2001:db8:f0::7", "fe80::3")}


@pytest.fixture(scope="module")
def shared(module_lab):
    one = module_lab()
    one.a.kernel("10.0.1.2/24", "2001:db8:1::2/64", gateway=("10.0.1.1", "fe80::1"))
    for key in ("all", "eth"):  # the new gateway need not be one of those configured
        one.a.run("sysctl", "-qw", f"net.ipv4.conf.{key}.accept_redirects=1", f"net.ipv4.conf.{key}.secure_redirects=0")
    # Linux takes a gateway that it can reach; with IPv6 the redirect itself says how.
    one.a.run("ip", "neigh", "replace", "10.0.1.3", "lladdr", "02:00:00:00:09:03", "dev", "eth")
    one.start(CONFIG, dataplane=", polling: adaptive")
    one.wait_usable()
    return one


def way(one, family):
    return one.a.run("ip", f"-{family}", "route", "get", DESTINATIONS[family][0]).stdout


@pytest.mark.parametrize("family", [4, 6])
def test_linux_goes_the_better_way(router, family):
    dst, better = DESTINATIONS[family]
    assert f"via {better}" not in way(router, family)

    def told():
        router.a.run("ping", "-c", "1", "-W", "0.2", dst, check=False)
        return f"via {better}" in way(router, family)
    until(told, 10, 0.05)
    assert router.drops()["redirect-sent"] >= 1


@pytest.mark.parametrize("family", [4, 6])
def test_what_is_on_the_wire(router, family):
    """By the book, from an address of ours the host knows, once for many packets."""
    mac = router.macs()["lan"]
    src, dst = ("10.0.1.77", "198.51.100.8") if family == 4 else ("2001:db8:1::77", "2001:db8:f0::8")
    ip = IP(src=src, dst=dst, ttl=9) if family == 4 else IPv6(src=src, dst=dst, hlim=9)
    frame = Ether(src="02:00:00:00:09:77", dst=mac) / ip / UDP(sport=5, dport=6) / Raw(b"x" * 100)
    # The sender's address must be known, or the redirect waits for it.
    router.weir("neighbor", "replace", src, "lladdr", "02:00:00:00:09:77", "dev", "lan")
    router.a.flush()
    router.a.send(*[frame] * 30)
    got = router.a.receive(0.6, lambda p: p.dst == "02:00:00:00:09:77" and p.src == mac)
    assert len(got) == 1, got
    if family == 4:
        assert (got[0][ICMP].type, got[0][ICMP].code, got[0][ICMP].gw, got[0][IP].src) == (5, 1, "10.0.1.3", "10.0.1.1")
        assert bytes(got[0][ICMP].payload).startswith(bytes(frame[IP])[:28])
    else:
        r = got[0][ICMPv6ND_Redirect]
        assert (got[0][IPv6].src, got[0][IPv6].hlim, r.tgt, r.dst) == ("fe80::1", 255, "fe80::3", dst)
        assert bytes.fromhex("02000000 0903") in bytes(r) and bytes(frame[IPv6])[:64] in bytes(r)
    assert router.drops()["redirect-sent"] == 1


def test_other_interfaces_and_switched_off(router):
    mac = router.macs()
    router.b.send(*[Ether(src=router.b.mac, dst=mac["wan"]) / IP(src="10.0.2.2", dst="198.51.100.9") / UDP() / Raw(b"x" * 20)] * 10)
    router.expect_drops({})
    router.apply(CONFIG.replace("port: a,", "port: a, redirects: false,"))
    try:
        router.a.send(*[Ether(src="02:00:00:00:09:78", dst=mac["lan"]) / IP(src="10.0.1.78", dst="198.51.100.9") / UDP() /
                        Raw(b"x" * 20)] * 10)
        router.processed()
        router.expect_drops({})
    finally:
        router.apply(CONFIG)
