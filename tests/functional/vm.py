# SPDX-License-Identifier: BSD-3-Clause
"""Machines with NICs of their own: QEMU in software emulation, for DPDK's real drivers behind vfio-pci and an IOMMU.

    vm = VirtualMachine(directory, nics=["e1000e", "e1000e"]).boot()
    vm.start(config)                     # weir inside; its ports are vm.pci(0), vm.pci(1)
    vm.wire[0].send(frame)               # what this end sends arrives at NIC 0; one datagram is one frame
    vm.weir("show", "ports")

The guest is a Debian kernel (its package is downloaded and unpacked, not installed) with an initial file system of
busybox, weir, DPDK's plugins for these NICs and the libraries they need. Nothing of it touches a device of this machine.
"""
import base64
import glob
import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import time

import pytest

from lab import WEIR, run

QEMU = "qemu-system-x86_64"
PLUGINS = ["bus_pci", "bus_vdev", "mempool_ring", "net_e1000", "net_virtio", "net_vmxnet3"]
MODULES = ["virt/lib/irqbypass", "drivers/vfio/vfio_virqfd", "drivers/vfio/vfio", "drivers/vfio/vfio_iommu_type1",
           "drivers/vfio/pci/vfio-pci-core", "drivers/vfio/pci/vfio-pci"]
# Without these a virtio device goes around the IOMMU, and would read the driver's addresses as physical ones.
OPTIONS = {"virtio-net-pci": ",disable-legacy=on,iommu_platform=on"}
MARK = b"\x1e"
INIT = r"""#!/bin/sh
export PATH=/bin:/sbin:/usr/bin HOME=/tmp
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/hugepages /tmp /run /var/run
mount -t hugetlbfs huge /dev/hugepages
for m in %(modules)s; do insmod /modules/$m.ko; done
for a in %(pci)s; do
	echo vfio-pci >/sys/bus/pci/devices/$a/driver_override
	echo $a >/sys/bus/pci/drivers_probe
done
ip link set lo up
stty -echo raw </dev/ttyS0
exec </dev/ttyS0 >/dev/ttyS0 2>&1
printf '\036ready\n'
while read -r serial check text; do
	[ -n "$serial" ] || continue
	case $serial in *[!0-9]*) serial=0 check=1 ;; esac
	if [ $((${#text} + serial)) != "$check" ]; then # the line lost characters
		printf '\036again\n'
		continue
	fi
	echo "$text" | base64 -d >/tmp/command
	sh /tmp/command >/tmp/out 2>&1
	printf '\036%%s %%s %%s\n' "$serial" $? "$(base64 /tmp/out | tr -d '\n')"
done
"""


def kernel(cache):
    """Directory of an unpacked Debian kernel package; a skip, with the reason, where it is not to be had."""
    for tool in (QEMU, "cpio", "dpkg-deb"):
        if shutil.which(tool) is None:
            pytest.skip(f"needs {tool}")
    if not os.path.exists("/bin/busybox"):
        pytest.skip("needs busybox-static")
    if not glob.glob(f"{cache}/kernel/boot/vmlinuz-*"):
        os.makedirs(cache, exist_ok=True)
        text = run("apt-cache", "depends", "linux-image-cloud-amd64", check=False).stdout
        found = re.search(r"Depends: (linux-image-\S+)", text)
        if found is None or run("apt-get", "download", found.group(1), check=False, cwd=cache, timeout=120).returncode != 0:
            pytest.skip("needs the package linux-image-cloud-amd64, which cannot be downloaded")
        run("dpkg-deb", "-x", glob.glob(f"{cache}/linux-image-*.deb")[0], f"{cache}/kernel.new", timeout=120)
        os.rename(f"{cache}/kernel.new", f"{cache}/kernel")
    return f"{cache}/kernel"


def libraries(files):
    """The shared libraries these files need, as the loader finds them."""
    found = set()
    for f in files:
        found.update(re.findall(r"(/\S+) \(0x", run("ldd", f).stdout))
    return found


