#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# What kernels.sh runs under each kernel: tests of the build, which was made outside.
# usage: inside.sh BUILD refused|tables|stress|devices
# Each test ends in a line "### NAME STATUS SECONDS". Starting a process takes 50 ms here: few are started.
build=$1
failed=0

run() { # NAME COMMAND…
	local name=$1 begin=$SECONDS rc
	shift
	"$@" 2>&1
	rc=$?
	echo "### $name $rc $((SECONDS - begin))"
	[ $rc -eq 0 ] || failed=1
}

echo "### release $(uname -r)"
case $2 in
refused)
	export BMC_TEST_OLD_KERNEL=1
	run refused "$build/test/net/net_kernel"
	;;
tables)
	run budget "$build/test/prog/prog_budget"
	run kernel "$build/test/net/net_kernel"
	run prog_get "$build/test/prog/prog_xdp_get"
	;;
stress)
	# so much work, however much of the CPUs there is for it
	export BMC_STRESS_OPERATIONS=50000 BMC_STRESS_SECONDS=240
	BMC_TEST_FILTER=text run stress "$build/test/stress/stress_load"
	;;
devices)
	BMC_TEST_DEVICES=all run devices "$build/test/net/net_devices"
	;;
*) exit 2 ;;
esac
exit $failed
