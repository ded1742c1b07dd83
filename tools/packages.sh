#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Installs what packages.txt lists for the given purposes, if anything is missing. Safe to repeat, also after an
# interrupted run. Usage: tools/packages.sh build [test] [bench]
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
wanted=() missing=()
for purpose in "$@"; do
	while read -r what package; do
		[ "$what" = "$purpose" ] && wanted+=("$package")
	done < <(grep -v '^#' "$here/packages.txt")
done
for p in "${wanted[@]}"; do
	dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'install ok installed' || missing+=("$p")
done
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ]; then
	echo "These packages are missing; as root: apt-get install ${missing[*]}" >&2
	exit 1
fi
echo "Installing ${#missing[@]} packages: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
# An interrupted run may have left dpkg half way, or another apt at work.
options=(-o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 -qq)
dpkg --configure -a >/dev/null 2>&1 || true
apt-get "${options[@]}" update
apt-get "${options[@]}" -y --no-install-recommends install "${missing[@]}" >/dev/null
