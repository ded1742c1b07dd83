# shellcheck shell=bash
# SPDX-License-Identifier: BSD-3-Clause
# What the labs beside this file share; each run.sh reads it. A lab is a set of network namespaces, named after it and joined by
# veth pairs: one for weir and the routing daemons that run beside it, one for each other machine. All processes of a lab are
# in its namespaces, all files in its directory, and both are gone at the end, however it comes.
#
#   ./run.sh            builds the lab, shows it at work, removes it; exit status 0 when everything was as it should be
#   ./run.sh --keep     leaves it, and says how to look around
#   ./run.sh --clean    removes what --keep left
#
# LAB_NAME names another lab than the folder's (two at a time), WEIR_BIN another weir than the installed one.
set -eu
lab_here=$(cd "$(dirname "$0")" && pwd)
lab=${LAB_NAME:-$(basename "$lab_here")}
lab_dir=/run/weir-lab/$lab
lab_keep=false
lab_told=false
lab_weir_pid=
lab_begun=$SECONDS
frr=/usr/lib/frr

say() { printf '\n== %s (%d s)\n' "$*" $((SECONDS - lab_begun)); }

fail() {
	lab_told=true
	printf '\nFAILED: %s\n' "$*" >&2
	exit 1
}

# Runs a command and shows it as somebody on that machine would have typed it.
show() {
	case $1 in
	in_ns) printf '\n%s$ %s\n' "$2" "${*:3}" ;;
	vtysh_of)
		printf '\n%s$ vtysh' "$2"
		printf " -c '%s'" "${@:3}"
		echo
		;;
	birdc_of) printf '\n%s$ birdc %s\n' "$2" "${*:3}" ;;
	*) printf '\nweir$ %s\n' "$*" ;;
	esac
	"$@"
}

in_ns() { # NAMESPACE COMMAND...
	local ns=$1
	shift
	ip netns exec "$lab.$ns" "$@"
}

weir() { "$weir_bin" -s "$lab_dir/weir.sock" "$@"; }

# --- beginning and end ---

lab_pids() {
	local ns
	for ns in $(lab_namespaces); do
		ip netns pids "$ns" 2>/dev/null || true
	done
}

lab_namespaces() { ip netns list | awk '{print $1}' | grep "^$lab\\." || true; }

# Whatever runs in the lab's namespaces is the lab's. Daemons get three seconds to end by themselves.
lab_remove() {
	local ns i
	lab_pids | xargs -r kill 2>/dev/null || true
	for ((i = 0; i < 30; i++)); do
		[ -n "$(lab_pids)" ] || break
		sleep 0.1
	done
	lab_pids | xargs -r kill -KILL 2>/dev/null || true
	for ns in $(lab_namespaces); do
		ip netns del "$ns" || true
	done
	rm -rf "$lab_dir"
	rmdir /run/weir-lab 2>/dev/null || true
}

lab_logs() {
	local f
	for f in "$lab_dir"/*.log "$lab_dir"/*/*.log; do
		[ -s "$f" ] || continue
		printf '\n--- the end of %s\n' "$f"
		tail -n 12 "$f"
	done
}

lab_exit() {
	local status=$?
	trap - EXIT INT TERM HUP
	if [ $status -ne 0 ] && [ $status -le 128 ]; then
		$lab_told || printf '\nFAILED: the last command ended with status %d\n' $status >&2
		lab_logs >&2
	fi
	if $lab_keep && [ $status -lt 128 ]; then
		lab_around
	else
		lab_remove
	fi
	exit $status
}

# What the folder's README says under "how to look at it"; run.sh may say more in lab_more().
lab_around() {
	cat <<-END

		The lab is still there. To look around:
		  $weir_bin -s $lab_dir/weir.sock show routes      (or without 'show routes': a shell)
		  ip netns exec $lab.weir ip route
	END
	[ ! -d "$lab_dir/frr-weir" ] || echo "  ip netns exec $lab.weir vtysh --vty_socket $lab_dir/frr-weir"
	if declare -F lab_more >/dev/null; then
		lab_more
	fi
	echo "To remove it: $0 --clean"
}

