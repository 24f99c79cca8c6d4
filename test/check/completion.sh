#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# bash completes what --help has. usage: completion.sh BUILD
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
PATH=$(realpath "${1:?usage: completion.sh BUILD}"):$PATH
. src/completion/bmcctl
failed=0

expect() { # WORDS WORD…     of which the last is completed
	local wanted=$1
	shift
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	_bmcctl
	[ "${COMPREPLY[*]}" = "$wanted" ] || { echo "'$*': '${COMPREPLY[*]}', not '$wanted'"; failed=1; }
}

expect 'start stats status stop' bmcctl st
expect 'start stats status flush reset stop --help --version' bmcctl ''
expect '--name --json --prometheus --help --version' bmcctl stats ''
expect '--memory --mode --max-age' bmcctl start --m
expect 'native' bmcctl start --iface eth0 --mode n
expect 'clsact' bmcctl start --tc c
expect 'lo' bmcctl start --iface lo
expect 'root' bmcctl start --user root
expect '' bmcctl start --port ''
exit $failed
