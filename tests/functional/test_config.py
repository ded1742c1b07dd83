# SPDX-License-Identifier: BSD-3-Clause
"""Configurations as transactions on the real daemon: plan, apply, confirm, roll back, history, save; the API; crashes;
and packets that must not notice."""
import json
import os
import re
import socket
import struct
import subprocess
import threading
import time

import pytest

from lab import SO_RCVBUFFORCE, WEIR, inside
from test_control import curl
from test_forwarding import TWO, answered, two_hosts

IP_RECVTTL = 12
GUEST = TWO + "  guest: {parent: lan, vlan: 10, addresses: [10.0.10.1/24]}\n"


@pytest.fixture
def one(lab):
    return two_hosts(lab)


def write(one, text, name="next.yaml"):
    return one.config(one.whole(text), name)


def names(one):
    return [i["name"] for i in one.show("interfaces")["interfaces"]]


def config(one, *argv, **kw):
    return one.weir("config", *argv, **kw)


def history(one):
    return json.loads(one.weir("-j", "config", "history").stdout)


# --- plan and apply ---

def test_plan_says_what_apply_does(one):
    path = write(one, GUEST + "routes:\n  - {prefix: 192.0.2.0/24, via: [{address: 10.0.2.2}]}\n")
    plan = json.loads(one.weir("-j", "config", "plan", path).stdout)
    assert (plan["added"], plan["changed"], plan["removed"]) == (2, 0, 0)
    assert {c["path"] for c in plan["changes"]} == {"interfaces guest", "routes 192.0.2.0/24"}
    assert plan["restart"] == [] and plan["refusal"] is None
    assert plan["memory"]["after_bytes"] >= plan["memory"]["before_bytes"] > 0
    assert "guest" not in names(one)  # nothing happened
    text = config(one, "plan", path).stdout
    assert "+ interfaces guest: {parent: lan" in text and "2 added, 0 changed, 0 removed" in text and "memory:" in text
    assert "configuration 2 runs" in config(one, "apply", path).stdout
    assert "guest" in names(one) and "10.0.2.2" in one.weir("route", "get", "192.0.2.9").stdout
    assert "nothing differs" in config(one, "plan", path).stdout


def test_what_needs_a_restart_is_planned_and_refused(one):
    path = one.config(one.whole(TWO).replace("file-prefix: ", "file-prefix: z"), "next.yaml")
    p = config(one, "plan", path, check=False)
    assert p.returncode == 1 and "dpdk file-prefix" in p.stdout and "restart" in p.stdout
    p = config(one, "apply", path, check=False)
    assert p.returncode == 1 and "dpdk file-prefix" in p.stderr and "restart weir" in p.stderr
    assert len(history(one)["entries"]) == 1


def test_mistakes_are_shown_with_carets(one):
    path = write(one, TWO.replace("addresses:", "adresses:", 1))
    for verb in ("plan", "apply"):
        p = config(one, verb, path, check=False)
        assert p.returncode == 1 and f"{path}:" in p.stderr and "did you mean 'addresses'" in p.stderr and "^" in p.stderr


def test_a_file_with_its_conf_d(one):
    path = write(one, TWO)
    os.makedirs(f"{one.dir}/conf.d")
    with open(f"{one.dir}/conf.d/10-guest.yaml", "w", encoding="utf-8") as f:
        f.write("interfaces:\n  guest: {parent: lan, vlan: 10, addresses: [10.0.10.1/24]}\n  lan: {mtu: 1400}\n")
    assert config(one, "plan", path).stdout.startswith(f"files: {path}, {one.dir}/conf.d/10-guest.yaml\n")
    config(one, "apply", path)
    assert "guest" in names(one)
    assert [i["mtu"] for i in one.show("interfaces")["interfaces"] if i["name"] == "lan"] == [1400]
    with open(f"{one.dir}/conf.d/20-bad.yaml", "w", encoding="utf-8") as f:
        f.write("interfaces:\n  lan: {mtu: 1}\n")
    p = config(one, "apply", path, check=False)
    assert p.returncode == 1 and "conf.d/20-bad.yaml:2:14" in p.stderr