lab_begin() { # arguments of run.sh
	case ${1-} in
	'') ;;
	--keep) lab_keep=true ;;
	--clean)
		lab_remove
		exit 0
		;;
	*)
		sed -n 's/^#   //p' "${BASH_SOURCE[0]}"
		exit 2
		;;
	esac
	[ "$(id -u)" -eq 0 ] || fail "network namespaces need root"
	weir_bin=${WEIR_BIN:-$(command -v weir || echo "$lab_here/../../build/src/cli/weir")}
	[ -x "$weir_bin" ] || fail "there is no weir: install it, or name it with WEIR_BIN"
	[ ! -e "$lab_dir" ] || fail "the lab '$lab' is there already; '$0 --clean' removes it"
	lab_needs ip:iproute2 ethtool:ethtool ping:iputils-ping
	trap lab_exit EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	trap 'exit 129' HUP
	install -d -m 755 "$lab_dir"
}

lab_needs() { # PROGRAM:PACKAGE...
	local p missing=
	for p in "$@"; do
		PATH=$PATH:/usr/sbin:/sbin command -v "${p%%:*}" >/dev/null || missing="$missing ${p#*:}"
	done
	[ -z "$missing" ] || fail "programs are missing: apt-get install$missing"
}

# Repeats a command until it succeeds; gives up after so many seconds.
lab_wait() { # SECONDS WHAT COMMAND...
	local end=$((SECONDS + $1)) what=$2
	shift 2
	printf '   waiting for %s ' "$what"
	until "$@" >/dev/null 2>&1; do
		if [ -n "$lab_weir_pid" ] && ! kill -0 "$lab_weir_pid" 2>/dev/null; then
			echo
			fail "weir has ended"
		fi
		if [ $SECONDS -ge $end ]; then
			echo
			"$@" || true
			fail "$what: did not happen in time"
		fi
		sleep 0.2
	done
	printf '(%d s)\n' $((SECONDS - lab_begun))
}

# --- machines and wires ---

lab_machine() { # NAME
	local key
	ip netns add "$lab.$1"
	ip -n "$lab.$1" link set lo up
	for key in all default; do
		in_ns "$1" sysctl -qw net.ipv4.conf.$key.rp_filter=0 net.ipv6.conf.$key.accept_ra=0
	done
}

lab_router() { # NAME: a Linux router
	lab_machine "$1"
	in_ns "$1" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.fib_multipath_hash_policy=1 \
		net.ipv6.fib_multipath_hash_policy=1
}

lab_wire() { # MACHINE INTERFACE MACHINE INTERFACE
	ip link add "$2" netns "$lab.$1" type veth peer name "$4" netns "$lab.$3"
	lab_end "$1" "$2"
	lab_end "$3" "$4"
}

# A veth pair leaves checksums and segmentation to hardware that is not there. What is a port of weir has no addresses in the kernel.
lab_end() { # MACHINE INTERFACE
	in_ns "$1" ethtool -K "$2" tx off rx off tso off gso off gro off >/dev/null 2>&1 || true
	[ "$1" != weir ] || in_ns weir sysctl -qw "net.ipv6.conf.$2.disable_ipv6=1"
	ip -n "$lab.$1" link set "$2" up
}

lab_address() { # MACHINE INTERFACE ADDRESS...
	local ns=$1 dev=$2 a
	shift 2
	for a in "$@"; do
		case $a in
		*:*) ip -n "$lab.$ns" addr add "$a" dev "$dev" nodad ;;
		*) ip -n "$lab.$ns" addr add "$a" dev "$dev" ;;
		esac
	done
}

lab_gateway() { # MACHINE IPV4 IPV6
	ip -n "$lab.$1" route add default via "$2"
	ip -n "$lab.$1" -6 route add default via "$3"
}

# --- programs; each in a session of its own, so that Ctrl-C is for run.sh alone ---

