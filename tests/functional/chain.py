# SPDX-License-Identifier: BSD-3-Clause
"""Two routers in one daemon: VRFs `one` and `two`, each with a host, joined by a cable between two ports (VLAN 7 on it)."""
from lab import run

CHAIN = """
vrfs: {one: {}, two: {}}
interfaces:
  lan: {port: a, vrf: one, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
  c1: {port: x1, mtu: MTU1, vrf: one}
  up: {parent: c1, vlan: 7, mtu: MTU1, vrf: one, addresses: [10.9.0.1/30, "2001:db8:9::1/64"]}
  c2: {port: x2, vrf: two}
  down: {parent: c2, vlan: 7, vrf: two, addresses: [10.9.0.2/30, "2001:db8:9::2/64"]}
  wan: {port: b, mtu: MTU2, vrf: two, addresses: [10.0.2.1/24, "2001:db8:2::1/64"]}
routes:
  - {prefix: 0.0.0.0/0, vrf: one, via: [{address: 10.9.0.2}]}
  - {prefix: "::/0", vrf: one, via: [{address: "2001:db8:9::2"}]}
  - {prefix: 10.0.1.0/24, vrf: two, via: [{address: 10.9.0.1}]}
  - {prefix: "2001:db8:1::/64", vrf: two, via: [{address: "2001:db8:9::1"}]}
"""


def chain_config(mtu1=1500, mtu2=1500):
    return CHAIN.replace("MTU1", str(mtu1)).replace("MTU2", str(mtu2))


def chain(one, driver="af_packet", **mtus):
    """Starts kernel hosts a and b with the two routers between them."""
    run("ip", "link", "add", "x1", "type", "veth", "peer", "name", "x2", ns=one.ns)
    for x in ("x1", "x2"):
        run("ethtool", "-K", x, "tx", "off", "gro", "off", ns=one.ns, check=False)
        run("ip", "link", "set", x, "up", ns=one.ns)
    one.a.kernel("10.0.1.2/24", "2001:db8:1::2/64", gateway=("10.0.1.1", "2001:db8:1::1"))
    one.b.kernel("10.0.2.2/24", "2001:db8:2::2/64", gateway=("10.0.2.1", "2001:db8:2::1"))
    ports = one.ports(driver) + "".join(f'  {x}: {{device: "{driver}:{x}"}}\n' for x in ("x1", "x2"))
    one.start(chain_config(**mtus), ports=ports)
    one.wait_usable()
    return one
