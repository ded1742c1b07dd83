#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# What runs on workers may not allocate from libc, lock, print or make system calls: fails when the object file of a
# stage or of the runner refers to such a symbol. Usage: tools/forbidden.sh BUILD-DIR
set -u
forbidden='^(malloc|calloc|realloc|free|strdup|aligned_alloc|posix_memalign|printf|fprintf|sprintf|snprintf|vsnprintf|puts|fputs|fopen|fwrite|write|read|open|close|ioctl|poll|select|epoll_wait|usleep|nanosleep|sleep|gettimeofday|clock_gettime|time|pthread_mutex_lock|pthread_mutex_unlock|pthread_rwlock_.*|pthread_cond_.*|sem_wait|log_write|rte_malloc.*|rte_zmalloc.*|rte_free|rte_log|abort|exit|__assert_fail)$'
# Registration runs in constructors, before any worker: stage_register() and reason_register() are theirs.
status=0 count=0
while read -r object; do
	count=$((count + 1))
	bad=$(nm -u "$object" | awk '{print $NF}' | grep -E "$forbidden" | tr '\n' ' ')
	if [ -n "$bad" ]; then
		echo "$(basename "$object"): must not use $bad"
		status=1
	fi
done < <(find "$1" -path '*.a.p/*' \( -name '*stage_*.c.o' -o -name 'runner.c.o' -o -name 'hash.c.o' \) ! -name '*stage.c.o' -o -path '*packet*.a.p/parse.c.o' -o -path '*packet*.a.p/checksum.c.o' -o -path '*packet*.a.p/options.c.o')
echo "$count object files of the data path looked at"
[ "$count" -gt 10 ] || { echo "that is too few: the pattern no longer matches"; status=1; }
exit $status
