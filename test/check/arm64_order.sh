#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# The bug: for arm64 the barriers were atomic additions without a result, which order nothing there. Those that order have
# one; the others are counters, hints of the cache, and what a lock is held for.
# usage: arm64_order.sh BUILD-FOLDER
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
build=$1
text=$(mktemp)
trap 'rm -f "$text"' EXIT
failed=0

clang -S -g -target bpf -mcpu=v3 -O2 -D__TARGET_ARCH_arm64 -I"$build/gen" -Ibpf bpf/bmc.bpf.c -o "$text" || exit 1
if ! grep -qE 'atomic_fetch_(add|or)\(\(u64 \*\)\(r10' "$text"; then
	echo "arm64_order: no barrier at all"
	failed=1
fi
if grep -nE 'lock \*\(u(32|64) \*\)\(r10' "$text"; then
	echo "arm64_order: barriers whose result is not used"
	failed=1
fi
# in the source: who writes no bmc_ordered() says which of the others it is
bare=$(grep -nE '^[[:space:]]*__sync_fetch_and_' bpf/*.bpf.* | grep -vE '&(stats->count|bmc_shared\.duel|b->recent)')
if [ -n "$bare" ]; then
	printf 'arm64_order: not in bmc_ordered():\n%s\n' "$bare"
	failed=1
fi
exit $failed
