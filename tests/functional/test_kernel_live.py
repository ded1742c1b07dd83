# SPDX-License-Identifier: BSD-3-Clause
"""Twins come, change and go with configurations, links and the process; what cannot be is refused as a whole."""
import contextlib
import os
import signal
import socket
import threading
import time

import pytest
from scapy.all import IP, UDP, Ether, ICMPv6ND_RA, ICMPv6NDOptPrefixInfo, IPv6, Raw
from scapy.utils import wrpcap

from lab import WEIR, run
from twin import Echo, addresses, has_carrier, link, sock, talk, twin, until

LAN = "lan: {port: a, addresses: [10.0.1.1/24, \"2001:db8:1::1/64\"]"
BASE = "interfaces:\n  " + LAN + "}\n  wan: {port: b, addresses: [10.0.2.1/24]}\n"


def config(lan="", wan="", kernel="kernel: {}\n", more=""):
    return ("interfaces:\n  " + LAN + lan + "}\n  wan: {port: b, addresses: [10.0.2.1/24]" + wan + "}\n" + more + kernel)


@pytest.fixture
def router(lab):
    one = lab()
    one.a.kernel("10.0.1.2/24", gateway=("10.0.1.1",))
    one.start(config())
    until(lambda: has_carrier("lan", one.ns))
    return one


def test_carrier_follows_the_port(router):
    for _ in range(2):
        router.a.run("ip", "link", "set", "eth", "down")
        until(lambda: not has_carrier("lan", router.ns))
        assert has_carrier("wan", router.ns) and not twin(router, "lan")["carrier"]
        router.a.run("ip", "link", "set", "eth", "up")
        until(lambda: has_carrier("lan", router.ns))
    assert addresses("lan", router.ns) is not None
    run("ip", "addr", "add", "10.0.1.2/24", "dev", "eth", ns=router.a.ns, check=False)
    server = Echo(router.ns, "10.0.1.1", 7000)
    assert talk(router.a.ns, ("10.0.1.1", 7000)) == b"hello"
    server.close()


def test_a_configuration_adds_changes_and_removes_twins(router):
    router.apply(BASE)
    assert link("lan", router.ns) is None and not router.show("kernel")["enabled"]
    router.apply(config(wan=", kernel: false"))
    assert link("lan", router.ns) and link("wan", router.ns) is None
    before = link("lan", router.ns)["ifindex"]
    router.apply(config(lan=", mtu: 1300"))
    lan = link("lan", router.ns)
    assert (lan["mtu"], lan["ifindex"]) == (1300, before) and link("wan", router.ns)
    router.apply(config(lan=", enabled: false"))
    assert "UP" not in link("lan", router.ns)["flags"]
    router.apply(config())
    until(lambda: has_carrier("lan", router.ns))
    assert addresses("lan", router.ns) == sorted(
        a["address"] for i in router.show("interfaces")["interfaces"] if i["name"] == "lan" for a in i["addresses"])
    router.apply(config(kernel="kernel: {prefix: w-}\n"))
    assert link("lan", router.ns) is None and has_carrier("w-lan", router.ns)
    server = Echo(router.ns, "10.0.1.1", 7000)
    assert talk(router.a.ns, ("10.0.1.1", 7000)) == b"hello"
    server.close()


def test_ipv6_returns_when_the_mtu_grows_again(router):
    whole = addresses("lan", router.ns)
    router.apply(config(lan=", mtu: 1000").replace(', "2001:db8:1::1/64"', ""))
    assert addresses("lan", router.ns) == ["10.0.1.1/24"]
    router.apply(config())
    assert addresses("lan", router.ns) == whole


def test_addresses_follow_by_commit_and_by_hand(router):
    router.weir("address", "add", "10.0.3.1/24", "dev", "lan")
    router.weir("address", "add", "2001:db8:3::1/64", "dev", "wan")
    assert "10.0.3.1/24" in addresses("lan", router.ns)
    assert "2001:db8:3::1/64" in addresses("wan", router.ns)
    router.weir("address", "del", "10.0.3.1/24", "dev", "lan")
    assert "10.0.3.1/24" not in addresses("lan", router.ns)
    router.apply(config().replace("10.0.1.1/24", "10.0.1.9/24"))
    now = addresses("lan", router.ns)
    assert "10.0.1.9/24" in now and "10.0.1.1/24" not in now


