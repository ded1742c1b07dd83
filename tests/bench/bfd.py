#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""BFD 3 x 50 ms through a twin while its port forwards as fast as the machine can.

    tests/bench/bfd.py [--seconds 300] [--workers 1] [--interval 50] [--pps N] [--back N] [--local N]

FRR's bfdd on weir's twin and in the peer's namespace; a flood through the same port to another one, one back, and one to the
router itself. Rates are packets per second; 0: no such flood; without a number as fast as weir forwards them. Prints how
often the session changed, the longest gap between BFD packets both ways, and what was punted, injected and dropped.
Exit status 1 when the session went down. WEIR_BIN names the program; needs root and FRR.
"""
import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "functional"))
import bfd  # noqa: E402
from lab import Lab  # noqa: E402


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seconds", type=float, default=300)
    p.add_argument("--workers", type=int, default=1)
    p.add_argument("--interval", type=int, default=50, help="ms, detection is three of them")
    p.add_argument("--pps", type=float, default=None, help="flood through the port")
    p.add_argument("--back", type=float, default=None, help="flood that leaves by the port")
    p.add_argument("--local", type=float, default=50000, help="flood of the router's own address")
    p.add_argument("--polling", default="busy")
    p.add_argument("--alone", action="store_true", help="weir's threads are real-time threads, as if its CPUs were its own")
    a = p.parse_args()
    lab = Lab()
    try:
        bfd.start(lab, a.workers, a.polling)
        if a.alone:
            bfd.first(lab)
        session = bfd.Session(lab, a.interval)
        r = bfd.measure(lab, session, a.seconds, a.pps, a.back, a.local)
        print(bfd.tell(r))
        return 0 if r["up"] and r["downs"] == 0 else 1
    finally:
        lab.close()


if __name__ == "__main__":
    sys.exit(main())
