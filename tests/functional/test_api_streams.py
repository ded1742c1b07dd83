# SPDX-License-Identifier: BSD-3-Clause
"""/v1/events and /v1/stats: server-sent events, as the document describes them, also for clients that are slow."""
import contextlib
import copy
import json
import time

import pytest
from jsonschema import Draft202012Validator

from lab import run
from rest import Stream, ask, raw, warm
from test_forwarding import TWO, answered, two_hosts


@pytest.fixture(scope="module")
def one(module_lab):
    return warm(two_hosts(module_lab))


@pytest.fixture(scope="module")
def doc(one):
    return ask(one.socket, "GET", "/v1/openapi.json").json


def valid(doc, data):
    schema = copy.deepcopy(doc["components"]["schemas"]["event"]["x-types"][data["type"]])
    Draft202012Validator(schema).validate(data)
    return data


def route(one, n, method="PUT"):
    return ask(one.socket, method, "/v1/routes", {"prefix": f"100.64.{n}.0/24", **({} if method == "DELETE" else {"type": "blackhole"})})


def test_changes_by_the_api_are_events(one, doc):
    with Stream(one.socket, "/v1/events") as s:
        assert s.status == 200 and s.r.headers["Content-Type"] == "text/event-stream"
        route(one, 1)
        event_id, kind, data = s.next()
        assert (kind, data["type"], data["id"]) == ("route", "route", int(event_id))
        assert (data["action"], data["prefix"], data["vrf"], data["client"]) == ("replace", "100.64.1.0/24", "default", "root")
        valid(doc, data)
        route(one, 1, "DELETE")
        assert valid(doc, s.next()[2])["action"] == "delete"
        ask(one.socket, "POST", "/v1/addresses", {"interface": "lan", "address": "10.8.8.1/24"})
        assert valid(doc, s.until("address"))["address"] == "10.8.8.1/24"
        ask(one.socket, "DELETE", "/v1/addresses", {"interface": "lan", "address": "10.8.8.1/24"})
        ask(one.socket, "PUT", "/v1/neighbors", {"interface": "lan", "address": "10.0.1.88", "mac": "02:00:00:00:00:88"})
        assert valid(doc, s.until("neighbor-change"))["action"] == "replace"
        ask(one.socket, "DELETE", "/v1/neighbors", {"interface": "lan", "address": "10.0.1.88"})
        ask(one.socket, "POST", "/v1/counters/clear")
        valid(doc, s.until("counters"))


def test_neighbours_and_links_are_events(one, doc):
    ask(one.socket, "DELETE", "/v1/neighbors", {"flush": True})
    with Stream(one.socket, "/v1/events?types=neighbor,link") as s:
        assert answered(one.a.ping("10.0.2.2"))
        seen = [valid(doc, s.next()[2]) for _ in range(2)]
        assert {n["address"] for n in seen} == {"10.0.1.2", "10.0.2.2"} and {n["state"] for n in seen} == {"reachable"}
        one.a.ping("10.0.2.99", count=1)
        lost = valid(doc, s.next()[2])
        assert (lost["address"], lost["state"], lost["mac"]) == ("10.0.2.99", "failed", None)
        run("ip", "link", "set", one.b.port, "down", ns=one.ns)
        try:
            data = valid(doc, s.until("link"))
            assert (data["port"], data["state"]) == ("b", "down")
        finally:
            run("ip", "link", "set", one.b.port, "up", ns=one.ns)
        assert valid(doc, s.until("link"))["state"] == "up"


def test_a_configuration_is_an_event(one, doc):
    with Stream(one.socket, "/v1/events?types=generation") as s:
        one.apply(TWO + "  extra: {parent: wan, vlan: 7, addresses: [10.7.0.1/24]}\n")
        data = valid(doc, s.until("generation"))
        assert data["generation"] == one.show("version")["generation"]


