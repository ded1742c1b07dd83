# SPDX-License-Identifier: BSD-3-Clause
"""The configuration by the API, against its own description: every operation of /v1/config is called with what is right
and with what is wrong, and every answer is one that the document promises. Then ETag and If-Match: of two people who
change the same thing, none overwrites the other unseen."""
import json
import os
import threading

import pytest
import yaml
from jsonschema import Draft202012Validator

from rest import ask
from test_api import operations, validate
from test_forwarding import TWO, two_hosts

ROUTE = {"prefix": "192.0.2.0/24", "type": "blackhole"}
GUEST = {"parent": "lan", "vlan": 10, "addresses": ["10.0.10.1/24"]}
CONFIG = "/v1/config"


@pytest.fixture
def one(lab):
    return two_hosts(lab)


@pytest.fixture(scope="module")
def walked(module_lab):
    """A daemon whose API was walked: (daemon, document, operations that answered 200, those that refused)."""
    return two_hosts(module_lab), set(), set()


class Api:
    """Calls operations and holds every answer against the document."""

    def __init__(self, one, good=None, bad=None):
        self.one, self.good, self.bad = one, good if good is not None else set(), bad if bad is not None else set()
        self.doc = ask(one.socket, "GET", "/v1/openapi.json").json

    def operation(self, method, path):
        path = "/v1/config/history/{name}" if path.startswith("/v1/config/history/") else path
        return path, self.doc["paths"][path][method.lower()]

    def resolve(self, x):
        for part in x["$ref"].split("/")[1:] if "$ref" in x else []:
            x = self.doc if part == "components" else x
            x = x[part]
        return x

    def response(self, op, status):
        r = op["responses"].get(str(status), op["responses"]["default"])
        if "$ref" in r:
            r = self.doc["components"]["responses"][r["$ref"].rsplit("/", 1)[1]]
        return r["content"]

    def schema_of_body(self, op, kind="application/json"):
        return op["requestBody"]["content"][kind]["schema"]

    def __call__(self, method, target, body=None, status=200, etag=None, kind=None):
        path, op = self.operation(method, target.split("?")[0])
        headers = {k: v for k, v in (("If-Match", etag), ("Content-Type", kind)) if v is not None}
        reply = ask(self.one.socket, method, target, body, headers)
        assert reply.status == status, (method, target, body, reply.body)
        got = reply.headers["Content-Type"]
        media = self.response(op, status)
        assert got in media, (method, target, got)
        validate(self.doc, media[got]["schema"], reply.json if got == "application/json" else reply.body)
        if status == 200:
            self.good.add((method, path))
            if isinstance(body, dict) and "requestBody" in op:
                validate(self.doc, self.schema_of_body(op), body)
        else:
            self.bad.add((method, path))
            assert reply.json["error"].strip(), "a refusal says why"
        return reply

    def version(self):
        return self("GET", CONFIG).headers["ETag"]


@pytest.fixture
def api(walked):
    one, good, bad = walked
    return Api(one, good, bad)


def test_the_document_holds_the_schema_of_the_config(api):
    whole = api.doc["components"]["schemas"]["config"]
    printed = json.loads(api.one.weir("config", "schema").stdout)
    assert {k: v for k, v in whole.items() if k != "$id"} == printed
    running = api("GET", CONFIG).json  # validated against it
    assert running["interfaces"]["lan"]["port"] == "a"
    wrong = {**running, "interfaces": {"lan": {"port": "a", "mtu": 67}}}
    assert not Draft202012Validator(printed).is_valid(wrong)


