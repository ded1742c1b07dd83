# SPDX-License-Identifier: BSD-3-Clause
"""Routing daemons in namespaces: FRR and BIRD by pid, files in the lab's directory, never through an init system."""
import os
import pwd
import shutil
import signal
import subprocess

FRR = "/usr/lib/frr"


def have(*names):
    return all(shutil.which(n) or os.path.exists(f"{FRR}/{n}") for n in names)


class Daemon:
    def __init__(self, lab, ns, argv, log):
        self.lab, self.ns, self.argv, self.log = lab, ns, argv, log
        self.p = None

    def start(self):
        with open(self.log, "a", encoding="utf-8") as out:
            self.p = subprocess.Popen(["ip", "netns", "exec", self.ns, *self.argv], stdout=out, stderr=subprocess.STDOUT)
        self.lab.children.append(self.p)
        return self

    def kill(self, sig=signal.SIGKILL):
        """`ip netns exec` becomes the program: its pid is the program's."""
        self.p.send_signal(sig)
        self.p.wait(10)


def frr(lab, ns, name, config, *argv, where="frr"):
    """zebra and its daemons of one namespace share the directory `where`."""
    place = f"{lab.dir}/{where}"
    os.makedirs(place, exist_ok=True)
    with open(f"{place}/{name}.conf", "w", encoding="utf-8") as f:
        f.write(config)
    user = pwd.getpwnam("frr")  # it gives up root
    os.chmod(lab.dir, 0o755)
    os.chown(place, user.pw_uid, user.pw_gid)
    return Daemon(lab, ns, [f"{FRR}/{name}", "-f", f"{place}/{name}.conf", "-z", f"{place}/zserv", "-i", f"{place}/{name}.pid",
                            "--vty_socket", place, "-P", "0", "--log", f"file:{place}/{name}.log",
                            *argv], f"{place}/{name}.out").start()


def bird(lab, ns, config, where="bird"):
    place = f"{lab.dir}/{where}"
    os.makedirs(place, exist_ok=True)
    with open(f"{place}/bird.conf", "w", encoding="utf-8") as f:
        f.write(config)
    return Daemon(lab, ns, ["bird", "-f", "-c", f"{place}/bird.conf", "-s", f"{place}/ctl", "-P", f"{place}/pid"],
                  f"{place}/bird.out").start()


def bird_peer(routes, asn=65001, address="10.0.1.9", towards="10.0.1.1", them=65000, ospf=()):
    """BIRD that announces networks by BGP, others by OSPF."""
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
