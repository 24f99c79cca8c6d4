#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# clang-tidy over the C sources of bmcctl and of the tests. usage: tidy.sh BUILD
# The skeletons are bpftool's: their folder is made a system one. (The BPF programs are the verifier's to judge.)
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
build=${1:?usage: tidy.sh BUILD}
# One command for each file: of several commands in one run, as of a file that two programs have, clang-tidy 14 takes the
# va_lists of the second one for uninitialized.
mkdir -p "$build/tidy"
awk '/^\{/ { entry = "" } { entry = entry $0 "\n" } /^ *"file":/ { file = $0 }
	/^\}/ { if (!(file in seen)) { seen[file]; sub(/,\n$/, "\n", entry); all = all (all ? "," : "") entry } }
	END { print "[" all "]" }' "$build/compile_commands.json" >"$build/tidy/compile_commands.json"
mapfile -t files < <(sed -n 's/^ *"file": "\(.*\)",\?$/\1/p' "$build/compile_commands.json" |
	grep -E "^$PWD/(src|test|memcached-sr)/.*\.c$" | sort -u)
[ ${#files[@]} -gt 0 ] || { echo "no sources in $build/compile_commands.json"; exit 1; }
found=$(printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 1 \
	clang-tidy --quiet -p "$build/tidy" --extra-arg=-isystem --extra-arg="$build/gen" 2>"$build/tidy.err")
rc=$?
# What it still finds inside a skeleton is bpftool's.
if grep -E ': (error|warning): ' <<<"$found" | grep -vF "$build/gen/"; then
	echo "$found" >"$build/tidy.out"
	echo "how they come about: $build/tidy.out"
	exit 1
fi
# Anything but "something was found" means that it did not run.
[ $rc -eq 0 ] || [ $rc -eq 123 ] || { cat "$build/tidy.err"; exit 1; }
