#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Everything that must hold before a change lands: style, builds, unit tests (also under AddressSanitizer and
# UndefinedBehaviorSanitizer, and built for any x86-64-v2 CPU), fuzzing for a bounded time, functional tests with real
# peers, a smoke run of the benchmarks. Installs what it needs. Safe to repeat, also after an interrupted run.
#   ./check.sh          all of it
#   ./check.sh NAME...  only these steps (style build unit sanitize tsan generic fuzz functional nics package bench)
# The last line is "N passed, N failed[, N skipped]"; exit status 0 only when nothing failed.
set -u
cd "$(dirname "$0")"
out=build-check
fuzz_seconds=${WEIR_FUZZ_SECONDS:-20}
passed=0 failed=0 skipped=0 start=$SECONDS
steps=("$@")
skips=()

wants() {
	[ ${#steps[@]} -eq 0 ] || [[ " ${steps[*]} " == *" $1 "* ]]
}

ok() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "FAILED: $1"; [ -z "${2:-}" ] || tail -60 "$2"; }

# One command that counts as one check; its output is kept and shown when it fails.
check() { # name, command...
	local name=$1 log=$out/${1// /-}.log t=$SECONDS
	shift
	if "$@" >"$log" 2>&1; then
		ok
		echo "ok      $name ($((SECONDS - t)) s)"
	else
		bad "$name" "$log"
	fi
}

# All unit tests of a build directory; each program counts.
unit() { # name, build directory, timeout multiplier
	local log=$out/$1.log t=$SECONDS good wrong
	meson test -C "$2" --no-rebuild --print-errorlogs --num-processes "$(nproc)" -t "$3" >"$log" 2>&1
	good=$(awk '/^Ok:/ {print $2}' "$log")
	wrong=$(awk '/^(Fail|Timeout|Unexpected Pass):/ {n += $NF} END {print n + 0}' "$log")
	passed=$((passed + ${good:-0}))
	failed=$((failed + wrong))
	if [ "$wrong" -ne 0 ] || [ -z "$good" ]; then
		[ -n "$good" ] || failed=$((failed + 1))
		echo "FAILED: $1: $wrong test programs"
		tail -80 "$log"
	else
		echo "ok      $1: $good test programs ($((SECONDS - t)) s)"
	fi
}

# Tests with pytest; each one counts.
functional() { # name, pytest's arguments...
	local name=$1 log=$out/$1.log t=$SECONDS sum n
	shift
	WEIR_BIN=$PWD/$out/release/src/cli/weir PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m pytest -q -rfEs -p no:cacheprovider \
		--timeout 180 "$@" >"$log" 2>&1
	sum=$(tail -1 "$log")
	n() { grep -oE "[0-9]+ $1" <<<"$sum" | cut -d' ' -f1; }
	passed=$((passed + $(n passed || true) + 0))
	local f=$(($(n failed || true) + $(n 'errors?' || true) + 0)) s=$(($(n skipped || true) + 0))
	failed=$((failed + f))
	skipped=$((skipped + s))
	mapfile -t -O ${#skips[@]} skips < <(grep '^SKIPPED' "$log")
	if [ "$f" -ne 0 ] || ! grep -qE 'passed|skipped' <<<"$sum"; then
		[ "$f" -ne 0 ] || failed=$((failed + 1))
		echo "FAILED: $name: $sum"
		tail -150 "$log"
		grep -E "^(FAILED|ERROR) " "$log" | cut -c1-200
	else
		echo "ok      $name: $sum ($((SECONDS - t)) s)"
	fi
}

fuzz_one() { # target
	local name=${1##*/}
	mkdir -p "$out/corpus/$name"
	cp -n tests/fuzz/corpus/"$name"/* "$out/corpus/$name/" 2>/dev/null
	"$1" -max_total_time="$fuzz_seconds" -timeout=10 -rss_limit_mb=2048 -max_len=4096 -artifact_prefix="$out/" \
		"$out/corpus/$name" >"$out/$name.log" 2>&1
}

# As many at a time as there are CPUs.
fuzz() {
	local targets=() t pid=() i
	for t in "$out"/fuzz/tests/fuzz/fuzz_*; do
		[ -x "$t" ] && [ -f "$t" ] && targets+=("$t")
	done
	for i in "${!targets[@]}"; do
		[ "$i" -lt "$(nproc)" ] || wait "${pid[$((i - $(nproc)))]}" # its status is kept for the wait below
		fuzz_one "${targets[$i]}" &
		pid[$i]=$!
	done
	for i in "${!targets[@]}"; do
		t=${targets[$i]##*/}
		if wait "${pid[$i]}"; then ok && echo "ok      $t"; else bad "$t" "$out/$t.log"; fi
	done
}

no_pmd_linked() { ! ldd "$out/release/src/cli/weir" | grep -E 'librte_(mempool|net|bus)_'; }
reference_current() { "$out/release/src/cli/weir" config reference | diff - docs/guide/configuration.md; }
formatted() { git ls-files '*.c' '*.h' | xargs clang-format-14 --dry-run -Werror; }
scripts_parse() {
	local f
	for f in *.sh tools/*.sh examples/*.sh examples/*/run.sh .ci/run; do
		bash -n "$f" || return 1
	done
}

mkdir -p $out
echo "== packages"
if ! tools/packages.sh build test bench; then
	echo "0 passed, 1 failed"
	exit 1
fi
[ "$(id -u)" -eq 0 ] && tools/hugepages.sh 768

if wants style; then
	echo "== style"
	check "house rules" /usr/bin/python3 tools/style.py
	check "clang-format" formatted
	check "shell syntax" scripts_parse
fi
if wants build || wants unit || wants functional || wants nics || wants bench; then
	echo "== build"
	check "release build" tools/build.sh $out/release -Dtests=true -Dwerror=true
	check "data path symbols" tools/forbidden.sh $out/release
	check "no driver linked" no_pmd_linked
	check "configuration reference" reference_current
fi
if wants unit; then
	echo "== unit tests"
	unit unit $out/release 1
fi
if wants sanitize; then
	echo "== unit tests under AddressSanitizer and UndefinedBehaviorSanitizer"
	check "sanitizer build" tools/build.sh $out/sanitize -Dtests=true -Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false
	ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 unit sanitized $out/sanitize 10
fi
if wants tsan; then
	echo "== three workers and a busy control thread, and feeds of routes, under ThreadSanitizer"
	check "thread sanitizer build" env WEIR_TARGETS="tests/unit/pipeline_stress_test tests/unit/feature_netlink_threads_test tests/unit/table_flow_test" tools/build.sh $out/tsan -Dtests=true -Dbuildtype=debugoptimized -Db_sanitize=thread -Db_lundef=false
	# Without address randomisation: the detector's own memory has fixed places.
	check "no data races" env WEIR_STRESS_SECONDS=20 TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp history_size=7" timeout 80 \
		setarch -R $out/tsan/tests/unit/pipeline_stress_test
	check "no data races among feeds of routes" env WEIR_STRESS_SECONDS=10 TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp history_size=7" \
		timeout 60 setarch -R $out/tsan/tests/unit/feature_netlink_threads_test
	check "no data races in the flow table" timeout 120 setarch -R $out/tsan/tests/unit/table_flow_test "*reader*"
fi
if wants generic; then
	echo "== unit tests of a build for any x86-64-v2 CPU, with the vector code this CPU has and without"
	check "generic build" tools/build.sh $out/generic -Dtests=true -Dplatform=generic
	unit generic $out/generic 3
	WEIR_CPU_LEVEL=2 unit generic-scalar $out/generic 3
fi
if wants fuzz; then
	echo "== fuzzing, $fuzz_seconds s each"
	check "fuzzer build" env CC=clang-14 tools/build.sh $out/fuzz -Dfuzz=true -Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Db_lundef=false
	fuzz
fi
if wants functional; then
	echo "== functional tests"
	functional functional -n 2 --dist loadfile --ignore tests/functional/test_vfio.py tests/functional
fi
if wants nics; then
	echo "== NICs by their drivers, emulated behind vfio-pci"
	functional nics tests/functional/test_vfio.py
fi
if wants package; then
	echo "== Debian packages"
	check "alert rules" promtool check rules packaging/prometheus/alerts.yml
	check "alerts" promtool test rules tests/packaging/alerts_test.yml
	if [ "$(id -u)" -eq 0 ]; then
		check "packages in a clean Debian" tests/packaging/run.sh $out/package
		mapfile -t -O ${#skips[@]} skips < <(grep '^SKIPPED' "$out/packages-in-a-clean-Debian.log")
	else
		skipped=$((skipped + 1))
		skips+=("packages in a clean Debian: needs root")
	fi
fi
if wants bench; then
	echo "== benchmarks, smoke run"
	check "bench smoke" env WEIR_BUILD=$out/release ./bench.sh --smoke
fi

for s in "${skips[@]}"; do
	[ -n "$s" ] && echo "skipped: ${s#SKIPPED }"
done
echo "check.sh took $((SECONDS - start)) s"
echo "$passed passed, $failed failed$([ $skipped -ne 0 ] && echo ", $skipped skipped")"
[ $failed -eq 0 ]
