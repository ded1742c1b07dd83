# SPDX-License-Identifier: BSD-3-Clause
"""The labs of examples/: each runs as its README says, shows what it promises, and leaves nothing behind, however it ends."""
import os
import re
import signal
import subprocess

import pytest
from daemons import have
from lab import WEIR, run

REPO = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLES = os.path.join(REPO, "examples")
LABS = {"ospf-edge": ("zebra", "ospfd", "ospf6d", "iperf3", "jq"), "bgp-two-upstreams": ("zebra", "bgpd", "bfdd", "bird", "jq", "nft"),
        "bgp-ecmp-pair": ("zebra", "bgpd", "iperf3", "jq"), "dhcp-wan": ("dnsmasq", "udhcpc", "curl", "jq")}

pytestmark = [pytest.mark.needs("root"), pytest.mark.timeout(180)]


class Example:
    """A lab under a name of this process: several may run at a time on a machine."""

    def __init__(self, folder, serial=0):
        self.script = os.path.join(EXAMPLES, folder, "run.sh")
        self.name = f"t{os.getpid()}x{serial}-{folder}"
        self.env = dict(os.environ, LAB_NAME=self.name, WEIR_BIN=os.path.abspath(WEIR))

    def run(self, *argv):
        p = subprocess.run([self.script, *argv], env=self.env, capture_output=True, text=True, timeout=170, check=False, stdin=subprocess.DEVNULL)
        print(p.stdout[-6000:] + p.stderr[-6000:])
        return p

    def start(self, until):
        """The script in a session of its own, as far as a line with these words; and all it said."""
        p = subprocess.Popen([self.script], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                             text=True, start_new_session=True)
        text = ""
        while until not in text:
            line = p.stdout.readline()
            assert line, text
            text += line
        return p, text

    def namespaces(self):
        return [line.split()[0] for line in run("ip", "netns", "list").stdout.splitlines() if line.startswith(f"{self.name}.")]

    def processes(self):
        """Ids of what runs in the lab's namespaces, or from its directory."""
        inside = [p for ns in self.namespaces() for p in run("ip", "netns", "pids", ns, check=False).stdout.split()]
        return inside + run("pgrep", "-f", f"/run/weir-lab/{self.name}/", check=False).stdout.split()

    def left(self):
        """What is still there of it."""
        return [*self.namespaces(), *self.processes(), *[d for d in (f"/run/weir-lab/{self.name}",) if os.path.exists(d)]]


@pytest.fixture
def example():
    made = []

    def make(folder):
        if not have(*LABS[folder]):
            pytest.skip(f"needs {' '.join(LABS[folder])}")
        made.append(Example(folder, len(made)))
        return made[-1]
    yield make
    for e in made:
        subprocess.run([e.script, "--clean"], env=e.env, capture_output=True, timeout=60, check=False)


def numbers(pattern, text):
    found = re.findall(pattern, text)
    assert found, f"{pattern} is not in the output"
    return [int(n) for n in found[-1]] if isinstance(found[-1], tuple) else int(found[-1])


def worked(e):
    p = e.run()
    assert p.returncode == 0 and "FAILED" not in p.stdout + p.stderr
    assert e.left() == []
    return p.stdout


def test_ospf_edge(example):
    text = worked(example("ospf-edge"))
    assert text.count("3 received") == 3 and text.count(" 0% packet loss") >= 4
    assert re.search(r"192\.0\.2\.254 .*Full", text) and "kernel/ospf" in text
    assert numbers(r"weir sent (\d+) packets towards the core", text) > 100
    assert "Unreachable" in text and "It works" in text


def test_bgp_two_upstreams(example):
    text = worked(example("bgp-two-upstreams"))
    assert "kernel/bgp" in text and text.count("3 received") == 2
    first, second = numbers(r"weir sent (\d+) packets by the first upstream, (\d+) by the second", text)
    assert second < first / 50
    gap = numbers(r"longest time without an answer: (\d+) ms", text)
    print(f"the second upstream took over within {gap} ms")
    assert 0 < gap < 3000 and "It works" in text


def test_bgp_ecmp_pair(example):
    text = worked(example("bgp-ecmp-pair"))
    both = re.findall(r"weir sent (\d+) packets by spine1, (\d+) by spine2", text)
    assert len(both) == 3 and min(map(int, both[0])) > 100
    assert all(int(one) < 50 < 100 < int(two) for one, two in both[1:])
    assert text.count(" 0% packet loss") == 3 and "It works" in text


@pytest.mark.parametrize("sig,status", [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "term"])
def test_an_interrupted_lab_leaves_nothing(example, sig, status):
    e = example("dhcp-wan")
    p, _ = e.start("A DHCP client on the twin")
    assert len(e.namespaces()) == 3 and len(e.processes()) >= 2
    os.killpg(p.pid, sig)  # as a terminal does
    rest = p.stdout.read()
    assert p.wait(20) == status, rest
    assert e.left() == []


def test_a_lab_that_fails_says_why_and_leaves_nothing(example):
    e = example("dhcp-wan")
    p, text = e.start("A DHCP client on the twin")
    daemon = run("pgrep", "-f", f"^{os.path.abspath(WEIR)} run -c /run/weir-lab/{e.name}/weir.yaml").stdout.split()
    os.kill(int(daemon[0]), signal.SIGKILL)
    text += p.stdout.read()
    assert p.wait(60) == 1 and "FAILED: " in text and f"the end of /run/weir-lab/{e.name}/weir.log" in text
    assert e.left() == []


def test_dhcp_wan_which_is_kept_looked_at_and_removed(example):
    e = example("dhcp-wan")
    p = e.run("--keep")
    text = p.stdout
    assert p.returncode == 0 and "FAILED" not in text + p.stderr
    assert "kernel/dhcp" in text and re.search(r"wan .*198\.51\.100\.1\d\d/24", text)
    assert "curl got weir.yaml" in text and "Unreachable" in text and "It works" in text
    commands = [line.strip() for line in text.split("To look around:")[1].splitlines() if line.startswith("  ")]
    assert len(commands) >= 2
    for c in commands:
        assert run(*c.split("      ")[0].split()).stdout
    again = e.run()
    assert again.returncode == 1 and "is there already" in again.stderr
    assert len(e.namespaces()) == 3  # which took nothing away
    assert e.run("--clean").returncode == 0
    assert e.left() == []


def test_the_configurations_are_accepted():
    for folder in LABS:
        p = run(WEIR, "config", "check", os.path.join(EXAMPLES, folder, "weir.yaml"))
        assert p.stdout.endswith("ok\n"), folder


def test_the_readmes():
    """Short, and the index knows every example."""
    with open(os.path.join(EXAMPLES, "README.md"), encoding="utf-8") as f:
        index = f.read()
    folders = [n for n in os.listdir(EXAMPLES) if os.path.isdir(os.path.join(EXAMPLES, n))]
    assert sorted(folders) == sorted([*LABS, "acl", "firewall"])  # those two are captures
    for folder in LABS:
        with open(os.path.join(EXAMPLES, folder, "README.md"), encoding="utf-8") as f:
            assert len(f.read().splitlines()) <= 40, folder
        assert f"]({folder}/README.md)" in index
    for name in os.listdir(EXAMPLES):
        assert name in index or name == "README.md", name
