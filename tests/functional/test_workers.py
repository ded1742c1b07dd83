# SPDX-License-Identifier: BSD-3-Clause
"""Several workers: queues shared out, transmit queues shared, flows that keep to one worker, ways of waiting."""
import time

import pytest

from lab import run
from test_lifecycle import wait_for
from traffic import SINK, Stream, frame, owner

STATIC = """
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]%s}
  wan: {port: b, addresses: [10.0.2.1/24, "2001:db8:2::1/64"]%s}
neighbors:
  - {interface: lan, address: 10.0.1.2, mac: "02:00:00:00:01:aa"}
  - {interface: wan, address: 10.0.2.2, mac: "02:00:00:00:02:aa"}
  - {interface: lan, address: "2001:db8:1::2", mac: "02:00:00:00:01:aa"}
  - {interface: wan, address: "2001:db8:2::2", mac: "02:00:00:00:02:aa"}
"""
PLAIN = STATIC % ("", "")
AFFINE = STATIC % ((", flow-affinity: true",) * 2)


def start(lab, config=PLAIN, **kw):
    one = lab()
    one.a.raw()
    one.b.raw()
    one.start(config, **kw)
    one.wait_usable()
    return one


def forward(one, flows=32, v6=True):
    mac = one.macs()["lan"]
    v4 = [frame(mac, "10.0.1.2", "10.0.2.2", 1000 + i) for i in range(flows)]
    return v4 + [frame(mac, "2001:db8:1::2", "2001:db8:2::2", 3000 + i) for i in range(flows if v6 else 0)]


def workers(one):
    return one.show("workers")["workers"]


def counts_add_up(one, stream):
    """What came in left, was counted on both sides, and nothing ended for want of room."""
    one.settle()
    rows = {i["name"]: i for i in one.show("interfaces")["interfaces"]}
    assert rows["lan"]["rx_packets"] >= stream.total_sent() and rows["wan"]["tx_packets"] >= stream.total_sent()
    drops = {d["reason"]: d["packets"] for d in one.show("drops")["drops"] if d["kind"] == "error"}
    assert sum(drops.values()) == 0, drops


# --- queues ---

@pytest.mark.parametrize("count", [2, 3])
def test_fewer_queues_than_workers(lab, count):
    """One queue a port: some workers hand everything they send to the owner of the transmit queue."""
    one = start(lab, workers=count, port_options={"rx_queues": 1})
    assert [(p["rx_queues"], p["tx_queues"]) for p in one.show("ports")["ports"]] == [(1, 1), (1, 1)]
    with Stream(one.a, one.b, forward(one)) as there, Stream(one.b, one.a, [
            frame(one.macs()["wan"], "10.0.2.2", "10.0.1.2", 5000 + i, mac="02:00:00:00:02:aa") for i in range(8)]) as back:
        time.sleep(3)
    there.check()
    back.check()
    counts_add_up(one, there)
    assert sum(w["packets"] for w in workers(one)) >= there.total_sent() + back.total_sent()


@pytest.mark.parametrize("queues", [2, 3])
def test_three_workers_on_two_cpus(lab, queues):
    one = start(lab, workers=3, port_options={"rx_queues": queues})
    with Stream(one.a, one.b, forward(one)) as s:
        time.sleep(3)
    s.check()
    counts_add_up(one, s)
    rows = workers(one)
    assert len(rows) == 3 and sorted(len(w["queues"]) for w in rows) == ([1, 1, 2] if queues == 2 else [2, 2, 2])
    assert sum(1 for w in rows if w["packets"] > 0) >= 2  # the kernel spread the flows


# --- flows ---

def test_flow_affinity_keeps_order_and_uses_all_workers(lab):
    one = start(lab, AFFINE, workers=3, port_options={"rx_queues": 1})
    with Stream(one.a, one.b, forward(one)) as s:
        time.sleep(3)
    s.check()
    counts_add_up(one, s)
    rows = workers(one)
    assert [len(w["queues"]) for w in rows] == [1, 1, 0]
    assert all(w["bursts"] > 100 for w in rows), rows
    shard = {r["name"]: r for r in one.show("stages")["stages"]}["shard"]
    assert shard["packets"] > s.total_sent()  # looked at twice what was handed over


@pytest.mark.parametrize("number", [0, 1, 2])
def test_both_directions_pass_the_owner(lab, number):
    """A flow of worker 2, which has no queue, in both directions; then one of another worker, and it rests."""
    one = start(lab, AFFINE, workers=3, port_options={"rx_queues": 1})
    port = next(p for p in range(2000, 3000) if owner("10.0.1.2", "10.0.2.2", p, SINK, 3) == number)
    there = frame(one.macs()["lan"], "10.0.1.2", "10.0.2.2", port, SINK)
    back = frame(one.macs()["wan"], "10.0.2.2", "10.0.1.2", SINK, port, mac="02:00:00:00:02:aa")
    one.settle()
    before = [w["bursts"] for w in workers(one)]
    for data, a, b in ((there, one.a, one.b), (back, one.b, one.a)):
        with Stream(a, b, [data], pps=200, burst=1) as s:
            time.sleep(1)
        s.check()
    grown = [w["bursts"] - b for w, b in zip(workers(one), before)]
    if number == 2:
        assert grown[2] > 30, grown  # packets may share a burst
    else:
        assert grown[number] > 30 and grown[2] < 15, grown


