#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The lab of README.md: ./run.sh, ./run.sh --keep, ./run.sh --clean
. "$(dirname "$0")/../lab.sh"
lab_begin "$@"
lab_needs vtysh:frr iperf3:iperf3 jq:jq

say "host - weir - core - internet"
lab_machine weir
lab_machine host
lab_machine internet
lab_router core
lab_wire host eth weir lan0
lab_wire core edge weir core0
lab_wire core inet internet eth
lab_address host eth 10.1.0.10/24 2001:db8:1::10/64
lab_gateway host 10.1.0.1 2001:db8:1::1
lab_address core edge 198.51.100.1/30 2001:db8:c::1/64
lab_address core inet 203.0.113.1/24 2001:db8:9::1/64
lab_address internet eth 203.0.113.9/24 2001:db8:9::9/64
lab_gateway internet 203.0.113.1 2001:db8:9::1

say "weir, FRR beside it and on the core router"
lab_weir
lab_frr weir "$lab_here/frr.conf" ospfd ospf6d
lab_frr core "$lab_here/core.conf" ospfd ospf6d
lab_wait 30 "the IPv4 default route" has_route 0.0.0.0/0 '"ospf"'
lab_wait 30 "the IPv6 default route" has_route ::/0 '"ospf"'
core_knows() {
	ip -n "$lab.core" route show proto ospf | grep -q "^10.1.0.0/24 " && ip -n "$lab.core" -6 route show proto ospf | grep -q "^2001:db8:1::/64 "
}
lab_wait 30 "the LAN in the core router's tables" core_knows

say "What FRR knows, and what weir forwards by"
show vtysh_of weir "show ip ospf neighbor"
show vtysh_of weir "show ipv6 ospf6 neighbor"
show weir show routes
show weir show sources
show weir show kernel

say "Through weir, both versions, and to the router's own address"
show in_ns host ping -c 3 -i 0.2 203.0.113.9
show in_ns host ping -c 3 -i 0.2 2001:db8:9::9
show in_ns internet ping -c 3 -i 0.2 192.0.2.1
before=$(sent_by core)
lab_start internet "$lab_dir/iperf3.log" iperf3 -s -1
sleep 0.5
show in_ns host timeout 20 iperf3 -c 203.0.113.9 -t 1
after=$(sent_by core)
echo "weir sent $((after - before)) packets towards the core meanwhile"
[ $((after - before)) -gt 100 ] || fail "the traffic did not pass weir"

say "The core withdraws its defaults"
show vtysh_of core configure "router ospf" "no default-information originate"
no_default() { ! has_route 0.0.0.0/0; }
lab_wait 10 "weir to forget the IPv4 default route" no_default
if show in_ns host ping -c 2 -i 0.2 -W 1 203.0.113.9; then
	fail "packets still find a way"
fi
show vtysh_of core configure "router ospf" "default-information originate always"
lab_wait 20 "the default route again" has_route 0.0.0.0/0 '"ospf"'
show in_ns host ping -c 2 -i 0.2 203.0.113.9
show weir kernel diff
say "It works: default routes come by OSPF, the LAN goes out by it"
