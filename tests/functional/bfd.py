# SPDX-License-Identifier: BSD-3-Clause
"""BFD of FRR through a twin while its port forwards a flood: what test_bfd_load.py and tests/bench/bfd.py share."""
import ipaddress
import json
import os
import time

from scapy.all import IP, UDP, Ether, Raw

from daemons import Frr
from flood import Flood, Witness
from lab import run
from twin import has_carrier, twin, until

BFD_PORT = 3784
CONFIG = """
interfaces:
  lan: {port: a, addresses: [10.0.1.1/24]}
  wan: {port: b, addresses: [10.0.2.1/24]}
neighbors:
  - {interface: wan, address: 10.0.2.9, mac: "02:00:00:00:02:aa"}
  - {interface: lan, address: 10.0.1.9, mac: "02:00:00:00:01:aa"}
routes:
  - {prefix: 198.18.0.0/16, via: [{address: 10.0.2.9}]}
  - {prefix: 198.19.0.0/16, via: [{address: 10.0.1.9}]}
kernel: {}
"""
PEER = """ peer {0} local-address {1} interface {2}
  transmit-interval {3}
  receive-interval {3}
  detect-multiplier 3
"""


def vtysh(lab, where, command, ns):
    return run("vtysh", "--vty_socket", f"{lab.dir}/{where}", "-c", command, ns=ns, check=False).stdout


class Session:
    """A BFD session between weir's twin `lan` and host a, by FRR on both sides, and one of the same daemons by a cable that
    has nothing to do with weir: when that one fails, too, the machine did not let the daemons run."""

    def __init__(self, lab, ms=50):
        self.lab = lab
        run("ip", "link", "add", "plain", "type", "veth", "peer", "name", "plain", "netns", lab.a.ns, ns=lab.ns)
        for ns, address in ((lab.ns, "10.9.9.1/24"), (lab.a.ns, "10.9.9.2/24")):
            run("ip", "addr", "add", address, "dev", "plain", ns=ns)
            run("ip", "link", "set", "plain", "up", ns=ns)
        for where, ns, us, them, dev in (("near", lab.ns, "1", "2", "lan"), ("far", lab.a.ns, "2", "1", "eth")):
            frr = Frr(lab, ns, where)
            frr.start("zebra")
            d = frr.start("bfdd", "hostname b\nbfd\n" + PEER.format("10.0.1." + them, "10.0.1." + us, dev, ms) +
                          PEER.format("10.9.9." + them, "10.9.9." + us, "plain", ms))
            os.sched_setscheduler(d.p.pid, os.SCHED_RR, os.sched_param(10))  # how late the daemon runs is not the question
        until(self.up, 30, 0.2)

    def peers(self, what=""):
        """What both sides say, near first."""
        out = []
        for where, ns in (("near", self.lab.ns), ("far", self.lab.a.ns)):
            text = vtysh(self.lab, where, f"show bfd peers {what} json", ns)
            try:
                out += json.loads(text)
            except json.JSONDecodeError:
                pass
        return out

    def up(self):
        peers = self.peers()
        return len(peers) == 4 and all(p["status"] == "up" for p in peers)

    def changes(self, net="10.0.1."):
        """(times up, times down), both sides together; of the other session with 10.9.9."""
        c = [p for p in self.peers("counters") if p["peer"].startswith(net)]
        return sum(p.get("session-up", 0) for p in c), sum(p.get("session-down", 0) for p in c)


def frames(mac_from, mac_to, source, net, count=64, size=64):
    base = int(ipaddress.ip_address(net))
    return [bytes(Ether(src=mac_from, dst=mac_to) / IP(src=source, dst=str(ipaddress.ip_address(base + 1 + 7 * i))) /
                  UDP(sport=1000 + i, dport=9) / Raw(b"x" * (size - 46))) for i in range(count)]


def local_frames(mac_from, mac_to, count=16):
    """A flood of the router itself: it goes up as far as the rate of its class allows."""
    return [bytes(Ether(src=mac_from, dst=mac_to) / IP(src="10.0.1.9", dst="10.0.1.1") / UDP(sport=1000 + i, dport=9) / Raw(b"x" * 18))
            for i in range(count)]


