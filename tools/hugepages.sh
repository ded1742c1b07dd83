#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Makes sure that N 2 MB hugepages are reserved and hugetlbfs is mounted, as far as this is allowed; says what it did.
# Usage: tools/hugepages.sh N
set -u
want=${1:-512}
file=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
have=$(cat "$file" 2>/dev/null || echo 0)
if [ "$have" -lt "$want" ] && ! { echo "$want" >"$file"; } 2>/dev/null; then
	echo "Hugepages cannot be reserved here ($have are); weir runs with --no-huge, which is slower."
	exit 0
fi
now=$(cat "$file" 2>/dev/null || echo 0)
if ! grep -q ' hugetlbfs ' /proc/mounts; then
	mkdir -p /dev/hugepages 2>/dev/null
	mount -t hugetlbfs none /dev/hugepages 2>/dev/null || echo "hugetlbfs cannot be mounted; weir runs with --no-huge."
fi
echo "Hugepages: $now of 2 MB."
