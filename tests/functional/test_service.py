# SPDX-License-Identifier: BSD-3-Clause
"""The daemon under a service manager: what it says (sd_notify), its watchdog, the journal's priorities, and that it
needs no root. The manager here is a socket; the unit file itself is tested by tests/packaging."""
import ctypes
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pytest

from lab import LIBC, WEIR, run

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PTRACE_ATTACH, PTRACE_DETACH = 16, 17
CONFIG = """
dataplane: {{polling: busy}}
ports:
  p0: {{device: "null"}}
interfaces:
  i0: {{port: p0, addresses: [10.0.0.1/24]}}
dpdk: {{file-prefix: {prefix}}}
"""


class Service:
    def __init__(self, config=CONFIG, watchdog=None, journal=False, wrap=(), env=None):
        self.dir = tempfile.mkdtemp(prefix="weir-service-")
        os.chmod(self.dir, 0o755)
        self.prefix = os.path.basename(self.dir)
        self.weir = shutil.copy(WEIR, self.dir)
        self.put(config.format(prefix=self.prefix))
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.manager.bind(f"{self.dir}/notify")
        os.chmod(f"{self.dir}/notify", 0o777)
        self.log = open(f"{self.dir}/log", "w+")
        self.env = dict(os.environ, NOTIFY_SOCKET=f"{self.dir}/notify", **(env or {}))
        if watchdog is not None:
            self.env["WATCHDOG_USEC"] = str(watchdog)
        if journal:
            st = os.fstat(self.log.fileno())
            self.env["JOURNAL_STREAM"] = f"{st.st_dev}:{st.st_ino}"
        self.wrap = [w.format(dir=self.dir) for w in wrap]
        self.daemon = None

    def put(self, text):
        with open(f"{self.dir}/weir.yaml", "w") as f:
            f.write(text)

    def start(self):
        self.daemon = subprocess.Popen([*self.wrap, self.weir, "run", "-c", f"{self.dir}/weir.yaml", "--socket", f"{self.dir}/run/sock",
                                        "--", "--no-huge"], stderr=self.log, env=self.env)
        return self

    def hear(self, pattern, wait=10):
        """Waits for a message with `pattern`; returns all until then."""
        heard, end = [], time.monotonic() + wait
        while not any(re.search(pattern, h) for h in heard):
            left = end - time.monotonic()
            assert left > 0, f"'{pattern}' was not said, but {heard}\n{self.text()}"
            self.manager.settimeout(left)
            try:
                heard.append(self.manager.recv(4096).decode())
            except TimeoutError:
                pass
        return heard

    def silent(self, pattern, wait):
        end = time.monotonic() + wait
        while (left := end - time.monotonic()) > 0:
            self.manager.settimeout(left)
            try:
                said = self.manager.recv(4096).decode()
                assert not re.search(pattern, said), said
            except TimeoutError:
                pass

    def drain(self):
        self.manager.setblocking(False)
        try:
            while True:
                self.manager.recv(4096)
        except BlockingIOError:
            pass

    def text(self):
        with open(f"{self.dir}/log") as f:
            return f.read()

    def close(self):
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.kill()
            self.daemon.wait()
        self.manager.close()
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)


@pytest.fixture
def service():
    made = []

    def make(**kw):
        made.append(Service(**kw))
        return made[-1]

    yield make
    for s in made:
        s.close()


@pytest.mark.needs("root")
def test_life_is_told(service):
    s = service().start()
    heard = s.hear("STATUS=", wait=30)
    assert heard[0] == "READY=1", "not before it is"
    assert heard[-1].startswith("STATUS=1 worker, ") and heard[-1].endswith("of 1 ports up")
    assert run(s.weir, "--socket", f"{s.dir}/run/sock", "show", "version").returncode == 0
    s.daemon.send_signal(signal.SIGTERM)
    s.hear("^STOPPING=1$")
    assert s.daemon.wait(20) == 0


@pytest.mark.needs("root")
def test_a_reload_begins_and_ends_also_when_it_is_refused(service):
    s = service().start()
    s.hear("READY=1", wait=30)
    for change in ("10.0.0.2/24", "10.0.0.3/244"):
        s.put(CONFIG.format(prefix=s.prefix).replace("10.0.0.1/24", change))
        s.daemon.send_signal(signal.SIGHUP)
        assert re.fullmatch(r"RELOADING=1\nMONOTONIC_USEC=\d+", s.hear("RELOADING=1")[-1])
        s.hear("^READY=1$")
    assert "weir.yaml:6:" in s.text(), "what is wrong with the second one"
    assert "10.0.0.2/24" in run(s.weir, "--socket", f"{s.dir}/run/sock", "-j", "show", "interfaces").stdout


