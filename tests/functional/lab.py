# SPDX-License-Identifier: BSD-3-Clause
"""A small laboratory: network namespaces joined by nothing but weir.

Lab() makes one namespace for the daemon and one per host; each host has a veth whose other end is a port of
weir. A host is either a kernel host (addresses, ping, iperf3) or raw (no addresses: the test speaks scapy).
Everything is named after the process and removed at the end, also when a test fails.
"""
import contextlib
import ctypes
import errno
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time

from rest import Connection
from scapy.all import Ether, conf

conf.verb = 0
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
ETH_P_ALL = 0x0003
SOL_PACKET, PACKET_AUXDATA, SO_RCVBUFFORCE = 263, 8, 33
SO_TIMESTAMPNS = 35
WEIR = os.environ.get("WEIR_BIN", "build/src/cli/weir")
_serial = 0


def run(*argv, ns=None, check=True, timeout=30, **kw):
    """Runs a command (in a namespace) and returns the completed process with text output."""
    cmd = (["ip", "netns", "exec", ns] if ns else []) + [str(a) for a in argv]
    p = subprocess.run(cmd, capture_output=True, text=True, timeout=timeout, check=False, **kw)
    if check and p.returncode != 0:
        raise AssertionError(f"{' '.join(cmd)}: exit {p.returncode}\n{p.stdout}{p.stderr}")
    return p


