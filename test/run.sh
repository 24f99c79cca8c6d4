#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# Installs what is missing, builds, runs every test, and leaves nothing behind but the build.
# usage: sudo test/run.sh [--long] [NAME…]     only tests whose names contain a NAME; --long: all models, more rounds
# BMC_BUILD: the build folder (else see test/lib/build.sh)          BMC_TEST_FILTER: only test cases of this name (* and ?)
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. test/lib/install.sh
. test/lib/leaks.sh
. test/lib/build.sh

build=$(build_folder)
logs=$build/test-logs
long= passed=0 failed=0
filters=()
for word in "$@"; do
	case $word in
	--long) long=yes ;;
	-h | --help) sed -n 's/^# //p' "$0" | sed 1d; exit 0 ;;
	-*) echo "unknown option '$word': see --help" >&2; exit 2 ;;
	*) filters+=("$word") ;;
	esac
done

finish() {
	echo "$passed passed, $failed failed"
	[ "$failed" -eq 0 ]
	exit
}

give_up() { # WHY
	echo "$1" >&2
	failed=$((failed + 1))
	finish
}

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
		sed -E 's/^[0-9]+: //' "$5" | grep -vE '^\[ +(RUN|OK) |^[A-Z][a-z]+.*(ctest|ctestC|CTest|test list|fixture|dependency)' | tail -n 60 | sed 's/^/      | /'
	fi
}

# A script: one test.
run_script() { # NAME SECONDS COMMAND…
	local name=$1 limit=$2 log=$logs/$1.log begin=$SECONDS rc
	shift 2
	is_wanted "$name" || return 0
	timeout --kill-after=10 "$limit" "$@" >"$log" 2>&1 </dev/null
	rc=$?
	[ $rc -ne 124 ] || echo "stopped after $limit s" >>"$log"
	if [ $rc -eq 0 ]; then
		report "$name" $((SECONDS - begin)) 1 0 "$log"
	else
		report "$name" $((SECONDS - begin)) 0 1 "$log"
	fi
}

# A command beside others; how it went, and its seconds, in NAME.end.
start() { # NAME SECONDS COMMAND…
	local name=$1 limit=$2
	shift 2
	rm -f "$logs/$name.end"
	timeout --kill-after=10 "$limit" \
		bash -c 'end=$1; shift; "$@"; echo "$? $SECONDS" >"$end"' start "$logs/$name.end" "$@" \
		>"$logs/$name.log" 2>&1 </dev/null &
}

# A script that needs no quiet machine, beside what follows: it has what time others leave. end_asides says how it went.
asides=() aside_pids=()
start_aside() { # NAME SECONDS COMMAND…
	is_wanted "$1" || return 0
	start "$1" "$2" chrt --idle 0 "${@:3}"
	aside_pids+=($!)
	asides+=("$1")
}

end_asides() {
	local name rc seconds
	wait "${aside_pids[@]}"
	aside_pids=()
	for name in "${asides[@]}"; do
		if ! read -r rc seconds 2>/dev/null <"$logs/$name.end"; then
			rc=1 seconds=$SECONDS
			echo "stopped: its time was over" >>"$logs/$name.log"
		fi
		if [ "$rc" -eq 0 ]; then
			report "$name" "$seconds" 1 0 "$logs/$name.log"
		else
			report "$name" "$seconds" 0 1 "$logs/$name.log"
		fi
	done
}

# Adds up the numbers of cmocka's closing lines that match; a skipped test has not run.
cmocka_count() { # REGEX LOG
	sed -nE "s/^([0-9]+: )?.*\[ +($1) +\] +(tests: )?([0-9]+) test\(s\)([.,].*)?\$/\4/p" "$2" |
		awk '{ n += $1 } END { print n + 0 }'
}

# -> those that ctest knows
ctest_names() { # OPTION-OF-CTEST…
	ctest --test-dir "$build" -N "$@" | sed -nE 's/^ *Test +#[0-9]+: (.*)$/\1/p'
}

# One of them; its pid is in `running`. It has a time of its own, an hour at the most.
declare -A running=()
start_ctest() { # NAME
	start "$1" 4000 ctest --test-dir "$build" -R "^$1\$" -V --timeout 300
	running[$!]=$1
}

