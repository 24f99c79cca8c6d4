# SPDX-License-Identifier: LGPL-2.1-only
# Sourced by kernels.sh: what the tests said under each kernel, as tables in Markdown.

_table_release() { # LOG
	sed -n 's/^### release //p' "$1" 2>/dev/null
}

# Whether a test passed: yes, FAILED, or - if it never ran.
_table_test() { # LOG NAME
	if grep -qE "^\[ +OK \] $2\$" "$1" 2>/dev/null; then
		echo yes
	elif grep -qE "^\[ +FAILED +\] $2\$" "$1" 2>/dev/null; then
		echo FAILED
	else
		echo -
	fi
}

# Native, or the lesser mode that `start` said it took.
_table_mode() { # LOG
	local mode
	mode=$(sed -n 's/^mode: //p' "$1" 2>/dev/null)
	[ "$mode" = native ] && mode=yes
	echo "${mode:--}"
}

# "0 violations in 4711 operations, 52 % by bmc"
_table_stress() { # LOG
	local line
	line=$(sed -nE 's/^.* +([0-9]+) operations .* ([0-9]+)\.[0-9] % by bmc +([0-9]+) violations .*$/\3 violations in \1 operations, \2 % of the reads by bmc/p' "$1" 2>/dev/null | tail -n 1)
	grep -q '^### stress 0 ' "$1" 2>/dev/null || line="FAILED ${line}"
	echo "$line"
}

# Milliseconds of all programs, from prog_budget.
_table_load_ms() { # LOG
	awk '$1 ~ /^bmc_/ && NF == 6 { ms += $5 } END { print ms + 0 }' "$1" 2>/dev/null
}

_table_row() { # LOGS SERIES KIND
	local log=$1/$2.tables.log
	if [ "$3" = old ]; then
		log=$1/$2.refused.log
		printf '| %s | refused: "%s" | | | | | | |\n' "$(_table_release "$log")" \
			"$(sed -n 's/^says: //p' "$log" 2>/dev/null)"
		return
	fi
	printf '| %s | %s, %s ms | %s | %s | %s | %s | %s | %s |\n' "$(_table_release "$log")" \
		"$(_table_test "$log" test_loads)" "$(_table_load_ms "$log")" "$(_table_mode "$log")" \
		"$(_table_test "$log" hits)" "$(_table_test "$log" fills)" "$(_table_test "$log" writes_seen)" \
		"$(_table_test "$log" clean_up)" "$(_table_stress "$1/$2.stress.log")"
}

_table_programs() { # LOG
	awk '$1 ~ /^bmc_/ && NF == 6 { print $1 }' "$1"
}

# Instructions and milliseconds, a row a program.
_table_instructions() { # LOGS SERIES…
	local logs=$1 series program
	shift
	printf '| program |'
	for series in "$@"; do printf ' %s |' "$(_table_release "$logs/$series.tables.log")"; done
	printf '\n|---|'
	for series in "$@"; do printf '%s' '---|'; done
	echo
	for program in $(_table_programs "$logs/$1.tables.log"); do
		printf '| %s |' "$program"
		for series in "$@"; do
			awk -v p="$program" '$1 == p && NF == 6 { printf " %d, %d ms |", $2, $5 }' \
				"$logs/$series.tables.log"
		done
		echo
	done
}

table_all() { # LOGS "SERIES KIND"…
	local logs=$1 one series kind new=()
	shift
	echo '| kernel | loads | native XDP on veth | hits | fills | writes seen | nothing left | stress |'
	echo '|---|---|---|---|---|---|---|---|'
	for one in "$@"; do
		read -r series kind <<<"$one"
		_table_row "$logs" "$series" "$kind"
		[ "$kind" != new ] || new+=("$series")
	done
	[ ${#new[@]} -gt 0 ] || return 0
	echo
	echo 'Instructions that the verifier looks at, and its time (emulated without KVM, on one CPU):'
	echo
	_table_instructions "$logs" "${new[@]}"
}
