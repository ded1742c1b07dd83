# SPDX-License-Identifier: BSD-3-Clause
"""Unmodified programs in the namespaces of a lab: FRR, BIRD, keepalived and whatever else. Their files are in the lab's
directory, they are ended by process group, the newest first, before the lab is; never through an init system."""
import json
import os
import pwd
import shutil
import signal
import subprocess
import time

from lab import run

FRR = "/usr/lib/frr"


def have(*names):
    return all(shutil.which(n, path=os.environ["PATH"] + ":/usr/sbin:/sbin") or os.path.exists(f"{FRR}/{n}") for n in names)


def place(lab, name):
    """A directory of the lab for a program that may give up root."""
    path = f"{lab.dir}/{name}"
    os.makedirs(path, exist_ok=True)
    os.chmod(lab.dir, 0o755)
    os.chmod(path, 0o777)
    return path


def write(path, text, mode=0o644):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)
    return path


class Daemon:
    """A program that runs, with its output in a file. It can be killed and started again."""

    def __init__(self, lab, ns, *argv, log):
        self.ns, self.argv, self.log = ns, [str(a) for a in argv], log
        self.p = None
        lab.programs.append(self)
        self.start()

    def start(self):
        with open(self.log, "a", encoding="utf-8") as out:
            self.p = subprocess.Popen(["ip", "netns", "exec", self.ns, *self.argv], stdout=out, stderr=subprocess.STDOUT,
                                      stdin=subprocess.DEVNULL, start_new_session=True)
        return self

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return f.read()

    def alive(self):
        return self.p.poll() is None

    def tell(self, sig):
        """To the program and what it started; `ip netns exec` becomes the program."""
        try:
            os.killpg(self.p.pid, sig)
        except ProcessLookupError:
            pass

    def kill(self, sig=signal.SIGKILL):
        self.tell(sig)
        self.p.wait(10)

    def stop(self):
        """As an init system does; what is left of its group is killed."""
        if self.alive():
            self.tell(signal.SIGTERM)
            try:
                self.p.wait(5)
            except subprocess.TimeoutExpired:
                pass
        self.tell(signal.SIGKILL)
        self.p.wait()


class Frr:
    """FRR's daemons of one namespace: their sockets, configurations and logs share a directory."""

    def __init__(self, lab, ns, name="frr"):
        self.lab, self.ns, self.dir = lab, ns, place(lab, name)
        user = pwd.getpwnam("frr")
        os.chown(self.dir, user.pw_uid, user.pw_gid)

    def start(self, daemon, config="", *argv):
        conf = write(f"{self.dir}/{daemon}.conf", config)
        d = Daemon(self.lab, self.ns, f"{FRR}/{daemon}", "-f", conf, "-z", f"{self.dir}/zserv", "-i", f"{self.dir}/{daemon}.pid",
                   "--vty_socket", self.dir, "-P", "0", "--log", f"file:{self.dir}/{daemon}.log", *argv, log=f"{self.dir}/{daemon}.out")
        end = time.monotonic() + 10
        while daemon == "zebra" and not os.path.exists(f"{self.dir}/zserv") and time.monotonic() < end:
            time.sleep(0.05)
        return d

    def all(self, config, *daemons):
        """zebra and these with one configuration, as /etc/frr/frr.conf is; they are returned in this order."""
        return [self.start(d, config) for d in ("zebra", *daemons)]

    def sh(self, *commands):
        args = [x for c in commands for x in ("-c", c)]
        return run("vtysh", "--vty_socket", self.dir, *args, ns=self.ns, check=False).stdout

    def json(self, command):
        """The answer, or {} while there is none."""
        try:
            return json.loads(self.sh(command + " json") or "{}")
        except json.JSONDecodeError:
            return {}

    def established(self, *neighbors):
        """BGP says so of all of these, in any address family."""
        found = [v.get("peers", {}) for v in self.json("show bgp summary").values() if isinstance(v, dict)]
        return all(any(p.get(n, {}).get("state") == "Established" for p in found) for n in neighbors)

    def bfd_up(self):
        peers = self.json("show bfd peers")
        return bool(peers) and all(p["status"] == "up" for p in peers)

    def bfd_downs(self):
        return sum(p.get("session-down", 0) for p in self.json("show bfd peers counters"))

    def full(self, router_id):
        """OSPF's adjacencies with a router, as (version 2, version 3)."""
        two = self.json("show ip ospf neighbor").get("neighbors", {}).get(router_id, [])
        three = self.json("show ipv6 ospf6 neighbor").get("neighbors", [])
        return (any(str(n.get("nbrState", n.get("state", ""))).startswith("Full") for n in two),
                any(n.get("state") == "Full" and n.get("neighborId") == router_id for n in three))


class Bird(Daemon):
    def __init__(self, lab, ns, config, name="bird"):
        self.dir = place(lab, name)
        conf = write(f"{self.dir}/bird.conf", config)
        super().__init__(lab, ns, "bird", "-f", "-c", conf, "-s", f"{self.dir}/ctl", "-P", f"{self.dir}/pid", log=f"{self.dir}/bird.out")

    def sh(self, command):
        return run("birdc", "-s", f"{self.dir}/ctl", *command.split(), ns=self.ns, check=False).stdout

    def says(self, command, *words):
        text = self.sh(command)
        return all(w in text for w in words)


def bird_peer(routes, asn=65001, address="10.0.1.9", towards="10.0.1.1", them=65000, ospf=()):
    """A configuration for BIRD: it announces networks by BGP, others by OSPF."""
    text = [f"router id {address};", "protocol device {}", "protocol static bgp_routes { ipv4;"]
    text += [f"  route {p} blackhole;" for p in routes] + ["}"]
    text += ["ipv4 table t6;", "protocol static ospf_routes { ipv4 { table t6; };"]
    text += [f"  route {p} blackhole;" for p in ospf] + ["}"]
    text += [f"protocol bgp up {{ local {address} as {asn}; neighbor {towards} as {them}; connect retry time 1; connect delay time 1;",
             "  error wait time 1,2; ipv4 { import none; export where proto = \"bgp_routes\"; next hop self; }; }"]
    if ospf:
        text += ["protocol ospf v2 { ipv4 { table t6; import none; export where proto = \"ospf_routes\"; };",
                 "  area 0 { interface \"wan-k\" { type ptp; hello 1; dead 4; }; }; }"]
    return "\n".join(text) + "\n"


VRRP = """global_defs {
  router_id %s
  script_user root
}
vrrp_instance v {
  interface %s
  state BACKUP
  virtual_router_id 7
  priority %d
  advert_int 0.2
  version 3
  virtual_ipaddress { %s }
}
"""


def keepalived(lab, ns, name, interface, priority, address="10.0.1.100/24"):
    """VRRP version 3 with an advertisement each 200 ms."""
    at = place(lab, name)
    conf = write(f"{at}/keepalived.conf", VRRP % (name, interface, priority, address))
    return Daemon(lab, ns, "keepalived", "-n", "-l", "-D", "-f", conf, "-p", f"{at}/pid", "-r", f"{at}/vrrp", "--vrrp", log=f"{at}/log")
