# SPDX-License-Identifier: BSD-3-Clause
"""The dashboard's queries, asked of a real Prometheus that reads a working router: what a panel would draw."""
import http.client
import json
import time
import urllib.parse

import pytest

from daemons import Daemon
from lab import inside, run
from rest import warm
from test_forwarding import TWO, answered, two_hosts
from test_monitoring import alert_queries, dashboard_queries
from twin import until

METRICS, PROMETHEUS = 9473, 9090
CONFIG = TWO + f"metrics: {{listen: [{{address: 127.0.0.1, port: {METRICS}}}]}}\n"
SCRAPE = f"""
global: {{scrape_interval: 500ms}}
scrape_configs:
  - job_name: weir
    static_configs: [{{targets: ["127.0.0.1:{METRICS}"]}}]
"""
VARIABLES = {"$job": "weir", "$instance": ".*", "$__rate_interval": "20s", "$__interval": "20s"}
# Nothing to draw on a router in good health, or the drawing is of changes.
MAY_BE_EMPTY = {"Errors by reason", "Ports without link", "Configurations"}


def ask(ns, query):
    with inside(ns):
        c = http.client.HTTPConnection("127.0.0.1", PROMETHEUS, timeout=10)
        c.request("GET", "/api/v1/query?" + urllib.parse.urlencode({"query": query}))
    answer = json.loads(c.getresponse().read())
    c.close()
    assert answer["status"] == "success", answer
    return [(r["metric"], float(r["value"][1])) for r in answer["data"]["result"]]


def ready(ns):
    try:
        return ask(ns, "count_over_time(weir_uptime_seconds[20s]) >= 3")
    except (OSError, ValueError):  # not there yet, or still reading its store
        return None


@pytest.fixture(scope="module")
def prometheus(module_lab):
    one = warm(two_hosts(module_lab, config=CONFIG))
    run("ip", "link", "set", "lo", "up", ns=one.ns)
    with open(f"{one.dir}/prometheus.yml", "w", encoding="utf-8") as f:
        f.write(SCRAPE)
    server = Daemon(one, one.ns, "prometheus", f"--config.file={one.dir}/prometheus.yml", f"--storage.tsdb.path={one.dir}/tsdb",
                    f"--web.listen-address=127.0.0.1:{PROMETHEUS}", log=f"{one.dir}/prometheus.log")
    until(lambda: ready(one.ns), 60)
    for _ in range(4):  # through and to nobody; cycles are measured in one burst of 32
        assert answered(one.a.ping("10.0.2.2", count=100, i=0.005))
        one.a.ping("203.0.113.1", count=1, W=1)
    time.sleep(1)
    yield one
    server.kill()


def filled(expr):
    for name in sorted(VARIABLES, key=len, reverse=True):
        expr = expr.replace(name, VARIABLES[name])
    return expr


@pytest.mark.needs("prometheus")
def test_every_panel_has_something_to_draw(prometheus):
    empty = [title for title, expr, _ in dashboard_queries() if not ask(prometheus.ns, filled(expr))]
    assert set(empty) <= MAY_BE_EMPTY


@pytest.mark.needs("prometheus")
def test_what_the_panels_show_is_what_happened(prometheus):
    queries = {title: filled(expr) for title, expr, _ in dashboard_queries()}
    assert all(value > 0 for _, value in ask(prometheus.ns, queries["Received"]))
    assert "route-none" in {metric["reason"] for metric, _ in ask(prometheus.ns, queries["Drops by reason"])}
    assert {metric["interface"] for metric, _ in ask(prometheus.ns, queries["Packets received"])} >= {"lan", "wan"}
    assert {metric["stage"] for metric, value in ask(prometheus.ns, queries["Cycles per packet by stage"]) if value > 0} >= {"parse", "route", "tx"}
    assert all(0 <= value < 1 for _, value in ask(prometheus.ns, queries["Packet buffers in use"]))


@pytest.mark.needs("prometheus")
def test_no_alert_of_a_router_in_good_health(prometheus):
    raised = {name for name, expr, _ in alert_queries() if ask(prometheus.ns, expr)}
    assert raised <= {"WeirRestarted"}, raised
