# SPDX-License-Identifier: BSD-3-Clause
"""Unmodified programs on twins that are no routing daemons: router advertisements of radvd, what rdisc6 and a host's kernel
make of them, a login by ssh."""
import json
import os
import subprocess

import pytest
from daemons import Daemon, place, write
from lab import run

from twin import has_carrier, twin, until

CONFIG = """
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
  wan: {port: b, addresses: [10.0.2.1/24, "fe80::1/64"]}
kernel: {}
"""


@pytest.fixture(scope="module")
def shared(module_lab):
    one = module_lab()
    one.a.kernel("10.0.1.2/24", gateway=("10.0.1.1",))
    one.b.kernel("10.0.2.2/24", gateway=("10.0.2.1",))
    one.start(CONFIG, dataplane=", polling: adaptive")
    one.wait_usable()
    until(lambda: has_carrier("lan", one.ns) and has_carrier("wan", one.ns))
    yield one
    one.end_programs()


# --- router advertisements ---

RADVD = """interface %s {
  AdvSendAdvert on;
  MinRtrAdvInterval 100;
  MaxRtrAdvInterval 200;
  AdvLinkMTU 1480;
  prefix %s { AdvOnLink on; AdvAutonomous on; };
};
"""


def radvd(one, ns, name, interface, prefix):
    at = place(one, name)
    conf = write(f"{at}/radvd.conf", RADVD % (interface, prefix))
    return Daemon(one, ns, "radvd", "-n", "-C", conf, "-p", f"{at}/pid", "-m", "stderr", "-d", "1", log=f"{at}/log")


def autoconfigured(host, prefix):
    """Addresses the host's kernel made for itself below a prefix."""
    links = json.loads(run("ip", "-6", "-j", "addr", "show", "dev", "eth", ns=host.ns).stdout)
    return [a["local"] for link in links for a in link["addr_info"] if a["local"].startswith(prefix) and not a.get("tentative")]


def ask(ns, dev):
    """The first answer rdisc6 gets; radvd lets three seconds pass between two."""
    return until(lambda: [t for t in [run("rdisc6", "-1", "-r", "1", "-w", "1000", dev, ns=ns, check=False).stdout] if "Prefix" in t], 10)


@pytest.mark.needs("radvd", "rdisc6")
def test_radvd_on_a_twin_configures_hosts(router):
    """rdisc6 asks from the host's side: its question reaches radvd by the twin, the answer is for that host alone. The host's
    kernel makes an address and a default route of it, and packets take them."""
    ns = router.a.ns
    for key, value in (("accept_ra", 1), ("autoconf", 1)):
        run("sysctl", "-qw", f"net.ipv6.conf.eth.{key}={value}", ns=ns)
    router.b.kernel("2001:db8:2::2/64")
    router.weir("address", "add", "2001:db8:2::1/64", "dev", "wan")
    run("ip", "-6", "route", "add", "default", "via", "2001:db8:2::1", ns=router.b.ns)
    daemon = radvd(router, router.ns, "radvd", "lan", "2001:db8:1::/64")
    address = until(lambda: autoconfigured(router.a, "2001:db8:1:"), 10)  # of what radvd says when it starts
    before = twin(router, "lan")["class"]["arp-nd"]["punted"]
    heard = ask(ns, "eth")
    assert twin(router, "lan")["class"]["arp-nd"]["punted"] > before
    assert "2001:db8:1::/64" in heard[0] and "1480 bytes" in heard[0]
    lladdr = next(a["address"].split("/")[0] for i in router.show("interfaces")["interfaces"] if i["name"] == "lan"
                  for a in i["addresses"] if a["address"].startswith("fe80"))
    assert f"from {lladdr}" in heard[0]
    routes = run("ip", "-6", "route", "show", "default", ns=ns).stdout
    assert lladdr in routes and "proto ra" in routes
    assert "2 received" in router.a.ping("2001:db8:2::2", I=address[0]).stdout
    assert "2 received" in run("ping", "-c", "2", "-i", "0.2", address[0], ns=router.ns).stdout
    daemon.stop()  # it says that it is no router any more: lifetime 0
    until(lambda: "proto ra" not in run("ip", "-6", "route", "show", "default", ns=ns).stdout, 5)


@pytest.mark.needs("radvd", "rdisc6")
def test_rdisc6_asks_by_the_twin(router):
    """The other way round: somebody else announces, a program beside weir asks."""
    run("sysctl", "-qw", "net.ipv6.conf.all.forwarding=1", ns=router.b.ns)
    radvd(router, router.b.ns, "other-radvd", "eth", "2001:db8:77::/64")
    heard = ask(router.ns, "wan")
    assert "2001:db8:77::/64" in heard[0]


# --- ssh ---

SSHD = """Port 2222
HostKey {at}/host
PidFile {at}/pid
AuthorizedKeysFile {at}/key.pub
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
"""


def sshd(one):
    at = place(one, "sshd")
    for key in ("host", "key"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{at}/{key}")
    os.makedirs("/run/sshd", exist_ok=True)  # its directory without privileges, which an init system makes
    Daemon(one, one.ns, "/usr/sbin/sshd", "-D", "-e", "-f", write(f"{at}/conf", SSHD.format(at=at)), log=f"{at}/log")
    return f"{at}/key"


def ssh(host, key, to, command, **kw):
    return subprocess.run(["ip", "netns", "exec", host.ns, "ssh", "-F", "none", "-i", key, "-p", "2222", "-o", "BatchMode=yes", "-o",
                           "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o",
                           "ConnectTimeout=5", f"root@{to}", command], capture_output=True, timeout=40, check=False, **kw)


@pytest.mark.needs("/usr/sbin/sshd", "ssh", "ssh-keygen")
def test_ssh_through_a_twin(router):
    """A login, a command that looks at the router itself, and enough data in both directions for segmentation to matter."""
    key = sshd(router)
    first = until(lambda: [p for p in [ssh(router.a, key, "10.0.1.1", "ip -br addr show lan")] if p.returncode == 0], 15)[0]
    assert b"10.0.1.1/24" in first.stdout
    data = os.urandom(2_000_000)
    back = ssh(router.a, key, "2001:db8:1::1" if autoconfigured(router.a, "2001:db8:1:") else "10.0.2.1", "cat", input=data)
    assert back.returncode == 0 and back.stdout == data
    refused = ssh(router.b, "/dev/null", "10.0.2.1", "true")
    assert refused.returncode == 255 and b"Permission denied" in refused.stderr