def test_what_is_shown(api):
    running = api("GET", CONFIG)
    assert yaml.safe_load(api("GET", f"{CONFIG}?format=yaml").body)["interfaces"].keys() == running.json["interfaces"].keys()
    for source in ("running", "applied", "startup", "1"):
        assert api("GET", f"{CONFIG}?source={source}").json["interfaces"].keys() == running.json["interfaces"].keys()
        api("GET", f"{CONFIG}?source={source}&format=yaml")
    for query, status in (("source=99", 404), ("source=0", 400), ("source=x", 400), ("source=-1", 400), ("source=99999999999", 400),
                          ("format=xml", 400), ("format=", 400), ("nonsense=1", 400)):
        api("GET", f"{CONFIG}?{query}", status=status)
    api("GET", "/v1/config/diff")
    api("GET", "/v1/config/diff?nonsense=1", status=400)
    api("GET", "/v1/config/history")
    api("GET", "/v1/config/history?nonsense=1", status=400)
    api("GET", "/v1/config/history/1")
    for name, status in (("99", 404), ("0", 400), ("x", 400), ("1x", 400), ("4294967296", 400)):
        api("GET", f"/v1/config/history/{name}", status=status)


# Bodies of plan and apply that are refused: by the document as well, or only by what a schema cannot say.
UPLOADS = [
    ({}, 400, False),
    ({"files": []}, 400, False),
    ({"files": [{"name": "x"}]}, 400, False),
    ({"files": [{"name": "", "text": ""}]}, 400, False),
    ({"files": [{"name": "x", "text": 1}]}, 400, False),
    ({"files": [{"name": "x", "text": "", "more": 1}]}, 400, False),
    ({"files": [{"name": "x", "text": ""}] * 257}, 400, False),
    ({"files": "x"}, 400, False),
    ({"path": "relative"}, 400, False),
    ({"path": 1}, 400, False),
    ({"path": "/nonexistent/x.yaml"}, 422, True),
    ({"config": {}, "files": [{"name": "x", "text": ""}]}, 400, False),
    ({"config": {}, "confirm": 0}, 400, False),
    ({"config": {}, "confirm": "60"}, 400, False),
    ({"config": {}, "confirm": 86401}, 400, False),
    ({"config": {}, "message": 1}, 400, False),
    ({"config": {}, "message": "x" * 600}, 400, False),
    ({"config": {}, "on": 0}, 400, False),
    ({"config": {}, "on": "1"}, 400, False),
    ({"config": {}, "mesage": "x"}, 400, False),
    ({"config": []}, 422, False),
    ({"config": {"interfaces": {"lan": {"port": "a", "mtu": 67}}}}, 422, False),
    ({"config": {"interfaces": {"lan": {"prot": "a"}}}}, 422, False),
    ({"config": {"interfaces": {"lan": {"port": "nope"}}}}, 422, True),
    ({"files": [{"name": "a.yaml", "text": "interfaces: {lan: {port: nope}}\n"}]}, 422, True),
    ({"files": [{"name": "a.yaml", "text": "x: [" * 1000}]}, 422, True),
]


@pytest.mark.parametrize("body,status,schema_accepts", UPLOADS, ids=lambda v: str(v)[:60] if isinstance(v, dict) else None)
def test_what_is_no_upload(api, body, status, schema_accepts):
    before = api("GET", CONFIG)
    for verb in ("plan", "apply"):
        _, op = api.operation("POST", f"{CONFIG}/{verb}")
        api("POST", f"{CONFIG}/{verb}", body, status)
        whole = {**api.schema_of_body(op), "components": api.doc["components"]}
        assert Draft202012Validator(whole).is_valid(body) == schema_accepts
    after = api("GET", CONFIG)
    assert (after.body, after.headers["ETag"]) == (before.body, before.headers["ETag"])


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"\xff", b'{"config":{},"config":{}}', b"[" * 100000, b'{"config":' * 100],
                         ids=lambda b: str(b[:20]))
def test_what_is_no_json(api, body):
    etag = api.version()
    for method, path in (("POST", "/plan"), ("POST", "/apply"), ("POST", "/rollback"), ("POST", "/save"), ("POST", "/confirm"),
                         ("PUT", ""), ("PATCH", "")):
        api(method, CONFIG + path, body, 400, etag=etag)
    assert api.version() == etag


