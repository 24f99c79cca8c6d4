#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# The layout of the C sources is what clang-format makes of them. format.sh --fix: makes it so.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
mapfile -t files < <(find bpf src test memcached-sr -name '*.[ch]' 2>/dev/null | sort)
if [ "${1:-}" = --fix ]; then
	exec clang-format -i "${files[@]}"
fi
clang-format --dry-run -Werror "${files[@]}"
