# SPDX-License-Identifier: BSD-3-Clause
"""Real traceroute over two of our hops and a VLAN between them: each names the address it received the probe by."""
import pytest

from chain import chain
from test_forwarding import answered

pytestmark = pytest.mark.needs("traceroute")
FOUR = ("10.0.2.2", ["10.0.1.1", "10.9.0.2", "10.0.2.2"])
SIX = ("2001:db8:2::2", ["2001:db8:1::1", "2001:db8:9::2", "2001:db8:2::2"])
METHODS = {"udp": [], "icmp": ["-I"], "tcp": ["-T", "-p", "99"]}


@pytest.fixture(scope="module", params=["af_packet", "af_xdp"])
def net(request, module_lab):
    one = chain(module_lab(), driver=request.param)
    for target in (FOUR[0], SIX[0]):
        one.a.ping(target, count=3)  # neighbours
    return one


def hops(p):
    return [line.split()[1] for line in p.stdout.splitlines()[1:]]


@pytest.mark.parametrize("target,expected", [FOUR, SIX], ids=["4", "6"])
@pytest.mark.parametrize("method", METHODS)
def test_the_way_there(net, method, target, expected):
    net.weir("clear", "counters")
    p = net.a.run("traceroute", *METHODS[method], "-n", "-q", "1", "-N", "1", "-w", "2", "-m", "5", target)
    assert hops(p) == expected, p.stdout
    assert net.drops()["ip-ttl-exceeded"] == 2
    net.settle()


@pytest.mark.parametrize("target,expected", [("10.0.1.2", ["10.0.2.1", "10.9.0.1", "10.0.1.2"]),
                                             ("2001:db8:1::2", ["2001:db8:2::1", "2001:db8:9::1", "2001:db8:1::2"])],
                         ids=["4", "6"])
def test_the_way_back(net, target, expected):
    p = net.b.run("traceroute", "-I", "-n", "-q", "1", "-N", "1", "-w", "2", "-m", "5", target)
    assert hops(p) == expected, p.stdout


@pytest.mark.parametrize("target,expected", [FOUR, SIX], ids=["4", "6"])
def test_three_probes_a_hop_all_at_once(net, target, expected):
    """As people type it: nothing is lost to rate limits or to neighbours being resolved."""
    p = net.a.run("traceroute", "-n", "-w", "2", "-m", "5", target)
    assert "*" not in p.stdout and hops(p) == expected, p.stdout


@pytest.mark.parametrize("target,last", [("10.9.0.2", "10.9.0.2"), ("2001:db8:9::2", "2001:db8:9::2"),
                                         ("10.0.2.1", "10.0.2.1"), ("2001:db8:2::1", "2001:db8:2::1")])
def test_to_the_second_router_itself(net, target, last):
    p = net.a.run("traceroute", "-n", "-q", "1", "-N", "1", "-w", "2", "-m", "4", target)
    assert hops(p)[-1] == last and len(hops(p)) == 2, p.stdout


@pytest.mark.parametrize("target,mark", [("10.0.77.1", "!N"), ("2001:db8:77::1", "!N")])
def test_it_ends_where_no_route_leads(net, target, mark):
    p = net.a.run("traceroute", "-n", "-q", "1", "-N", "1", "-w", "2", "-m", "4", target, check=False)
    assert mark in p.stdout.splitlines()[-1] and hops(p)[-1] in ("10.9.0.2", "2001:db8:9::2"), p.stdout


@pytest.mark.parametrize("target", [FOUR[0], SIX[0]])
def test_ping_with_few_hops_left(net, target):
    assert not answered(net.a.ping(target, count=1, t=2))
    assert answered(net.a.ping(target, count=1, t=3))