def test_the_kernels_own_addresses_are_left_alone(router):
    """keepalived, a DHCP client or a person put them there: commits neither remove nor replace them."""
    run("ip", "addr", "add", "192.0.2.7/32", "dev", "lan", "valid_lft", "1000", "preferred_lft", "900", ns=router.ns)
    run("ip", "addr", "add", "10.0.4.1/24", "dev", "lan", ns=router.ns)
    router.apply(config(lan=", mtu: 1400"))
    router.weir("address", "add", "10.0.4.1/24", "dev", "lan", check=False)
    router.weir("address", "del", "10.0.4.1/24", "dev", "lan", check=False)
    now = {a["local"]: a for a in link("lan", router.ns)["addr_info"]}
    assert 800 < now["192.0.2.7"]["valid_life_time"] <= 1000 and "10.0.4.1" in now


def test_mac_address_of_the_port_changes(router):
    text = router.whole(config(), **router.how).replace(f'"af_packet:{router.a.port}"', f'"af_packet:{router.a.port}", mac: "02:00:5e:00:00:77"')
    router.weir("config", "apply", router.config(text))
    until(lambda: link("lan", router.ns)["address"] == "02:00:5e:00:00:77")
    server = Echo(router.ns, "10.0.1.1", 7000)
    run("ip", "neigh", "flush", "dev", "eth", ns=router.a.ns)
    assert talk(router.a.ns, ("10.0.1.1", 7000)) == b"hello"
    server.close()


def test_a_name_that_is_taken_refuses_everything(router):
    run("ip", "link", "add", "dmz", "type", "ifb", ns=router.ns)
    more = "  extra: {parent: lan, vlan: 6}\n  dmz: {parent: lan, vlan: 5}\n"
    before = router.show("interfaces")
    p = router.apply(config(more=more), check=False)
    assert p.returncode == 1 and "already has a link 'dmz'" in p.stdout + p.stderr
    assert link("extra", router.ns) is None
    assert [i["name"] for i in router.show("interfaces")["interfaces"]] == [i["name"] for i in before["interfaces"]]
    p = router.weir("config", "plan", router.config(router.whole(config(more=more), **router.how)), check=False)
    assert p.returncode != 0 and "already has a link 'dmz'" in p.stdout + p.stderr
    run("ip", "link", "del", "dmz", ns=router.ns)
    router.apply(config(more=more))
    assert link("dmz", router.ns) and link("extra", router.ns)


def test_names_that_are_too_long(router):
    more = "  a-very-long-interface: {parent: lan, vlan: 5}\n"
    p = router.apply(config(more=more), check=False)
    assert p.returncode == 1 and "longer than 15 characters" in p.stdout + p.stderr
    router.apply(config(more="  a-very-long-interface: {parent: lan, vlan: 5, kernel: false}\n"))


def test_kill_takes_the_twins_along(router):
    assert link("lan", router.ns) and "weir-" in run("nft", "list", "ruleset", ns=router.ns).stdout
    router.daemon.send_signal(signal.SIGKILL)
    pid = run("pgrep", "-f", f"{WEIR} run -c {router.path}", check=False).stdout.split()
    for p in pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(p), signal.SIGKILL)
    router.daemon.wait()
    until(lambda: link("lan", router.ns) is None)
    until(lambda: "weir-" not in run("nft", "list", "ruleset", ns=router.ns).stdout)
    router.daemon = None
    os.unlink(router.socket)
    router.start(config(), prefix=f"{router.prefix}b")
    until(lambda: has_carrier("lan", router.ns))


def test_a_deleted_link_costs_nothing_and_returns_with_the_next_configuration(router):
    run("ip", "link", "del", "lan", ns=router.ns)
    time.sleep(0.3)
    used = cpu_seconds(router)
    time.sleep(0.5)
    assert cpu_seconds(router) - used < 0.25
    router.a.send(Ether(src=router.a.mac, dst=router.macs()["lan"]) / IP(src="10.0.1.2", dst="10.0.1.1") / UDP(dport=9) / b"x")
    until(lambda: router.drops()["kernel-refused"] >= 1)
    router.apply(config(lan=", mtu: 1400"))
    until(lambda: has_carrier("lan", router.ns))


def thread_named(router, name):
    pid = run("pgrep", "-f", f"^{WEIR} run -c {router.path}").stdout.split()[0]
    for t in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{t}/comm", encoding="ascii") as f:
            if f.read().strip() == name:
                return f"/proc/{pid}/task/{t}"
    raise AssertionError(f"no thread {name}")