# --- confirm and roll back ---

def test_an_apply_is_confirmed(one):
    p = config(one, "apply", write(one, GUEST), "--confirm", "60", "--message", "guests come")
    assert "taken back in 60 s" in p.stdout
    p = config(one, "apply", write(one, TWO), check=False)
    assert p.returncode == 1 and "waits for confirmation" in p.stderr
    assert config(one, "confirm").stdout == "configuration 2 is confirmed\n"
    assert config(one, "confirm", check=False).returncode == 1
    newest = history(one)["entries"][0]
    assert (newest["id"], newest["state"], newest["message"], newest["uid"], newest["user"]) == \
        (2, "confirmed", "guests come", 0, "root")
    assert abs(newest["time"] - time.time()) < 60


def test_an_apply_that_cuts_the_operator_off_takes_itself_back(one):
    assert answered(one.a.ping("10.0.2.2"))
    config(one, "apply", write(one, TWO.replace("10.0.1.1/24", "10.0.99.1/24")), "--confirm", "2")
    assert not answered(one.a.ping("10.0.2.2", count=1, W=1))
    time.sleep(3)
    assert answered(one.a.ping("10.0.2.2"))
    assert [e["state"] for e in history(one)["entries"]] == ["undone", "confirmed"]


def test_rollback(one):
    config(one, "apply", write(one, GUEST))
    config(one, "apply", write(one, GUEST.replace("vlan: 10", "vlan: 11")))
    assert "configuration 4 runs" in config(one, "rollback", "2", "--message", "too many guests").stdout
    assert "guest" not in names(one)
    config(one, "rollback", "--id", "2")
    assert "guest" in names(one)
    assert "too many guests" in config(one, "history").stdout
    assert "- interfaces guest" in config(one, "history", "4").stdout
    assert config(one, "rollback", "99", check=False).returncode == 1
    config(one, "apply", write(one, TWO), "--confirm", "60")
    config(one, "rollback")
    assert "guest" in names(one)


# --- changes by hand ---

def test_changes_by_hand_are_seen_kept_and_saved(one):
    one.weir("route", "add", "192.0.2.0/24", "via", "10.0.2.2")
    one.weir("address", "add", "10.77.0.1/24", "dev", "lan")
    one.weir("neighbor", "add", "10.0.2.9", "lladdr", "02:00:00:00:00:09", "dev", "wan")
    shown = config(one, "show").stdout
    assert all(t in shown for t in ("192.0.2.0/24", "10.77.0.1/24", "02:00:00:00:00:09"))
    assert "192.0.2.0/24" not in config(one, "show", "--applied").stdout + config(one, "show", "--startup").stdout
    p = config(one, "diff", check=False)
    assert p.returncode == 5 and "+ interfaces lan addresses 10.77.0.1/24" in p.stdout

    config(one, "apply", write(one, GUEST))  # they survive an apply
    assert "10.0.2.2" in one.weir("route", "get", "192.0.2.9").stdout and answered(one.a.ping("10.77.0.1"))
    config(one, "rollback")
    assert "10.0.2.2" in one.weir("route", "get", "192.0.2.9").stdout and answered(one.a.ping("10.77.0.1"))

    os.makedirs(f"{one.dir}/conf.d")
    os.symlink(f"{one.dir}/victim", f"{one.dir}/conf.d/90-saved.yaml.new")  # somebody would have root write elsewhere
    p = config(one, "save")
    assert "conf.d/90-saved.yaml: 3 objects saved" in p.stdout and not os.path.exists(f"{one.dir}/victim")
    assert config(one, "diff").returncode == 0
    one.stop()
    one.start(TWO)
    assert "10.0.2.2" in one.weir("route", "get", "192.0.2.9").stdout
    assert config(one, "diff").returncode == 0
    one.weir("route", "delete", "192.0.2.0/24")
    assert "2 objects saved" in config(one, "save").stdout


