# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's twin of an interface: a link like the interface, and programs on it that talk to the network."""
import os
import signal
import socket
import time

import pytest
from scapy.all import ARP, ICMP, IP, UDP, Ether, ICMPv6ND_NA, ICMPv6ND_NS, IPv6, Raw

from lab import run
from twin import Echo, addresses, has_carrier, link, sock, talk, twin, until

CONFIG = """
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
  wan: {port: b, addresses: [10.0.2.1/24, "2001:db8:2::1/64"], mtu: 1400}
  guest: {parent: lan, vlan: 10, addresses: [10.0.10.1/24]}
  mgmt: {parent: lan, vlan: 11, addresses: [10.0.11.1/24], kernel: false}
kernel: {}
"""
LINK_LOCAL = socket.AF_INET6


def begin(one, config=CONFIG, **kw):
    one.a.kernel("10.0.1.2/24", "2001:db8:1::2/64", gateway=("10.0.1.1", "2001:db8:1::1"))
    one.b.kernel("10.0.2.2/24", "2001:db8:2::2/64", gateway=("10.0.2.1", "2001:db8:2::1"))
    one.start(config, **kw)
    one.wait_usable()
    until(lambda: has_carrier("lan", one.ns))
    one.mac = one.macs()
    return one


@pytest.fixture(scope="module")
def shared(module_lab):
    return begin(module_lab())


def test_the_link_is_as_the_interface(router):
    lan, wan = link("lan", router.ns), link("wan", router.ns)
    assert lan["address"] == router.mac["lan"] and lan["mtu"] == 1500
    assert wan["address"] == router.mac["wan"] and wan["mtu"] == 1400
    assert {"UP", "LOWER_UP", "BROADCAST", "MULTICAST"} <= set(lan["flags"])
    ours = {i["name"]: sorted(a["address"] for a in i["addresses"]) for i in router.show("interfaces")["interfaces"]}
    for name in ("lan", "wan", "guest"):
        assert addresses(name, router.ns) == ours[name]
    assert link("mgmt", router.ns) is None
    assert all("tentative" not in a and a.get("protocol") is None for a in lan["addr_info"])


def test_settings_of_the_link(router):
    def value(name):
        return run("sysctl", "-n", name, ns=router.ns).stdout.strip()
    assert value("net.ipv4.conf.lan.rp_filter") == "2"
    assert value("net.ipv4.conf.lan.forwarding") == "0"
    assert value("net.ipv6.conf.lan.forwarding") == "0"
    assert value("net.ipv6.conf.lan.accept_ra") == "0"
    assert value("net.ipv6.conf.lan.addr_gen_mode") == "1"


@pytest.mark.parametrize("family,address", [(socket.AF_INET, "10.0.1.1"), (socket.AF_INET6, "2001:db8:1::1"),
                                            (socket.AF_INET, "10.0.2.1"), (socket.AF_INET6, "2001:db8:2::1")])
def test_tcp_to_a_local_server(router, family, address):
    """From the neighbour, and to the address of another interface."""
    server = Echo(router.ns, address, 7000, family)
    data = os.urandom(200000)
    assert talk(router.a.ns, (address, 7000), data, family) == data
    server.close()
    assert router.drops()["kernel-delivered"] > 0


def test_tcp_from_a_local_program(router):
    for family, address, host in ((socket.AF_INET, "10.0.2.2", router.b), (socket.AF_INET6, "2001:db8:1::2", router.a)):
        server = Echo(host.ns, address, 7001, family)
        data = os.urandom(100000)
        assert talk(router.ns, (address, 7001), data, family) == data
        server.close()


def test_forwarding_goes_on_beside_it(router):
    """The kernel's own neighbours do not stand between hosts."""
    assert "2 received" in router.a.ping("10.0.2.2").stdout
    assert "2 received" in router.a.ping("2001:db8:2::2").stdout


def test_udp_and_bound_to_device(router):
    """A program that binds to the link, without and with an address of its own choice."""
    server = sock(router.ns, socket.SOCK_DGRAM, device="lan", bind=("0.0.0.0", 5353))
    with sock(router.a.ns, socket.SOCK_DGRAM) as client:
        client.sendto(b"question", ("10.0.1.1", 5353))
        data, sender = server.recvfrom(100)
        assert (data, sender[0]) == (b"question", "10.0.1.2")
        server.sendto(b"answer", sender)
        assert client.recvfrom(100)[0] == b"answer"
    server.close()
    # Out of `wan` although the destination is not on it and no route leads there.
    with sock(router.ns, socket.SOCK_DGRAM, device="wan") as s:
        router.b.raw()
        router.b.flush()
        s.sendto(b"bound", ("10.0.2.77", 9))
        asks = router.b.receive(1.5, lambda p: ARP in p and p[ARP].pdst == "10.0.2.77", enough=1)
        assert len(asks) >= 1 and asks[0][ARP].psrc == "10.0.2.1"


