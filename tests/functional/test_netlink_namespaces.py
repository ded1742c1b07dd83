# SPDX-License-Identifier: BSD-3-Clause
"""VRFs that are namespaces, or tables, of the kernel: each one's routes and addresses are mirrored into the VRF."""
import pytest
import twins
from lab import run

pytestmark = pytest.mark.timeout(120)
INTERFACES = """
interfaces:
  lan: {port: a, addresses: [10.0.0.1/24, "2001:db8:a::1/64"]}
  wan: {port: b, addresses: [10.0.1.1/24, "2001:db8:b::1/64"]}
  r1: {port: c, vrf: red, addresses: [10.0.0.1/24, "2001:db8:a::1/64"]}
  b1: {port: d, vrf: blue, addresses: [10.0.2.1/24]}
"""


@pytest.fixture
def lab(lab):
    it = lab(hosts=("a", "b", "c", "d"))
    twins.make(it)
    it.red = f"{it.prefix}red"
    run("ip", "netns", "add", it.red)
    for key in ("all", "default"):
        run("sysctl", "-qw", f"net.ipv6.conf.{key}.disable_ipv6=0", ns=it.red)
    yield it
    run("ip", "netns", "del", it.red, check=False)


def vrfs(lab, blue="{table: 100}"):
    return f"vrfs: {{red: {{namespace: /run/netns/{lab.red}}}, blue: {blue}}}\n"


def start(lab, more="netlink: {}\n"):
    lab.start(vrfs(lab) + INTERFACES + more, dataplane=", polling: adaptive")
    assert twins.until(lambda: lab.show("sources")["sources"] and
                       all(s["state"] == "synced" for s in lab.show("sources")["sources"])), lab.show("sources")


def red(lab, *argv):
    return run("ip", *argv, ns=lab.red)


def source(lab, namespace):
    return next((s for s in lab.show("sources")["sources"] if s["namespace"] == namespace), None)


def ways(lab, vrf):
    """{prefix: [(address, interface)]} of the kernel's routes in a VRF."""
    return {r["prefix"]: [(v["address"], v["interface"]) for v in r["via"]] for r in twins.routes(lab, vrf)}


def expect(lab, vrf, want):
    assert twins.until(lambda: ways(lab, vrf) == want), (ways(lab, vrf), want, lab.show("sources"))


def links(lab):
    """Links of the interfaces of the VRFs, made by hand; a link of the same name in the wrong namespace is none of theirs."""
    twins.link(lab.red, "r1", ("10.0.0.1/24", "2001:db8:a::1/64"))
    twins.link(lab.ns, "r1", ("10.9.9.1/24",), "r1-x")
    twins.link(lab.ns, "b1", ("10.0.2.1/24",))


def test_routes_of_a_namespace_and_of_a_table(lab):
    links(lab)
    start(lab)
    red(lab, "route", "add", "203.0.113.0/24", "via", "10.0.0.7", "proto", "bgp")
    red(lab, "-6", "route", "add", "2001:db8:1::/48", "via", "2001:db8:a::7", "proto", "bgp")
    red(lab, "nexthop", "add", "id", "1", "via", "10.0.0.8", "dev", "r1")
    red(lab, "route", "add", "203.0.114.0/24", "nhid", "1")
    twins.ip(lab, "nexthop", "add", "id", "1", "via", "10.0.1.8", "dev", "wan")  # the same number in another namespace
    twins.ip(lab, "route", "add", "203.0.113.0/24", "via", "10.0.1.7")
    twins.ip(lab, "route", "add", "203.0.113.0/24", "via", "10.0.2.7", "table", "100")
    twins.ip(lab, "route", "add", "203.0.115.0/24", "via", "10.9.9.9")
    expect(lab, "red", {"203.0.113.0/24": [("10.0.0.7", "r1")], "203.0.114.0/24": [("10.0.0.8", "r1")],
                        "2001:db8:1::/48": [("2001:db8:a::7", "r1")]})
    expect(lab, "default", {"203.0.113.0/24": [("10.0.1.7", "wan")]})
    expect(lab, "blue", {"203.0.113.0/24": [("10.0.2.7", "b1")]})
    here, there = source(lab, None), source(lab, f"/run/netns/{lab.red}")
    assert (here["ipv4_routes"], there["ipv4_routes"], there["ipv6_routes"]) == (2, 2, 1)
    assert here["refused"]["no-interface"] == 1 and there["refused"]["no-interface"] == 0
    assert f"/run/netns/{lab.red}" in lab.weir("show", "sources").stdout
    twins.same_as_kernel(lab)
    red(lab, "nexthop", "replace", "id", "1", "via", "10.0.0.9", "dev", "r1")
    assert twins.until(lambda: ways(lab, "red").get("203.0.114.0/24") == [("10.0.0.9", "r1")])
    red(lab, "route", "del", "203.0.113.0/24")
    assert twins.until(lambda: "203.0.113.0/24" not in ways(lab, "red"))
    assert ways(lab, "default") == {"203.0.113.0/24": [("10.0.1.7", "wan")]}
    twins.same_as_kernel(lab)


