# SPDX-License-Identifier: BSD-3-Clause
"""VRF devices (`vrfs: {red: {table: 100}}`): the daemon itself inside user-mode Linux, whose kernel has them and TUN. It has no nftables
to keep frames of the ports from the kernel's own stack: the ports' links get other MAC addresses once weir runs."""
import json
import os
import time

import pytest

from lab import WEIR
from uml import Machine, needs_uml

BIN = os.path.abspath(WEIR)
CONFIG = """
dataplane: {workers: 1, polling: adaptive}
dpdk: {file-prefix: uml, extra-args: ["--no-pci", "--no-huge", "-m", "256"]}
ports:
  p0: {device: "af_packet:p0", rx-descriptors: 128, tx-descriptors: 128}
  p1: {device: "af_packet:p1", rx-descriptors: 128, tx-descriptors: 128}
vrfs: {red: {table: TABLE}}
interfaces:
  lan: {port: p0, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
  wan: {port: p1, vrf: red, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
kernel: {}
netlink: {}
"""
SETUP = """set -e
mkdir -p /run/netns
sysctl -qw net.ipv6.conf.default.disable_ipv6=1 net.ipv4.conf.all.arp_ignore=1
for i in 0 1; do
	ip netns add h$i
	ip link add p$i type veth peer name eth netns h$i
	ip link set p$i up
	ip -n h$i link set lo up
	ip netns exec h$i sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.eth.disable_ipv6=0
	ip netns exec h$i ethtool -K eth tx off >/dev/null 2>&1 || true
	ip -n h$i link set eth up
	ip -n h$i addr add 10.0.1.2/24 dev eth
	ip -n h$i addr add 2001:db8:1::2/64 dev eth nodad
done
"""
SERVER = """
import socket, sys
family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s = socket.socket(family)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.setsockopt(socket.SOL_SOCKET, 25, sys.argv[3].encode())
s.bind((sys.argv[1], int(sys.argv[2])))
s.listen()
print("ready", flush=True)
while True:
    c, _ = s.accept()
    c.sendall(sys.argv[3].encode())
    c.close()
"""
CLIENT = """
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 8)
print(s.recv(100).decode())
"""


class Guest:
    """weir and its hosts in one machine."""

    def __init__(self, machine):
        self.m = machine
        for name, text in (("server.py", SERVER), ("client.py", CLIENT)):
            machine.run(f"cat >/tmp/{name} <<'END'\n{text}END")
        machine.run(SETUP)

    def config(self, table, name="weir.yaml"):
        self.m.run(f"cat >/tmp/{name} <<'END'\n{CONFIG.replace('TABLE', str(table))}END")
        return f"/tmp/{name}"

    def start(self, table):
        path = self.config(table)
        self.m.run(f"({BIN} run -c {path} --socket /tmp/weir.sock --state /tmp/state >/tmp/weir.log 2>&1; echo $? >/tmp/ended) "
                   "</dev/null >/dev/null 2>&1 &")  # the machine waits for all who have its output open
        self.wait(f"{BIN} -s /tmp/weir.sock show version", 60)
        self.wait("ip link show wan | grep -q LOWER_UP", 20)
        self.m.run("for p in p0 p1; do ip link set $p address 02:00:00:00:0f:0f; done")

    def wait(self, command, seconds=15):
        end = time.monotonic() + seconds
        while self.m.run(command, check=False).returncode != 0:
            if time.monotonic() > end:
                raise AssertionError(f"{command}\n" + self.m.run("tail -40 /tmp/weir.log", check=False).stdout)
            time.sleep(0.2)

    def show(self, *words):
        return json.loads(self.m.run(f"{BIN} -s /tmp/weir.sock -j show {' '.join(words)}").stdout)

    def kernel(self, words):
        return json.loads(self.m.run(f"ip -j {words}").stdout or "[]")


@pytest.fixture(scope="module")
def guest(module_lab):
    needs_uml()
    one = module_lab(hosts=())
    it = Guest(Machine(one, modules=["tun", "vrf", "veth"], memory="768M").boot())
    it.start(100)
    return it


def test_the_device_and_the_twin_in_it(guest):
    red = guest.kernel("-d link show dev red")[0]
    assert red["linkinfo"]["info_kind"] == "vrf" and red["linkinfo"]["info_data"]["table"] == 100
    assert "UP" in red["flags"]
    assert guest.kernel("link show dev wan")[0]["master"] == "red"
    assert "master" not in guest.kernel("link show dev lan")[0]
    local = {a["local"] for a in guest.kernel("addr show dev wan")[0]["addr_info"]}
    assert {"10.0.1.1", "2001:db8:1::1"} <= local


@pytest.mark.parametrize("address", ["10.0.1.1", "2001:db8:1::1"])
def test_programs_in_both_worlds(guest, address):
    """The same address twice: each host reaches the program of its VRF."""
    for dev in ("lan", "red"):
        guest.m.run(f"/usr/bin/python3 /tmp/server.py {address} 7000 {dev} </dev/null >/tmp/server-{dev}.log 2>&1 &")
        guest.wait(f"grep -q ready /tmp/server-{dev}.log")
    for host, dev in (("h0", "lan"), ("h1", "red")):
        got = guest.m.run(f"ip netns exec {host} /usr/bin/python3 /tmp/client.py {address} 7000", check=False)
        assert got.stdout.strip() == dev, got.stdout + guest.m.run(f"cat /tmp/server-{dev}.log; tail -5 /tmp/weir.log").stdout


@pytest.mark.parametrize("prefix,via", [("203.0.113.0/24", "10.0.1.2"), ("2001:db8:f0::/48", "2001:db8:1::2")])
def test_routes_of_the_table_are_those_of_the_vrf(guest, prefix, via):
    def known(vrf):
        rows = guest.show("routes", *(["vrf", vrf] if vrf else []))["routes"]
        return [(r["prefix"], r["via"][0]["address"]) for r in rows if r["source"] == "kernel"]
    guest.m.run(f"ip route add {prefix} via {via} dev wan table 100 proto bgp")
    end = time.monotonic() + 10
    while (prefix, via) not in known("red"):
        assert time.monotonic() < end, known("red")
        time.sleep(0.2)
    assert (prefix, via) not in known(None)
    guest.m.run(f"ip route del {prefix} table 100")
    while known("red"):
        assert time.monotonic() < end, known("red")
        time.sleep(0.2)


def test_another_table_is_refused(guest):
    p = guest.m.run(f"{BIN} -s /tmp/weir.sock config apply {guest.config(101, 'other.yaml')}", check=False)
    assert p.returncode == 1 and "that is not a VRF device with table 101" in p.stdout, p.stdout
    assert guest.kernel("link show dev wan")[0]["master"] == "red"


def test_at_the_end_the_device_stays(guest):
    guest.m.run("kill -TERM $(pgrep -x weir)")
    guest.wait("test -s /tmp/ended", 20)
    assert guest.m.run("cat /tmp/ended").stdout.strip() == "0", guest.m.run("tail -20 /tmp/weir.log").stdout
    assert guest.m.run("ip link show wan", check=False).returncode != 0
    assert guest.m.run("ip link show red").returncode == 0