def test_changes(api):
    """Everything that works, in an order in which it does; the numbers go up one by one."""
    running = api("GET", CONFIG).json
    with_guest = {**running, "interfaces": {**running["interfaces"], "guest": GUEST}}
    plan = api("POST", f"{CONFIG}/plan", {"config": with_guest}).json
    assert (plan["running"], plan["version"], plan["added"], plan["refusal"]) == (1, "1", 1, None)
    files = [{"name": "a.yaml", "text": yaml.safe_dump(running)}, {"name": "b.yaml", "text": yaml.safe_dump({"interfaces": {"guest": GUEST}})}]
    assert api("POST", f"{CONFIG}/plan", {"files": files}).json["added"] == 1
    reply = api("POST", f"{CONFIG}/apply", {"files": files, "message": "guests", "on": plan["running"]})
    assert (reply.json["id"], reply.headers["ETag"]) == (2, '"2"')
    api("POST", f"{CONFIG}/apply", {"files": files, "on": 1}, 412)
    reply = api("PUT", f"{CONFIG}?message=put", running, etag='"2"')
    assert (reply.json["removed"], reply.headers["ETag"]) == (1, '"3"')
    reply = api("PUT", CONFIG, yaml.safe_dump(with_guest).encode(), etag='"3"', kind="application/yaml")
    reply = api("PATCH", f"{CONFIG}?confirm=600", {"interfaces": {"guest": None}}, etag='"4"')
    assert reply.json["confirm_within"] > 590
    api("POST", f"{CONFIG}/apply", {"config": running}, 409)
    api("PUT", CONFIG, running, 409, etag='"5"')
    api("POST", f"{CONFIG}/save", {}, 409)
    assert api("POST", f"{CONFIG}/rollback").json["id"] == 4
    api("PATCH", f"{CONFIG}?confirm=600", {"interfaces": {"guest": None}}, etag='"4"')
    assert api("POST", f"{CONFIG}/confirm").json["id"] == 6
    api("POST", f"{CONFIG}/confirm", status=404)
    assert api("POST", f"{CONFIG}/rollback", {"steps": 1, "message": "back", "on": 6}).json["id"] == 7
    assert api("POST", f"{CONFIG}/rollback", {"id": 1}).json["id"] == 8
    assert api("GET", "/v1/config/history/7").json["message"] == "back"
    api("POST", "/v1/routes", ROUTE)
    assert api("GET", "/v1/config/diff").json["different"]
    saved = api("POST", f"{CONFIG}/save", {"message": "keep"}).json
    assert saved["saved"] == 1 and os.path.exists(saved["path"])


@pytest.mark.parametrize("method,target,body,status", [
    ("POST", "/rollback", {"steps": 0}, 400), ("POST", "/rollback", {"steps": 1001}, 400), ("POST", "/rollback", {"steps": 999}, 404),
    ("POST", "/rollback", {"id": 0}, 400), ("POST", "/rollback", {"id": 4711}, 404), ("POST", "/rollback", {"id": "1"}, 400),
    ("POST", "/rollback", {"stpes": 1}, 400), ("POST", "/rollback", {"on": 4711}, 412), ("POST", "/rollback", {"message": 1}, 400),
    ("POST", "/rollback?nonsense=1", {}, 400), ("POST", "/confirm", {"x": 1}, 400), ("POST", "/confirm?x=1", {}, 400),
    ("POST", "/save", {"path": "/etc/passwd"}, 400), ("POST", "/save", {"message": "x" * 600}, 400), ("POST", "/save?x=1", {}, 400),
    ("PUT", "?confirm=0", {}, 400), ("PUT", "?confirm=x", {}, 400), ("PUT", "?confirm=86401", {}, 400), ("PUT", "?x=1", {}, 400),
    ("PUT", "", {"interfaces": {"lan": {"port": "nope"}}}, 422), ("PUT", "", {"interfaces": []}, 422),
    ("PATCH", "?message=" + "x" * 600, {}, 400), ("PATCH", "", {"interfaces": {"lan": {"mtu": 67}}}, 422),
    ("PATCH", "", {"nonsense": 1}, 422), ("PATCH", "", {"dpdk": {"file-prefix": "other"}}, 409),
])
def test_what_is_refused(api, method, target, body, status):
    before = api("GET", CONFIG)
    api(method, CONFIG + target, body, status, etag=before.headers["ETag"] if method in ("PUT", "PATCH") else None)
    after = api("GET", CONFIG)
    assert (after.body, after.headers["ETag"]) == (before.body, before.headers["ETag"])


