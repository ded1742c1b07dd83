#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# From a fresh clone to a router at work: installs what the build needs, builds, joins two network namespaces by weir
# alone, sends ping (IPv4, IPv6) and TCP through it, shows its tables; then replays a capture without root.
# Everything it makes is named weir-qs-PID and removed at the end, also when interrupted. Safe to repeat.
set -eu
cd "$(dirname "$0")"
start=$SECONDS
weir=build/src/cli/weir
tag=weir-qs-$$
dir= daemon= server=

say() { printf '\n== %s (%d s)\n' "$*" $((SECONDS - start)); }

remove_namespaces() {
	local ns
	for ns in $(ip netns list 2>/dev/null | awk '{print $1}' | grep "^$1" || true); do
		ip netns del "$ns" 2>/dev/null || true
	done
}

cleanup() {
	local status=$?
	trap - EXIT INT TERM
	for p in $server $daemon; do
		kill "$p" 2>/dev/null || true
	done
	[ -n "$daemon" ] && wait "$daemon" 2>/dev/null || true
	[ "$(id -u)" -eq 0 ] && remove_namespaces "$tag"
	[ -n "$dir" ] && rm -rf "$dir"
	exit $status
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# What an earlier run that was killed left behind: its process is gone.
remove_leftovers() {
	local ns pid
	for ns in $(ip netns list 2>/dev/null | awk '{print $1}' | grep '^weir-qs-' || true); do
		pid=${ns#weir-qs-}
		pid=${pid%%-*}
		[ -d "/proc/$pid" ] || ip netns del "$ns"
	done
}

make_host() { # name, side, IPv4, gateway, IPv6, gateway
	local ns=$tag-$1 port=$2
	ip netns add "$ns"
	ip link add eth netns "$ns" type veth peer name "$port" netns "$tag-weir"
	ip netns exec "$tag-weir" sysctl -qw "net.ipv6.conf.$port.disable_ipv6=1"
	# A veth pair leaves checksums and segmentation to hardware that is not there.
	ip netns exec "$ns" ethtool -K eth tx off rx off tso off gso off gro off >/dev/null 2>&1 || true
	ip netns exec "$tag-weir" ip link set "$port" up
	ip -n "$ns" link set lo up
	ip -n "$ns" link set eth up
	ip -n "$ns" addr add "$3" dev eth
	ip -n "$ns" addr add "$5" dev eth nodad
	ip -n "$ns" route add default via "$4"
	ip -n "$ns" -6 route add default via "$6"
}

start_daemon() { # driver
	sed -e "s/af_packet:/$1:/" examples/two-networks.yaml >"$dir/weir.yaml"
	echo "dpdk: {file-prefix: $tag}" >>"$dir/weir.yaml"
	ip netns exec "$tag-weir" $weir run -c "$dir/weir.yaml" --socket "$dir/sock" >"$dir/log" 2>&1 &
	daemon=$!
	for _ in $(seq 150); do
		kill -0 "$daemon" 2>/dev/null || break
		$weir -s "$dir/sock" show version >/dev/null 2>&1 && return 0
		sleep 0.1
	done
	wait "$daemon" 2>/dev/null || true
	daemon=
	return 1
}

demo() {
	remove_leftovers
	dir=$(mktemp -d)
	ip netns add "$tag-weir"
	make_host left left0 10.0.1.2/24 10.0.1.1 2001:db8:1::2/64 2001:db8:1::1
	make_host right right0 10.0.2.2/24 10.0.2.1 2001:db8:2::2/64 2001:db8:2::1
	for driver in af_xdp af_packet; do
		if start_daemon $driver; then
			break
		fi
		echo "$driver ports did not start; the log says:"
		tail -3 "$dir/log"
	done
	[ -n "$daemon" ] || { echo "weir did not start"; cat "$dir/log"; return 1; }
	grep -E 'notice|warning|error' "$dir/log" || true
	sleep 1.5 # IPv6 addresses are used once nobody else on the link claims them
	say "IPv4 and IPv6 ping from one namespace to the other, through weir ($driver ports)"
	ip netns exec "$tag-left" ping -c 3 -i 0.2 -W 2 10.0.2.2
	ip netns exec "$tag-left" ping -c 3 -i 0.2 -W 2 2001:db8:2::2
	say "TCP through weir"
	ip netns exec "$tag-right" iperf3 -s -1 >/dev/null 2>&1 &
	server=$!
	sleep 0.5
	ip netns exec "$tag-left" iperf3 -c 10.0.2.2 -n 20M | tail -4
	wait $server || true
	server=
	say "Somebody sends where no route leads"
	ip netns exec "$tag-left" ping -c 1 -W 1 192.0.2.1 || true
	for what in interfaces stages drops; do
		say "weir show $what"
		$weir -s "$dir/sock" show $what
	done
	say "Stopping"
	kill "$daemon"
	wait "$daemon"
	daemon=
	tail -1 "$dir/log"
}

# The same binary, configuration and code on a capture file: no root, no hugepages, no network.
replay() {
	local here as=()
	here=$(mktemp -d)
	cp $weir examples/two-networks.yaml examples/two-networks.pcap "$here"
	mkdir "$here/out"
	if [ "$(id -u)" -eq 0 ]; then # as somebody who may do nothing, wherever the clone lies
		chmod 755 "$here"
		chown nobody "$here/out"
		as=(setpriv --reuid=nobody --regid=nogroup --clear-groups)
	fi
	(cd "$here" && "${as[@]}" ./weir replay -c two-networks.yaml --in left=two-networks.pcap --out out --report out/report.json)
	ls -l "$here/out"
	rm -rf "$here"
}

say "Packages"
tools/packages.sh build
say "Build"
tools/build.sh build
$weir --version
if [ "$(id -u)" -eq 0 ]; then
	say "Hugepages"
	tools/hugepages.sh 256
	say "Two namespaces joined by weir"
	demo
else
	echo "Not root: the part with network namespaces is left out."
fi
say "weir replay, without root"
replay
say "Done in $((SECONDS - start)) s. Next: README.md, examples/, './check.sh'"