def test_save_does_not_hide_what_was_deleted(lab):
    one = two_hosts(lab, config=TWO + "routes:\n  - {prefix: 192.0.2.0/24, via: [{address: 10.0.2.2}]}\n")
    one.weir("route", "delete", "192.0.2.0/24")
    p = config(one, "save", check=False)
    assert p.returncode == 1 and "192.0.2.0/24" in p.stderr and re.search(r"line \d+", p.stderr)
    assert not os.path.exists(f"{one.dir}/conf.d")
    config(one, "apply", one.path)  # the file says it is there: an apply brings it back
    assert "10.0.2.2" in one.weir("route", "get", "192.0.2.9").stdout


# --- the API ---

def call(one, method, path, body=None, etag=None, kind=None):
    args = ["-X", method, "-D", f"{one.dir}/head"]
    args += ["-H", f"If-Match: {etag}"] if etag else []
    args += ["-H", f"Content-Type: {kind}"] if kind else []
    args += ["--data-binary", body] if body is not None else []
    code, text = curl(one, *args, path=path)
    with open(f"{one.dir}/head", encoding="utf-8") as f:
        found = re.search(r'^ETag: (.*?)\r?$', f.read(), re.M | re.I)
    return code, text, found and found.group(1)


@pytest.mark.needs("curl")
def test_rest(one):
    code, text, etag = call(one, "GET", "/v1/config")
    doc = json.loads(text)
    assert code == 200 and etag == '"1"' and doc["interfaces"]["lan"]["port"] == "a"
    assert call(one, "PUT", "/v1/config", text)[0] == 428
    doc["interfaces"]["lan"]["mtu"] = 67
    code, text, _ = call(one, "PUT", "/v1/config", json.dumps(doc), etag)
    assert code == 422 and json.loads(text)["errors"][0]["pointer"] == "/interfaces/lan/mtu"
    doc["interfaces"]["lan"]["mtu"] = 1400
    code, text, etag = call(one, "PUT", "/v1/config?message=by+rest", json.dumps(doc), etag)
    assert code == 200 and etag == '"2"' and json.loads(text)["changed"] + json.loads(text)["added"] == 1
    assert call(one, "PUT", "/v1/config", json.dumps(doc), '"1"')[0] == 412
    code, text, etag = call(one, "PATCH", "/v1/config?confirm=60", '{"interfaces": {"lan": {"mtu": null}}}', etag)
    assert code == 200 and json.loads(text)["confirm_within"] == 60
    assert call(one, "POST", "/v1/config/confirm")[0] == 200
    code, text, _ = call(one, "GET", "/v1/config?format=yaml")
    assert code == 200 and "mtu" not in text and text.startswith("dataplane:")
    code, text, etag = call(one, "PUT", "/v1/config", text.replace("10.0.2.1/24", "10.0.2.254/24"), etag, "application/yaml")
    assert code == 200
    assert [e["message"] for e in history(one)["entries"]] == ["", "", "by rest", "start"]
    assert call(one, "GET", "/v1/config?source=99")[0] == 404
    assert call(one, "GET", "/v1/config?source=1")[0] == 200
    assert call(one, "POST", "/v1/config/rollback", '{"id": 1}')[0] == 200
    assert call(one, "POST", "/v1/config/apply", '{"path": "etc"}')[0] == 400
    assert call(one, "POST", "/v1/config/plan", json.dumps({"config": {"interfaces": {"lan": {"port": "nope"}}}}))[0] == 422
    code, text, _ = call(one, "POST", "/v1/config/plan", json.dumps({"config": doc}))
    assert code == 200 and json.loads(text)["refusal"] is None