def start(lab, workers=1, polling="busy"):
    lab.a.kernel("10.0.1.2/24")
    lab.b.raw()
    run("ip", "link", "set", "lo", "up", ns=lab.ns)
    lab.start(CONFIG, workers=workers, dataplane=f", polling: {polling}")
    until(lambda: has_carrier("lan", lab.ns))
    lab.b.sock.close()
    lab.b.sock = None


def first(lab):
    """All threads of the daemon before what else the machine does; not with busy polling."""
    for tid in os.listdir(f"/proc/{lab.daemon.pid}/task"):
        os.sched_setscheduler(int(tid), os.SCHED_RR, os.sched_param(5))


def ports(lab):
    return {p["name"]: p for p in lab.show("ports")["ports"]}


def measure(lab, session, seconds, pps=None, back=None, local=None):
    """Floods a -> b with `pps`, b -> a with `back`, the router itself with `local` (None: as fast as the router forwards, 0:
    none)."""
    macs = lab.macs()
    floods = []
    for rate, ns, sink, text in ((pps, lab.a.ns, lab.b.ns, frames(lab.a.mac, macs["lan"], "10.0.1.9", "198.18.0.0")),
                                 (back, lab.b.ns, lab.a.ns, frames(lab.b.mac, macs["wan"], "10.0.2.9", "198.19.0.0")),
                                 (local, lab.a.ns, None, local_frames(lab.a.mac, macs["lan"]))):
        if rate != 0:
            floods.append(Flood(ns, text, rate, sink if rate is None else None))
    plain = session.changes("10.9.9.")
    before, row, rx, drops = session.changes(), twin(lab, "lan"), ports(lab), lab.drops()
    seen = {"up": Witness(lab.ns, "lan", BFD_PORT), "down": Witness(lab.a.ns, "eth", BFD_PORT)}
    begin = time.monotonic()
    for f in floods:
        f.thread.start()
    time.sleep(seconds)
    took = time.monotonic() - begin
    after = session.changes()
    still = session.up()
    for f in floods:
        f.__exit__()
    for w in seen.values():
        w.stop()
    last, now = twin(lab, "lan"), ports(lab)
    per = {p: {k: (now[p][k] - rx[p][k]) / took for k in ("rx_packets", "rx_missed", "tx_packets")} for p in now}
    classes = {c: {k: last["class"][c][k] - row["class"][c][k] for k in ("punted", "policed")} for c in last["class"]}
    ends = {k: v - drops[k] for k, v in lab.drops().items() if v != drops[k]}
    return {"seconds": took, "up": still, "ups": after[0] - before[0], "downs": after[1] - before[1],
            "plain": session.changes("10.9.9.")[1] - plain[1],
            "offered": sum(f.sent for f in floods) / took, "worst_up": seen["up"].worst(), "worst_down": seen["down"].worst(),
            "bfd_up": len(seen["up"].times), "bfd_down": len(seen["down"].times), "ports": per, "classes": classes, "ends": ends,
            "injected": last["injected"] - row["injected"], "inject_drops": last["inject_drops"] - row["inject_drops"]}


def tell(r):
    """The result as text."""
    lines = [f"{r['seconds']:.0f} s, offered {r['offered']:,.0f} packets/s; session {'up' if r['up'] else 'DOWN'}, "
             f"went down {r['downs']} times, up {r['ups']} times; the one beside weir went down {r['plain']} times",
             f"BFD packets: {r['bfd_up']} on the twin, longest gap {r['worst_up'] * 1000:.1f} ms; "
             f"{r['bfd_down']} at the peer, longest gap {r['worst_down'] * 1000:.1f} ms"]
    lines += [f"port {p}: received {v['rx_packets']:,.0f}/s, missed {v['rx_missed']:,.0f}/s, sent {v['tx_packets']:,.0f}/s"
              for p, v in r["ports"].items()]
    lines += ["up to the kernel: " + ", ".join(f"{c} {v['punted']} ({v['policed']} policed)" for c, v in r["classes"].items() if any(v.values())),
              f"down: {r['injected']} sent on, {r['inject_drops']} lost", f"ended: {r['ends']}"]
    return "\n".join(lines)
