# SPDX-License-Identifier: BSD-3-Clause
"""The API against its own description: every path and method of /v1/openapi.json is asked, and every reply is what the
document promises."""
import copy
import pathlib
import re

import pytest
from jsonschema import Draft202012Validator

from rest import ask, warm
from test_forwarding import two_hosts

SOURCES = pathlib.Path(__file__).resolve().parents[2] / "src"

# What stands for {name} in a path, and parameters a path does not work without.
NAMES = {"/v1/interfaces/{name}": "lan"}
NEEDED = {"/v1/route": "address=10.0.2.2"}
MORE = {"/v1/routes": ["limit=all", "family=6", "limit=1", "after=10.0.0.0/8"], "/v1/ports": ["xstats=1"],
        "/v1/drops": ["all=1"], "/v1/neighbors": ["interface=lan"]}
# Bodies that are accepted, in this order: later ones find what earlier ones did.
ROUTE = {"prefix": "192.0.2.0/24", "via": [{"address": "10.0.2.2", "weight": 2}], "distance": 7}
NEIGHBOR = {"interface": "lan", "address": "10.0.1.77", "mac": "02:00:00:00:00:77"}
ADDRESS = {"interface": "lan", "address": "10.9.9.1/24"}
BODIES = [
    ("POST", "/v1/routes", ROUTE),
    ("PUT", "/v1/routes", {**ROUTE, "distance": 9}),
    ("DELETE", "/v1/routes", {"prefix": "192.0.2.0/24"}),
    ("POST", "/v1/routes", {"routes": [{"prefix": "192.0.2.0/24", "type": "blackhole"}, {"prefix": "2001:db8:9::/48", "type": "prohibit"}]}),
    ("POST", "/v1/neighbors", NEIGHBOR),
    ("PUT", "/v1/neighbors", NEIGHBOR),
    ("DELETE", "/v1/neighbors", {"interface": "lan", "address": "10.0.1.77"}),
    ("DELETE", "/v1/neighbors", {"flush": True}),
    ("POST", "/v1/addresses", ADDRESS),
    ("PUT", "/v1/addresses", ADDRESS),
    ("DELETE", "/v1/addresses", ADDRESS),
    ("POST", "/v1/counters/clear", {}),
    ("POST", "/v1/sessions/clear", {"protocol": "tcp", "port": 179}),
    ("POST", "/v1/acls/clear", {}),
]
# Walked by test_api_config.py: configurations change much more than one object.
ELSEWHERE = re.compile(r"^/v1/(config(/|$)|kernel/diff$)")


@pytest.fixture(scope="module")
def one(module_lab):
    return warm(two_hosts(module_lab))


@pytest.fixture(scope="module")
def api(one):
    doc = ask(one.socket, "GET", "/v1/openapi.json").json
    for method, path, _ in BODIES:
        assert method.lower() in doc["paths"].get(path, {}), f"{method} {path} is not in the document"
    return doc


def validate(doc, schema, value):
    whole = {**copy.deepcopy(schema), "components": doc["components"]}
    errors = [f"{list(e.absolute_path)}: {e.message}" for e in Draft202012Validator(whole).iter_errors(value)]
    assert errors == []


def operations(doc):
    return [(path, method, op) for path, item in doc["paths"].items() for method, op in item.items()]


def reply_schema(op, kind="application/json"):
    return op["responses"]["200"]["content"].get(kind, {}).get("schema")


def check_error(doc, reply, status):
    assert reply.status == status, reply.body
    schema = doc["components"]["responses"]["error"]["content"]["application/json"]["schema"]
    validate(doc, schema, reply.json)
    assert reply.json["error"] != ""


def test_the_document_is_openapi(api):
    assert api["openapi"].startswith("3.1")
    Draft202012Validator.check_schema(api["components"]["schemas"]["error"])
    ids = [op["operationId"] for _, _, op in operations(api)]
    assert len(ids) == len(set(ids)) > 20
    for path, method, op in operations(api):
        assert op["summary"].endswith("."), (method, path)
        assert op["x-role"] in ("ro", "rw") and (op["x-role"] == "ro" or method != "get")
        for content in [r["content"] for r in [op["responses"]["200"]]] + [op.get("requestBody", {}).get("content", {})]:
            for media in content.values():
                Draft202012Validator.check_schema(media["schema"])
        holes = re.findall(r"{(\w+)}", path)
        assert [p["name"] for p in op.get("parameters", []) if p["in"] == "path"] == holes


def test_no_endpoint_is_missing_from_it(api):
    """Every row of an endpoint table in the source."""
    rows = set()
    for file in (f for f in SOURCES.rglob("*.c") if "test" not in f.name):
        rows |= set(re.findall(r'\{\s*"(GET|POST|PUT|PATCH|DELETE)",\s*"(/[^"]*)"', file.read_text()))
    assert len(rows) > 20
    described = {(method.upper(), path) for path, method, _ in operations(api)}
    assert rows - described == set()


