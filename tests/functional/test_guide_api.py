# SPDX-License-Identifier: BSD-3-Clause
"""The examples of docs/guide/api.md: each command works, and prints what the page says it prints."""
import json
import pathlib
import re
import subprocess

import pytest
import yaml

from lab import WEIR, run
from rest import warm
from test_forwarding import TWO, two_hosts

PAGE = (pathlib.Path(__file__).resolve().parents[2] / "docs/guide/api.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.S) for line in block.splitlines()]
EXAMPLES = [(line, COMMANDS[i + 1][2:] if COMMANDS[i + 1:] and COMMANDS[i + 1].startswith("# ") else None)
            for i, line in enumerate(COMMANDS) if not line.startswith("#")]


@pytest.fixture(scope="module")
def one(module_lab):
    return warm(two_hosts(module_lab))


@pytest.mark.needs("curl")
def test_every_command_works(one):
    assert len(EXAMPLES) >= 15
    for line, printed in EXAMPLES:
        p = subprocess.run(line.replace("/run/weir/weir.sock", one.socket), shell=True, capture_output=True, text=True, timeout=20)
        assert p.returncode in ((124,) if line.startswith("timeout") else (0,)), (line, p.stderr)
        if printed is not None:
            assert p.stdout.strip() == printed
        elif line.startswith("timeout"):
            assert p.stdout.startswith("retry:")
        elif "/metrics" in line:
            assert "# TYPE weir_build_info gauge" in p.stdout
        elif "v1/route?" in line:
            assert "no route to 192.0.2.1" in p.stdout
        else:
            assert "error" not in json.loads(p.stdout), (line, p.stdout)


def test_the_configurations_are_accepted(tmp_path):
    """As far as a check can tell: certificates are read when they are applied."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
    assert len(blocks) == 2
    for block in blocks:
        assert yaml.safe_load(block)
        path = tmp_path / "weir.yaml"
        path.write_text("ports: {a: {device: \"null\"}, b: {device: \"null\"}}\n" + TWO + block, encoding="utf-8")
        assert run(WEIR, "config", "check", path).returncode == 0