# Waits for any of `running`. As many tests as cmocka counts in it; none counted, or dead before the end: one failure.
end_ctest() {
	local pid name log rc=1 seconds=0 good bad
	wait -n -p pid "${!running[@]}"
	name=${running[$pid]} log=$logs/${running[$pid]}.log
	unset "running[$pid]"
	read -r rc seconds 2>/dev/null <"$logs/$name.end"
	good=$(cmocka_count PASSED "$log")
	bad=$(cmocka_count 'FAILED|SKIPPED' "$log")
	[ "$rc" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
	[ $((good + bad)) -gt 0 ] || good=1
	report "$name" "$seconds" "$good" "$bad" "$log"
	leaks_sweep "$build/bmcctl"
}

run_ctests() { # AT-ONCE NAME…
	local at_once=$1 name
	shift
	for name in "$@"; do
		is_wanted "$name" || continue
		[ ${#running[@]} -lt "$at_once" ] || end_ctest
		start_ctest "$name"
	done
	while [ ${#running[@]} -gt 0 ]; do
		end_ctest
	done
}

# Those that need the machine to themselves (label "alone") go first: what runs aside has the time that they leave.
run_all_ctest() {
	local alone others
	mapfile -t alone < <(ctest_names -L '^alone$')
	mapfile -t others < <(ctest_names -LE '^alone$')
	[ ${#alone[@]} -gt 0 ] && [ ${#others[@]} -gt 0 ] || give_up "ctest knows no tests in $build"
	run_ctests 1 "${alone[@]}"
	run_ctests 2 "${others[@]}"
}

[ "$(id -u)" -eq 0 ] || give_up "this needs root: sudo test/run.sh"
install_packages build demo test kernels || give_up "packages are missing"
mkdir -p "$logs" || give_up "cannot make '$logs'"

before=$(mktemp)
mounted=
clean_up() {
	rm -f "$before"
	kill "${aside_pids[@]}" "${!running[@]}" 2>/dev/null
	[ -z "$mounted" ] || [ -n "$(find /sys/fs/bpf -type f ! -name "*.debug")" ] || umount /sys/fs/bpf
}
trap clean_up EXIT

echo "building in $build"
{
	cmake -S . -B "$build" -G Ninja -DBMC_TESTS=ON && cmake --build "$build"
} >"$logs/build.log" 2>&1 || {
	tail -n 60 "$logs/build.log"
	give_up "the build failed: $logs/build.log"
}
if ! mountpoint -q /sys/fs/bpf; then
	mount -t bpf bpf /sys/fs/bpf || give_up "cannot mount bpffs"
	mounted=yes
fi
leaks_sweep "$build/bmcctl"
leaks_list | sort >"$before"

[ -z "$long" ] || export BMC_TEST_LONG=1
run_script format 60 test/check/format.sh
run_script layers 60 test/check/layers.sh
run_script mutants 60 test/check/mutants.sh
run_script build_folder 60 test/check/build_folder.sh
run_script completion 60 test/check/completion.sh "$build"
run_script rebuild 300 test/check/rebuild.sh "$build"
start_aside tidy 1500 test/check/tidy.sh "$build"
if [ -n "$long" ]; then
	run_script models 7200 test/model/check.sh full
else
	start_aside models 1500 test/model/check.sh quick
fi
run_script minimal_types 300 test/check/minimal_types.sh
run_script install 300 test/check/install.sh
run_script systemd 300 test/systemd/boot.sh "$build"
run_script arm64_order 60 test/check/arm64_order.sh "$build"
run_script torn_guest 60 test/check/torn.sh
run_script toolchains 600 test/check/toolchains.sh
run_all_ctest
BMC_BUILD=$build BMC_DEMO_SECONDS=1 run_script demo 120 test/demo.sh
end_asides
BMC_BUILD=$build run_script kernels 1200 test/kernels.sh
[ -z "$long" ] || BMC_BUILD=$build run_script arm64 3600 test/arm64.sh
run_script nothing_left_behind 30 bash -c ". test/lib/leaks.sh; leaks_check '$before'"
finish
