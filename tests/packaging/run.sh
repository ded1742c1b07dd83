#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Builds the Debian packages from this tree, runs lintian, and installs, uses, removes and purges them in a clean
# Debian 12 made by debootstrap (kept in DIR as an archive for the next time, for a week). In between, a copy of it is
# booted with systemd, and the service is put through its life (service.sh).
# Usage: tests/packaging/run.sh DIR   (DIR: an empty or earlier working directory; root and a Debian mirror are needed)
set -eu
top=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mkdir -p "$1" && cd "$1" && pwd)
root=$dir/root
booted=$dir/booted
base=$dir/bookworm.tar

say() { echo "== $*"; }
die() { echo "FAILED: $*" >&2; exit 1; }

daemon= machine=
clean_up() {
	[ -z "$daemon" ] || kill "$daemon" || true
	[ -z "$machine" ] || kill -KILL "$machine" || true
	unmount
}

unmount() {
	local m
	for m in "$booted/proc" "$booted" "$root"/{proc,sys,dev/shm,dev}; do
		mountpoint -q "$m" && umount "$m"
	done
	return 0
}
trap clean_up EXIT

become_inside() { exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive chroot "$root" "$@"; }
inside() { (become_inside "$@"); }
as_nobody() { inside setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps=-all --bounding-set=-all "$@"; }

# Every file with its type, mode and owner, without what package management itself keeps.
listing() {
	(cd "$root" && find . -xdev \( -path ./proc -o -path ./dev -o -path ./sys -o -path ./var/cache -o -path ./var/log -o -path ./var/lib/apt \
		-o -path ./var/lib/dpkg -o -path ./tmp \) -prune -o -printf '%y %m %u %g %p\n') | LC_ALL=C sort -k5
}

build() {
	say "building the packages"
	rm -rf "$dir/build"
	mkdir -p "$dir/build/weir"
	(cd "$top" && git ls-files -co --exclude-standard -z | tar -c --null --files-from=- --ignore-failed-read) | tar -x -C "$dir/build/weir"
	(cd "$dir/build/weir" && PATH=/usr/lib/ccache:$PATH CCACHE_DIR=${CCACHE_DIR:-$HOME/.cache/ccache} CCACHE_BASEDIR=$dir/build \
		DEB_BUILD_OPTIONS="parallel=2" dpkg-buildpackage -us -uc -b) >"$dir/build.log" 2>&1 ||
		{ tail -60 "$dir/build.log"; die "dpkg-buildpackage"; }
	ls -l "$dir"/build/*.deb
}

check() {
	say "lintian"
	lintian --allow-root --fail-on error,warning,info --suppress-tags initial-upload-closes-no-bugs "$dir"/build/weir_*.changes ||
		die "lintian"
	say "the unit file and its user"
	local unit=$dir/unit
	rm -rf "$unit" && mkdir -p "$unit"
	dpkg-deb -x "$dir"/build/weir_*.deb "$unit"
	# The program is not installed here, and neither are the pages that the unit names.
	if command -v systemd-analyze >/dev/null; then
		systemd-analyze verify --man=no --recursive-errors=no --root="$unit" weir.service 2>&1 | tee "$dir/verify.log"
		! grep -vE "is not executable|^$" "$dir/verify.log" | grep -q . || die "systemd-analyze verify"
		systemd-analyze security --offline=true --threshold=30 --no-pager --root="$unit" weir.service | tail -1
	fi
	! ldd "$unit/usr/bin/weir" | grep -E 'librte_(mempool_|net_|bus_)' || die "a driver is linked"
	for page in weir.1 weir.8 weir-replay.1 weir.yaml.5; do
		ls "$unit"/usr/share/man/man*/"$page.gz" >/dev/null || die "no $page"
	done
}

