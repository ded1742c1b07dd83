#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# The unit under a real systemd: runs as a service of a Debian that was booted for it (run.sh, step "boot") with weir
# and a veth pair w0-w1. Prints what it does; exit status 0 only when all of it held.
set -u
conf=/etc/weir/weir.yaml
dropin=/etc/systemd/system/weir.service.d
start=$SECONDS

say() { echo "-- $*"; }
die() {
	echo "FAILED: $*"
	systemctl --no-pager --full status weir
	journalctl --no-pager -u weir -n 60
	exit 1
}
# Fails unless the command fails.
refused() { ! "$@"; }
# until_true SECONDS COMMAND...
until_true() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}
property() { systemctl show -P "$1" weir; }
answers() { ping -n -c 1 -W 1 -I w1 "$1"; }
journal_has() { journalctl --no-pager -q -u weir -o cat "${@:2}" | grep -q -- "$1"; }
status_is() { [ "$(property StatusText)" = "$1" ]; }
in_state() { [ "$(property ActiveState)" = "$1" ]; }
restarted() { [ "$(property NRestarts)" -ge "$1" ] && [ "$(property ActiveState)" = active ] && [ "$(property MainPID)" != "$2" ]; }

config() {
	cat >$conf <<END
ports:
  p0: {device: "af_packet:w0"}
interfaces:
  lan: {port: p0, addresses: [10.0.0.$1]}
dpdk: {extra-args: [$WEIR_EAL]}
END
}

# A kernel's route would answer for w1 otherwise.
ip link set w0 up
ip link set w1 up
ip addr add 10.0.0.100/24 dev w1

say "systemd-analyze"
systemd-analyze verify --man=no weir.service || die "verify"
systemd-analyze security --offline=true --no-pager weir.service 2>&1 | tail -1
[ "$(systemctl is-enabled weir)" = disabled ] || die "the installation enabled it"
[ "$(property ActiveState)" = inactive ] || die "the installation started it"

say "start: systemctl returns when it is ready"
# Shorter than the unit's 20 s, for the test of the watchdog.
mkdir -p $dropin
printf '[Service]\nWatchdogSec=6\n' >$dropin/test.conf
systemctl daemon-reload
config 1/24
[ "$(property Type)" = notify ] || die "Type"
systemctl start weir || die "start"
[ "$(property ActiveState)/$(property SubState)" = active/running ] || die "not active"
weir show version || die "ready before the API answers"
until_true 10 answers 10.0.0.1 || die "it does not answer a ping"
until_true 10 status_is "1 worker, 1 of 1 ports up" || die "status: $(property StatusText)"
pid=$(property MainPID)
[ "$(stat -c %U "/proc/$pid")" = weir ] || die "it does not run as its user"
# Four capabilities: net_admin, net_raw, ipc_lock, sys_nice.
grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' "/proc/$pid/status" | tr -s '\n\t' ' ' | tee /tmp/status && echo
grep -q 'NoNewPrivs: 1 Seccomp: 2' /tmp/status && [ "$(grep -o '0000000000807000' /tmp/status | wc -l)" = 2 ] || die "it may do other things than the unit says"
[ "$(stat -c %U:%G:%a /run/weir/weir.sock)" = weir:weir:660 ] || die "mode of the socket"
runuser -u nobody -- weir show version 2>&1 | grep -q "Permission denied\|may not\|not allowed" || die "everybody may use the socket"

say "reload: a good file, a bad one"
config 2/24
systemctl reload weir || die "reload"
answers 10.0.0.2 >/dev/null || die "the new address is not in force when reload returns"
config 3/244
refused systemctl reload weir || die "reload of a wrong file succeeded"
[ "$(property ActiveState)" = active ] && [ "$(property MainPID)" = "$pid" ] || die "a failed reload ended the service"
answers 10.0.0.2 >/dev/null || die "a failed reload changed something"
until_true 5 journal_has "weir.yaml:4:" || die "the mistake is not in the journal"
journalctl --no-pager -q -u weir -o cat | grep -A2 "weir.yaml:4:" | head -3
config 2/24

say "kill -9: the next start has the last confirmed configuration"
runuser -u weir -- weir config apply /etc/weir/weir.yaml >/dev/null || die "apply as weir"
weir -j config show >/tmp/shown.json
sed 's/10.0.0.2/10.0.0.9/' $conf >/tmp/next.yaml
weir config apply /tmp/next.yaml --confirm 600 >/dev/null || die "apply --confirm"
until_true 5 answers 10.0.0.9 || die "the unconfirmed configuration is not in force"
kill -KILL "$pid"
until_true 15 restarted 1 "$pid" || die "it was not started again"
until_true 10 answers 10.0.0.2 || die "the last confirmed configuration is not in force"
refused answers 10.0.0.9 >/dev/null || die "an unconfirmed configuration survived"
journal_has "was not confirmed before weir ended" || die "the log does not say what was taken back"
weir config history

say "save: the service may write conf.d and nothing else"
weir route add blackhole 192.0.2.0/24 || die "route add"
weir config save || die "save"
[ "$(stat -c %U /etc/weir/conf.d/90-saved.yaml)" = weir ] || die "the saved file is not the service's"
systemctl reload weir && weir config diff || die "what was saved does not say what runs"

say "watchdog: a stopped process is started again"
pid=$(property MainPID)
kill -STOP "$pid"
until_true 40 restarted 2 "$pid" || die "the watchdog did nothing"
until_true 5 journalctl --no-pager -q -u weir -g "Watchdog timeout" || die "the watchdog is not in the journal"
journalctl --no-pager -q -u weir -o cat -g "atchdog" | head -2
until_true 10 answers 10.0.0.2 || die "it does not answer after the watchdog"

say "the journal has priorities"
journalctl --no-pager -q -u weir -p notice -o cat | grep -q "ready: 1 worker" || die "no notice"
journalctl --no-pager -q -u weir -p warning -o cat | grep -q "was not confirmed" || die "no warning"
! journalctl --no-pager -q -u weir -p warning -o cat | grep -q "ready: 1 worker" || die "a notice is a warning"

say "stop"
systemctl stop weir || die "stop"
[ "$(property Result)" = success ] && [ "$(property ExecMainStatus)" = 0 ] || die "it did not end well: $(property Result)"
[ ! -e /run/weir/weir.sock ] || die "the socket is still there"
journal_has "all packet buffers are back" || die "packet buffers"
ls /run/hugepages/weir 2>/dev/null | grep -q . && die "hugepage files are left"

say "a configuration that cannot start is not started for ever"
echo "ports: {p0: {device: \"af_packet:none\"}}" >$conf
rm -rf /var/lib/weir/*
refused systemctl start weir || die "started without its device"
journal_has "none" -p err || die "no error in the journal"
until_true 30 in_state failed || die "it is started again and again"
journal_has "Start request repeated too quickly" || die "the journal does not say that it gave up"
systemctl stop weir
echo "service tested in $((SECONDS - start)) s"
