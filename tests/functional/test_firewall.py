# SPDX-License-Identifier: BSD-3-Clause
"""Zones and policies with real clients: what may begin does, and its answers come back; nothing else passes."""
import json
import subprocess
import time

import pytest

from lab import run

CONFIG = """
interfaces:
  lan: {port: a, zone: inside, addresses: [10.0.1.1/24, "2001:db8:1::1/64"]}
  wan: {port: b, zone: outside, addresses: [10.0.2.1/24, "2001:db8:2::1/64"]}
firewall:
  - {from: inside, to: outside, default: accept}
  - from: outside
    to: inside
    default: %s
    rules:
      - {name: web, match: {protocol: tcp, destination-port: 8080}, action: accept}
      - {name: no-telnet, match: {protocol: tcp, destination-port: 23}, action: reject}
"""
DROP = CONFIG % "drop"


def start(lab, workers, config=DROP):
    one = lab()
    one.a.kernel("10.0.1.2/24", "2001:db8:1::2/64", gateway=("10.0.1.1", "2001:db8:1::1"))
    one.b.kernel("10.0.2.2/24", "2001:db8:2::2/64", gateway=("10.0.2.1", "2001:db8:2::1"))
    one.start(config, workers=workers, port_options={"rx_queues": 1}, dataplane=", polling: adaptive")
    one.wait_usable()
    return one


def serve(host, port, address="0.0.0.0"):
    host.popen("/usr/bin/python3", "-m", "http.server", "-d", host.lab.dir, "-b", address, port)
    end = time.monotonic() + 10
    while f":{port}" not in host.run("ss", "-Hltn").stdout:
        assert time.monotonic() < end, "the web server did not start"
        time.sleep(0.05)


def fetch(host, url, seconds=5):
    return host.run("curl", "-s", "-g", "-o", "/dev/null", "-w", "%{http_code}", "-m", seconds, url, check=False)


def sessions(one, *words):
    return one.show("sessions", *words)["sessions"]


@pytest.mark.needs("curl", "iperf3")
@pytest.mark.parametrize("workers", [1, 2])
def test_real_clients(lab, workers):
    one = start(lab, workers)
    for port in (8080, 9090):
        serve(one.a, port, "::")
        serve(one.b, port, "::")
    # From inside everything, v4 and v6; from outside only what the rule says.
    assert fetch(one.a, "http://10.0.2.2:9090/").stdout == "200"
    assert fetch(one.a, "http://[2001:db8:2::2]:9090/").stdout == "200"
    assert fetch(one.b, "http://10.0.1.2:8080/").stdout == "200"
    assert fetch(one.b, "http://[2001:db8:1::2]:8080/").stdout == "200"
    assert fetch(one.b, "http://10.0.1.2:9090/", 1).returncode == 28  # no answer
    refused = fetch(one.b, "http://10.0.1.2:23/")
    assert refused.returncode == 7, refused  # at once
    assert " 0% packet loss" in one.a.ping("10.0.2.2", s=3000).stdout  # in fragments
    assert " 0% packet loss" in one.a.ping("2001:db8:2::2", s=3000).stdout
    assert " 100% packet loss" in one.b.run("ping", "-c1", "-W1", "10.0.1.2", check=False).stdout
    # The router itself is no zone's, unless a policy says so.
    assert " 0% packet loss" in one.b.ping("10.0.2.1").stdout
    one.b.popen("iperf3", "-s", "-1")
    time.sleep(0.5)
    flows = json.loads(one.a.run("iperf3", "-J", "-c", "10.0.2.2", "-t", "1", "-P", "4").stdout)
    assert flows["end"]["sum_received"]["bytes"] > 1_000_000
    ended = one.drops()
    assert ended["firewall-denied"] > 0 and ended["session-window"] == 0 and ended["session-table-full"] == 0, ended
    hits = {(p["from"], r["name"]): r["hits"] for p in one.show("firewall")["policies"] for r in p["rules"]}
    assert hits["outside", "web"] == 2 and hits["outside", "no-telnet"] == 1 and hits["inside", "default"] >= 9
    text = one.weir("show", "firewall").stdout
    assert "web" in text and "no-telnet" in text
    if workers == 2:
        assert {s["worker"] for s in sessions(one)} == {0, 1}


def connection(host, to, port):
    """A connection that says one line a second and prints what it hears."""
    code = ("import socket,sys\ns=socket.create_connection((sys.argv[1],int(sys.argv[2])),5)\ns.settimeout(3)\n"
            "for line in sys.stdin:\n s.sendall(line.encode())\n print('got',s.recv(99).decode().strip(),flush=True)\n")
    return subprocess.Popen(["ip", "netns", "exec", host.ns, "/usr/bin/python3", "-c", code, to, str(port)],
                                          stdin=-1, stdout=-1, stderr=-1, text=True)


ECHO = ("import socketserver\nclass E(socketserver.BaseRequestHandler):\n def handle(self):\n"
        "  while (d:=self.request.recv(99)):\n   self.request.sendall(d)\n"
        "socketserver.ThreadingTCPServer(('0.0.0.0',7),E).serve_forever()\n")


