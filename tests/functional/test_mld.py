# SPDX-License-Identifier: BSD-3-Clause
"""RFC 3810, 3590, 2710: the router reports the multicast groups it listens to, so that switches that snoop let neighbour
discovery through."""
import pytest
from scapy.all import (Ether, ICMPv6MLDone, ICMPv6MLQuery, ICMPv6MLQuery2, ICMPv6MLReport, ICMPv6MLReport2, ICMPv6ND_NS, IPv6,
                       IPv6ExtHdrHopByHop, PadN, RouterAlert)

CONFIG = """
interfaces:
  lan: {port: a, addresses: ["2001:db8:1::1/64"]}
"""
ALL, ALL_MAC = "ff02::1", "33:33:00:00:00:01"
JOIN, LEAVE, STATE = 4, 3, 2


def link_local(mac):
    m = [int(x, 16) for x in mac.split(":")]
    return f"fe80::{m[0] ^ 2:x}{m[1]:02x}:{m[2]:x}ff:fe{m[3]:02x}:{m[4]:x}{m[5]:02x}"


@pytest.fixture(scope="module")
def shared(module_lab):
    one = module_lab(hosts=("a",))
    one.a.raw()
    one.start(CONFIG)
    one.first = one.a.receive(wait=4.0)
    one.mac = one.macs()["lan"]
    octets = one.mac.split(":")
    one.groups = {"ff02::2", "ff02::1:ff00:0", "ff02::1:ff00:1",
                  str(IPv6(dst=f"ff02::1:ff{octets[3]}:{octets[4]}{octets[5]}").dst)}
    return one


def plain(address):
    import ipaddress
    return str(ipaddress.ip_address(address))


def is_report(p):
    return p.haslayer(ICMPv6MLReport2) or p.haslayer(ICMPv6MLReport) or p.haslayer(ICMPv6MLDone)


def records(frames):
    """(type, group) of all version 2 reports, each checked for what every report must have."""
    out = []
    for p in frames:
        assert (p.dst, p[IPv6].dst, p[IPv6].hlim) == ("33:33:00:00:00:16", "ff02::16", 1)
        assert [o.value for o in p[IPv6ExtHdrHopByHop].options if isinstance(o, RouterAlert)] == [0]
        again = IPv6(bytes(p[IPv6]))
        del again[ICMPv6MLReport2].cksum
        assert IPv6(bytes(again))[ICMPv6MLReport2].cksum == p[ICMPv6MLReport2].cksum
        body = bytes(p[IPv6])[48:40 + p[IPv6].plen]
        assert len(body) == 8 + 20 * int.from_bytes(body[6:8], "big")
        for i in range(8, len(body), 20):
            assert body[i + 1:i + 4] == b"\0\0\0", "no sources"
            out.append((body[i], plain(body[i + 4:i + 20])))
    return out


def query(one, message, src="fe80::99", dst=ALL, mac=ALL_MAC, hlim=1, alert=True):
    hop = IPv6ExtHdrHopByHop(options=[RouterAlert(value=0)] if alert else [PadN(optdata=b"\0" * 4)])
    return Ether(src=one.a.mac, dst=mac) / IPv6(src=src, dst=dst, hlim=hlim) / hop / message


def general(delay=500):
    return ICMPv6MLQuery2(mladdr="::", mrd=delay)


def test_groups_are_reported_before_addresses_are_probed(shared):
    kinds = ["report" if is_report(p) else "probe" for p in shared.first if is_report(p) or p.haslayer(ICMPv6ND_NS)]
    assert kinds[0] == "report" and kinds.count("probe") == 2
    first = next(p for p in shared.first if is_report(p))
    assert first[IPv6].src == "::", "the link-local address is under duplicate address detection"
    assert set(records([first])) == {(JOIN, plain(g)) for g in shared.groups}
    later = [p for p in shared.first if is_report(p) and p[IPv6].src != "::"]
    assert {plain(p[IPv6].src) for p in later} == {plain(link_local(shared.mac))}
    assert len(later) == 2 and set(records(later)) == {(JOIN, plain(g)) for g in shared.groups}


def test_a_general_query_is_answered_with_every_group(router):
    router.a.send(query(router, general()))
    got = router.a.receive(wait=1.5, match=is_report)
    assert sorted(records(got)) == sorted((STATE, plain(g)) for g in router.groups)
    router.expect_drops({"mld-handled": 1})


def test_a_query_about_one_group(router):
    router.a.send(query(router, ICMPv6MLQuery2(mladdr="ff02::1:ff00:1", mrd=200), dst="ff02::1:ff00:1",
                        mac="33:33:ff:00:00:01"))
    assert records(router.a.receive(wait=1.0, match=is_report)) == [(STATE, "ff02::1:ff00:1")]
    router.a.send(query(router, ICMPv6MLQuery2(mladdr="ff02::1:ff77:7777", mrd=200), dst="ff02::1:ff77:7777",
                        mac="33:33:ff:77:77:77"))
    assert router.a.receive(wait=0.5, match=is_report) == []


def test_addresses_come_and_go(router):
    router.weir("address", "add", "2001:db8:1::abcd/64", "dev", "lan")
    router.wait_usable()
    got = router.a.receive(wait=1.0, match=is_report)
    assert set(records(got)) == {(JOIN, "ff02::1:ff00:abcd")} and len(got) == 2
    router.a.flush()
    router.weir("address", "delete", "2001:db8:1::abcd/64", "dev", "lan")
    assert records(router.a.receive(wait=1.6, match=is_report)) == [(LEAVE, "ff02::1:ff00:abcd")] * 2


REFUSED = [
    ("not from the link", {"src": "2001:db8:1::99"}),
    ("hop limit 2", {"hlim": 2}),
    ("without router alert", {"alert": False}),
]


@pytest.mark.parametrize("how", [r[1] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_a_bad_query_is_dropped(router, how):
    router.a.send(query(router, general(0), **how))
    router.expect_drops({"mld-malformed": 1})
    assert router.a.receive(wait=0.2, match=is_report) == []


def test_a_link_that_returns_is_told_again(router):
    router.a.run("ip", "link", "set", "eth", "down")
    while router.show("ports")["ports"][0]["link"] != "down":
        pass
    router.a.run("ip", "link", "set", "eth", "up")
    got = router.a.receive(wait=3.5, match=is_report)
    assert set(records(got)) == {(JOIN, plain(g)) for g in router.groups} and len(got) == 2


def test_an_old_querier_is_answered_in_its_version(router):
    """Last: for 260 seconds version 1 is spoken."""
    router.a.send(query(router, ICMPv6MLQuery(mladdr="::", mrd=500)))
    got = router.a.receive(wait=1.5, match=is_report)
    assert {plain(p[ICMPv6MLReport].mladdr) for p in got} == {plain(g) for g in router.groups}
    assert all(plain(p[IPv6].dst) == plain(p[ICMPv6MLReport].mladdr) and p[IPv6].hlim == 1 for p in got)
    router.weir("address", "add", "2001:db8:1::abcd/64", "dev", "lan")
    router.wait_usable()
    router.a.receive(wait=1.0)
    router.weir("address", "delete", "2001:db8:1::abcd/64", "dev", "lan")
    got = router.a.receive(wait=1.0, match=is_report, enough=1)
    assert [(p[IPv6].dst, p[ICMPv6MLDone].mladdr) for p in got] == [("ff02::2", "ff02::1:ff00:abcd")]
