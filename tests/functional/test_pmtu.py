# SPDX-License-Identifier: BSD-3-Clause
"""RFC 1191, 8201, 4443 3.2: too big packets are answered with the next hop's MTU, and Linux learns it."""
import re
import time

import pytest
from scapy.all import ICMP, IP, UDP, Ether, ICMPv6PacketTooBig, IPv6, IPv6ExtHdrFragment, Raw

from chain import chain, chain_config
from test_forwarding import answered

CONFIG = """
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
  wan: {port: b, mtu: %s, addresses: [10.0.2.1/24%s]}
  alt: {port: c, mtu: 1300, addresses: [10.0.3.1/24, "2001:db8:3::1/64"]}
neighbors:
  - {interface: lan, address: 10.0.1.2, mac: "02:00:00:00:01:aa"}
  - {interface: lan, address: "2001:db8:1::2", mac: "02:00:00:00:01:aa"}
  - {interface: wan, address: 10.0.2.2, mac: "02:00:00:00:02:aa"}
%s
  - {interface: alt, address: 10.0.3.2, mac: "02:00:00:00:03:aa"}
  - {interface: alt, address: "2001:db8:3::2", mac: "02:00:00:00:03:aa"}
routes:
  - {prefix: 198.51.100.0/24, via: [{address: 10.0.2.2}, {address: 10.0.3.2}]}
"""


def config(mtu):
    if mtu < 1280:
        return CONFIG % (mtu, "", "")
    return CONFIG % (mtu, ', "2001:db8:2::1/64"',
                     '  - {interface: wan, address: "2001:db8:2::2", mac: "02:00:00:00:02:aa"}')


@pytest.fixture(scope="module")
def shared(module_lab):
    one = module_lab(hosts=("a", "b", "c"))
    for h in one.hosts.values():
        h.raw()
    one.start(config(1400))
    one.mac = one.macs()
    one.wait_usable()
    one.a.receive(wait=2.5)
    return one


@pytest.fixture
def router(shared):
    yield shared
    shared.settle()


def about(one, family, size, dst=None, sport=1, **ip):
    """A UDP packet of `size` bytes with its IP header."""
    if family == 4:
        head = IP(src="10.0.1.2", dst=dst or "10.0.2.2", flags="DF", **ip)
        return Ether(src=one.a.mac, dst=one.mac["lan"]) / head / UDP(sport=sport, dport=2) / Raw(b"x" * (size - 28))
    head = IPv6(src="2001:db8:1::2", dst=dst or "2001:db8:2::2", **ip)
    return Ether(src=one.a.mac, dst=one.mac["lan"]) / head / UDP(sport=sport, dport=2) / Raw(b"x" * (size - 48))


def told(got):
    """The MTUs in what came back."""
    out = []
    for p in got:
        body = bytes(p[IP])[20:] if p.haslayer(IP) else bytes(p[IPv6])[40:]
        assert body[:2] == (b"\x03\x04" if p.haslayer(IP) else b"\x02\x00")
        out.append(int.from_bytes(body[4:8], "big"))
    return out


def is_ip(p):
    return p.haslayer(IP) or p.haslayer(IPv6) and p[IPv6].dst != "ff02::16" and bytes(p[IPv6])[40] not in (135, 136)


@pytest.mark.parametrize("family,mtu", [(4, 68), (4, 576), (4, 1006), (4, 1280), (4, 1400), (4, 1499),
                                        (6, 1280), (6, 1281), (6, 1400), (6, 1499)])
def test_the_last_byte_decides(router, family, mtu):
    router.apply(config(mtu))
    router.wait_usable()
    router.quiet()
    router.a.send(about(router, family, mtu))
    assert len(router.b.receive(wait=2.5, match=is_ip, enough=1)) == 1, "a packet of exactly the MTU passes"
    router.a.send(about(router, family, mtu + 1), about(router, family, 1500))
    got = router.a.receive(wait=2.5, match=is_ip, enough=2)
    assert told(got) == [mtu] * 2
    assert router.b.receive(wait=0.05, match=is_ip) == []
    router.expect_drops({"ip-too-big": 2})


def test_each_path_has_its_own_mtu(router):
    """Of several next hops the one that the flow takes counts."""
    router.apply(config(1400))
    router.a.send(*[about(router, 4, 1350, dst="198.51.100.1", sport=2000 + i) for i in range(40)])
    back = router.a.receive(wait=0.3, match=is_ip)
    through = router.b.receive(wait=0.1, match=is_ip)
    assert set(told(back)) == {1300} and len(back) + len(through) == 40 and min(len(back), len(through)) > 5


