# SPDX-License-Identifier: BSD-3-Clause
"""Kernel links with the names of weir's interfaces, made by hand, and waiting for what the mirror makes of them."""
import json
import time

from lab import run

CONFIG = """
interfaces:
  lan: {port: a, addresses: [10.0.0.1/24, "2001:db8:a::1/64"]}
  wan: {port: b, addresses: [10.0.1.1/24, "2001:db8:b::1/64"]}
"""
ADDRESSES = {"lan": ("10.0.0.1/24", "2001:db8:a::1/64"), "wan": ("10.0.1.1/24", "2001:db8:b::1/64")}


def link(ns, name, addresses=(), peer=None):
    """A link that is up, with carrier."""
    peer = peer or f"{name}-k"
    run("ip", "link", "add", name, "type", "veth", "peer", "name", peer, ns=ns)
    run("sysctl", "-qw", f"net.ipv6.conf.{name}.disable_ipv6=0", ns=ns)
    run("sysctl", "-qw", f"net.ipv6.conf.{name}.accept_dad=0", ns=ns)
    run("ip", "link", "set", peer, "up", ns=ns)
    run("ip", "link", "set", name, "up", ns=ns)
    for a in addresses:
        run("ip", "addr", "add", a, "dev", name, *(["nodad"] if ":" in a else []), ns=ns)


def make(lab):
    """Twins of `lan` and `wan`; the kernel answers no ARP on the ports."""
    for key in ("all", "default"):
        run("sysctl", "-qw", f"net.ipv6.conf.{key}.disable_ipv6=0", ns=lab.ns)
    for h in lab.hosts.values():
        run("sysctl", "-qw", f"net.ipv6.conf.{h.port}.disable_ipv6=1", ns=lab.ns)
    run("sysctl", "-qw", "net.ipv4.conf.all.arp_ignore=1", ns=lab.ns)
    run("ip", "link", "set", "lo", "up", ns=lab.ns)
    for name, addresses in ADDRESSES.items():
        link(lab.ns, name, addresses)


def ip(lab, *argv, **kw):
    return run("ip", *argv, ns=lab.ns, **kw)


def batch(lab, lines, timeout=120):
    """`ip -batch`; the seconds it took."""
    path = f"{lab.dir}/batch"
    with open(path, "w", encoding="utf-8") as f:
        f.write("\n".join(lines) + "\n")
    begin = time.monotonic()
    run("ip", "-force", "-batch", path, ns=lab.ns, timeout=timeout)
    return time.monotonic() - begin


def source(lab, name="kernel"):
    return next((s for s in lab.show("sources")["sources"] if s["name"] == name), None)


def routes(lab, vrf=None, kind="kernel"):
    doc = lab.show("routes", *(["vrf", vrf] if vrf else []))
    return [r for r in doc["routes"] if r["source"] == kind]


def brief(r):
    """(prefix, type, [(address, interface, weight)]) of a route."""
    return (r["prefix"], r["type"], sorted((v["address"], v["interface"], v["weight"]) for v in r["via"]))


def until(what, seconds=5.0, every=0.05):
    """Calls `what` until it is true; its value."""
    end = time.monotonic() + seconds
    while True:
        got = what()
        if got or time.monotonic() > end:
            return got
        time.sleep(every)


def route(lab, prefix, seconds=3.0, **want):
    """The route of the kernel to a prefix, once it is there and has these values."""
    found = until(lambda: next((r for r in routes(lab) if r["prefix"] == prefix and
                                all(r[k] == v for k, v in want.items())), None), seconds)
    assert found, f"{prefix} {want}: {[r for r in routes(lab) if r['prefix'] == prefix]}, {source(lab)}"
    return found


def no_route(lab, prefix, seconds=3.0):
    assert until(lambda: prefix not in [r["prefix"] for r in routes(lab)], seconds), prefix


def same_as_kernel(lab, seconds=10.0):
    """`weir kernel diff` finds nothing, once things have settled."""
    last = []

    def look():
        last[:] = [lab.weir("kernel", "diff", check=False, timeout=90)]
        return last[0].returncode == 0
    assert until(look, seconds, 0.2), last[0].stdout + last[0].stderr
    return last[0].stdout


def synced(lab, seconds=10.0):
    assert until(lambda: (source(lab) or {}).get("state") == "synced", seconds), lab.show("sources")


def kernel_routes(lab, *argv):
    """What `ip -j` says; nothing for a table that is not there."""
    p = ip(lab, "-j", *argv, check=False)
    return json.loads(p.stdout or "[]") if p.returncode == 0 else []