def test_closed_ports_are_refused_by_the_kernel(router):
    with pytest.raises(ConnectionRefusedError):
        talk(router.a.ns, ("10.0.1.1", 7999))
    with sock(router.a.ns, socket.SOCK_DGRAM, timeout=2) as s:
        s.connect(("10.0.1.1", 7999))
        s.send(b"x")
        with pytest.raises(ConnectionRefusedError):
            s.recv(10)
    assert router.drops()["local-no-port"] == 0


def test_echo_is_ours_and_replies_are_the_kernels(router):
    assert "2 received" in router.a.ping("10.0.1.1").stdout
    before = twin(router, "lan")["class"]["icmp"]["punted"]
    p = run("ping", "-c", "2", "-i", "0.2", "-W", "2", "10.0.1.2", ns=router.ns, check=False)
    assert "2 received" in p.stdout
    assert twin(router, "lan")["class"]["icmp"]["punted"] == before + 2
    p = run("ping", "-c", "2", "-i", "0.2", "-W", "2", "2001:db8:2::2", ns=router.ns, check=False)
    assert "2 received" in p.stdout


def test_the_kernel_resolves_through_our_table(router):
    """Its request does not reach the wire: ours does, and the answer completes both tables."""
    router.weir("neighbor", "flush")
    run("ip", "neigh", "flush", "dev", "lan", ns=router.ns)
    run("ip", "neigh", "flush", "dev", "eth", ns=router.a.ns)
    router.a.raw()
    router.a.flush()
    began = time.monotonic()
    assert talk_refused(router, "10.0.1.2")
    assert time.monotonic() - began < 0.8  # the kernel asks again after a second
    asks = [p for p in router.a.receive(0.3) if ARP in p and p[ARP].op == 1 and p[ARP].pdst == "10.0.1.2"]
    assert len(asks) == 1
    kernel = run("ip", "-j", "neigh", "show", "10.0.1.2", "dev", "lan", ns=router.ns).stdout
    assert router.a.mac in kernel
    assert any(n["address"] == "10.0.1.2" and n["mac"] == router.a.mac for n in router.show("neighbors")["neighbors"])
    assert router.drops()["kernel-answered"] >= 1


def talk_refused(router, to):
    try:
        talk(router.ns, (to, 1))
    except ConnectionRefusedError:
        return True
    return False


def test_what_we_know_is_answered_at_once(router):
    router.weir("neighbor", "add", "10.0.1.99", "lladdr", "02:00:00:00:09:99", "dev", "lan")
    router.weir("neighbor", "add", "2001:db8:1::99", "lladdr", "02:00:00:00:09:99", "dev", "lan")
    router.a.raw()
    router.a.flush()
    with sock(router.ns, socket.SOCK_DGRAM) as s:
        s.sendto(b"x", ("10.0.1.99", 9))
    with sock(router.ns, socket.SOCK_DGRAM, socket.AF_INET6) as s:
        s.sendto(b"x", ("2001:db8:1::99", 9))
    got = router.a.receive(0.6, lambda p: p.dst == "02:00:00:00:09:99", enough=2)
    assert sorted(p.type for p in got) == [0x0800, 0x86dd]
    assert not router.a.receive(0.2, lambda p: ARP in p or ICMPv6ND_NS in p)
    router.weir("neighbor", "del", "10.0.1.99", "dev", "lan")
    router.weir("neighbor", "del", "2001:db8:1::99", "dev", "lan")


def test_link_local(router):
    """IPv6 with scope: the twin's link-local address is weir's."""
    ours = next(a for a in addresses("lan", router.ns) if a.startswith("fe80")).split("/")[0]
    scope = link("lan", router.ns)["ifindex"]
    server = Echo(router.ns, "::", 7002, socket.AF_INET6)
    there = link("eth", router.a.ns)["ifindex"]
    assert talk(router.a.ns, (ours, 7002, 0, there), b"scoped", socket.AF_INET6) == b"scoped"
    server.close()
    theirs = next(a for a in addresses("eth", router.a.ns) if a.startswith("fe80")).split("/")[0]
    server = Echo(router.a.ns, "::", 7003, socket.AF_INET6)
    assert talk(router.ns, (theirs, 7003, 0, scope), b"back", socket.AF_INET6) == b"back"
    server.close()