def test_a_link_in_a_namespace_goes_down_without_a_word(lab):
    links(lab)
    start(lab)
    red(lab, "route", "add", "203.0.113.0/24", "via", "10.0.0.7")
    twins.ip(lab, "route", "add", "203.0.113.0/24", "via", "10.0.1.7")
    expect(lab, "red", {"203.0.113.0/24": [("10.0.0.7", "r1")]})
    syncs = source(lab, None)["syncs"]
    red(lab, "link", "set", "r1", "down")
    expect(lab, "red", {})
    expect(lab, "default", {"203.0.113.0/24": [("10.0.1.7", "wan")]})
    assert source(lab, None)["syncs"] == syncs  # the other namespace's is not read again
    twins.same_as_kernel(lab)


def test_the_diff_covers_every_namespace(lab):
    """What is refused is not compared; a route that weir has by mistake cannot be made from outside, so a VRF is left out."""
    links(lab)
    start(lab)
    for n in range(20):
        red(lab, "route", "add", f"203.0.{n}.0/24", "via", "10.0.0.7")
        twins.ip(lab, "route", "add", f"203.0.{n}.0/24", "via", "10.0.1.7")
    assert twins.until(lambda: len(ways(lab, "red")) == 20 and len(ways(lab, "default")) == 20)
    text = twins.same_as_kernel(lab)
    assert int(text.split()[0]) == 40, text


def test_configuration_changes(lab):
    links(lab)
    start(lab)
    red(lab, "route", "add", "203.0.113.0/24", "via", "10.0.0.7")
    red(lab, "route", "add", "203.0.114.0/24", "via", "10.0.0.7", "table", "7")
    expect(lab, "red", {"203.0.113.0/24": [("10.0.0.7", "r1")]})
    # An entry of netlink.tables is the table in the VRF's namespace.
    lab.apply(vrfs(lab) + INTERFACES + "netlink: {tables: [{table: 7, vrf: red}]}\n")
    expect(lab, "red", {"203.0.114.0/24": [("10.0.0.7", "r1")]})
    lab.apply(vrfs(lab) + INTERFACES + "netlink: {buffer: 8M}\n")  # new sockets: the routes are taken over
    expect(lab, "red", {"203.0.113.0/24": [("10.0.0.7", "r1")]})
    lab.apply("vrfs: {red: {}, blue: {}}\n" + INTERFACES + "netlink: {}\n")
    expect(lab, "red", {})
    assert source(lab, f"/run/netns/{lab.red}") is None
    lab.apply(vrfs(lab) + INTERFACES + "netlink: {}\n")
    expect(lab, "red", {"203.0.113.0/24": [("10.0.0.7", "r1")]})
    twins.same_as_kernel(lab)
    lab.apply(vrfs(lab) + INTERFACES)
    expect(lab, "red", {})


@pytest.mark.parametrize("text,says", [
    ("vrfs: {{red: {{namespace: /run/netns/{ns}}}, blue: {{namespace: /run/netns/{ns}}}}}", "VRF 'blue' would have the kernel's table 254"),
    ("vrfs: {{red: {{table: 100}}, blue: {{table: 100}}}}", "VRF 'blue' would have the kernel's table 100"),
    ("vrfs: {{red: {{namespace: /run/netns/{ns}-not}}, blue: {{}}}}", "cannot be opened"),
])
def test_refused(lab, text, says):
    links(lab)
    start(lab)
    red(lab, "route", "add", "203.0.113.0/24", "via", "10.0.0.7")
    expect(lab, "red", {"203.0.113.0/24": [("10.0.0.7", "r1")]})
    p = lab.apply(text.format(ns=lab.red) + "\n" + INTERFACES + "netlink: {}\n", check=False)
    assert p.returncode != 0 and says in p.stderr, p.stderr
    expect(lab, "red", {"203.0.113.0/24": [("10.0.0.7", "r1")]})


def test_twins_and_addresses(lab):
    """With twins: the namespace's link is the twin; addresses somebody puts there are the interface's."""
    for name in ("lan", "wan"):
        twins.ip(lab, "link", "del", name)
    lab.start(vrfs(lab, "{}") + INTERFACES.replace("b1: {", "b1: {kernel: false, ") + "kernel: {}\nnetlink: {addresses: true}\n",
              dataplane=", polling: adaptive")

    def carrier():
        return {t["link"]: t["carrier"] for t in lab.show("kernel")["twins"]} == {"lan": True, "wan": True, "r1": True}
    assert twins.until(carrier), lab.show("kernel")
    red(lab, "route", "add", "203.0.113.0/24", "via", "10.0.0.7")
    twins.ip(lab, "route", "add", "203.0.113.0/24", "via", "10.0.1.7")
    expect(lab, "red", {"203.0.113.0/24": [("10.0.0.7", "r1")]})
    expect(lab, "default", {"203.0.113.0/24": [("10.0.1.7", "wan")]})

    def addresses():
        return {a["address"] for i in lab.show("interfaces")["interfaces"] if i["name"] == "r1" for a in i["addresses"]}
    red(lab, "addr", "add", "10.7.0.1/24", "dev", "r1")
    assert twins.until(lambda: "10.7.0.1/24" in addresses()), addresses()
    red(lab, "route", "add", "203.0.114.0/24", "via", "10.7.0.9")
    assert twins.until(lambda: ways(lab, "red").get("203.0.114.0/24") == [("10.7.0.9", "r1")])
    twins.same_as_kernel(lab)
    red(lab, "addr", "del", "10.7.0.1/24", "dev", "r1")
    assert twins.until(lambda: "10.7.0.1/24" not in addresses()), addresses()
    twins.same_as_kernel(lab)