def build_initrd(directory, cache, init):
    """Writes DIRECTORY/initrd from what this machine has installed."""
    root, boot = f"{directory}/root", kernel(cache)
    for d in ("bin", "sbin", "modules", "proc", "sys", "dev", "tmp"):
        os.makedirs(f"{root}/{d}")
    shutil.copy("/bin/busybox", f"{root}/bin/busybox")
    for name in run("/bin/busybox", "--list").stdout.split():
        if name != "busybox":
            os.symlink("busybox", f"{root}/bin/{name}")
    for m in MODULES:
        shutil.copy(glob.glob(f"{boot}/lib/modules/*/kernel/{m}.ko")[0], f"{root}/modules")
    home = glob.glob("/usr/lib/*/dpdk/pmds-*")[0]
    plugins = [f for p in PLUGINS for f in glob.glob(f"{home}/librte_{p}.so*")]
    shutil.copy(WEIR, f"{root}/bin/weir")
    for f in sorted(libraries([WEIR, *plugins]) | {"/lib64/ld-linux-x86-64.so.2"}):
        os.makedirs(root + os.path.dirname(f), exist_ok=True)
        if os.path.dirname(os.path.realpath(f)) == home:  # a plugin that others link: one file, or it would be loaded twice
            os.symlink(os.path.realpath(f), root + f)
        else:
            shutil.copy(f, root + f)
    os.makedirs(root + home, exist_ok=True)
    for f in plugins:
        if not os.path.lexists(root + f):
            shutil.copy(f, root + f, follow_symlinks=False)
    with open(f"{root}/init", "w", encoding="utf-8") as f:
        f.write(init)
    os.chmod(f"{root}/init", 0o755)
    with open(f"{directory}/initrd", "wb") as out:
        names = subprocess.run(["find", "."], cwd=root, capture_output=True, check=True).stdout
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=root, input=names, stdout=out, check=True)
    shutil.rmtree(root)
    return glob.glob(f"{boot}/boot/vmlinuz-*")[0]


class Wire:
    """This end of a NIC's cable."""

    def __init__(self, here, there):
        self.there = there
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(here)

    def send(self, frame):
        self.sock.sendto(bytes(frame), self.there)

    def receive(self, wait):
        """One frame, or None when none came in that many seconds."""
        return self.sock.recv(65536) if select.select([self.sock], [], [], wait)[0] else None