def say(p, text):
    p.stdin.write(text + "\n")
    p.stdin.flush()
    return p.stdout.readline().strip()


def test_policy_changes_under_connections(lab):
    """A connection lives through changes that let it, and ends with the first packet after one that does not."""
    one = start(lab, 1)
    one.b.popen("/usr/bin/python3", "-c", ECHO)
    time.sleep(0.5)
    p = connection(one.a, "10.0.2.2", 7)
    try:
        assert say(p, "one") == "got one"
        assert [s["state"] for s in sessions(one, "port", "7")] == ["established"]
        assert sessions(one, "port", "7")[0]["rule"] == "inside to outside, default"
        one.apply(CONFIG % "reject")
        assert say(p, "two") == "got two"
        one.apply(DROP.replace("to: outside, default: accept", "to: outside, default: drop"))
        assert say(p, "three") == ""
        one.settle()
        assert one.drops()["firewall-denied"] > 0 and sessions(one, "port", "7") == []
    finally:
        p.kill()
        p.communicate()


def test_show_and_clear_sessions(lab):
    one = start(lab, 2)
    one.b.popen("/usr/bin/python3", "-c", ECHO)
    time.sleep(0.5)
    p = connection(one.a, "10.0.2.2", 7)
    try:
        assert say(p, "one") == "got one"
        one.a.ping("10.0.2.2", count=1)
        assert {s["protocol"] for s in sessions(one)} == {"tcp", "icmp"}
        row = sessions(one, "protocol", "tcp", "address", "10.0.2.0/24", "dev", "wan", "state", "established")[0]
        assert row["original"]["source"] == "10.0.1.2" and row["original"]["destination_port"] == 7
        assert row["reply"]["source"] == "10.0.2.2" and row["interface_in"] == "lan" and row["interface_out"] == "wan"
        assert 7430 < row["expires_seconds"] <= 7441
        assert sessions(one, "destination-port", "8") == []
        text = one.weir("show", "sessions").stdout
        assert "10.0.2.2:7" in text and "established" in text
        totals = one.show("sessions", "--totals")
        assert totals["sessions"] == 2 and totals["states"]["established"] == 1 and totals["max"] == 262144
        assert "established" in one.weir("show", "sessions", "--totals").stdout
        assert one.weir("clear", "sessions", "protocol", "icmp").stdout == "1 sessions ended\n"
        assert one.weir("clear", "sessions", "port", "7").stdout == "1 sessions ended\n"
        assert say(p, "two") == ""  # what it sends now belongs to nothing
        wrong = one.weir("clear", "sessions", "dev", "nowhere", check=False)
        assert wrong.returncode == 1 and "no interface 'nowhere'" in wrong.stderr
    finally:
        p.kill()
        p.communicate()


def test_number_of_workers_changes_under_connections(lab):
    one = start(lab, 2)
    one.b.popen("/usr/bin/python3", "-c", ECHO)
    time.sleep(0.5)
    talks = [connection(one.a, "10.0.2.2", 7) for _ in range(2)]
    try:
        for workers in (2, 1, 3, 2):
            one.how["workers"] = workers
            one.apply(DROP)
            for p in talks:
                assert say(p, f"with {workers}") == f"got with {workers}"
        assert one.drops()["session-invalid"] == 0
    finally:
        for p in talks:
            p.kill()
            p.communicate()


@pytest.mark.parametrize("bad,says", [
    ("{from: inside, to: nowhere}", "no interface is in zone 'nowhere'"),
    ("{from: self, to: inside}", "no interface is in zone 'self'"),
    ("{from: inside, to: outside, rules: [{match: {destination-port: 80}, action: accept}]}", "ports need a protocol"),
    ("{from: inside, to: outside, rules: [{match: {source: 10.0.0.1/8}, action: accept}]}", "neither an address nor a prefix"),
    ("{from: inside, to: outside, rules: [{match: {protocol: tpc}, action: accept}]}", "'tpc' is not a protocol"),
    ("{from: inside, to: outside, rules: [{match: {protocol: tcp, destination-port: 9-1}, action: accept}]}", "neither a port nor a range"),
    ("{from: inside, to: outside, rules: [{match: {source: 10.0.0.1, destination: \"2001:db8::1\"}, action: drop}]}", "different families"),
    ("{from: inside, to: outside}, {from: inside, to: outside}", "there is already a policy"),
])
def test_mistakes_are_told(tmp_path, bad, says):
    from lab import WEIR
    path = tmp_path / "bad.yaml"
    path.write_text("ports: {a: {device: \"null\"}, b: {device: \"null\"}}\n" + DROP.split("firewall:")[0] + f"firewall: [{bad}]\n")
    p = run(WEIR, "config", "check", str(path), check=False)
    assert p.returncode == 1 and says in p.stderr and "bad.yaml" in p.stderr, p.stderr
