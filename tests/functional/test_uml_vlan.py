# SPDX-License-Identifier: BSD-3-Clause
"""Linux itself on 802.1Q and 802.1ad sub-interfaces and in a VRF, against ours: in user-mode Linux, as the kernel of the
test machine has neither."""
import re
import time

import pytest

from lab import run
from test_forwarding import answered
from uml import Machine, needs_uml

CONFIG = """
vrfs: {red: {}}
interfaces:
  trunk: {port: uml, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
  v10: {parent: trunk, vlan: 10, addresses: [10.10.0.1/24, "2001:db8:10::1/64"]}
  v20: {parent: trunk, vlan: 20, vrf: red, addresses: [10.10.0.1/24, "2001:db8:10::1/64"]}
  q31: {parent: trunk, vlan: 30, inner-vlan: 31, addresses: [10.31.0.1/24, "2001:db8:31::1/64"]}
  s41: {parent: trunk, vlan: 40, tpid: 802.1ad, inner-vlan: 41, addresses: [10.41.0.1/24, "2001:db8:41::1/64"]}
  lan: {port: b, addresses: [10.0.2.1/24, "2001:db8:2::1/64"]}
  redlan: {port: c, vrf: red, addresses: [10.0.2.1/24, "2001:db8:2::1/64"]}
"""
SETUP = """set -e
add() { ip link add link $1 name $2 type vlan $3; ip link set $2 up; }
add vec0 v10 'id 10'
add vec0 v20 'id 20'
add vec0 v30 'id 30'
add v30 q31 'id 31'
add vec0 s40 'proto 802.1ad id 40'
add s40 s41 'id 41'
ip link add red type vrf table 100
ip link set red up
ip link set v20 master red
ip addr add 10.0.1.2/24 dev vec0
for l in 'v10 10' 'v20 10' 'q31 31' 's41 41'; do
	set -- $l
	ip addr add 10.$2.0.2/24 dev $1
	ip addr add 2001:db8:$2::2/64 dev $1 nodad
done
ip route add 10.0.2.0/24 via 10.10.0.1
ip route add 2001:db8:2::/64 via 2001:db8:10::1
ip route add table 100 10.0.2.0/24 via 10.10.0.1
ip route add table 100 2001:db8:2::/64 via 2001:db8:10::1
"""


@pytest.fixture(scope="module", params=["af_packet", "af_xdp"])
def net(request, module_lab):
    needs_uml()
    one = module_lab(hosts=("b", "c"))
    one.uml = Machine(one, modules=["8021q", "vrf"]).boot()
    for h in one.hosts.values():  # both have the same addresses: in different VRFs nobody minds
        h.kernel("10.0.2.2/24", "2001:db8:2::2/64", gateway=("10.0.2.1", "2001:db8:2::1"))
    # Linux takes one tag above the MTU from AF_PACKET sockets, not two.
    run("ip", "link", "set", one.uml.port, "mtu", "1504", ns=one.ns)
    one.start(CONFIG, ports=one.ports(request.param) + one.uml.port_line(request.param))
    one.uml.run(SETUP)
    one.wait_usable()
    one.driver = request.param
    return one


FAMILIES = pytest.mark.parametrize("family", [4, 6])
LINKS = {"v10": 10, "q31": 31, "s41": 41}


def comes_as_8021q(net, name):
    """The AF_PACKET driver of DPDK puts a tag the kernel took off back as 802.1Q, whatever it was; AF_XDP gets the frame
    as it was sent. So no interface of ours takes such a frame there, which is seen in its counter."""
    if name != "s41" or net.driver != "af_packet":
        return False
    net.weir("clear", "counters")
    net.uml.ping("10.41.0.1", count=1)
    assert net.drops()["ether-no-interface"] >= 1
    return True


