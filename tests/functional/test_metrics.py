# SPDX-License-Identifier: BSD-3-Clause
"""Metrics: what promtool thinks of them, what they count, on a port of their own; DPDK's telemetry."""
import http.client
import json
import re

import pytest

from lab import inside, run
from rest import ask, warm
from test_forwarding import TWO, answered, two_hosts

PORT = 9473
CONFIG = TWO + f"metrics:\n  listen: [{{address: 127.0.0.1, port: {PORT}}}, {{address: \"::1\", port: {PORT}}}]\n"


@pytest.fixture(scope="module")
def one(module_lab):
    def with_loopback(**kw):
        lab = module_lab(**kw)
        run("ip", "link", "set", "lo", "up", ns=lab.ns)
        run("sysctl", "-qw", "net.ipv6.conf.lo.disable_ipv6=0", ns=lab.ns)
        return lab
    return warm(two_hosts(with_loopback, config=CONFIG))


def scrape(one, host="127.0.0.1", path="/metrics"):
    with inside(one.ns):
        c = http.client.HTTPConnection(host, PORT, timeout=10)
        c.request("GET", path)
    r = c.getresponse()
    text = r.read().decode()
    c.close()
    return r, text


def samples(text):
    out = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, value = line.rsplit(" ", 1)
            assert name not in out
            out[name] = float(value)
    return out


@pytest.mark.needs("promtool")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_promtool_has_nothing_to_say(one, host):
    r, text = scrape(one, host)
    assert r.status == 200 and r.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    p = run("promtool", "check", "metrics", input=text, check=False)
    assert (p.returncode, p.stdout, p.stderr) == (0, "", "")


def test_they_count_packets(one):
    before = samples(scrape(one)[1])
    assert answered(one.a.ping("10.0.2.2", count=5))
    after = samples(ask(one.socket, "GET", "/metrics").body)
    grew = {k: after[k] - before.get(k, 0) for k in after}
    for name in ('interface_receive_packets_total{interface="lan",vrf="default"}',
                 'interface_transmit_packets_total{interface="wan",vrf="default"}'):
        assert grew[f"weir_{name}"] >= 5
    assert grew['weir_interface_receive_bytes_total{interface="lan",vrf="default"}'] >= 5 * 84
    assert after['weir_interface_up{interface="lan",vrf="default"}'] == 1
    assert grew["weir_receive_packets_total"] >= 10 and grew['weir_stage_packets_total{stage="parse"}'] >= 10
    assert after['weir_port_up{port="a"}'] == 1 and 0 <= after['weir_worker_busy_ratio{worker="0"}'] <= 1
    assert after["process_resident_memory_bytes"] > 1 << 20 and after["process_open_fds"] > 5
    assert any(re.match(r'weir_build_info\{version="[\d.]+",dpdk="DPDK', k) for k in after)


def test_clearing_the_counters_does_not_turn_them_back(one):
    assert answered(one.a.ping("10.0.2.2"))
    before = samples(scrape(one)[1])
    one.weir("clear", "counters")
    after = samples(scrape(one)[1])
    totals = [k for k in before if re.match(r"\w+_total\b", k)]
    assert len(totals) > 100 and all(after[k] >= before[k] for k in totals)
    assert before["weir_receive_packets_total"] > 0


def test_drops_by_reason_and_bounded_labels(one):
    one.a.ping("203.0.113.1", count=2)
    drops = {k: v for k, v in samples(scrape(one)[1]).items() if k.startswith("weir_drop_packets_total")}
    assert drops['weir_drop_packets_total{reason="route-none"}'] >= 2
    labels = {m for k in samples(scrape(one)[1]) for m in re.findall(r'(\w+)="', k)}
    assert labels <= {"interface", "vrf", "port", "device", "driver", "worker", "stage", "reason", "family", "what", "class",
                      "version", "dpdk", "state", "cause", "from", "to", "rule"}


def test_the_port_serves_nothing_else(one):
    r, text = scrape(one, path="/v1/routes")
    assert r.status == 404 and "nothing else" in json.loads(text)["error"]
    r, text = scrape(one, path="/")
    assert r.status == 404


def test_it_can_be_turned_off_and_on_at_run_time(one):
    one.apply(TWO)
    with pytest.raises(ConnectionRefusedError):
        scrape(one)
    one.apply(CONFIG)
    assert scrape(one)[0].status == 200


@pytest.mark.needs("dpdk-telemetry.py")
def test_telemetry_commands(one):
    assert answered(one.a.ping("10.0.2.2"))
    one.a.ping("203.0.113.1", count=1)
    commands = ["interfaces", "interfaces,1", "interface,lan", "interface,nope", "workers", "worker,0", "worker,x", "stages",
                "stage,route", "drops"]
    p = run("dpdk-telemetry.py", "-f", one.prefix, input="".join(f"/weir/{c}\n" for c in commands), ns=one.ns)
    answers = [list(json.loads(line).values())[0] for line in p.stdout.splitlines() if line.startswith('{"/weir')]
    got = dict(zip(commands, answers))
    assert got["interfaces"] == ["lan", "wan"] and got["interfaces,1"] == ["wan"]
    shown = {i["name"]: i for i in one.show("interfaces")["interfaces"]}["lan"]
    assert got["interface,lan"]["name"] == "lan" and set(got["interface,lan"]) <= set(shown)
    assert 0 < got["interface,lan"]["rx_packets"] <= shown["rx_packets"]
    assert got["interface,nope"] is None and got["worker,x"] is None
    assert got["workers"] == [0] and got["worker,0"]["polls"] > 0
    assert set(got["stages"]) == {s["name"] for s in one.show("stages")["stages"]}
    assert got["stage,route"]["packets"] > 0 and got["drops"]["route_none"] > 0
