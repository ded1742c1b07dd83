#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Configures (once) and builds. Usage: tools/build.sh DIR [meson options]
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
dir=$1
shift
cd "$here"
# A build directory from an interrupted run or another compiler is no use.
if [ ! -f "$dir/build.ninja" ] || [ ! -f "$dir/meson-private/coredata.dat" ]; then
	rm -rf "$dir"
	meson setup "$dir" "$@" >"$dir.log" 2>&1 || { cat "$dir.log" >&2; exit 1; }
	rm -f "$dir.log"
else
	meson configure "$dir" "$@" >/dev/null
fi
ninja -C "$dir" >"$dir/build.log" 2>&1 || { grep -E -A6 'error|FAILED' "$dir/build.log" | head -60 >&2; exit 1; }
