# SPDX-License-Identifier: BSD-3-Clause
"""Machines with a kernel of their own: user-mode Linux, for what the kernel of the test machine lacks.

Machine(lab) boots Debian's linux.uml in the lab's namespace on the host's own file system (read-only), with one
network interface `vec0` whose other end is a TAP that weir opens as a port. Commands run as root in there:

    m = Machine(lab, modules=["8021q", "vrf"]).boot()
    lab.start(config, ports=lab.ports() + m.port_line("af_packet"))
    m.run("ip addr add 10.0.0.2/24 dev vec0")

The machine's init is a shell that reads commands from its console, one line of base64 each, and answers with one line:
record separator, serial number, exit status, base64 of the output. Whatever else is on the console is the kernel's.
"""
import base64
import os
import select
import shutil
import signal
import subprocess
import time

import pytest

from lab import run

LINUX, MODULES = "linux.uml", "/usr/lib/uml/modules"
MARK = b"\x1e"
INIT = r"""#!/bin/bash
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp LC_ALL=C
mount -t proc proc /proc
mount -t sysfs sys /sys
for d in /tmp /run /dev/shm; do mount -t tmpfs tmp $d; done
stty raw -echo
mkdir -p /tmp/m/lib
ln -s %(modules)s /tmp/m/lib/modules
for m in %(wanted)s; do modprobe -d /tmp/m $m; done
ip link set lo up
ethtool -K vec0 tx off rx off tso off gso off gro off >/dev/null 2>&1
ip link set vec0 up
printf '\x1eready\n'
while read -r serial text; do
	out=$(base64 -d <<<"$text" | bash 2>&1 | base64 -w0; exit "${PIPESTATUS[1]}")
	printf '\x1e%%s %%s %%s\n' "$serial" $? "$out"
done
"""


def needs_uml():
    """Skips, with a reason, where user-mode Linux is not installed or does not start."""
    if shutil.which(LINUX) is None or not os.path.isdir(MODULES):
        pytest.skip("needs user-mode-linux")


class Machine:
    def __init__(self, lab, name="uml", mac="02:00:00:00:f0:aa", mtu=1500, modules=(), memory="192M"):
        self.lab, self.name, self.mac, self.mtu = lab, name, mac, mtu
        self.modules, self.memory = modules, memory
        self.port = f"t-{name}"  # the TAP in weir's namespace
        self.dir = f"{lab.dir}/{name}"
        self.process, self.serial, self.rest, self.console = None, 0, b"", b""

    def boot(self, seconds=60):
        needs_uml()
        os.mkdir(self.dir)
        init = f"{self.dir}/init"
        with open(init, "w", encoding="utf-8") as f:
            f.write(INIT % {"modules": MODULES, "wanted": " ".join(self.modules)})
        os.chmod(init, 0o755)
        ns = self.lab.ns
        run("ip", "tuntap", "add", self.port, "mode", "tap", ns=ns)
        run("ip", "link", "set", self.port, "mtu", self.mtu, "up", ns=ns)
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", ns, LINUX, f"mem={self.memory}", "rootfstype=hostfs", "rootflags=/", "ro",
             f"init={init}", "con=null", "con0=fd:0,fd:1", "quiet", f"umid={self.name}", f"uml_dir={self.dir}/",
             f"vec0:transport=tap,ifname={self.port},mac={self.mac}" + (f",mtu={self.mtu}" if self.mtu != 1500 else "")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.lab.machines.append(self)
        self.answer(b"ready", time.monotonic() + seconds)
        return self

    def port_line(self, driver, **more):
        """A line for the `ports:` section."""
        extra = "".join(f", {k.replace('_', '-')}: {v}" for k, v in more.items())
        return f"  {self.name}: {{device: \"{driver}:{self.port}\"{extra}}}\n"

    def answer(self, start, end):
        """The console's line that begins with the mark and `start`."""
        while True:
            while b"\n" in self.rest:
                line, self.rest = self.rest.split(b"\n", 1)
                at = line.find(MARK + start)
                if at >= 0:
                    return line[at + 1:].strip()
                self.console += line + b"\n"
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.process.stdout], [], [], left)[0]:
                raise AssertionError(f"{self.name} said nothing in time:\n{self.console.decode(errors='replace')}")
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                raise AssertionError(f"{self.name} ended:\n{self.console.decode(errors='replace')}")
            self.rest += data

    def run(self, command, check=True, timeout=30):
        """Runs a shell command in the machine; the completed process with its output (both streams) as text."""
        self.serial += 1
        text = base64.b64encode(command.encode())
        self.process.stdin.write(b"%d %s\n" % (self.serial, text))
        self.process.stdin.flush()
        words = self.answer(b"%d " % self.serial, time.monotonic() + timeout).split(b" ")
        out = base64.b64decode(words[2]).decode(errors="replace") if len(words) > 2 else ""
        code = int(words[1])
        if check and code != 0:
            raise AssertionError(f"{self.name}: {command}: exit {code}\n{out}")
        return subprocess.CompletedProcess(command, code, out, "")

    def ping(self, to, count=2, opts=""):
        return self.run(f"ping -c {count} -l {count} -i 5 -W 5 {opts} {to}", check=False)  # see Host.ping()

    def close(self):
        if self.process is None:
            return
        try:
            self.process.stdin.write(b"0 %s\n" % base64.b64encode(b"echo o >/proc/sysrq-trigger"))
            self.process.stdin.close()
            self.process.wait(5)
        except (OSError, subprocess.TimeoutExpired):
            pass
        finally:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)  # helpers of the machine are in its session
            except ProcessLookupError:
                pass
            self.process.wait()
            self.process.stdout.close()
            self.process = None