def test_the_kernel_does_not_see_packets_twice(router):
    """The port is an interface of the kernel in the same namespace: it gets every frame as well."""
    router.a.raw()
    router.a.flush()
    router.a.send(Ether(src=router.a.mac, dst="ff:ff:ff:ff:ff:ff", type=0x0806) /
                  ARP(op=1, hwsrc=router.a.mac, psrc="10.0.1.2", pdst="10.0.1.1"))
    answers = router.a.receive(0.5, lambda p: ARP in p and p[ARP].op == 2)
    assert [p[ARP].hwsrc for p in answers] == [router.mac["lan"]]
    server = sock(router.ns, socket.SOCK_DGRAM, bind=("0.0.0.0", 6200))
    with sock(router.a.ns, socket.SOCK_DGRAM) as client:
        client.sendto(b"once", ("10.0.1.1", 6200))
        assert server.recvfrom(100)[0] == b"once"
        server.settimeout(0.5)
        with pytest.raises(TimeoutError):
            server.recvfrom(100)
    server.close()


def test_multicast_both_ways(router):
    """224.0.0.0/24 and ff02::/16 go up; what the kernel sends to groups goes out as it is."""
    group = sock(router.ns, socket.SOCK_DGRAM, bind=("224.0.0.9", 520))
    group.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("224.0.0.9") + socket.inet_aton("10.0.1.1"))
    router.a.send(Ether(src=router.a.mac, dst="01:00:5e:00:00:09") / IP(src="10.0.1.2", dst="224.0.0.9", ttl=1) /
                  UDP(sport=520, dport=520) / b"rip")
    assert group.recvfrom(100)[0] == b"rip"
    group.close()
    assert twin(router, "lan")["class"]["routing"]["punted"] >= 1
    router.a.raw()
    router.a.flush()
    with sock(router.ns, socket.SOCK_DGRAM, device="lan") as s:
        s.sendto(b"hello", ("224.0.0.5", 3000))
    got = router.a.receive(1, lambda p: UDP in p and p[UDP].dport == 3000, enough=1)
    assert got[0].dst == "01:00:5e:00:00:05" and got[0].src == router.mac["lan"] and bytes(got[0][UDP].payload)[:5] == b"hello"
    v6 = sock(router.ns, socket.SOCK_DGRAM, socket.AF_INET6, device="lan", bind=("::", 5210))
    v6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, "ff02::9") +
                  link("lan", router.ns)["ifindex"].to_bytes(4, "little"))
    router.a.send(Ether(src=router.a.mac, dst="33:33:00:00:00:09") / IPv6(src="fe80::2", dst="ff02::9", hlim=255) /
                  UDP(sport=521, dport=5210) / b"ripng")
    assert v6.recvfrom(100)[0] == b"ripng"
    v6.close()


@pytest.mark.parametrize("frame,name", [
    (Ether(dst="01:80:c2:00:00:0e", type=0x88cc) / Raw(b"lldp" * 12), "l2"),
    (Ether(dst="01:80:c2:00:00:02", type=0x8809) / Raw(b"lacp" * 12), "l2"),
    (Ether(dst="01:80:c2:00:00:00", type=38) / Raw(b"\x42\x42\x03" + b"stp!" * 12), "l2"),
    (Ether(dst="01:80:c2:00:00:14", type=60) / Raw(b"\xfe\xfe\x03" + b"isis" * 15), "routing")],
    ids=["lldp", "lacp", "stp", "is-is"])
def test_link_layer_protocols(router, frame, name):
    """To programs with packet sockets, and back."""
    frame.src = router.a.mac
    with packet_socket(router.ns, "lan") as s:
        before = twin(router, "lan")["class"][name]["punted"]
        router.a.send(frame)
        got = until_frame(s, lambda data: data[6:12] == bytes.fromhex(router.a.mac.replace(":", "")))
        assert got[:len(bytes(frame))] == bytes(frame)
        assert twin(router, "lan")["class"][name]["punted"] == before + 1
        router.a.raw()
        router.a.flush()
        frame.src = router.mac["lan"]
        s.send(bytes(frame))
        back = router.a.receive(1, lambda p: p.dst == frame.dst, enough=1)
        assert bytes(back[0])[:len(bytes(frame))] == bytes(frame)


def packet_socket(ns, device):
    from lab import inside
    with inside(ns):
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        s.bind((device, 0))
    s.settimeout(2)
    return s


