#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Unit tests of configurations, as a CI job runs them: no root, no network, no hugepages. Each test is a CONFIG.yaml,
# captures of what comes in by which interface (the words below), and a CONFIG.expect.json that says what must become
# of it. Exit status 0 only when all of them hold.
set -u
cd "$(dirname "$0")"
weir=${WEIR_BIN:-weir}
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
status=0

config_test() { # name, interface=capture...
	local name=$1 in=() i
	shift
	for i in "$@"; do in+=(--in "$i"); done
	if "$weir" config check "$name.yaml" >"$out/log" 2>&1 &&
		"$weir" replay --quiet -c "$name.yaml" "${in[@]}" --out "$out/${name##*/}" --report "$out/${name##*/}.json" \
			--expect "$name.expect.json" >"$out/log" 2>&1; then
		echo "ok      $name"
	else
		status=1
		echo "FAILED  $name"
		sed 's/^/        /' "$out/log"
	fi
}

config_test two-networks left=two-networks.pcap
config_test firewall/firewall lan=firewall/firewall.pcap wan=firewall/firewall-outside.pcap
config_test acl/edge wan=acl/edge.pcap
exit $status
