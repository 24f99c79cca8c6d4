# SPDX-License-Identifier: LGPL-2.1-only
# Sourced behind leaks.sh by run.sh and check/runner.sh, which set build and logs: commands side by side, how they went, and
# what they left.
passed=0 failed=0
declare -A running=()    # of the tests that have not ended: pid -> name
declare -A begun=()      # name -> when
declare -A is_cmocka=()  # name -> yes: its output counts tests; any other is one
declare -A ended=()      # name -> yes
declare -A aside_pids=() # name -> pid

is_wanted() { # NAME
	local f
	[ ${#filters[@]} -eq 0 ] && return 0
	for f in "${filters[@]}"; do
		[[ $1 == *"$f"* ]] && return 0
	done
	return 1
}

report() { # NAME SECONDS PASSED FAILED LOG
	passed=$((passed + $3))
	failed=$((failed + $4))
	if [ "$4" -eq 0 ]; then
		printf 'ok    %-24s %4d passed %5d s\n' "$1" "$3" "$2"
	else
		printf 'FAIL  %-24s %4d passed, %d failed %5d s, %s\n' "$1" "$3" "$4" "$2" "$5"
		grep -vE '^\[ +(RUN|OK) ' "$5" | tail -n 60 | sed 's/^/      | /'
	fi
}

# Adds up the numbers of cmocka's closing lines that match; a skipped test has not run.
cmocka_count() { # REGEX LOG
	sed -nE "s/^.*\[ +($1) +\] +(tests: )?([0-9]+) test\(s\)([.,].*)?\$/\3/p" "$2" | awk '{ n += $1 } END { print n + 0 }'
}

# In the background: what it says in NAME.log, its own pid in NAME.pid, how it went and its seconds in NAME.end.
# started: the pid of what waits for it. 0 seconds: as long as it takes.
start() { # NAME SECONDS COMMAND…
	local name=$1 limit=$2
	shift 2
	begun[$name]=$SECONDS
	rm -f "$logs/$name".{pid,end}
	timeout --kill-after=10 "$limit" bash -c \
		'to=$1; shift; (echo $BASHPID >"$to.pid"; exec "$@"); echo "$? $SECONDS" >"$to.end"' start "$logs/$name" "$@" \
		>"$logs/$name.log" 2>&1 </dev/null 3<&- &
	started=$!
}

start_test() { # NAME SECONDS COMMAND…
	BMC_TEST_OF=$$-$1 start "$@"
	running[$started]=$1
}

# -> rc, seconds; a time that was over is told in the log. Without a whole line that says so nothing went well.
read_end() { # NAME
	local line=
	rc=1 seconds=$((SECONDS - begun[$1]))
	if ! read -r line 2>/dev/null <"$logs/$1.end"; then
		echo "stopped: its time was over, or it was killed" >>"$logs/$1.log"
	elif [[ $line =~ ^([0-9]+)\ ([0-9]+)$ ]]; then
		rc=${BASH_REMATCH[1]} seconds=${BASH_REMATCH[2]}
	else
		echo "how it ended is not to be read: '$line'" >>"$logs/$1.log"
	fi
}

# -> pid; empty if it was not noted
read_pid() { # NAME
	pid=
	read -r pid 2>/dev/null <"$logs/$1.pid"
	[[ $pid =~ ^[0-9]+$ ]] || pid=
}

# Waits for any of `running`. Of cmocka as many tests as it counts; none counted, or dead before the end: one failure.
# What it left behind is a failure too. What it or others may have left is told: nothing_left_behind fails if it stays.
end_test() {
	local pid='' name log rc seconds good=0 bad=0 own others
	wait -n -p pid "${!running[@]}"
	if [ -z "${pid:-}" ]; then # none is left to wait for
		for pid in "${!running[@]}"; do
			break
		done
		wait "$pid" 2>/dev/null
	fi
	name=${running[$pid]} log=$logs/${running[$pid]}.log
	unset "running[$pid]"
	ended[$name]=yes
	read_end "$name"
	read_pid "$name"
	if [ -z "$pid" ]; then
		echo "which process it was is not known: what it left cannot be told" >>"$log"
		rc=1
	fi
	if [ -n "${is_cmocka[$name]:-}" ]; then
		good=$(cmocka_count PASSED "$log")
		bad=$(cmocka_count 'FAILED|SKIPPED' "$log")
	fi
	[ "$rc" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
	leaks_end "$name" "$pid" "${running[@]}"
	own=$(printf '%s\n' "${leaks_sure[@]}" | sed -n "s/^$name: //p")
	others=$(printf '%s\n' "${leaks_sure[@]}" | grep -v "^$name: ")
	[ -z "$own" ] || echo "left behind:"$'\n'"$own" >>"$log"
	[ -z "$own" ] || [ "$bad" -gt 0 ] || bad=1
	[ $((good + bad)) -gt 0 ] || good=1
	report "$name" "$seconds" "$good" "$bad" "$log"
	[ -z "$others" ] || {
		echo "$others" >"$logs/left_behind.log"
		report left_behind 0 0 1 "$logs/left_behind.log"
	}
	[ ${#leaks_guess[@]} -eq 0 ] || printf 'note  there since these ran: %s\n' "${leaks_guess[@]}"
	[ ${#leaks_left[@]} -eq 0 ] || leaks_remove "$build/bmcctl"
}

run_test() { # NAME SECONDS COMMAND…
	is_wanted "$1" || return 0
	start_test "$@"
	end_test
}

# As run_test, beside others: not waited for, but for one of them where so many run.
run_beside() { # AT-ONCE NAME SECONDS COMMAND…
	is_wanted "$2" || return 0
	[ ${#running[@]} -lt "$1" ] || end_test
	start_test "${@:2}"
}

end_tests() {
	while [ ${#running[@]} -gt 0 ]; do
		end_test
	done
}

# Those of $logs/ctests (see ctests.cmake).
run_ctests() { # AT-ONCE PLACE
	local name place seconds command slow
	slow=$(leaks_slow)
	while IFS=$'\t' read -r name place seconds command <&3; do
		[ "$place" = "$2" ] && is_wanted "$name" || continue
		[ ${#running[@]} -lt "$1" ] || end_test
		IFS=$'\t' read -ra command <<<"$command"
		is_cmocka[$name]=yes
		start_test "$name" $((seconds * slow)) env -C "${command[@]}"
	done 3<"$logs/ctests"
	end_tests
}

# An error of the runner's own ends a command of the script that it is in, and the next one goes on: were all of them run?
check_ctests() {
	local name rest ran=0 wanted=0
	: >"$logs/all_run.log"
	while IFS=$'\t' read -r name rest <&3; do
		is_wanted "$name" || continue
		wanted=$((wanted + 1))
		if [ -n "${ended[$name]:-}" ]; then
			ran=$((ran + 1))
		else
			echo "did not run: $name" >>"$logs/all_run.log"
		fi
	done 3<"$logs/ctests"
	[ "$ran" -eq "$wanted" ] || report all_run 0 0 $((wanted - ran)) "$logs/all_run.log"
}

# A script that needs no quiet machine, beside what follows: until end_asides it has what time others leave.
start_aside() { # NAME COMMAND…
	is_wanted "$1" || return 0
	BMC_ASIDE_OF=$$-$1 start "$1" 0 chrt --idle 0 "${@:2}"
	aside_pids[$1]=$started
}

# Twice, as the first time something may be starting something else.
hurry() { # NAME
	local pid try
	for try in 1 2; do
		grep -lsz "^BMC_ASIDE_OF=$$-$1\$" /proc/[0-9]*/environ | cut -d / -f 3 | while read -r pid; do
			chrt --all-tasks --other --pid 0 "$pid" 2>/dev/null
		done
	done
}

# From here on they have time as others have, and so many seconds.
end_asides() { # SECONDS
	local name rc seconds until=$((SECONDS + $1))
	for name in "${!aside_pids[@]}"; do
		hurry "$name"
	done
	for name in "${!aside_pids[@]}"; do
		timeout $((until > SECONDS ? until - SECONDS : 1)) tail --pid="${aside_pids[$name]}" -f /dev/null
		[ $? -ne 124 ] || kill "${aside_pids[$name]}"
		wait "${aside_pids[$name]}" 2>/dev/null
		unset "aside_pids[$name]"
		read_end "$name"
		report "$name" "$seconds" "$((rc == 0))" "$((rc != 0))" "$logs/$name.log"
	done
}
