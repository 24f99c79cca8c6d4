#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# Header dependencies: a touched bpf/bmc_abi.h rebuilds the BPF object, its skeleton, bmcctl and the tests that use it;
# a second build then does nothing. usage: rebuild.sh BUILD
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
build=${1:?usage: rebuild.sh BUILD}

cmake --build "$build" >/dev/null || exit 1
would_build() { cmake --build "$build" -- -n; }
if ! would_build | grep -q 'no work to do'; then
	echo "a second build still has work to do:"
	would_build | head
	exit 1
fi
stamp=$(mktemp)
touch -r bpf/bmc_abi.h "$stamp"
touch bpf/bmc_abi.h
cmake "$build" >/dev/null || exit 1 # the manual's counters come from it: a plan alone would end with this step
cmake --build "$build" -- build.ninja >/dev/null # CMake itself may depend on it
plan=$(cmake --build "$build" -- -n -v)
touch -r "$stamp" bpf/bmc_abi.h
rm -f "$stamp"

failed=0
for wanted in 'BPF object bmc|bmc\.bpf\.o' 'bmc\.skel\.h' 'bmcctl' 'test/(prog|unit)/'; do
	grep -qE -- "$wanted" <<<"$plan" || {
		echo "touching bpf/bmc_abi.h does not rebuild: $wanted"
		failed=1
	}
done
exit $failed
