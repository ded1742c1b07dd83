#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""How long packets are lost when a link or a neighbour fails, with FRR on weir's twins.

    tests/bench/failover.py [--intervals 50,10] [--rounds 3]

One packet every millisecond; BGP with BFD, each interval in milliseconds (detection takes three of them), by carrier and by a
neighbour that is silent while its link stays. Prints what was lost, and how much of the time was weir's own: from the kernel's
message about the other route to the first packet there. WEIR_BIN names the program; needs root and FRR.
"""
import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "functional"))
import test_failover  # noqa: E402
from lab import Lab  # noqa: E402


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--intervals", default="50,10")
    p.add_argument("--rounds", type=int, default=3)
    a = p.parse_args()
    for ms in map(int, a.intervals.split(",")):
        one = Lab(hosts=("a", "b", "c"))
        try:
            pair = test_failover.Pair(one, ms)
            for what in ("carrier", "silence") * a.rounds:
                try:
                    print(pair.fail(what)[2], flush=True)
                except (AssertionError, ValueError) as e:
                    print(f"{what}, BFD 3 x {ms} ms: {e}", flush=True)
                pair.mend()
        finally:
            one.close()


if __name__ == "__main__":
    main()
