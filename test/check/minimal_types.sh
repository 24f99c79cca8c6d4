#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# On a build machine without BTF, vmlinux/vmlinux_min.h suffices, and what it makes can be loaded here.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d)
pins=/sys/fs/bpf/bmc-test-minimal-$$
trap 'rm -rf "$work" "$pins"' EXIT

cmake -S . -B "$work" -G Ninja -DBMC_BTF=/nonexistent -DBMC_TESTS=OFF >"$work/log" 2>&1 &&
	cmake --build "$work" >>"$work/log" 2>&1 || {
	tail -n 40 "$work/log"
	echo "does vmlinux/minimize.sh have to be run?"
	exit 1
}
"$work/bmcctl" --version || exit 1
bpftool prog loadall "$work/gen/bmc.bpf.o" "$pins" || exit 1
