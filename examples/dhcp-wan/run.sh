#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The lab of README.md: ./run.sh, ./run.sh --keep, ./run.sh --clean
. "$(dirname "$0")/../lab.sh"
lab_begin "$@"
lab_needs dnsmasq:dnsmasq-base udhcpc:udhcpc curl:curl jq:jq python3:python3

say "host - weir - provider"
lab_machine weir
lab_machine host
lab_router provider
lab_wire host eth weir lan0
lab_wire provider customer weir wan0
lab_address host eth 10.1.0.10/24
ip -n "$lab.host" route add default via 10.1.0.1
lab_address provider customer 198.51.100.1/24
lab_address provider lo 203.0.113.9/32

say "weir without an address on the WAN side, and the provider's DHCP server"
lab_weir
lab_start provider "$lab_dir/dnsmasq.log" dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --interface=customer \
	--dhcp-range=198.51.100.100,198.51.100.150,255.255.255.0,2m --dhcp-option=option:router,198.51.100.1 --dhcp-authoritative \
	--dhcp-leasefile="$lab_dir/leases" --log-dhcp --log-facility=- --user=root --pid-file="$lab_dir/dnsmasq.pid"
show weir show interfaces
if has_route 0.0.0.0/0 >/dev/null; then
	fail "there is a default route already"
fi

say "A DHCP client on the twin"
lab_wait 10 "the twin's carrier" in_ns weir ip link show wan up
lab_start weir "$lab_dir/udhcpc.log" udhcpc -f -i wan -s "$lab_here/udhcpc.script" -p "$lab_dir/udhcpc.pid" -t 20 -T 1 -A 1 -R
address() { weir -j show interfaces | jq -er '.interfaces[] | select(.name == "wan") | .addresses[].address | select(startswith("198.51.100."))'; }
lab_wait 20 "the address" address
lab_wait 10 "the default route" has_route 0.0.0.0/0 '"dhcp"'
ours=$(address)
tail -2 "$lab_dir/udhcpc.log"
show in_ns weir ip -br address show wan
show weir show interfaces
show weir show routes
show weir show sources
show weir show kernel

# Without source NAT the provider must know what is behind its customer: see README.md.
ip -n "$lab.provider" route add 10.1.0.0/24 via "${ours%/*}"
say "The LAN is online, and so is the router itself"
show in_ns host ping -c 3 -i 0.2 203.0.113.9
lab_start provider "$lab_dir/http.log" python3 -m http.server -d "$lab_here" 8080
lab_wait 10 "the provider's web server" in_ns host curl -sf -m 2 http://203.0.113.9:8080/weir.yaml
in_ns host curl -sf -m 5 http://203.0.113.9:8080/weir.yaml | cmp - "$lab_here/weir.yaml" || fail "curl got something else"
echo "curl got weir.yaml from the provider's web server"
show in_ns weir ping -c 2 -i 0.2 203.0.113.9

say "The lease is given back: address and route go"
kill -USR2 "$(cat "$lab_dir/udhcpc.pid")"
gone() { ! address && ! has_route 0.0.0.0/0; }
lab_wait 10 "both to be gone" gone
show weir show routes
if show in_ns host ping -c 2 -i 0.2 -W 1 203.0.113.9; then
	fail "packets still find a way"
fi

say "And asked for again"
kill -USR1 "$(cat "$lab_dir/udhcpc.pid")"
lab_wait 20 "the address" address
lab_wait 10 "the default route" has_route 0.0.0.0/0 '"dhcp"'
[ "$(address)" = "$ours" ] || ip -n "$lab.provider" route replace 10.1.0.0/24 via "$(address | cut -d/ -f1)"
show in_ns host ping -c 2 -i 0.2 203.0.113.9
show weir kernel diff
say "It works: address and default route come by DHCP and go with the lease"