def test_yaml_with_mistakes(api):
    reply = api("PUT", CONFIG, b"interfaces:\n  lan: {prot: a}\n", 422, etag=api.version(), kind="application/yaml")
    mistake = reply.json["errors"][0]
    assert (mistake["file"], mistake["line"], mistake["column"], mistake["hint"]) == ("body", 2, 9, "did you mean 'port'?")
    assert "^" in reply.json["rendered"]


def test_the_walk_was_whole(api):
    """Runs last: every operation of the document was done, and was refused, at least once."""
    described = {(m.upper(), p) for p, m, _ in operations(api.doc) if p.startswith(CONFIG)}
    if not api.good & {("POST", f"{CONFIG}/save")}:
        pytest.skip("needs the tests before it")
    assert described - api.good == set() and described - api.bad == set() and len(described) == 11


# --- nobody is overwritten ---

CHANGES = [("POST", "/v1/routes", ROUTE), ("PUT", "/v1/routes", ROUTE), ("DELETE", "/v1/routes", {"prefix": ROUTE["prefix"]}),
           ("POST", "/v1/neighbors", {"interface": "lan", "address": "10.0.1.77", "mac": "02:00:00:00:00:77"}),
           ("PUT", "/v1/neighbors", {"interface": "lan", "address": "10.0.1.77", "mac": "02:00:00:00:00:78"}),
           ("DELETE", "/v1/neighbors", {"interface": "lan", "address": "10.0.1.77"}),
           ("POST", "/v1/addresses", {"interface": "lan", "address": "10.9.9.1/24"}),
           ("PUT", "/v1/addresses", {"interface": "lan", "address": "10.9.8.1/24"}),
           ("DELETE", "/v1/addresses", {"interface": "lan", "address": "10.9.9.1/24"})]


def test_a_change_by_hand_is_a_new_version(one):
    """Each change takes If-Match, and makes what others have read old; what is refused does not."""
    api, seen = Api(one), ['"1"']
    assert api.version() == '"1"'
    for method, path, body in CHANGES:
        reply = api(method, path, body, etag=seen[-1])
        assert reply.headers["ETag"] == api.version() not in seen
        seen.append(reply.headers["ETag"])
        for old in (seen[-2], '"1"', '"nonsense"', "nonsense", f"W/{seen[-1]}"):
            api(method, path, body, 412, etag=old)
        assert api.version() == seen[-1]
    api("DELETE", "/v1/routes", {"prefix": "198.51.100.0/24"}, 404, etag="*")
    api("DELETE", "/v1/neighbors", {"flush": True})
    assert api.version() == seen[-1], "nothing that a configuration says has changed"
    api("PUT", CONFIG, {}, 412, etag='"1"')
    needed = {p["name"]: p["required"] for p in api.operation("PUT", CONFIG)[1]["parameters"]}
    assert needed["If-Match"] and not needed["confirm"]


