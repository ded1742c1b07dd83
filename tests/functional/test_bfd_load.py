# SPDX-License-Identifier: BSD-3-Clause
"""BFD 3 x 50 ms holds while its port forwards a flood both ways and the router itself is flooded. tests/bench/bfd.py does
the same for five minutes and as fast as the machine can."""
import os

import pytest

import bfd

SECONDS = float(os.environ.get("WEIR_BFD_SECONDS", "10"))


@pytest.mark.needs("vtysh", "root")
def test_bfd_holds_under_load(lab):
    one = lab()
    bfd.start(one, polling="adaptive")
    bfd.first(one)
    session = bfd.Session(one)
    r = bfd.measure(one, session, SECONDS, pps=60000, back=60000, local=40000)
    print(bfd.tell(r))
    assert r["up"] and r["downs"] == 0, bfd.tell(r)
    assert r["classes"]["liveness"]["punted"] > 15 * SECONDS and r["classes"]["liveness"]["policed"] == 0
    assert r["classes"]["other"]["punted"] > 1000 * SECONDS and r["ports"]["b"]["tx_packets"] > 1000
    assert "kernel-inbox-full" not in r["ends"] and r["inject_drops"] == 0