# A Debian with nothing but the essential packages and what apt needs.
make_base() {
	find "$base" -mtime -7 2>/dev/null | grep -q . && return
	say "making a clean Debian 12"
	local mirror
	mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 2>/dev/null | grep -m1 '/debian/*$' || true)
	rm -rf "$root" "$base"
	debootstrap --variant=minbase bookworm "$root" "${mirror:-http://deb.debian.org/debian}" >"$dir/debootstrap.log" 2>&1 ||
		{ tail -20 "$dir/debootstrap.log"; die "debootstrap"; }
	tar -c -C "$root" -f "$base.part" . && mv "$base.part" "$base"
}

enter() {
	unmount
	rm -rf --one-file-system "$root"
	mkdir -p "$root"
	tar -x -C "$root" -f "$base"
	mount -t proc proc "$root/proc"
	mount -t sysfs -o ro sysfs "$root/sys"
	mount --bind /dev "$root/dev"
	mount -t tmpfs tmpfs "$root/dev/shm"
	cp /etc/resolv.conf "$root/etc/resolv.conf"
	cp /etc/apt/apt.conf.d/*proxy* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
	local mirror
	mirror=$(awk '{print $2; exit}' "$root/etc/apt/sources.list")
	{
		echo "deb $mirror bookworm main"
		echo "deb $mirror bookworm-updates main"
		grep -rhq debian-security /etc/apt/sources.list /etc/apt/sources.list.d 2>/dev/null &&
			echo "deb ${mirror%/debian*}/debian-security bookworm-security main"
	} >"$root/etc/apt/sources.list"
	mkdir -p "$root/pkg"
	cp "$dir"/build/weir_*.deb "$root/pkg/weir.deb"
	cp "$dir"/build/weir-doc_*.deb "$root/pkg/weir-doc.deb"
}

apt() { inside apt-get -qq -y -o Dpkg::Use-Pty=0 -o APT::Install-Recommends=false "$@" >>"$dir/apt.log" 2>&1 || { tail -30 "$dir/apt.log"; die "apt-get $*"; }; }

install() {
	say "installing"
	: >"$dir/apt.log"
	apt update
	# What the packages need comes first, so that the listing shows what they themselves leave behind.
	apt install $(inside sh -c 'dpkg-deb -f /pkg/weir.deb Depends' | sed 's/ *([^)]*)//g; s/ *|[^,]*//g; s/,/ /g')
	listing >"$dir/before"
	apt install /pkg/weir.deb /pkg/weir-doc.deb
}

use() {
	say "using it"
	inside weir --version
	inside weir config check /etc/weir/weir.yaml
	as_nobody weir config schema >"$dir/schema.json"
	as_nobody bash -c 'cd /usr/share/weir/examples && ./test-config.sh'
	as_nobody weir replay -c /usr/share/weir/examples/two-networks.yaml --in left=/usr/share/weir/examples/two-networks.pcap --out /tmp/out
	inside sh -c 'test "$(stat -c %U:%a /var/lib/weir)" = weir:750' || die "/var/lib/weir is not the user's"
	inside sh -c 'test "$(stat -c %U:%G:%a /etc/weir/conf.d)" = root:weir:775' || die "/etc/weir/conf.d is not the group's"
	inside sh -c 'test -f /usr/share/bash-completion/completions/weir && test -d /usr/share/doc/weir/guide' || die "a file is missing"
	# As the unit starts it: its user, its directories, the configuration it comes with.
	(become_inside setpriv --reuid weir --regid weir --init-groups --inh-caps=-all --bounding-set=-all \
		env RUNTIME_DIRECTORY=/run/weir weir run -- --no-huge --file-prefix "weirpkg$$" >"$dir/run.log" 2>&1) &
	daemon=$!
	local i
	for i in $(seq 200); do
		inside weir -j show version >"$dir/version.json" 2>/dev/null && break
		sleep 0.1
	done
	inside weir show version || { cat "$dir/run.log"; die "the daemon does not answer"; }
	inside setpriv --reuid weir --regid weir --clear-groups weir config apply /etc/weir/weir.yaml || die "reload"
	kill -TERM "$daemon"
	wait "$daemon" || { cat "$dir/run.log"; die "the daemon ended badly"; }
	daemon=
	grep -q "all packet buffers are back" "$dir/run.log" || { cat "$dir/run.log"; die "packet buffers"; }
}

