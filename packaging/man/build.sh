#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Builds one manual page. Usage: build.sh WEIR TEMPLATE OUTPUT
# A line "@PART@" of the template is replaced by what `weir document PART` prints.
set -eu
weir=$1 template=$2 output=$3
# AddressSanitizer's leak check needs ptrace, which build sandboxes may not have.
ASAN_OPTIONS=detect_leaks=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}
export ASAN_OPTIONS
while IFS= read -r line; do
	case $line in
	@*@) part=${line#@} && "$weir" document "${part%@}" || exit 1 ;;
	*) printf '%s\n' "$line" ;;
	esac
done <"$template" | scdoc >"$output"
