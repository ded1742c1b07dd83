# SPDX-License-Identifier: BSD-3-Clause
"""The command line, the API behind it and configuration files: what is refused, how, and that nothing changes then."""
import json
import os
import time

import pytest

from lab import WEIR, run
from test_forwarding import TWO, answered, two_hosts

VIEWS = ["interfaces", "ports", "routes", "neighbors", "stages", "drops", "workers", "memory", "pipeline", "vrfs", "version"]


@pytest.fixture(scope="module")
def one(module_lab):
    return two_hosts(module_lab)


# --- the command line ---

@pytest.mark.parametrize("what", VIEWS)
def test_every_view_is_a_table_and_a_document(one, what):
    assert one.weir("show", what).stdout.strip()
    assert isinstance(json.loads(one.weir("-j", "show", what).stdout), dict)


def test_words_may_be_short(one):
    assert one.weir("sh", "pipe").stdout == one.weir("show", "pipeline").stdout


CODES = [
    ("an unknown verb", ["shwo", "ports"], 2, "did you mean 'show'"),
    ("an unknown view", ["show", "extra"], 2, "extra"),
    ("a port that is not there", ["show", "port", "extra"], 1, "extra"),
    ("a route without a next hop", ["route", "add", "192.0.2.0/24"], 2, "via"),
    ("a route that is not there", ["route", "delete", "192.0.2.0/24"], 1, "192.0.2.0/24"),
    ("a bad prefix", ["route", "add", "192.0.2.1/24", "via", "10.0.2.2"], 1, "did you mean '192.0.2.0/24'"),
    ("an interface that is not there", ["address", "add", "10.5.0.1/24", "dev", "nope"], 1, "nope"),
]


@pytest.mark.parametrize("name,argv,code,words", CODES, ids=[c[0] for c in CODES])
def test_refusals(one, name, argv, code, words):
    p = one.weir(*argv, check=False)
    assert (p.returncode in (1, 2) if "bad prefix" in name else p.returncode == code), p
    assert words in p.stderr and p.stderr.strip()


def test_no_daemon():
    p = run(WEIR, "-s", "/nonexistent/sock", "show", "ports", check=False)
    assert p.returncode == 3 and "weir run" in p.stderr


def test_routes_by_hand(one):
    one.weir("route", "add", "192.0.2.0/24", "via", "10.0.2.2")
    assert "192.0.2.0/24" in one.weir("route", "get", "192.0.2.77").stdout
    p = one.weir("route", "add", "192.0.2.0/24", "via", "10.0.1.2", check=False)
    assert p.returncode == 1 and "replace" in p.stderr
    one.weir("route", "replace", "blackhole", "192.0.2.0/24")
    before = one.drops()["route-blackhole"]
    assert not answered(one.a.ping("192.0.2.1", count=1, W=1))
    assert one.drops()["route-blackhole"] == before + 1
    one.weir("route", "delete", "192.0.2.0/24")
    assert "Net Unreachable" in one.a.ping("192.0.2.1", count=1).stdout


def test_addresses_by_hand(one):
    one.weir("address", "add", "10.77.0.1/24", "dev", "lan")
    assert answered(one.a.ping("10.77.0.1"))
    one.weir("address", "delete", "10.77.0.1/24", "dev", "lan")
    assert not answered(one.a.ping("10.77.0.1", count=1, W=1))


# --- the API ---

def curl(one, *argv, path="/v1/version"):
    p = run("curl", "-s", "-o", "/dev/stdout", "-w", "\n%{http_code}", "--max-time", "10", "--unix-socket", one.socket, *argv,
            f"http://weir{path}", check=False)
    body, _, code = p.stdout.rpartition("\n")
    return int(code or 0), body


@pytest.mark.needs("curl")
@pytest.mark.parametrize("name,argv,path,code", [
    ("an unknown path", [], "/v1/nothing", 404),
    ("a wrong method", ["-X", "DELETE"], "/v1/version", 405),
    ("no JSON", ["-d", "{oops"], "/v1/routes", 400),
    ("an unknown key", ["-d", '{"prefx": "10.0.0.0/8"}'], "/v1/routes", 400),
], ids=lambda v: v if isinstance(v, str) and " " in v else "")
def test_requests_that_are_refused(one, name, argv, path, code):
    got, body = curl(one, *argv, path=path)
    assert 400 <= got < 500 and (got == code or code == 400)
    assert json.loads(body)["error"]
    assert curl(one)[0] == 200


@pytest.mark.needs("curl")
def test_many_routes_in_one_request_and_in_pages(one):
    routes = [{"prefix": f"172.{16 + i // 256}.{i % 256}.0/24", "via": [{"address": "10.0.2.2"}]} for i in range(3000)]
    path = f"{one.dir}/routes.json"
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"routes": routes}, f)
    assert curl(one, "-d", f"@{path}", path="/v1/routes")[0] == 200
    seen, after = 0, None
    for _ in range(10):
        code, body = curl(one, path="/v1/routes?limit=1000" + (f"&after={after}" if after else ""))
        page = json.loads(body)
        assert code == 200 and len(page["routes"]) <= 1001
        seen += sum(r["prefix"].startswith("172.") for r in page["routes"])
        after = page.get("next")
        if not after:
            break
    assert seen == 3000
    assert "10.0.2.2" in one.weir("route", "get", "172.20.5.9").stdout