class VirtualMachine:
    def __init__(self, directory, nics):
        self.dir, self.nics = str(directory), nics
        self.process = self.console = None
        self.wire, self.serial, self.rest = [], 0, b""

    def pci(self, i):
        return f"0000:00:{4 + i:02x}.0"

    def command(self, image):
        argv = [QEMU, "-accel", "tcg,thread=multi,tb-size=128", "-M", "q35", "-cpu", "max", "-m", "1024", "-smp", "2",
                "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-kernel", image, "-initrd", f"{self.dir}/initrd",
                "-append", "console=ttyS0 quiet loglevel=3 panic=-1 hugepages=192 intel_iommu=on tsc=reliable mitigations=off "
                "random.trust_cpu=on no_timer_check", "-chardev", f"socket,id=s0,path={self.dir}/console,server=on,wait=off",
                "-serial", "chardev:s0", "-device", "intel-iommu,intremap=on,caching-mode=on,aw-bits=48"]
        for i, nic in enumerate(self.nics):
            argv += ["-netdev", f"dgram,id=n{i},local.type=unix,local.path={self.dir}/nic{i},remote.type=unix,"
                     f"remote.path={self.dir}/wire{i}",
                     "-device", f"{nic},netdev=n{i},addr={hex(4 + i)},mac=02:00:00:00:0{i}:01" + OPTIONS.get(nic, "")]
        return argv

    def boot(self, seconds=120):
        cache = os.path.join(os.path.dirname(os.path.abspath(WEIR)), "vm")
        init = INIT % {"modules": " ".join(os.path.basename(m) for m in MODULES),
                       "pci": " ".join(self.pci(i) for i in range(len(self.nics)))}
        image = build_initrd(self.dir, cache, init)
        self.wire = [Wire(f"{self.dir}/wire{i}", f"{self.dir}/nic{i}") for i in range(len(self.nics))]
        self.process = subprocess.Popen(self.command(image), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        self.console = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        end = time.monotonic() + seconds
        while self.console.connect_ex(f"{self.dir}/console") != 0:
            if self.process.poll() is not None or time.monotonic() > end:
                raise AssertionError(f"{QEMU} did not start: {self.process.stdout.read().decode(errors='replace')}")
            time.sleep(0.05)
        self.answer(b"ready", end)
        return self

    def answer(self, start, end, line=b""):
        """The console's line that begins with the mark and `start`. An emulated serial line may lose characters of what
        was sent: the guest asks for `line` again, and a lost end of line is made good."""
        seen, again = b"", time.monotonic() + 3
        while True:
            while b"\n" in self.rest:
                got, self.rest = self.rest.split(b"\n", 1)
                if MARK + start in got:
                    return got[got.index(MARK + start) + 1:].strip()
                if MARK + b"again" in got:
                    self.console.sendall(line)
                seen += got + b"\n"
            if line and time.monotonic() > again:
                self.console.sendall(b"\n")
                again = time.monotonic() + 3
            if not select.select([self.console], [], [], 0.5)[0] and time.monotonic() < end:
                continue
            if time.monotonic() >= end:
                raise AssertionError(f"the guest said nothing in time:\n{seen.decode(errors='replace')}")
            data = self.console.recv(65536)
            if not data:
                raise AssertionError(f"the guest ended:\n{seen.decode(errors='replace')}")
            self.rest += data

    def run(self, command, check=True, timeout=60):
        """Runs a shell command in the guest; the completed process with both streams as text."""
        self.serial += 1
        text = base64.b64encode(command.encode())
        line = b"%d %d %s\n" % (self.serial, self.serial + len(text), text)
        self.console.sendall(line)
        words = self.answer(b"%d " % self.serial, time.monotonic() + timeout, line).split(b" ")
        out = base64.b64decode(words[2]).decode(errors="replace") if len(words) > 2 else ""
        if check and int(words[1]) != 0:
            raise AssertionError(f"guest: {command}: exit {int(words[1])}\n{out}")
        return subprocess.CompletedProcess(command, int(words[1]), out, "")

    # --- weir inside ---

    def start(self, config, seconds=60):
        text = base64.b64encode(config.encode()).decode()
        self.run(f"echo {text} | base64 -d >/tmp/weir.yaml; weir run -c /tmp/weir.yaml >/tmp/log 2>&1 & echo $! >/tmp/pid")
        end = time.monotonic() + seconds
        while self.run("grep -q ' ready: ' /tmp/log", check=False).returncode != 0:
            if self.run("kill -0 $(cat /tmp/pid)", check=False).returncode != 0 or time.monotonic() > end:
                raise AssertionError("weir did not start:\n" + self.log())
            time.sleep(0.2)

    def weir(self, *words):
        return json.loads(self.run(f"weir {' '.join(words)} -j").stdout)

    def log(self):
        return self.run("cat /tmp/log").stdout

    def stop(self, seconds=30):
        """Ends weir as an operator would; its log."""
        self.run("kill -TERM $(cat /tmp/pid)")
        end = time.monotonic() + seconds
        while self.run("kill -0 $(cat /tmp/pid)", check=False).returncode == 0:
            assert time.monotonic() < end, "weir does not end:\n" + self.log()
            time.sleep(0.2)
        return self.log()

    def close(self):
        if self.process is not None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
            self.process.stdout.close()
        for s in [self.console] + [w.sock for w in self.wire]:
            if s is not None:
                s.close()