@FAMILIES
@pytest.mark.parametrize("name", LINKS)
def test_linux_and_the_router_ping_each_other(net, name, family):
    if comes_as_8021q(net, name):
        return
    us = f"10.{LINKS[name]}.0.1" if family == 4 else f"2001:db8:{LINKS[name]}::1"
    p = net.uml.ping(us, opts="-s 1400")
    assert answered(p), p.stdout
    rows = {n["address"]: n for n in net.show("neighbors")["neighbors"]}
    assert rows[us[:-1] + "2"]["interface"] == name and rows[us[:-1] + "2"]["mac"] == net.uml.mac


@FAMILIES
def test_linux_pings_a_host_behind_the_router(net, family):
    p = net.uml.ping("10.0.2.2" if family == 4 else "2001:db8:2::2", count=3)
    assert answered(p) and "ttl=63" in p.stdout, p.stdout


@FAMILIES
@pytest.mark.parametrize("name", LINKS)
def test_a_host_pings_linux_behind_the_router(net, name, family):
    if comes_as_8021q(net, name):
        return
    n = LINKS[name]
    net.uml.run(f"ip route replace 10.0.2.0/24 via 10.{n}.0.1; ip route replace 2001:db8:2::/64 via 2001:db8:{n}::1")
    try:
        # Full frames: two tags more than 1500 bytes.
        p = net.b.ping(f"10.{n}.0.2" if family == 4 else f"2001:db8:{n}::2", count=3, s=1472 if family == 4 else 1452, M="do")
        assert answered(p), p.stdout
    finally:
        net.uml.run("ip route replace 10.0.2.0/24 via 10.10.0.1; ip route replace 2001:db8:2::/64 via 2001:db8:10::1")


@FAMILIES
def test_the_vrfs_are_two_worlds(net, family):
    """The same addresses in both: packets of Linux' VRF end at the host of ours."""
    target = "10.0.2.2" if family == 4 else "2001:db8:2::2"

    def count(port):
        rows = {i["name"]: i for i in net.show("interfaces")["interfaces"]}
        return rows[port]["tx_packets"]
    before = count("lan"), count("redlan")
    p = net.uml.ping(target, count=5, opts="-I red")
    assert answered(p), p.stdout
    after = count("lan"), count("redlan")
    assert after[1] - before[1] >= 5 and after[0] - before[0] <= 2
    if family == 4:  # Linux 6.1 sends ICMPv6 echo replies by the main table when that has the address as well
        assert answered(net.c.ping("10.10.0.2"))


@pytest.mark.needs("iperf3")
@FAMILIES
@pytest.mark.parametrize("where", ["v10", "red"])
def test_tcp_transfer(net, family, where):
    host = net.b if where == "v10" else net.c
    server = host.popen("iperf3", "-s", "-1")
    time.sleep(0.5)
    target = "10.0.2.2" if family == 4 else "2001:db8:2::2"
    prefix = "ip vrf exec red " if where == "red" else ""
    dev = "--bind-dev red" if where == "red" else ""  # `ip vrf exec` needs BPF, which user-mode Linux has not
    p = net.uml.run(f"iperf3 -{family} {dev} -c {target} -n 4M", timeout=60)
    # iperf3 stops after the block that reaches 4 MiB, so it may send some more; the receiver counts what was read by then.
    assert re.search(r"\b4\.\d+ MBytes.*sender", p.stdout), p.stdout
    server.wait(10)


@FAMILIES
def test_linux_learns_the_path_mtu_on_a_vlan(net, family):
    net.apply(CONFIG.replace("lan: {port: b,", "lan: {port: b, mtu: 1400,"))
    try:
        target = "10.0.2.2" if family == 4 else "2001:db8:2::2"
        net.uml.ping(target, count=1, opts="-s 1440 -M do")
        assert "mtu 1400" in net.uml.run(f"ip -{family} route get {target}").stdout
    finally:
        net.apply(CONFIG)


def test_linux_sends_fragments_through_a_vlan(net):
    p = net.uml.ping("10.0.2.2", opts="-s 5000")
    assert answered(p), p.stdout
    p = net.uml.ping("10.10.0.1", opts="-s 5000")
    assert answered(p), p.stdout
    p = net.uml.ping("2001:db8:10::1", opts="-s 5000")
    assert answered(p), p.stdout