# What becomes a machine: the installed packages under a systemd of their own, and the test as one of its services.
furnish() {
	rm -rf --one-file-system "$booted" "$dir/above" && mkdir -p "$booted" "$dir/above/up" "$dir/above/work"
	mount -t overlay -o "lowerdir=$root,upperdir=$dir/above/up,workdir=$dir/above/work" overlay "$booted"
	mount -t proc proc "$booted/proc"
	root=$booted apt install systemd systemd-sysv iproute2 iputils-ping
	umount "$booted/proc"
	cp "$top/tests/packaging/service.sh" "$booted/root/"
	# Hugepages as the unit wants them, where there are some.
	local eal='"--no-huge"'
	[ "$(awk '/^HugePages_Free/ {print $2}' /proc/meminfo)" -lt 300 ] || eal=
	cat >"$booted/etc/systemd/system/weir-test.service" <<-END
		[Unit]
		After=basic.target network.target
		[Service]
		Type=oneshot
		Environment='WEIR_EAL=$eal'
		ExecStartPre=/bin/ip link add w0 type veth peer name w1
		ExecStart=/root/service.sh
		StandardOutput=append:/root/service.log
		StandardError=inherit
		ExecStopPost=/bin/sh -c 'echo \$EXIT_STATUS >/root/service.status; systemctl poweroff --no-block 2>/dev/null'
	END
	mkdir -p "$booted/etc/systemd/system/multi-user.target.wants"
	ln -sf ../weir-test.service "$booted/etc/systemd/system/multi-user.target.wants/"
}

# DPDK wants /sys/module, which the machine would not have; CAP_IPC_LOCK is one of the unit's.
boot() {
	say "its life under systemd"
	furnish
	local log=$booted/root/service.log status=1 name=weir-package-$$
	timeout -k 5 180 systemd-nspawn -q --machine="$name" --register=no --keep-unit -D "$booted" -b --private-network \
		--capability=CAP_IPC_LOCK --bind-ro=/sys/module --bind=/dev/net/tun --console=pipe --resolv-conf=off \
		systemd.unit=multi-user.target </dev/null >"$dir/console.log" 2>&1 &
	machine=$!
	wait "$machine" || true
	machine=
	rmdir "/run/systemd/nspawn/propagate/$name" 2>/dev/null || true
	if [ ! -s "$log" ]; then # not even the first line of service.sh
		cat "$dir/console.log"
		echo "SKIPPED the service under systemd: this machine cannot boot a container"
	else
		[ -f "$booted/root/service.status" ] && status=$(cat "$booted/root/service.status")
		cat "$log"
		[ "$status" = 0 ] || die "the service under systemd"
	fi
	umount "$booted"
	rm -rf --one-file-system "$booted" "$dir/above"
}

remove() {
	say "removing and purging"
	inside sh -c 'echo "# kept" >>/etc/weir/weir.yaml; echo "{}" >/etc/weir/conf.d/90-saved.yaml'
	apt remove weir
	inside sh -c 'grep -q "# kept" /etc/weir/weir.yaml && test -f /etc/weir/conf.d/90-saved.yaml' || die "removing took the configuration"
	apt purge weir weir-doc
	listing >"$dir/after"
	# The user stays (its files could be anywhere), as Debian's own packages do it.
	diff "$dir/before" "$dir/after" | grep -vE ' \./etc/(passwd|group|shadow|gshadow)-?$|^[0-9,acd]+$|^---$' >"$dir/left" || true
	[ ! -s "$dir/left" ] || { cat "$dir/left"; die "purging leaves something"; }
}

start=$SECONDS
[ -n "${WEIR_DEBS_BUILT:-}" ] || build
check
make_base
enter
install
use
boot
remove
unmount
rm -rf --one-file-system "$root"
echo "packages built, installed, used, booted and purged in $((SECONDS - start)) s"
