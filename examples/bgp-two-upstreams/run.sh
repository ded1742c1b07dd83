#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The lab of README.md: ./run.sh, ./run.sh --keep, ./run.sh --clean
. "$(dirname "$0")/../lab.sh"
lab_begin "$@"
lab_needs vtysh:frr bird:bird2 iperf3:iperf3 jq:jq nft:nftables

say "host - weir - two upstreams - internet"
lab_machine weir
lab_machine host
lab_router first
lab_router second
lab_router internet
lab_wire host eth weir lan0
lab_wire first customer weir up0
lab_wire second customer weir up1
lab_wire first inet internet first
lab_wire second inet internet second
lab_address host eth 203.0.113.9/24 2001:db8:1::9/48
lab_gateway host 203.0.113.1 2001:db8:1::1
lab_address first customer 198.51.100.1/30 2001:db8:a::1/64
lab_address first inet 192.0.2.1/30 2001:db8:ffa::1/64
lab_address second customer 198.51.100.5/30 2001:db8:b::1/64
lab_address second inet 192.0.2.5/30 2001:db8:ffb::1/64
lab_address internet first 192.0.2.2/30 2001:db8:ffa::2/64
lab_address internet second 192.0.2.6/30 2001:db8:ffb::2/64
lab_address internet lo 198.18.0.9/32 2001:db8:ffff::9/128

say "weir, FRR beside it, BIRD everywhere else"
lab_weir
lab_frr weir "$lab_here/frr.conf" bgpd bfdd
for m in first second internet; do
	lab_bird $m "$lab_here/$m.conf"
done
by() { has_route 0.0.0.0/0 "\"interface\":\"$1\"" && has_route ::/0 "\"interface\":\"$1\""; }
back_by() { # the internet's way to us
	ip -n "$lab.internet" route show 203.0.113.0/24 | grep -q "dev $1" && ip -n "$lab.internet" -6 route show 2001:db8:1::/48 | grep -q "dev $1"
}
all_bfd_up() { [ "$(vtysh_of weir 'show bfd peers json' | jq '[.[] | select(.status == "up")] | length')" -eq 4 ]; }
all_bgp_up() { [ "$(vtysh_of weir 'show bgp summary json' | jq '[.[].peers[] | select(.state == "Established" and .pfxRcd > 0)] | length')" -eq 4 ]; }
lab_wait 40 "the default routes of both upstreams" all_bgp_up
lab_wait 30 "BFD" all_bfd_up
lab_wait 20 "the way out by the first" by first
lab_wait 20 "the way back by the first" back_by first

say "What FRR knows, and what weir forwards by"
show vtysh_of weir "show bgp ipv4 unicast"
show vtysh_of weir "show bgp ipv6 unicast"
show vtysh_of weir "show bfd peers brief"
show weir show routes
show weir show sources
show weir show kernel
show in_ns host ping -c 3 -i 0.2 198.18.0.9
show in_ns host ping -c 3 -i 0.2 2001:db8:ffff::9

say "TCP takes the first upstream, in both directions"
first=$(sent_by first) second=$(sent_by second)
lab_start internet "$lab_dir/iperf3.log" iperf3 -s -1
sleep 0.5
show in_ns host timeout 20 iperf3 -c 198.18.0.9 -t 1
first=$(($(sent_by first) - first)) second=$(($(sent_by second) - second))
echo "weir sent $first packets by the first upstream, $second by the second"
[ $second -lt $((first / 50)) ] || fail "the second upstream is only the backup" # it sends BFD and BGP
[ $first -gt 100 ] || fail "the traffic did not pass weir"

say "The first upstream's line goes dead without a word: its link stays up, nothing passes"
lab_ping host 198.18.0.9
sleep 1
in_ns first nft -f - <<-END
	table inet dead {
		chain in { type filter hook prerouting priority -300; iifname customer drop; }
		chain out { type filter hook postrouting priority 300; oifname customer drop; }
	}
END
lab_wait 15 "the way out by the second" by second
lab_wait 15 "the way back by the second" back_by second
sleep 1
show vtysh_of weir "show bfd peers brief"
show weir show routes
in_ns first nft delete table inet dead
lab_wait 40 "the way out by the first again" by first
lab_wait 20 "the way back by the first again" back_by first
sleep 0.5

gap=$(lab_gap)
echo "the longest time without an answer: $gap ms"
[ "$gap" -gt 0 ] && [ "$gap" -lt 3000 ] || fail "the failure took too long to notice"
show weir kernel diff
say "It works: the first upstream is used, the second takes over within $gap ms, the first gets it back"