def test_ipv6_fragments_are_not_cut_either(router):
    """RFC 8200 4.5: only sources fragment; a later fragment is answered like the first."""
    router.apply(config(1400))
    router.wait_usable()
    router.a.flush()
    for offset, more in ((0, 1), (200, 0)):
        router.a.send(Ether(src=router.a.mac, dst=router.mac["lan"]) / IPv6(src="2001:db8:1::2", dst="2001:db8:2::2") /
                      IPv6ExtHdrFragment(nh=17, offset=offset, m=more, id=7) / UDP(sport=1, dport=2) / Raw(b"x" * 1408))
    assert told(router.a.receive(wait=2.5, match=is_ip, enough=2)) == [1400, 1400]


def test_the_error_quotes_enough_to_find_the_socket(router):
    router.apply(config(1400))
    router.a.flush()
    sent = [about(router, f, 1450, sport=4242) for f in (4, 6)]
    router.a.send(*sent)
    got = router.a.receive(wait=2.5, match=is_ip, enough=2)
    four, six = got[0][ICMP], got[1][ICMPv6PacketTooBig]
    assert bytes(four)[8:8 + 548] == bytes(sent[0][IP])[:548] and len(got[0][IP]) == 576
    assert bytes(six)[8:] == bytes(sent[1][IPv6])[:1232] and len(got[1][IPv6]) == 1280


# --- Linux at both ends, two routers whose links get smaller ---

@pytest.fixture(scope="module")
def net(module_lab):
    return chain(module_lab(), mtu1=1400, mtu2=1300)


def learnt(host, family, target):
    m = re.search(r"mtu (\d+)", host.run("ip", f"-{family}", "route", "get", target).stdout)
    return int(m.group(1)) if m else None


TARGETS = pytest.mark.parametrize("family,target", [(4, "10.0.2.2"), (6, "2001:db8:2::2")], ids=["4", "6"])


@TARGETS
def test_linux_learns_the_smallest_mtu_of_the_path(net, family, target):
    net.a.run("ip", f"-{family}", "route", "flush", "cache")
    p = net.a.ping(target, count=3, s=1440, M="do")
    assert not answered(p)
    assert learnt(net.a, family, target) == 1400, p.stdout
    p = net.a.ping(target, count=3, s=1340, M="do")
    assert learnt(net.a, family, target) == 1300, p.stdout
    assert answered(net.a.ping(target, count=2, s=1300 - (28 if family == 4 else 48), M="do"))
    net.settle()


@TARGETS
def test_large_datagrams_arrive_in_fragments(net, family, target):
    """IPv4 is cut by the routers, IPv6 by its source once it knows."""
    net.a.ping(target, count=2, s=3000, M="dont" if family == 4 else "want")
    p = net.a.ping(target, count=3, s=3000, M="dont" if family == 4 else "want")
    assert answered(p), p.stdout


@pytest.mark.needs("iperf3")
@TARGETS
@pytest.mark.parametrize("direction", [[], ["-R"]], ids=["there", "back"])
def test_tcp_gets_through(net, family, target, direction):
    """Without clamping: the first full segments are answered, the rest fits."""
    for h in (net.a, net.b):
        h.run("ip", f"-{family}", "route", "flush", "cache")
    net.weir("clear", "counters")
    server = net.b.popen("iperf3", "-s", "-1")
    time.sleep(0.4)
    p = net.a.run("iperf3", f"-{family}", "-c", target, "-n", "2M", *direction, timeout=60)
    assert "sender" in p.stdout
    server.wait(10)
    net.settle()
    assert net.drops()["ip-too-big"] >= (0 if direction else 1)


@pytest.mark.needs("traceroute")
@TARGETS
def test_traceroute_finds_the_mtus(net, family, target):
    net.a.run("ip", f"-{family}", "route", "flush", "cache")
    p = net.a.run("traceroute", "--mtu", "-n", "-q", "1", "-w", "2", "-m", "5", target)
    assert re.findall(r"F=(\d+)", p.stdout)[-2:] == ["1400", "1300"], p.stdout


def test_a_larger_mtu_is_used_again(net):
    """The limit goes away: what Linux learnt expires by itself, a flush shows that nothing here remembers it."""
    net.apply(chain_config())
    net.a.run("ip", "route", "flush", "cache")
    assert answered(net.a.ping("10.0.2.2", count=2, s=1472, M="do"))
    net.apply(chain_config(1400, 1300))