def cpu_seconds(router):
    with open(thread_named(router, "weir-twins") + "/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_nobody_talks_nobody_works(router):
    time.sleep(0.5)
    used = cpu_seconds(router)
    time.sleep(1)
    assert cpu_seconds(router) - used < 0.05


def test_router_advertisements(lab):
    """Taken when asked for: the kernel makes an address of the prefix; otherwise nothing."""
    one = lab()
    one.start(config(kernel="kernel: {accept-ra: true}\n"))
    until(lambda: has_carrier("lan", one.ns))
    one.wait_usable()
    ra = (Ether(src=one.a.mac, dst="33:33:00:00:00:01") / IPv6(src="fe80::aa", dst="ff02::1", hlim=255) /
          ICMPv6ND_RA(routerlifetime=600) / ICMPv6NDOptPrefixInfo(prefix="2001:db8:77::", prefixlen=64))
    one.a.send(ra)
    until(lambda: any(a.startswith("2001:db8:77:") for a in addresses("lan", one.ns)))
    one.apply(config().replace("lan: {", "lan2: {"))
    until(lambda: has_carrier("lan2", one.ns))
    one.a.send(ra)
    until(lambda: twin(one, "lan2")["copies"] >= 1)
    time.sleep(0.3)
    assert not any(a.startswith("2001:db8:77:") for a in addresses("lan2", one.ns))


# --- VRFs ---

def test_a_vrf_has_its_namespace(lab):
    one = lab()
    other = f"{one.prefix}red"
    run("ip", "netns", "add", other)
    run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1", ns=other)
    try:
        one.a.kernel("10.0.1.2/24", "2001:db8:1::2/64")
        one.b.kernel("10.0.1.2/24", "2001:db8:1::2/64")
        text = ("vrfs: {red: {namespace: /run/netns/%s}}\ninterfaces:\n"
                "  lan: {port: a, addresses: [10.0.1.1/24]}\n"
                "  wan: {port: b, vrf: red, addresses: [10.0.1.1/24, \"2001:db8:1::1/64\"]}\nkernel: {}\n") % other
        one.start(text)
        until(lambda: has_carrier("wan", other))
        one.wait_usable()
        assert link("wan", one.ns) is None and link("lan", one.ns)
        assert twin(one, "wan")["namespace"] == f"/run/netns/{other}"
        here, there = Echo(one.ns, "10.0.1.1", 7000), Echo(other, "10.0.1.1", 7000)
        with sock(one.a.ns) as s:
            s.connect(("10.0.1.1", 7000))
        assert talk(one.b.ns, ("10.0.1.1", 7000)) == b"hello"
        six = Echo(other, "2001:db8:1::1", 7001, socket.AF_INET6)
        assert talk(one.b.ns, ("2001:db8:1::1", 7001), family=socket.AF_INET6) == b"hello"
        # Into the default VRF, and back.
        one.apply(text.replace(", vrf: red", "").replace("10.0.1.1/24, \"2001", "10.0.9.1/24, \"2001"))
        assert link("wan", other) is None and link("wan", one.ns)
        one.apply(text)
        assert link("wan", one.ns) is None and link("wan", other)
        for s in (here, there, six):
            s.close()
    finally:
        run("ip", "netns", "del", other, check=False)


@pytest.mark.parametrize("vrf,words", [
    ("{}", "VRF 'red' is nothing to the kernel yet"),
    ("{namespace: /run/netns/no-such}", "cannot be opened"),
    ("{namespace: /proc/version}", "cannot be entered"),
    ("{table: 100}", "this kernel has no VRF devices"),
    ("{table: 100, namespace: /run/netns/x}", "both 'namespace' and 'table'")])
def test_vrfs_that_cannot_have_twins(router, vrf, words):
    text = config(wan=", vrf: red", more="vrfs: {red: %s}\n" % vrf)
    p = router.apply(text, check=False)
    if "no VRF devices" in words and p.returncode == 0:
        pytest.skip("this kernel has VRF devices")
    assert p.returncode == 1 and words in p.stdout + p.stderr
    router.apply(config(wan=", vrf: red, kernel: false", more="vrfs: {red: {}}\n"))
    assert link("lan", router.ns) and link("wan", router.ns) is None


# --- without TUN, without permission, without packets ---

def test_without_permission_it_is_refused_with_a_sentence(lab):
    one = lab()
    text = one.whole(config().replace("port: a", "port: n").replace("port: b", "port: m"),
                     ports="ports:\n  n: {device: \"null\"}\n  m: {device: \"net_null1,no-rx=1\"}\n")
    path = one.config(text)
    p = run("setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin", WEIR, "run", "-c", path, "--socket",
            f"{one.dir}/x.sock", "--state", f"{one.dir}/s", ns=one.ns, check=False)
    assert p.returncode == 1 and "no permission to make its twin" in p.stderr, p.stderr


def test_without_the_device_it_is_refused_with_a_sentence(lab):
    one = lab()
    path = one.config(one.whole(config(), ports="ports:\n  a: {device: \"null\"}\n  b: {device: \"net_null1,no-rx=1\"}\n"))
    p = run("unshare", "-m", "sh", "-c", f"mount -t tmpfs none /dev/net && exec {WEIR} run -c {path} --socket {one.dir}/x.sock "
            f"--state {one.dir}/s", ns=one.ns, check=False)
    assert p.returncode == 1 and "needs /dev/net/tun" in p.stderr, p.stderr


# --- police ---

def test_a_flood_on_one_interface_leaves_the_rest_alive(lab):
    one = lab()
    one.a.kernel("10.0.1.2/24")
    one.b.kernel("10.0.2.2/24")
    one.start(config(kernel="kernel: {police: {other: 500, routing: 200}}\n"))
    until(lambda: has_carrier("wan", one.ns))
    mac = one.macs()["lan"]
    udp = bytes(Ether(src=one.a.mac, dst=mac) / IP(src="10.0.1.2", dst="10.0.1.1") / UDP(sport=1, dport=9999) / Raw(b"x" * 40))
    ospf = bytes(Ether(src=one.a.mac, dst="01:00:5e:00:00:05") / IP(src="10.0.1.2", dst="224.0.0.5", proto=89, ttl=1) / Raw(b"x" * 44))
    one.a.raw()
    stop = threading.Event()

    def flood():
        while not stop.is_set():
            for _ in range(100):
                one.a.sock.send(udp)
                one.a.sock.send(ospf)
            time.sleep(0.002)
    sink = sock(one.ns, socket.SOCK_DGRAM, bind=("10.0.1.1", 9999))
    t = threading.Thread(target=flood)
    t.start()
    try:
        time.sleep(0.3)
        server = Echo(one.ns, "10.0.2.1", 7000)
        for _ in range(3):
            assert talk(one.b.ns, ("10.0.2.1", 7000), os.urandom(20000)) != b""
        assert "2 received" in one.b.ping("10.0.2.1").stdout
        assert "5 received" in one.a.ping("10.0.1.1", count=5).stdout
        began, before = time.monotonic(), twin(one, "lan")["class"]
        time.sleep(1)
        spent, after = time.monotonic() - began, twin(one, "lan")["class"]
        server.close()
    finally:
        stop.set()
        t.join()
        sink.close()
    for name, rate in (("other", 500), ("routing", 200)):
        assert 0.5 * rate * spent <= after[name]["punted"] - before[name]["punted"] <= 1.3 * rate * spent
        assert after[name]["policed"] > before[name]["policed"]
    assert twin(one, "wan")["class"]["other"]["policed"] == 0
    assert one.drops()["kernel-policed"] >= after["other"]["policed"]


def test_a_rate_of_zero_keeps_a_class_out(lab):
    one = lab()
    one.start(config(kernel="kernel: {police: {l2: 0}}\n"))
    until(lambda: has_carrier("lan", one.ns))
    one.a.send(Ether(src=one.a.mac, dst="01:80:c2:00:00:0e", type=0x88cc) / Raw(b"x" * 46))
    until(lambda: twin(one, "lan")["class"]["l2"]["policed"] == 1)


def test_documents_and_metrics(router):
    server = Echo(router.ns, "10.0.1.1", 7000)
    assert talk(router.a.ns, ("10.0.1.1", 7000)) == b"hello"
    server.close()
    row = twin(router, "lan")
    assert row["link"] == "lan" and row["ifindex"] == link("lan", router.ns)["ifindex"] and row["namespace"] is None
    assert row["delivered"] >= row["class"]["other"]["punted"] > 3 and row["injected"] > 3
    text = router.weir("show", "kernel").stdout
    assert "lan" in text and "other" in text and "Carrier" in text
    assert "wan" not in router.weir("show", "kernel", "lan").stdout
    got = run("curl", "-s", "--unix-socket", router.socket, "http://weir/metrics").stdout
    assert 'weir_kernel_punt_packets_total{interface="lan",class="other"} ' in got
    assert 'weir_kernel_carrier{interface="lan"} 1' in got
    p = run("promtool", "check", "metrics", input=got, check=False)
    assert p.returncode == 0, p.stdout + p.stderr


def test_the_same_configuration_runs_offline(router, tmp_path):
    frame = Ether(src="02:00:00:00:01:aa", dst="02:00:00:00:00:10") / IP(src="10.0.1.2", dst="10.0.1.1") / UDP(dport=9) / b"x"
    wrpcap(str(tmp_path / "a.pcap"), [frame])
    config_path = router.config(router.whole(config(), **router.how))
    p = run(WEIR, "replay", "-c", config_path, "--in", f"lan={tmp_path}/a.pcap", "--out", tmp_path / "out", "--mac",
            "a=02:00:00:00:00:10")
    assert "local-no-port" in p.stdout, p.stdout
    assert run(WEIR, "config", "check", config_path).returncode == 0
