#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Measures weir beside DPDK's testpmd and l3fwd in one run and prints tables; see tests/bench/harness.py.
#   ./bench.sh            all of it (about ten minutes)     ./bench.sh --smoke    once, briefly
#   ./bench.sh --only a   the pipeline alone                ./bench.sh --processes 7 --seconds 5
# WEIR_BUILD names another build directory. Rates mean little while the machine does anything else.
set -eu
cd "$(dirname "$0")"
start=$SECONDS
build=${WEIR_BUILD:-build}
tools/packages.sh build test bench
tools/build.sh "$build" -Dtests=true
[ "$(id -u)" -eq 0 ] && tools/hugepages.sh 1024
/usr/bin/python3 tests/bench/harness.py --build "$build" "$@"
echo "bench.sh took $((SECONDS - start)) s"
