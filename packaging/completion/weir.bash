# SPDX-License-Identifier: BSD-3-Clause
# Completion of weir in bash. The program itself knows what may come next: there is no second grammar here.

_weir() {
	local line directive strip word
	local -a offers=()
	COMPREPLY=()
	mapfile -t offers < <(COMP_LINE=$COMP_LINE COMP_POINT=$COMP_POINT "$1" --complete 2>/dev/null)
	[ ${#offers[@]} -gt 1 ] || return 0
	directive=${offers[0]}
	# The line up to the cursor, and what bash takes for the word: it also splits at ':' and '='.
	line=${COMP_LINE:0:COMP_POINT}
	word=${line##*[[:space:]]}
	strip=${word%"$2"}
	for line in "${offers[@]:1}"; do
		COMPREPLY+=("${line#"$strip"}")
	done
	case $directive in *files*) compopt -o filenames 2>/dev/null ;; esac
	case $directive in *nospace*) compopt -o nospace 2>/dev/null ;; esac
	return 0
}

complete -F _weir weir
