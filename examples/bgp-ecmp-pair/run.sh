#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The lab of README.md: ./run.sh, ./run.sh --keep, ./run.sh --clean
. "$(dirname "$0")/../lab.sh"
lab_begin "$@"
lab_needs vtysh:frr iperf3:iperf3 jq:jq

say "host - weir - two spines - server"
lab_machine weir
lab_machine host
lab_router spine1
lab_router spine2
lab_router server
lab_wire host eth weir lan0
lab_wire spine1 leaf weir up0
lab_wire spine2 leaf weir up1
lab_wire spine1 server server spine1
lab_wire spine2 server server spine2
lab_address host eth 10.1.0.10/24 2001:db8:1::10/64
lab_gateway host 10.1.0.1 2001:db8:1::1
lab_address server lo 203.0.113.9/32 2001:db8:9::9/128

say "weir, and FRR on the leaf beside it, on both spines, on the server"
lab_weir
lab_frr weir "$lab_here/leaf.conf" bgpd
for m in spine1 spine2 server; do
	lab_frr $m "$lab_here/$m.conf" bgpd
done
two_ways() { # to an IPv4 and an IPv6 network
	for p in 203.0.113.9/32 2001:db8:9::9/128; do
		has_route $p '"interface":"spine1"' && has_route $p '"interface":"spine2"' || return 1
	done
}
one_way() {
	! has_route 203.0.113.9/32 '"interface":"spine1"' && ! has_route 2001:db8:9::9/128 '"interface":"spine1"' &&
		has_route 203.0.113.9/32 '"interface":"spine2"' && ! server_by spine1
}
server_by() { ip -n "$lab.server" route show 10.1.0.0/24 | grep -q "dev $1"; }
server_by_both() { server_by spine1 && server_by spine2; }
lab_wait 40 "routes by both spines" two_ways
lab_wait 20 "the server's routes to the LAN" server_by_both

say "What FRR knows, and what weir forwards by: IPv4 and IPv6 networks with IPv6 link-local next hops (RFC 8950)"
show vtysh_of weir "show bgp summary"
show vtysh_of weir "show ip route bgp"
show weir show routes
show weir show sources
show weir show kernel
show in_ns host ping -c 3 -i 0.2 203.0.113.9
show in_ns host ping -c 3 -i 0.2 2001:db8:9::9

say "Sixteen TCP connections take both links"
flows() { # sets one and two
	one=$(sent_by spine1) two=$(sent_by spine2)
	lab_start server "$lab_dir/iperf3.log" iperf3 -s -1
	sleep 0.5
	show in_ns host timeout 20 iperf3 -c 203.0.113.9 -P 16 -t 1 | grep -E '[$] |SUM'
	one=$(($(sent_by spine1) - one)) two=$(($(sent_by spine2) - two))
	echo "weir sent $one packets by spine1, $two by spine2"
}
flows
[ $one -gt 100 ] && [ $two -gt 100 ] || fail "one link carries everything"
show weir show interfaces

say "Maintenance: one spine ends its session"
show vtysh_of spine1 configure "router bgp 65101" "neighbor leaf shutdown"
lab_wait 15 "all routes by the other" one_way
show weir show routes
flows
[ $one -lt 50 ] && [ $two -gt 100 ] || fail "packets still go by spine1"
show vtysh_of spine1 configure "router bgp 65101" "no neighbor leaf shutdown"
lab_wait 30 "routes by both spines" two_ways
lab_wait 10 "the server's" server_by_both

say "Its link goes down"
lab_ping host 203.0.113.9
sleep 0.5
ip -n "$lab.spine1" link set leaf down
lab_wait 15 "all routes by the other" one_way
sleep 0.5
echo "$(lab_gap) ms of ping without an answer"
show weir show routes
show in_ns host ping -c 3 -i 0.2 203.0.113.9
flows
[ $one -lt 50 ] && [ $two -gt 100 ] || fail "packets still go by the dead link"
show weir kernel diff
say "It works: two links, both used, either one enough"
