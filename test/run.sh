#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# Installs what is missing, builds, runs every test, and leaves nothing behind but the build.
# usage: sudo test/run.sh [--long] [NAME…]     only tests whose names contain a NAME; --long: all models, more rounds
# BMC_TEST_SLOW: how many times slower the machine is than others: tests may take so much longer
# BMC_BUILD: the build folder (else see test/lib/build.sh)          BMC_TEST_FILTER: only test cases of this name (* and ?)
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. test/lib/install.sh
. test/lib/leaks.sh
. test/lib/build.sh
. test/lib/jobs.sh

build=$(build_folder)
logs=$build/test-logs
long=
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
	cmake -S . -B "$build" -G Ninja -DBMC_TESTS=ON && cmake --build "$build" &&
		cmake "-DBUILD=$build" "-DOUT=$logs/ctests" -P test/lib/ctests.cmake
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
leaks_begin

[ -z "$long" ] || export BMC_TEST_LONG=1
run_test format 60 test/check/format.sh
run_test layers 60 test/check/layers.sh
run_test mutants 60 test/check/mutants.sh
run_test build_folder 60 test/check/build_folder.sh
run_test completion 60 test/check/completion.sh "$build"
run_test rebuild 300 test/check/rebuild.sh "$build"
start_aside tidy test/check/tidy.sh "$build"
if [ -n "$long" ]; then
	run_test models 7200 test/model/check.sh full
else
	start_aside models test/model/check.sh quick
fi
run_beside 2 toolchains 600 test/check/toolchains.sh
run_beside 2 runner 120 test/check/runner.sh "$build"
run_beside 2 systemd 300 test/systemd/boot.sh "$build"
run_beside 2 minimal_types 300 test/check/minimal_types.sh
run_beside 2 install 300 test/check/install.sh
run_beside 2 arm64_order 60 test/check/arm64_order.sh "$build"
run_beside 2 torn_guest 60 test/check/torn.sh
end_tests
# Those that need the machine to themselves go first: what runs aside has the time that they leave.
run_ctests 1 alone
BMC_BUILD=$build start_aside kernels test/kernels.sh
run_ctests 4 timed
# One of three waits most of the time: bmcctl loads its programs one at a time.
run_ctests 3 beside
check_ctests
BMC_BUILD=$build BMC_DEMO_SECONDS=1 run_test demo 120 test/demo.sh
end_asides 1200
[ -z "$long" ] || BMC_BUILD=$build run_test arm64 3600 test/arm64.sh
if is_wanted nothing_left_behind; then
	begin=$SECONDS
	leaks_check "$before" >"$logs/nothing_left_behind.log" && rc=0 || rc=1
	report nothing_left_behind $((SECONDS - begin)) $((rc == 0)) $rc "$logs/nothing_left_behind.log"
fi
finish
