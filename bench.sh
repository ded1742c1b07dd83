#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Measures weir beside DPDK's testpmd and l3fwd in one run and prints tables; see tests/bench/harness.py.
#   ./bench.sh            all of it (about ten minutes)     ./bench.sh --smoke    once, briefly
#   ./bench.sh --only a   the pipeline alone                ./bench.sh --processes 7 --seconds 5
#   ./bench.sh --routes   a full table by way of the kernel instead (ten minutes, 4 GiB); tests/bench/routes_bench.py says what may follow
# WEIR_BUILD names another build directory. Rates mean little while the machine does anything else.
set -eu
cd "$(dirname "$0")"
start=$SECONDS
build=${WEIR_BUILD:-build}
tools/packages.sh build test bench
tools/build.sh "$build" -Dtests=true
[ "$(id -u)" -eq 0 ] && tools/hugepages.sh 1024
export WEIR_BIN=$PWD/$build/src/cli/weir
[[ $build != /* ]] || WEIR_BIN=$build/src/cli/weir
if [ "${1:-}" = --routes ]; then
	shift
	/usr/bin/python3 tests/bench/routes_bench.py "$@"
else
	/usr/bin/python3 tests/bench/harness.py --build "$build" "$@"
	if [[ " $* " == *" --smoke "* ]] && [ "$(id -u)" -eq 0 ]; then
		/usr/bin/python3 tests/bench/routes_bench.py --smoke
	fi
fi
echo "bench.sh took $((SECONDS - start)) s"