def test_what_becomes_of_a_configuration_is_told(one, doc):
    more = TWO + "  more: {parent: wan, vlan: 8, addresses: [10.8.0.1/24]}\n"
    one.apply(TWO)
    first = json.loads(one.weir("-j", "config", "history").stdout)["entries"][0]["id"]
    with Stream(one.socket, "/v1/events?types=config") as s:
        def told():
            data = valid(doc, s.until("config"))
            return [data["action"], data["id"] - first, data["before"] - first, *(data[k] for k in ("added", "removed", "user", "message"))]
        one.apply(more, "--confirm", "60", "--message", "a guest")
        assert told() == ["applied", 1, 0, 1, 0, "root", "a guest"]
        one.weir("config", "confirm")
        assert told() == ["confirmed", 1, 1, 0, 0, "root", None]
        assert "- interfaces more" in one.weir("config", "rollback").stdout
        assert told() == ["applied", 2, 1, 0, 1, "root", f"rollback to {first}"]
        one.apply(more, "--confirm", "600")
        assert told()[0] == "applied"
        p = one.weir("config", "rollback")
        assert "- interfaces more" in p.stdout and f"configuration {first + 2} runs" in p.stdout
        assert told() == ["taken-back", 2, 3, 0, 1, "root", None]
        one.apply(more, "--confirm", "1")
        assert told()[0] == "applied"
        assert told() == ["expired", 2, 4, 0, 1, None, None]


def test_a_client_that_comes_back_misses_nothing(one):
    with Stream(one.socket, "/v1/events") as s:
        route(one, 2)
        last = s.next()[0]
    for n in range(3, 8):
        route(one, n)
    for how in ({"headers": {"Last-Event-ID": last}, "target": "/v1/events"}, {"target": f"/v1/events?after={last}"}):
        with Stream(one.socket, **how) as s:
            assert [s.next()[2]["prefix"] for _ in range(5)] == [f"100.64.{n}.0/24" for n in range(3, 8)]


@pytest.mark.parametrize("target,part", [("/v1/events?types=links", "did you mean 'link'"), ("/v1/events?after=x", "is not the id"),
                                         ("/v1/stats?of=dorps", "there are no statistics"), ("/v1/stats?interval=1ms", "100ms to 1h"),
                                         ("/v1/stats?interval=5", "100ms to 1h")])
def test_bad_parameters(one, target, part):
    r = ask(one.socket, "GET", target)
    assert r.status == 400 and part in r.json["error"]


def test_a_slow_client_is_told_what_it_missed(one):
    """It stops reading; the daemon keeps its ring and nothing more for it, and says how many events are gone."""
    before = ask(one.socket, "GET", "/v1/api").json["lagged_events"]
    s = raw(one.socket, b"GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"200 OK" in s.recv(4096)
    for n in range(4500):
        assert route(one, n % 250).status == 200
    text = b""
    s.settimeout(3)
    with contextlib.suppress(TimeoutError):
        while piece := s.recv(1 << 20):
            text += piece
    s.close()
    lagged = [line for line in text.split(b"\n") if line.startswith(b'data: {"missed"')]
    events = text.count(b"event: route")
    missed = ask(one.socket, "GET", "/v1/api").json["lagged_events"] - before
    assert lagged and missed > 0 and events + missed == 4500


def test_stats_repeat_the_documents(one, doc):
    with Stream(one.socket, "/v1/stats?interval=200ms&of=interfaces,ports,workers,drops,stages,memory") as s:
        start = time.monotonic()
        samples = [s.until("stats") for _ in range(5)]
        assert 0.6 < time.monotonic() - start < 4
    for name in ("interfaces", "ports", "workers", "drops", "stages", "memory"):
        schema = doc["paths"][f"/v1/{name}"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        for sample in samples:
            Draft202012Validator(schema).validate(sample[name])
    clocks = [x["clock_ns"] for x in samples]
    assert clocks == sorted(clocks)


def test_a_silent_stream_has_a_heartbeat(one):
    with Stream(one.socket, "/v1/events?types=conflict", timeout=25) as s:
        assert s.r.readline().startswith(b"retry:")
        assert s.r.readline() == b"\n"
        assert s.r.readline().startswith(b":")


def test_streams_have_a_limit_of_their_own(one):
    held = [Stream(one.socket, "/v1/events") for _ in range(16)]
    try:
        assert all(s.status == 200 for s in held)
        r = ask(one.socket, "GET", "/v1/events")
        assert r.status == 503 and "too many streams" in r.json["error"]
        assert one.weir("show", "version").returncode == 0
    finally:
        for s in held:
            s.close()
    end = time.monotonic() + 5
    while ask(one.socket, "GET", "/v1/api").json["open_streams"] != 0:
        assert time.monotonic() < end
        time.sleep(0.1)
