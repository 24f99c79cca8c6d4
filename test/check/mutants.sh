#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# Each guard that can be switched off (bpf/bmc_mutants.h) is one in the programs, and is switched off by a test.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
failed=0
for name in $(sed -nE 's/^[[:space:]]*X\(([A-Z_]+),.*/\1/p' bpf/bmc_mutants.h); do
	grep -qw "BMC_MUT_$name" bpf/*.bpf.h || { echo "mutants: $name switches nothing off in bpf/"; failed=1; }
	grep -qwE "WITHOUT\($name\)|BMC_MUT_$name" test/*/test_*.c || { echo "mutants: $name is switched off by no test"; failed=1; }
done
exit $failed