def test_every_get_keeps_its_promise(one, api):
    asked = 0
    for path, method, op in operations(api):
        if method != "get" or reply_schema(op) is None or ELSEWHERE.match(path):
            continue
        assert "{" not in path or path in NAMES, f"say in NAMES what stands for the hole in {path}"
        target = re.sub(r"{\w+}", NAMES.get(path, ""), path)
        for query in [NEEDED.get(path)] + MORE.get(path, []):
            reply = ask(one.socket, "GET", target + (f"?{query}" if query else ""))
            assert reply.status == 200, (target, query, reply.body)
            assert reply.headers["Content-Type"] == "application/json"
            validate(api, reply_schema(op), reply.json)
            asked += 1
        check_error(api, ask(one.socket, "GET", target + "?nonsense=1"), 400)
        for wrong in {"POST", "PUT", "PATCH", "DELETE"} - {m.upper() for m in api["paths"][path]}:
            reply = ask(one.socket, wrong, target, {})
            check_error(api, reply, 405)
            assert set(reply.headers["Allow"].split(", ")) == {m.upper() for m in api["paths"][path]}
    assert asked > 20


def test_every_change_keeps_its_promise(one, api):
    described = {(m.upper(), p) for p, m, op in operations(api) if m != "get" and not ELSEWHERE.match(p)}
    assert described == {(m, p) for m, p, _ in BODIES}, "say in BODIES what to send"
    for method, path, body in BODIES:
        op = api["paths"][path][method.lower()]
        if "requestBody" in op:
            validate(api, op["requestBody"]["content"]["application/json"]["schema"], body)
        reply = ask(one.socket, method, path, body)
        assert reply.status == 200, (method, path, body, reply.body)
        validate(api, reply_schema(op), reply.json)
    left = {r["prefix"] for r in ask(one.socket, "GET", "/v1/routes?limit=all").json["routes"]}
    assert {"192.0.2.0/24", "2001:db8:9::/48"} <= left and "10.9.9.0/24" not in left


BAD = [
    ("POST", "/v1/routes", {"prefix": "192.0.2.0/24", "gateway": "10.0.2.2"}),
    ("POST", "/v1/routes", {"prefix": 7}),
    ("POST", "/v1/routes", {"prefix": "198.51.100.0/24", "via": [{"address": "10.0.2.2", "weight": 0}]}),
    ("POST", "/v1/routes", {"prefix": "198.51.100.0/24", "via": [{"address": "10.0.2.2", "weight": "1"}]}),
    ("POST", "/v1/routes", {"prefix": "198.51.100.0/24", "type": "blackhol"}),
    ("POST", "/v1/routes", {"prefix": "198.51.100.0/24", "via": [{}] * 65}),
    ("POST", "/v1/routes", {"routes": [{"type": "blackhole"}]}),
    ("DELETE", "/v1/routes", {"prefix": "198.51.100.0/24", "distance": 1}),
    ("POST", "/v1/neighbors", {"interface": "lan", "address": "10.0.1.78"}),
    ("POST", "/v1/neighbors", {"interface": "lan", "address": "10.0.1.78", "mac": "zz"}),
    ("DELETE", "/v1/neighbors", {"flush": "yes"}),
    ("POST", "/v1/addresses", {"interface": "lan"}),
    ("POST", "/v1/counters/clear", {"all": True}),
]


@pytest.mark.parametrize("method,path,body", BAD)
def test_what_the_document_forbids_is_refused(one, api, method, path, body):
    """The daemon and the schema come to the same verdict."""
    op = api["paths"][path][method.lower()]
    if "requestBody" in op:
        schema = op["requestBody"]["content"]["application/json"]["schema"]
        assert not Draft202012Validator(schema).is_valid(body)
    check_error(api, ask(one.socket, method, path, body), 400)
    assert "198.51.100.0/24" not in ask(one.socket, "GET", "/v1/routes?limit=all").body


@pytest.mark.parametrize("body,status", [
    (b"{", 400), (b"[]", 400), (b"\xff\xfe", 400), (b"{}{}", 400), (b'{"a":1,"a":2}', 400), (b"null", 400),
    (b"[" * 100000, 400), (b'{"routes":[' + b"1," * 600000 + b"1]}", 413), (b" " * (17 << 20), 413)])
def test_what_is_no_json_object_is_refused(one, api, body, status):
    check_error(api, ask(one.socket, "POST", "/v1/routes", body), status)
    assert ask(one.socket, "GET", "/v1/version").status == 200


def test_versions_of_documents(one):
    first = ask(one.socket, "GET", "/v1/openapi.json")
    tag = first.headers["ETag"]
    assert tag.startswith('"')
    again = ask(one.socket, "GET", "/v1/openapi.json", headers={"If-None-Match": f'"other", W/{tag}'})
    assert (again.status, again.body) == (304, "")
    assert ask(one.socket, "GET", "/v1/openapi.json", headers={"If-None-Match": '"other"'}).body == first.body


def test_pages_and_the_whole_table_hold_the_same_routes(one):
    routes = [{"prefix": f"100.{64 + i // 256}.{i % 256}.0/24", "type": "blackhole"} for i in range(3000)]
    assert ask(one.socket, "POST", "/v1/routes", {"routes": routes}).status == 200
    paged, after = [], ""
    while after is not None:
        page = ask(one.socket, "GET", f"/v1/routes?limit=700{after and '&after=' + after}").json
        paged += page["routes"]
        after = page["next"]
    whole = ask(one.socket, "GET", "/v1/routes?limit=all")
    assert whole.headers["Transfer-Encoding"] == "chunked" and whole.json["next"] is None
    assert [r["prefix"] for r in whole.json["routes"]] == [r["prefix"] for r in paged]
    assert {r["prefix"] for r in routes} <= {r["prefix"] for r in paged} and len(paged) > 3000