lab_start() { # MACHINE LOG COMMAND...
	local ns=$1 log=$2
	shift 2
	setsid ip netns exec "$lab.$ns" "$@" >>"$log" 2>&1 </dev/null &
}

lab_weir() { # weir with weir.yaml of the folder
	{
		cat "$lab_here/weir.yaml"
		echo "dpdk: {file-prefix: \"weir-$lab\", extra-args: [\"--no-pci\"]}"
	} >"$lab_dir/weir.yaml"
	lab_start weir "$lab_dir/weir.log" "$weir_bin" run -c "$lab_dir/weir.yaml" --socket "$lab_dir/weir.sock" --state "$lab_dir/state"
	lab_weir_pid=$!
	lab_wait 20 "weir" weir show version
	lab_wait 10 "its addresses (IPv6 ones are probed first)" lab_usable
}

lab_usable() { ! weir show interfaces | grep -q tentative; }

# FRR's daemons on a machine, with one configuration, as systemd and /etc/frr/frr.conf do it.
lab_frr() { # MACHINE CONFIGURATION DAEMON...
	local ns=$1 conf=$2 dir=$lab_dir/frr-$1 d
	shift 2
	install -d -o frr -g frr "$dir"
	install -o frr -g frr -m 640 /dev/null "$dir/empty"
	for d in zebra "$@"; do
		lab_start "$ns" "$dir/$d.log" "$frr/$d" -f "$dir/empty" -z "$dir/zserv" -i "$dir/$d.pid" --vty_socket "$dir" -P 0 --log stdout
		[ "$d" != zebra ] || lab_wait 10 "zebra of $ns" test -S "$dir/zserv"
	done
	for d in "$@"; do
		lab_wait 10 "$d of $ns" test -S "$dir/$d.vty"
	done
	in_ns "$ns" vtysh --vty_socket "$dir" -f "$conf" >>"$dir/vtysh.log" 2>&1 || fail "FRR does not take $conf: $(cat "$dir/vtysh.log")"
}

vtysh_of() { # MACHINE COMMAND...
	local ns=$1 args=() c
	shift
	for c in "$@"; do
		args+=(-c "$c")
	done
	in_ns "$ns" vtysh --vty_socket "$lab_dir/frr-$ns" "${args[@]}"
}

lab_bird() { # MACHINE CONFIGURATION
	local dir=$lab_dir/bird-$1
	install -d "$dir"
	lab_start "$1" "$dir/bird.log" bird -f -c "$2" -s "$dir/ctl" -P "$dir/pid"
	lab_wait 10 "BIRD of $1" birdc_of "$1" show status
}

birdc_of() { # MACHINE COMMAND...
	local ns=$1
	shift
	in_ns "$ns" birdc -s "$lab_dir/bird-$ns/ctl" "$@"
}

# --- what a lab looks at ---

# weir has an active route to the prefix, whose description contains the words.
has_route() { # PREFIX WORDS
	weir -j show routes | jq -e --arg p "$1" --arg w "${2-}" \
		'[.routes[] | select(.prefix == $p and .active and (tostring | contains($w)))] | length > 0'
}

lab_ping() { # MACHINE ADDRESS: fifty times a second, until lab_gap
	ip netns exec "$lab.$1" ping -n -D -O -i 0.02 -w 100 "$2" >"$lab_dir/ping.log" 2>&1 &
	lab_ping_pid=$!
}

# Ends it. Prints the longest time without an answer in milliseconds.
lab_gap() {
	kill -INT "$lab_ping_pid"
	while kill -0 "$lab_ping_pid" 2>/dev/null; do
		sleep 0.1
	done
	awk '/bytes from/ { t = substr($1, 2) + 0; if (last && t - last > most) most = t - last; last = t }
		END { printf "%d", most * 1000 }' "$lab_dir/ping.log"
}

sent_by() { # INTERFACE: packets weir sent out of it
	weir -j show interfaces | jq --arg n "$1" '.interfaces[] | select(.name == $n) | .tx_packets'
}
