#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Unit tests of a configuration, as a CI job runs them: no root, no network, no hugepages. Every CONFIG.yaml here
# that has a CONFIG.pcap (what comes in by the interface named in the second word below) and a CONFIG.expect.json
# (what must become of it) is a test. Exit status 0 only when all of them hold.
set -u
cd "$(dirname "$0")"
weir=${WEIR_BIN:-weir}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
status=0

config_test() { # name, interface that receives the capture
	if "$weir" config check "$1.yaml" >"$out/log" 2>&1 &&
		"$weir" replay --quiet -c "$1.yaml" --in "$2=$1.pcap" --out "$out/$1" --report "$out/$1.json" \
			--expect "$1.expect.json" >"$out/log" 2>&1; then
		echo "ok      $1"
	else
		status=1
		echo "FAILED  $1"
		sed 's/^/        /' "$out/log"
	fi
}

config_test two-networks left
exit $status