@pytest.mark.needs("curl")
def test_two_operators_cannot_overwrite_each_other(one):
    """Both read, both write, again and again: of each pair exactly one gets through."""
    doc = json.loads(call(one, "GET", "/v1/config")[1])
    results = []

    def put(mtu, etag):
        mine = json.loads(json.dumps(doc))
        mine["interfaces"]["lan"]["mtu"] = mtu
        code, _ = curl(one, "-X", "PUT", "-H", f"If-Match: {etag}", "--data-binary", json.dumps(mine), path="/v1/config")
        results.append((code, mtu))

    for i in range(20):
        etag = f'"{history(one)["running"]}"'
        results.clear()
        both = [threading.Thread(target=put, args=(1300 + 2 * i + k, etag)) for k in (0, 1)]
        for t in both:
            t.start()
        for t in both:
            t.join()
        assert sorted(c for c, _ in results) == [200, 412], results
        winner = next(m for c, m in results if c == 200)
        assert [x["mtu"] for x in one.show("interfaces")["interfaces"] if x["name"] == "lan"] == [winner]


# --- crashes and starts ---

def restart(one, *argv):
    """A start without -c, on the same state directory."""
    one.log = open(f"{one.dir}/weir.log", "w+", encoding="utf-8")
    one.daemon = subprocess.Popen(["ip", "netns", "exec", one.ns, WEIR, "run", "--socket", one.socket, "--state",
                                   f"{one.dir}/state", *argv], stdout=one.log, stderr=subprocess.STDOUT)
    one.wait_ready()


def kill(one):
    one.daemon.kill()
    one.daemon.wait(10)
    one.log.close()


def test_after_a_crash_the_last_confirmed_config_runs(one):
    config(one, "apply", write(one, GUEST))
    config(one, "apply", write(one, TWO.replace("10.0.1.1/24", "10.0.99.1/24")), "--confirm", "600")
    kill(one)
    restart(one)
    assert "guest" in names(one) and "configuration 3 was not confirmed" in one.log_text()
    assert "configuration 2, the last confirmed one, is used" in one.log_text()
    assert [e["state"] for e in history(one)["entries"]] == ["undone", "confirmed", "confirmed"]
    kill(one)
    # An edited startup file is newer; a wrong one is reported and not used.
    with open(one.path, "a", encoding="utf-8") as f:
        f.write("icmp: {echo: false}\n")
    restart(one)
    assert "was changed since" in one.log_text() and "guest" not in names(one)
    kill(one)
    with open(one.path, "a", encoding="utf-8") as f:
        f.write("icmp: {echo: false}\n")
    restart(one)
    assert "is here twice" in one.log_text() and "echo: false" in config(one, "show").stdout


def test_killed_at_any_moment(one):
    """kill -9 while configs are applied as fast as they can: the next start runs one that was confirmed."""
    files = [write(one, GUEST.replace("vlan: 10", f"vlan: {v}"), f"v{v}.yaml") for v in (11, 12, 13)]
    for round in range(6):
        told, stop = [], threading.Event()

        def work():
            i = 0
            while not stop.is_set():
                p = config(one, "apply", files[i % 3], check=False)
                if p.returncode == 0 and "runs" in p.stdout:
                    told.append(11 + i % 3)
                i += 1
        t = threading.Thread(target=work)
        t.start()
        time.sleep(0.3 + 0.13 * round)
        kill(one)
        stop.set()
        t.join()
        restart(one)
        vlans = re.findall(r"vlan: (\d+)", config(one, "show").stdout)
        # What was answered is in force, or the one after it, whose answer was lost.
        last = told[-1] if told else None
        assert last is None or int(vlans[0]) in (last, 11 + (last - 10) % 3), (vlans, told[-3:])
        assert all(e["state"] == "confirmed" for e in history(one)["entries"])


def test_a_state_directory_has_one_owner(one):
    p = one.attempt(one.whole(TWO, prefix=one.prefix + "b"), state=f"{one.dir}/state")
    assert p.returncode == 1 and "another weir keeps its state" in p.stderr


# --- packets do not notice ---

