# SPDX-License-Identifier: BSD-3-Clause
"""The dashboard and the alerts that come with weir speak of metrics that weir has, with the labels it has."""
import json
import os
import re
import subprocess
import urllib.request

import pytest
import yaml

from test_service import CONFIG, Service

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DASHBOARD = os.path.join(REPO, "packaging/grafana/weir.json")
ALERTS = os.path.join(REPO, "packaging/prometheus/alerts.yml")
PORT = 20000 + os.getpid() % 20000
GIVEN_BY_PROMETHEUS = {"up": {"job", "instance"}}


@pytest.fixture(scope="module")
def metrics():
    """name -> labels, of a daemon with a port, an interface and a worker."""
    s = Service(config=CONFIG + "metrics: {{listen: [{{address: 127.0.0.1, port: %d}}]}}\n" % PORT)
    try:
        s.start().hear("READY=1", wait=30)
        with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics", timeout=10) as answer:
            text = answer.read().decode()
    finally:
        s.close()
    found = {k: set(v) for k, v in GIVEN_BY_PROMETHEUS.items()}
    for line in text.splitlines():
        if not line.startswith("#"):
            name = re.match(r"[a-z0-9_]+", line).group(0)
            found.setdefault(name, {"job", "instance"}).update(re.findall(r'[{,]([a-z_]+)="', line))
    return found


def dashboard_queries():
    with open(DASHBOARD) as f:
        dashboard = json.load(f)
    for panel in dashboard["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"], target["legendFormat"]
    for var in dashboard["templating"]["list"]:
        if var["type"] == "query":
            yield var["name"], re.match(r"label_values\((.*), (\w+)\)", var["definition"]).group(1), ""
    for a in dashboard["annotations"]["list"]:
        yield a["name"], a["expr"], ""


def alert_queries():
    with open(ALERTS) as f:
        for rule in yaml.safe_load(f)["groups"][0]["rules"]:
            text = " ".join(rule["annotations"].values())
            yield rule["alert"], rule["expr"], " ".join("{{%s}}" % x for x in re.findall(r"\$labels\.(\w+)", text))


def check(metrics, what, expr, legend):
    names = re.findall(r"\b(?:weir|process)_[a-z0-9_]+|\bup\b", re.sub(r'"[^"]*"', "", expr))
    assert names, f"{what}: {expr} names no metric"
    for name in names:
        assert name in metrics, f"{what}: weir has no metric {name}"
    known = set.union(*(metrics[n] for n in names))
    grouped = re.search(r"by \(([^)]*)\)", expr)
    used = set(re.findall(r"{{(\w+)}}", legend)) | set(re.findall(r'[{,](\w+)[=!]~?"', expr))
    used |= {x.strip() for x in grouped.group(1).split(",")} if grouped else set()
    assert used <= known, f"{what}: {used - known} is no label of {names}"


@pytest.mark.needs("root")
def test_every_query_has_its_metrics(metrics):
    queries = [*dashboard_queries(), *alert_queries()]
    assert len(queries) > 35
    for what, expr, legend in queries:
        check(metrics, what, expr, legend)


@pytest.mark.needs("root", "promtool")
def test_prometheus_can_read_every_query():
    """The queries of the dashboard as rules, with its variables filled in."""
    rules = [{"record": f"q{i}", "expr": expr.replace("$__rate_interval", "1m").replace("$__interval", "1m")}
             for i, (_, expr, _) in enumerate(dashboard_queries())]
    p = subprocess.run(["promtool", "check", "rules", "/dev/stdin"], input=yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]}),
                       capture_output=True, text=True, check=False)
    assert p.returncode == 0, p.stdout + p.stderr


def test_the_dashboard_is_whole():
    with open(DASHBOARD) as f:
        dashboard = json.load(f)
    ids = [p["id"] for p in dashboard["panels"]]
    assert len(set(ids)) == len(ids)
    area = set()
    for p in dashboard["panels"]:
        g = p["gridPos"]
        cells = {(x, y) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])}
        assert not cells & area and g["x"] + g["w"] <= 24, f"{p['title']} lies on another panel"
        area |= cells
