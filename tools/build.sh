#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Configures (once) and builds. Usage: tools/build.sh DIR [meson options]; WEIR_TARGETS: what to build, by default all.
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
dir=$1
shift
cd "$here"
# A build directory from an interrupted run or another compiler is no use.
if [ ! -f "$dir/build.ninja" ] || [ ! -f "$dir/meson-private/coredata.dat" ]; then
	rm -rf "$dir"
	mkdir -p "$(dirname "$dir")"
	meson setup "$dir" "$@" >"$dir.log" 2>&1 || { cat "$dir.log" >&2; exit 1; }
	rm -f "$dir.log"
else
	meson configure "$dir" "$@" >/dev/null
fi
# shellcheck disable=SC2086
ninja -C "$dir" ${WEIR_TARGETS:-} >"$dir/build.log" 2>&1 || { grep -E -A6 'error|FAILED' "$dir/build.log" | head -60 >&2; exit 1; }