def test_plain_routing_does_not_pass_the_shard_stage(lab):
    one = start(lab, workers=3, port_options={"rx_queues": 1})
    with Stream(one.a, one.b, forward(one)) as s:
        time.sleep(1)
    s.check()
    assert {r["name"]: r for r in one.show("stages")["stages"]}["shard"]["packets"] == 0
    assert workers(one)[2]["packets"] == 0


# --- polling ---

@pytest.mark.parametrize("mode,sleeps", [("busy", False), ("adaptive", True), ("interrupt", True)])
def test_polling_modes(lab, mode, sleeps):
    one = start(lab, workers=1, dataplane=f", polling: {mode}")
    with Stream(one.a, one.b, forward(one)) as s:
        time.sleep(1)
    s.check()
    time.sleep(0.3)
    before = workers(one)[0]
    time.sleep(0.5)
    after = workers(one)[0]
    assert after["polling"] == mode and after["idle"] == ("sleep" if sleeps else "spin")
    assert (after["sleeps"] > before["sleeps"]) == sleeps and after["polls"] > before["polls"]
    told = "no receive interrupts" in one.log_text()
    assert told == (mode == "interrupt")
    assert one.log_text().count("no receive interrupts") <= 1


def test_polling_per_worker(lab):
    """Two of three workers share a CPU with others: a busy one there polls adaptively and says so."""
    one = start(lab, workers=3, dataplane=", polling: interrupt, worker-polling: [busy, adaptive]")
    assert [w["polling"] for w in workers(one)] == ["adaptive", "adaptive", "interrupt"]
    assert "worker 0: CPU" in one.log_text() and "polls adaptively" in one.log_text()
    text = one.weir("show", "workers").stdout
    assert "Polling" in text and "interrupt" in text


def test_load_follows_the_traffic(lab):
    one = start(lab, workers=1, dataplane=", polling: busy")
    time.sleep(2.5)
    idle = workers(one)[0]["load"]
    with Stream(one.a, one.b, forward(one), pps=8000, burst=16) as s:
        time.sleep(2.5)
        loaded = workers(one)[0]["load"]
    s.check()
    assert 0 <= idle < loaded <= 1, (idle, loaded)


def test_worker_polling_is_checked(lab):
    one = lab(hosts=())
    p = one.attempt(one.whole("", ports="ports: {}\n", dataplane=", worker-polling: [lazy]"))
    assert p.returncode == 1 and "lazy" in p.stderr and "interrupt" in p.stderr


def test_receive_interrupts_wake_a_worker(lab):
    """Two daemons joined by a vhost-user socket: both drivers have receive interrupts."""
    left, right = lab(hosts=("a",)), lab(hosts=("b",))
    path = f"{left.dir}/vhost.sock"
    text = ("interfaces: {{lan: {{port: {0}, addresses: [10.0.{1}.1/24]}}, mid: {{port: m, addresses: [10.0.9.{1}/24]}}}}\n"
            "routes: [{{prefix: 10.0.{2}.0/24, via: [{{address: 10.0.9.{2}}}]}}]\n")
    ports = 'ports: {{{0}: {{device: "af_packet:p-{0}", rx-queues: 1}}, m: {{device: "{1}", rx-queues: 1, mac: "02:00:00:00:09:0{2}"}}}}\n'
    left.a.kernel("10.0.1.2/24", gateway=("10.0.1.1",))
    right.b.kernel("10.0.2.2/24", gateway=("10.0.2.1",))
    how = {"workers": 2, "dataplane": ", polling: interrupt", "dpdk_args": ("--single-file-segments",)}
    left.start(text.format("a", 1, 2), ports=ports.format("a", f"net_vhost_m,iface={path},queues=1", 1), **how)
    if not left.show("version")["hugepages"]:
        pytest.skip("needs free hugepages")
    right.start(text.format("b", 2, 1), ports=ports.format("b", f"net_virtio_user_m,path={path},queues=1", 2), **how)
    wait_for(lambda: all(p["link"] == "up" for o in (left, right) for p in o.show("ports")["ports"]), 10)
    left.wait_usable()
    right.wait_usable()
    p = left.a.ping("10.0.2.2", count=10)
    assert " 0% packet loss" in p.stdout, p.stdout
    for one in (left, right):
        assert {p["name"]: p["rx_interrupts"] for p in one.show("ports")["ports"]}["m"]
        rows = [w for w in workers(one) if [q["port"] for q in w["queues"]] == ["m"]]
        assert [w["idle"] for w in rows] == ["rx-interrupt"]
        before = rows[0]["sleeps"]
        time.sleep(1)
        rows = [w for w in workers(one) if [q["port"] for q in w["queues"]] == ["m"]]
        assert rows[0]["sleeps"] - before < 100  # long sleeps: 50 ms each unless woken
    # The round trip is far below the 50 ms that a lost interrupt would cost.
    assert float(p.stdout.rsplit("/", 3)[1]) < 25 or float(p.stdout.split("= ")[1].split("/")[1]) < 25, p.stdout


def test_idle_lcores_cost_nothing(lab):
    one = start(lab, workers=1, dataplane=", polling: interrupt")
    pid = int(run("ip", "netns", "pids", one.ns).stdout.split()[0])

    def spent():
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    before = spent()
    time.sleep(2)
    assert spent() - before < 100, "an idle router used more than half a CPU"