SENDER = """
import os, socket, struct, sys, time
dst, rate, stop = sys.argv[1], float(sys.argv[2]), sys.argv[3]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("", 7000))
n, due = 0, time.monotonic()
while n % 64 != 0 or not os.path.exists(stop):
    s.sendto(struct.pack("!I", n) + bytes(60), (dst, 7001))
    n += 1
    due = max(due + 1 / rate, time.monotonic() - 0.05)  # after a pause no flood
    time.sleep(max(0.0, due - time.monotonic()))
print(n)
"""


def numbered(host, dst, rate, stop):
    """Sends numbered UDP packets evenly until a file `stop` is there; prints how many."""
    return host.popen("/usr/bin/python3", "-c", SENDER, dst, rate, stop)


def receiver(host):
    """Collects numbers and TTLs in a thread until stopped."""
    with inside(host.ns):
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)  # this process may have to wait for its turn
        s.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
        s.bind(("", 7001))
    s.settimeout(0.5)
    got, stop = [], threading.Event()

    def work():
        while True:
            try:
                data, aux, _, _ = s.recvmsg(200, 64)
            except socket.timeout:
                if stop.is_set():
                    return
                continue
            got.append((struct.unpack("!I", data[:4])[0], aux[0][2][0] if aux else 0))
    t = threading.Thread(target=work)
    t.start()

    def end():
        stop.set()
        t.join()
        s.close()
        return got
    return end


def routes(n, gateway):
    lines = [f"  - {{prefix: 172.{16 + i // 65536}.{i // 256 % 256}.{i % 256}/32, via: [{{address: {gateway}}}]}}" for i in range(n)]
    return "routes:\n" + "\n".join(lines) + "\n"


def test_commits_under_traffic_lose_nothing(one):
    """Ten thousand routes change five times a second while numbered packets pass: none is lost, none takes half a change.
    The destination has a route of its own whose two forms lead to the same host: by the subnet of the one or the other
    config, so a packet that saw a mixture would be lost or come twice."""
    one.b.run("ip", "addr", "add", "10.0.9.2/24", "dev", "eth")
    one.b.run("ip", "addr", "add", "172.31.0.1/32", "dev", "eth")
    both = []
    for k, gateway in enumerate(("10.0.2.2", "10.0.9.2")):
        text = TWO.replace("addresses: [10.0.2.1/24", "addresses: [10.0.2.1/24, 10.0.9.1/24")
        both.append(write(one, text + routes(10000, gateway) + f"  - {{prefix: 172.31.0.1/32, via: [{{address: {gateway}}}]}}\n",
                          f"r{k}.yaml"))
    config(one, "apply", both[0])
    assert answered(one.a.ping("172.31.0.1", count=3)) and answered(one.a.ping("10.0.9.2", count=3))
    end = receiver(one.b)
    sender = numbered(one.a, "172.31.0.1", 2000, f"{one.dir}/enough")
    begin, commits = time.monotonic(), 0
    while commits < 20 or time.monotonic() - begin < 5:
        commits += 1
        config(one, "apply", both[commits % 2])
        time.sleep(max(0.0, begin + commits * 0.2 - time.monotonic()))
    took = time.monotonic() - begin
    with open(f"{one.dir}/enough", "w", encoding="utf-8"):
        pass
    sent = int(sender.communicate(timeout=30)[0].split()[-1])
    time.sleep(0.5)
    got = end()
    numbers = [n for n, _ in got]
    print(f"\n{commits} commits of 10000 routes in {took:.1f} s ({commits / took:.1f} a second), {sent} packets sent, {len(numbers)} arrived")
    assert sent > 100 * took  # five commits and 2000 packets a second where the machine has time
    assert len(numbers) == len(set(numbers)), "packets came twice"
    missed = {p["name"]: p["rx_missed"] for p in one.show("ports")["ports"]}  # by the kernel, before weir saw them
    assert len(numbers) == sent, f"{sent - len(numbers)} of {sent} packets were lost over {commits} commits; ports missed {missed}"
    assert {t for _, t in got} == {63}