def test_a_change_by_hand_is_not_hidden_by_what_was_read(one):
    """304 and If-Match compare what runs, not the number of the last apply."""
    api = Api(one)
    read = api("GET", CONFIG)
    assert ask(one.socket, "GET", CONFIG, headers={"If-None-Match": read.headers["ETag"]}).status == 304
    one.weir("route", "add", "blackhole", ROUTE["prefix"])
    reply = ask(one.socket, "GET", CONFIG, headers={"If-None-Match": read.headers["ETag"]})
    assert reply.status == 200 and ROUTE["prefix"] in reply.body
    # Somebody read before, and would take the route away without having seen it.
    api("PUT", CONFIG, read.json, 412, etag=read.headers["ETag"])
    # The applied configuration is as it was: what changes that may go on.
    applied = api("GET", f"{CONFIG}?source=applied").headers["ETag"]
    assert applied == '"1-applied"'
    api("PATCH", CONFIG, {"icmp": {"echo": False}}, etag=applied)
    api("PATCH", CONFIG, {"icmp": {"echo": True}}, 412, etag=applied)
    api("POST", "/v1/routes", {"prefix": "198.51.100.0/24", "type": "blackhole"}, 412, etag='"2-applied"')


def test_versions_of_another_run_are_old(one):
    """The same number of changes by hand after a restart is another version."""
    api = Api(one)
    api("POST", "/v1/routes", ROUTE)
    before = api.version()
    one.stop()
    one.start(TWO)
    api("POST", "/v1/routes", {"prefix": "198.51.100.0/24", "type": "blackhole"})
    assert api.version() != before
    api("POST", "/v1/routes", ROUTE, 412, etag=before)


def race(one, calls):
    """All at once; their statuses."""
    barrier, result = threading.Barrier(len(calls)), [None] * len(calls)

    def run(i, call):
        barrier.wait()
        result[i] = ask(one.socket, *call).status
    threads = [threading.Thread(target=run, args=(i, c)) for i, c in enumerate(calls)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return result


def test_of_several_at_once_one_wins(one):
    """Put, patched, applied, taken back or changed by hand: all have read the same version."""
    api = Api(one)
    one.weir("config", "apply", one.config(one.whole(TWO + "icmp: {echo: false}\n"), "next.yaml"))
    for turn in range(15):
        read = api("GET", CONFIG)
        match = {"If-Match": read.headers["ETag"]}
        mtu = 1300 + turn
        changed = json.loads(read.body)
        changed["interfaces"]["wan"]["mtu"] = mtu
        statuses = race(one, [
            ("PUT", CONFIG, changed, match),
            ("PATCH", CONFIG, {"interfaces": {"lan": {"mtu": mtu}}}, match),
            ("POST", f"{CONFIG}/apply", {"config": {**changed, "icmp": {"echo": turn % 2 == 0}}}, match),
            ("POST", "/v1/routes", {"prefix": f"192.0.2.{turn}/32", "type": "blackhole"}, match),
            ("POST", f"{CONFIG}/rollback", {}, match),
        ])
        assert sorted(statuses) == [200, 412, 412, 412, 412], statuses
        assert api.version() != read.headers["ETag"]


def test_two_operators_at_the_command_line(one):
    """Both plan on the same configuration; who applies second is told who was first."""
    paths = [one.config(one.whole(TWO.replace("10.0.2.1/24", f"10.0.2.{n}/24")), f"{n}.yaml") for n in (8, 9)]
    assert all("on configuration 1" in one.weir("config", "plan", p).stdout for p in paths)
    one.weir("config", "apply", paths[0], "--on", "1")
    p = one.weir("config", "apply", paths[1], "--on", "1", check=False)
    assert p.returncode == 1 and "configuration 2 of root runs, not 1" in p.stderr
    assert "10.0.2.8/24" in one.weir("config", "show").stdout
    assert "10.0.2.8" in one.weir("config", "history", "2").stdout
    p = one.weir("config", "rollback", "--on", "1", check=False)
    assert p.returncode == 1 and "not 1" in p.stderr
    one.weir("config", "rollback", "--on", "2")