def busy_thread(pid):
    """The worker: the thread that takes the CPU."""
    def ticks():
        times = {}
        for tid in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{tid}/stat") as f:
                times[int(tid)] = int(f.read().rsplit(")", 1)[1].split()[11])
        return times
    before = ticks()
    time.sleep(1)
    after = ticks()
    return max(after, key=lambda t: after[t] - before.get(t, 0))


@pytest.mark.needs("root")
def test_what_the_unit_reloads_with_fails_when_the_file_is_wrong(service):
    """ExecReload=: its exit status is the reload's, and it returns when the change is in force."""
    with open(os.path.join(REPO, "packaging/systemd/weir.service")) as f:
        command = re.search(r"^ExecReload=/usr/bin/weir (.*) /etc/weir/weir.yaml$", f.read(), re.M).group(1).split()
    s = service().start()
    s.hear("READY=1", wait=30)
    client = [s.weir, "--socket", f"{s.dir}/run/sock"]
    for address, status, there in (("10.0.0.2/24", 0, "10.0.0.2/24"), ("10.0.0.3/244", 1, "10.0.0.2/24")):
        s.put(CONFIG.format(prefix=s.prefix).replace("10.0.0.1/24", address))
        p = run(*client, *command, f"{s.dir}/weir.yaml", check=False)
        assert p.returncode == status, p.stdout + p.stderr
        assert there in run(*client, "-j", "show", "interfaces").stdout
    assert "weir.yaml:6:" in p.stderr


@pytest.mark.needs("root")
def test_the_watchdog_is_fed_only_while_every_worker_polls(service):
    s = service(watchdog=1_200_000).start()
    s.hear("READY=1", wait=30)
    for _ in range(3):
        s.hear("^WATCHDOG=1$", wait=5)
    worker = busy_thread(s.daemon.pid)
    assert worker != s.daemon.pid
    LIBC.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    assert LIBC.ptrace(PTRACE_ATTACH, worker, None, None) == 0
    try:
        os.waitpid(worker, 0x40000000)  # __WALL
        time.sleep(0.7)  # a beat that began before
        s.drain()
        s.silent("WATCHDOG", wait=2)
    finally:
        assert LIBC.ptrace(PTRACE_DETACH, worker, None, None) == 0
    s.hear("^WATCHDOG=1$", wait=5)
    assert len(re.findall("worker 0 on CPU . has not polled for 300 ms", s.text())) == 1, "said once"


@pytest.mark.needs("root")
def test_without_a_watchdog_none_is_fed(service):
    s = service(watchdog=800_000, env={"WATCHDOG_PID": "1"}).start()
    s.hear("STATUS", wait=30)
    s.silent("WATCHDOG", wait=1.5)


@pytest.mark.needs("root")
def test_the_journal_gets_priorities(service):
    s = service(journal=True).start()
    s.hear("READY=1", wait=30)
    lines = s.text().splitlines()
    assert any(line.startswith("<5>ready: 1 worker") for line in lines), lines
    assert all(re.match(r"<[3-7]>", line) for line in lines), lines


@pytest.mark.needs("root", "setpriv")
def test_kernel_interfaces_need_two_capabilities_and_no_root(service):
    """What the unit file gives: CAP_NET_ADMIN and CAP_NET_RAW for a user of its own."""
    ns = f"wsv{os.getpid() % 10000}"
    caps = "-all,+net_admin,+net_raw"
    config = CONFIG.replace('"null"', '"af_packet:wsv0"').replace("interfaces:", '  p1: {{device: "tap:wsvt"}}\ninterfaces:')
    s = service(config=config, wrap=["ip", "netns", "exec", ns, "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups",
                                     "--inh-caps=" + caps, "--ambient-caps=" + caps, "--bounding-set=" + caps],
                env={"RUNTIME_DIRECTORY": "/tmp"})
    run("ip", "netns", "add", ns)
    try:
        os.mkdir(f"{s.dir}/run")
        os.chown(f"{s.dir}/run", 65534, 65534)
        s.env["RUNTIME_DIRECTORY"] = f"{s.dir}/run"
        run("ip", "link", "add", "name", "wsv0", "netns", ns, "type", "veth", "peer", "name", "wsv1", "netns", ns)
        for name in ("wsv0", "wsv1"):
            run("ip", "link", "set", name, "up", ns=ns)
        s.start().hear("STATUS=1 worker, 2 of 2 ports up", wait=30)
        with open(f"/proc/{s.daemon.pid}/status") as f:
            status = f.read()
        assert re.search(r"^Uid:\t65534\t65534", status, re.M) and re.search(r"^CapEff:\t0000000000003000$", status, re.M)
        s.daemon.terminate()
        assert s.daemon.wait(20) == 0
    finally:
        run("ip", "netns", "del", ns)
