#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# Whoever built as README says had run.sh and demo.sh fail: their generator was another one than that of the folder.
set -uo pipefail
. "$(dirname "$0")/../lib/build.sh"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0

expect() { # FOLDER WHEN
	local got
	got=$(build_folder)
	[ "$got" = "$1" ] || { echo "$2: $got, not $1"; failed=1; }
}

unset BMC_BUILD
expect "$work/build" "nothing is built"
mkdir build
echo 'CMAKE_GENERATOR:INTERNAL=Unix Makefiles' >build/CMakeCache.txt
expect "$work/build-test" "built by make"
echo 'CMAKE_GENERATOR:INTERNAL=Ninja' >build/CMakeCache.txt
expect "$work/build" "built by Ninja"
BMC_BUILD=other expect "$work/other" "another folder is asked for"
exit $failed