@contextlib.contextmanager
def inside(ns):
    """The calling thread is in namespace `ns` within the block; sockets opened there stay there."""
    here = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{ns}", os.O_RDONLY)
    try:
        if LIBC.setns(there, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        yield
    finally:
        LIBC.setns(here, CLONE_NEWNET)
        os.close(here)
        os.close(there)


def with_tag(data, aux):
    """The kernel takes the outer VLAN tag off a received frame and says so beside it: put back."""
    for level, kind, value in aux:
        if (level, kind) == (SOL_PACKET, PACKET_AUXDATA):
            status, _, _, _, _, tci, tpid = struct.unpack("IIIHHHH", value[:20])
            if status & 0x10:  # TP_STATUS_VLAN_VALID
                tpid = tpid if status & 0x40 else 0x8100  # TP_STATUS_VLAN_TPID_VALID
                return data[:12] + struct.pack("!HH", tpid, tci) + data[12:]
    return data


def arrival(aux):
    """When the kernel got the frame, seconds since 1970."""
    for level, kind, value in aux:
        if (level, kind) == (socket.SOL_SOCKET, SO_TIMESTAMPNS):
            seconds, ns = struct.unpack("qq", value[:16])
            return seconds + ns / 1e9
    return time.time()


class Host:
    """One namespace with one interface `eth` towards weir."""

    def __init__(self, lab, name, mac):
        self.lab, self.name, self.mac = lab, name, mac
        self.ns = f"{lab.prefix}{name}"
        self.port = f"p-{name}"  # the interface in weir's namespace
        self.sock = None

    def up(self):
        run("ip", "netns", "add", self.ns)
        run("ip", "link", "add", "eth", "address", self.mac, "mtu", self.lab.mtu, "netns", self.ns,
            "type", "veth", "peer", "name", self.port, "mtu", self.lab.mtu, "netns", self.lab.ns)
        for key in ("all", "default", "eth"):
            run("sysctl", "-qw", f"net.ipv6.conf.{key}.disable_ipv6=1", ns=self.ns)
        # Without these the kernel leaves checksums and segmentation to a device that does not exist.
        run("ethtool", "-K", "eth", "tx", "off", "rx", "off", "tso", "off", "gso", "off", "gro", "off", ns=self.ns, check=False)
        run("ethtool", "-K", self.port, "tx", "off", "gro", "off", ns=self.lab.ns, check=False)
        run("ip", "link", "set", "lo", "up", ns=self.ns)
        run("ip", "link", "set", "eth", "up", ns=self.ns)
        run("ip", "link", "set", self.port, "up", ns=self.lab.ns)

    def kernel(self, *addresses, gateway=(), dev="eth"):
        """Makes this a kernel host with these addresses and default gateways."""
        run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=0", ns=self.ns)
        run("sysctl", "-qw", f"net.ipv6.conf.{dev}.disable_ipv6=0", ns=self.ns)
        for a in addresses:
            run("ip", "addr", "add", a, "dev", dev, *(["nodad"] if ":" in a else []), ns=self.ns)
        for g in gateway:
            run("ip", *(["-6"] if ":" in g else []), "route", "add", "default", "via", g, "dev", dev, ns=self.ns)
        return self

    def run(self, *argv, **kw):
        return run(*argv, ns=self.ns, **kw)

    def popen(self, *argv):
        p = subprocess.Popen(["ip", "netns", "exec", self.ns, *map(str, argv)],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.lab.children.append(p)
        return p

    def ping(self, to, count=2, **opts):
        """All at once: after the last request ping waits no longer than an interval or twice the slowest answer so far,
        whatever -W says, so on a busy machine a short interval makes an answer that comes late a lost one. More than may
        wait for an unknown neighbour go after one that made it known."""
        if count > 5:
            self.ping(to, 1, **opts)
        extra = [x for k, v in opts.items() for x in ([f"-{k}"] if v is True else [f"-{k}", str(v)])]
        return self.run("ping", "-c", count, "-l", count, "-i", "5", "-W", "5", *extra, to, check=False)

    # --- raw host ---

    def raw(self):
        if self.sock is None:
            with inside(self.ns):
                self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
                self.sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 16 << 20)
                self.sock.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
                self.sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
                self.sock.bind(("eth", 0))
        return self

    def send(self, *frames):
        self.raw()
        for f in frames:
            self.sock.send(bytes(f))
            self.lab.sent += 1
        self.lab.unseen |= len(frames) != 0

    def receive(self, wait=0.4, match=None, enough=None):
        """Frames that arrive until `wait` seconds after the router has dealt with everything that was sent (or until
        `enough` matched), as scapy packets with the time the kernel got them. They are looked at afterwards: that takes
        longer than receiving them."""
        self.raw()
        self.lab.processed()
        raw, got, end = [], [], time.monotonic() + wait

        def look():
            while raw:
                data, at = raw.pop(0)
                pkt = Ether(data)
                pkt.time = at
                if match is None or match(pkt):
                    got.append(pkt)
        while enough is None or len(got) < enough:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                break
            try:
                data, aux, _, address = self.sock.recvmsg(65536, 256)
            except OSError as e:  # the link went down: told once
                if e.errno != errno.ENETDOWN:
                    raise
                continue
            if address[2] != socket.PACKET_OUTGOING:
                raw.append((with_tag(data, aux), arrival(aux)))
            if enough is not None:
                look()
        look()
        return got

    def drain(self, idle=0.3):
        """Bytes of all frames until nothing comes for `idle` seconds: for floods, scapy takes 0.3 ms a packet."""
        self.raw()
        self.lab.processed()
        got = []
        while select.select([self.sock], [], [], idle)[0]:
            try:
                data, address = self.sock.recvfrom(65536)
            except OSError as e:
                if e.errno != errno.ENETDOWN:
                    raise
                continue
            if address[2] != socket.PACKET_OUTGOING:
                got.append(data)
        return got

    def flush(self):
        self.drain(idle=0.05)


class Lab:
    def __init__(self, hosts=("a", "b"), mtu=1500):
        global _serial
        _serial += 1
        self.prefix = f"w{os.getpid()}x{_serial}"
        self.ns = f"{self.prefix}weir"
        self.mtu = mtu
        self.dir = tempfile.mkdtemp(prefix="weir-lab-")
        self.socket = f"{self.dir}/weir.sock"
        self.hosts = {n: Host(self, n, f"02:00:00:00:{i + 1:02x}:aa") for i, n in enumerate(hosts)}
        self.children, self.programs, self.machines, self.daemon = [], [], [], None  # programs: see daemons.py
        self.sent, self.unseen = 0, False  # frames of raw hosts since the counters were zero; some are on their way
        run("ip", "netns", "add", self.ns)
        run("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", ns=self.ns)
        run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1", ns=self.ns)
        for h in self.hosts.values():
            h.up()

    def __getattr__(self, name):
        hosts = self.__dict__.get("hosts", {})
        if name in hosts:
            return hosts[name]
        raise AttributeError(name)

    # --- the daemon ---

    def config(self, text, name="weir.yaml"):
        path = f"{self.dir}/{name}"
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    def ports(self, driver="af_packet", **more):
        """The `ports:` section for all hosts."""
        extra = "".join(f", {k.replace('_', '-')}: {v}" for k, v in more.items())
        lines = [f"  {n}: {{device: \"{driver}:{h.port}\"{extra}}}" for n, h in self.hosts.items()]
        return "ports:\n" + "\n".join(lines) + "\n"

    def whole(self, config, workers=1, driver="af_packet", ports=None, port_options=None, dpdk_args=(), dataplane="",
              prefix=None):
        """A whole config file; `dataplane` adds keys to its section, `dpdk_args` more EAL arguments."""
        args = ", ".join(f'"{a}"' for a in ("--no-pci", *dpdk_args))
        head = (f"dataplane: {{workers: {workers}{dataplane}}}\n"
                f"dpdk: {{file-prefix: {prefix or self.prefix}, extra-args: [{args}]}}\n")
        return head + (ports if ports is not None else self.ports(driver, **(port_options or {}))) + config

    def attempt(self, text, *argv, socket=None, state=None, timeout=30):
        """A second daemon on this text that is expected to end by itself: the completed process, log in stderr."""
        path = self.config(text, "second.yaml")
        return run(WEIR, "run", "-c", path, "--socket", socket or f"{self.dir}/second.sock", "--state",
                   state or f"{self.dir}/second-state", *argv, ns=self.ns,
                   check=False, timeout=timeout)

    def wait_carriers(self, seconds=5.0):
        """The kernel notices within up to a second that a veth has its other end; until then its port is down. Ends that
        a test took down stay so."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            links = json.loads(run("ip", "-j", "link", "show", ns=self.ns).stdout)
            state = {link["ifname"]: link["operstate"] for link in links if "UP" in link["flags"]}
            if all(state.get(h.port, "UP") in ("UP", "LOWERLAYERDOWN") for h in self.hosts.values()):
                return
            time.sleep(0.02)

    def start(self, config, wait=True, argv=(), **kw):
        self.wait_carriers()
        self.sent, self.unseen = 0, False
        self.how = kw
        self.path = self.config(self.whole(config, **kw))
        self.log = open(f"{self.dir}/weir.log", "w+", encoding="utf-8")
        self.daemon = subprocess.Popen(
            ["ip", "netns", "exec", self.ns, WEIR, "run", "-c", self.path, "--socket", self.socket,
             "--state", f"{self.dir}/state", *argv],
            stdout=self.log, stderr=subprocess.STDOUT)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, seconds=30):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.daemon.poll() is not None:
                raise AssertionError(f"weir ended with {self.daemon.returncode}:\n{self.log_text()}")
            if os.path.exists(self.socket) and self.weir("show", "version", check=False).returncode == 0:
                return
            time.sleep(0.05)
        raise AssertionError(f"weir did not become ready:\n{self.log_text()}")

    def log_text(self):
        with open(f"{self.dir}/weir.log", encoding="utf-8", errors="replace") as f:
            return f.read()

    def totals(self):
        """The sums of `show drops`, by the shortest way; None while the daemon does not answer."""
        try:
            c = Connection(self.socket)
            c.request("GET", "/v1/drops")
            return json.loads(c.getresponse().read())["totals"]
        except (OSError, ValueError):
            return None
        finally:
            c.close()

    def processed(self, seconds=2.0):
        """Until the router has taken every frame the raw hosts sent and is done with it: on a busy machine it may not run
        for a while, and what comes out then is an answer all the same. Frames that got lost on the way (link down, ring of
        the port full) are given up after `seconds` without progress."""
        last, since = None, time.monotonic()
        while self.unseen and self.daemon is not None and self.daemon.poll() is None:
            t = self.totals()
            if t is None:
                return
            done = t["received"] + t["originated"] == t["transmitted"] + t["ended"] + t["held"]
            self.unseen = not done or t["received"] < self.sent
            if t != last:
                last, since = t, time.monotonic()
            elif self.unseen and time.monotonic() - since > seconds:
                self.sent, self.unseen = t["received"], False
            elif self.unseen:
                time.sleep(0.005)

    def weir(self, *argv, check=True, **kw):
        if argv[:2] == ("clear", "counters"):
            self.processed()
            self.sent = 0
        return run(WEIR, "-s", self.socket, *argv, check=check, **kw)

    def apply(self, config, *options, check=True):
        """`weir config apply` of another config with the same ports."""
        return self.weir("config", "apply", self.config(self.whole(config, **self.how)), *options, check=check)

    def show(self, *argv):
        """`weir -j show ...` as Python data."""
        return json.loads(self.weir("-j", "show", *argv).stdout)

    def drops(self):
        """Counts by reason, zero where a reason did not occur."""
        rows = self.show("drops")
        return Counts({r["reason"]: r["packets"] for r in rows["drops"]})

    def quiet(self):
        """A fresh start within a shared lab: nothing waits in the hosts' sockets, every counter is zero."""
        self.unseen = True  # also what the router itself has on its way
        self.processed()
        for h in self.hosts.values():
            if h.sock is not None:
                h.flush()
        self.weir("clear", "counters")

    def expect_drops(self, counts, seconds=10.0):
        """Exactly these reasons with exactly these counts, as soon as the packets have come through."""
        end = time.monotonic() + seconds
        while True:
            got = {k: v for k, v in self.drops().items() if v != 0}
            if got == counts:
                return
            if time.monotonic() > end:
                raise AssertionError(f"packets ended as {got}, expected {counts}")
            time.sleep(0.05)

    def macs(self):
        return {i["name"]: i["mac"] for i in self.show("interfaces")["interfaces"]}

    def wait_usable(self, seconds=5.0):
        """Until duplicate address detection is over everywhere."""
        end = time.monotonic() + seconds
        while any(a["state"] == "tentative" for i in self.show("interfaces")["interfaces"] for a in i["addresses"]):
            if time.monotonic() > end:
                raise AssertionError("an address stayed tentative")
            time.sleep(0.1)

    def settle(self, seconds=3.0):
        """Waits until received + originated = transmitted + reasons + held, and returns the totals."""
        end = time.monotonic() + seconds
        while True:
            t = self.show("drops", "--all")["totals"]
            if t["received"] + t["originated"] == t["transmitted"] + t["ended"] + t["held"]:
                return t
            if time.monotonic() > end:
                raise AssertionError(f"packets unaccounted for: {t}")
            time.sleep(0.05)

    def stop(self, expect=0):
        if self.daemon is None:
            return
        if self.daemon.poll() is None:
            self.daemon.send_signal(signal.SIGTERM)
        try:
            code = self.daemon.wait(15)
        except subprocess.TimeoutExpired:
            self.daemon.kill()
            self.daemon.wait()
            raise AssertionError(f"weir did not stop within 15 s:\n{self.log_text()}") from None
        finally:
            self.log.close()
            self.daemon = None
        if expect is not None and code != expect:
            raise AssertionError(f"weir ended with {code}:\n{self.log_text()}")

    def end_programs(self):
        while self.programs:
            self.programs.pop().stop()

    def close(self):
        self.end_programs()
        for m in self.machines:
            m.close()
        for p in self.children:
            if p.poll() is None:
                p.kill()
            p.wait()
        try:
            self.stop(expect=None)
        finally:
            for h in self.hosts.values():
                if h.sock is not None:
                    h.sock.close()
                run("ip", "netns", "del", h.ns, check=False)
            run("ip", "netns", "del", self.ns, check=False)
            shutil.rmtree(self.dir, ignore_errors=True)


class Counts(dict):
    def __missing__(self, key):
        return 0