def until_frame(s, match):
    end = time.monotonic() + 2
    while time.monotonic() < end:
        data, address = s.recvfrom(65536)
        if address[2] != socket.PACKET_OUTGOING and match(data):
            return data
    raise AssertionError("the frame did not come")


def test_frames_that_are_nobodys(router):
    """Pause frames, groups of other protocols and broadcasts of unknown types stay out."""
    for dst, kind in (("01:80:c2:00:00:01", 0x8808), ("01:00:5e:7f:00:01", 0x9999), ("ff:ff:ff:ff:ff:ff", 0x9999)):
        router.a.send(Ether(src=router.a.mac, dst=dst, type=kind) / Raw(b"x" * 46))
    router.expect_drops({"ether-unknown-type": 3})


def test_vlan(router):
    """The twin of a sub-interface sees its frames without tags, and what it sends has them."""
    run("ip", "addr", "flush", "dev", "eth", ns=router.a.ns, check=False)
    router.a.kernel("10.0.1.2/24", "2001:db8:1::2/64")
    server = sock(router.ns, socket.SOCK_DGRAM, bind=("10.0.10.1", 6000))
    router.weir("neighbor", "add", "10.0.10.2", "lladdr", router.a.mac, "dev", "guest")
    from scapy.all import Dot1Q
    router.a.raw()
    router.a.flush()
    router.a.send(Ether(src=router.a.mac, dst=router.mac["lan"]) / Dot1Q(vlan=10) / IP(src="10.0.10.2", dst="10.0.10.1") /
                  UDP(sport=6001, dport=6000) / b"tagged")
    data, sender = server.recvfrom(100)
    assert data == b"tagged" and sender[0] == "10.0.10.2"
    server.sendto(b"back", sender)
    got = router.a.receive(1.5, lambda p: UDP in p and p[UDP].dport == 6001, enough=1)
    assert got[0][Dot1Q].vlan == 10 and bytes(got[0][UDP].payload)[:4] == b"back"
    server.close()
    router.weir("neighbor", "del", "10.0.10.2", "dev", "guest")


def test_an_interface_without_twin_refuses_as_before(router):
    from scapy.all import Dot1Q
    router.weir("neighbor", "add", "10.0.11.2", "lladdr", router.a.mac, "dev", "mgmt")
    router.a.send(Ether(src=router.a.mac, dst=router.mac["lan"]) / Dot1Q(vlan=11) / IP(src="10.0.11.2", dst="10.0.11.1") /
                  UDP(sport=1, dport=2) / b"x")
    router.expect_drops({"local-no-port": 1})
    router.weir("neighbor", "del", "10.0.11.2", "dev", "mgmt")


def test_fragments_arrive_whole(router):
    server = sock(router.ns, socket.SOCK_DGRAM, bind=("10.0.1.1", 6100))
    with sock(router.a.ns, socket.SOCK_DGRAM) as client:
        data = os.urandom(20000)
        client.sendto(data, ("10.0.1.1", 6100))
        assert server.recvfrom(65536)[0] == data
        server.sendto(data, ("10.0.1.2", client.getsockname()[1]))
        assert client.recvfrom(65536)[0] == data
    server.close()


def test_path_mtu_of_a_twin(router):
    """The link's MTU holds for local programs: a full segment fits the interface."""
    server = Echo(router.b.ns, "10.0.2.2", 7005)
    data = os.urandom(300000)
    assert talk(router.ns, ("10.0.2.2", 7005), data) == data
    server.close()
    assert router.drops()["tx-full"] == 0


def test_probes_and_announcements_of_the_kernel_go_out(router):
    """A probe (RFC 5227) for an address nobody has yet must reach the wire, and its answer the kernel."""
    router.a.raw()
    router.a.flush()
    p = run("arping", "-D", "-c", "1", "-w", "2", "-I", "lan", "10.0.1.2", ns=router.ns, check=False)
    assert router.a.receive(2, lambda q: ARP in q and q[ARP].psrc == "0.0.0.0" and q[ARP].pdst == "10.0.1.2", enough=1)
    assert p.returncode == 1, p.stdout  # somebody answered
    p = run("arping", "-D", "-c", "1", "-w", "1", "-I", "lan", "10.0.1.200", ns=router.ns, check=False)
    assert p.returncode == 0, p.stdout
    router.a.flush()
    run("arping", "-U", "-c", "1", "-w", "1", "-I", "lan", "10.0.1.1", ns=router.ns, check=False)
    assert router.a.receive(2, lambda q: ARP in q and q[ARP].psrc == "10.0.1.1" == q[ARP].pdst, enough=1)