# --- configuration files ---

BAD = [
    ("an unknown key", "interfaces:\n  lan: {port: a, adresses: [10.0.0.1/24]}\n", ":2:", "did you mean 'addresses'"),
    ("a port that does not exist", "ports: {a: {device: \"null\"}}\ninterfaces:\n  lan: {port: aa}\n", ":3:", "aa"),
    ("host bits in a route", "routes:\n  - {prefix: 10.0.0.1/8, type: blackhole}\n", ":2:", "10.0.0.0/8"),
    ("overlapping subnets", "ports: {a: {device: \"null\"}, b: {device: \"null\"}}\ninterfaces:\n  x: {port: a, addresses: [10.0.0.1/8]}\n"
     "  y: {port: b, addresses: [10.1.0.1/16]}\n", ":4:", "overlaps"),
    ("a key twice", "routes: []\nroutes: []\n", ":2:", "routes"),
    ("an alias", "routes: &a []\nneighbors: *a\n", ":", ""),
    ("a number out of range", "icmp: {error-burst: 0}\n", ":1:", "1"),
    ("an unfinished bracket", "routes: [\n", ":", ""),
    ("a VLAN without its id", "ports: {a: {device: \"null\"}}\ninterfaces:\n  l: {port: a}\n  v: {parent: l}\n", ":4:", "vlan"),
    ("IPv6 over a small MTU", "ports: {a: {device: \"null\"}}\ninterfaces:\n  l: {port: a, mtu: 1279, addresses: [\"2001:db8::1/64\"]}\n",
     ":3:", "IPv6 needs at least 1280"),
    ("IPv6 over a port's small MTU", "ports: {a: {device: \"null\", mtu: 600}}\ninterfaces:\n  l: {port: a}\n  v: {parent: l, vlan: 5, "
     "addresses: [\"2001:db8::1/64\"]}\n", ":4:", "IPv6 needs at least 1280"),
    ("a hundred thousand brackets", "routes: " + "[" * 100000, ":1:", ""),
]


@pytest.mark.parametrize("name,text,where,words", BAD, ids=[b[0] for b in BAD])
def test_bad_files(tmp_path, name, text, where, words):
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    start = time.monotonic()
    p = run(WEIR, "config", "check", path, check=False)
    assert p.returncode == 1 and time.monotonic() - start < 2
    assert f"bad.yaml{where}" in p.stderr and words in p.stderr and "^" in p.stderr


def test_examples_are_accepted():
    here = os.path.join(os.path.dirname(__file__), "..", "..", "examples")
    names = [n for n in os.listdir(here) if n.endswith(".yaml")]
    assert names
    for n in names:
        assert run(WEIR, "config", "check", os.path.join(here, n)).stdout.endswith("ok\n")


def test_a_refused_file_changes_nothing(one):
    before = [one.show(w) for w in ("routes",)]
    names = [i["name"] for i in one.show("interfaces")["interfaces"]]
    for text in (TWO.replace("wan: {port: b", "wan: {port: zzz"),
                 TWO + "routes:\n  - {prefix: 10.0.0.0/8, via: [{address: \"2001:db8::1\"}]}\n"):
        path = one.config(one.whole(text), "bad.yaml")
        p = one.weir("config", "apply", path, check=False)
        assert p.returncode == 1 and p.stderr.strip()
    p = one.weir("config", "apply", one.config(one.whole(TWO).replace("file-prefix: ", "file-prefix: z"), "bad.yaml"), check=False)
    assert p.returncode == 1 and "dpdk" in p.stderr
    assert [one.show(w) for w in ("routes",)] == before
    assert [i["name"] for i in one.show("interfaces")["interfaces"]] == names
    assert answered(one.a.ping("10.0.2.2"))


def test_an_accepted_file_changes_all_at_once_and_spares_the_rest(one):
    assert answered(one.a.ping("10.0.2.2"))
    state = {n["address"]: n["state"] for n in one.show("neighbors")["neighbors"]}
    more = TWO + "  extra: {parent: wan, vlan: 7, addresses: [10.7.0.1/24]}\nroutes:\n  - {prefix: 192.0.2.0/24, via: [{address: 10.0.2.2}]}\n"
    one.apply(more)
    assert "extra" in [i["name"] for i in one.show("interfaces")["interfaces"]]
    assert "192.0.2.0/24" in [r["prefix"] for r in one.show("routes")["routes"]]
    after = {n["address"]: n["state"] for n in one.show("neighbors")["neighbors"]}
    assert after["10.0.2.2"] == state["10.0.2.2"] in ("reachable", "stale", "delay", "probe")
    assert answered(one.a.ping("10.0.2.2"))
    one.apply(TWO)
    assert "extra" not in [i["name"] for i in one.show("interfaces")["interfaces"]]
    assert "192.0.2.0/24" not in [r["prefix"] for r in one.show("routes")["routes"]]
