#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# README's three commands, with a prefix: all that is installed lies below it, and runs without this tree.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix

env -u CMAKE_GENERATOR cmake -S . -B "$work/build" -DCMAKE_INSTALL_PREFIX="$prefix" >"$work/log" 2>&1 &&
	cmake --build "$work/build" --parallel "$(nproc)" >>"$work/log" 2>&1 &&
	cmake --install "$work/build" >>"$work/log" 2>&1 || {
	tail -n 40 "$work/log"
	exit 1
}
failed=0
while read -r path; do
	[[ $path == "$prefix"/* ]] || { echo "installed outside of the prefix: $path"; failed=1; }
done < <(sed -e '$a\' "$work/build/install_manifest.txt")
rm -rf "$work/build"
"$prefix/sbin/bmcctl" --version || failed=1
while read -r unit; do # the units that it names may have faults of their own
	if systemd-analyze verify --man=no "$unit" 2>&1 | grep -F "$(basename "$unit")"; then
		failed=1
	fi
done < <(find "$prefix" -name '*.service')
if grep -rIl "$PWD" "$prefix"; then # not in binaries: debug information names its sources
	echo "refers to the source tree"
	failed=1
fi
while read -r path; do
	[ -e "$path" ] || { echo "named in a manual page, and not installed: $path"; failed=1; }
done < <(sed 's/\\-/-/g; s/\\f.//g' "$prefix"/share/man/man*/* | grep -oE "$prefix/[A-Za-z0-9/._-]*[A-Za-z0-9]" | sort -u)
for path in share/doc/bmc/SECURITY.md share/bash-completion/completions/bmcctl; do
	[ -e "$prefix/$path" ] || { echo "not installed: $path"; failed=1; }
done
exit $failed
