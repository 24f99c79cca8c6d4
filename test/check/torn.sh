#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# The bug: a guest that died of QEMU's torn text patching failed the whole run; the cure must not hide another death.
cd "$(dirname "$0")/../.." || exit 1
. test/kernels/torn.sh

console=$(mktemp)
trap 'rm -f "$console"' EXIT
failed=0

expect() { # yes|no EXIT-STATUS WHAT     the console on stdin
	local said=no
	cat >"$console"
	torn_by_emulator "$2" "$console" && said=yes
	[ $said = "$1" ] || { echo "$3: torn: $said, not $1"; failed=1; }
}

expect yes 125 "6.18 in its idle loop" <<'END'
[    2.690100] Oops: int3: 0000 [#1] SMP NOPTI
[    2.690582]  default_idle_call+0x28/0x100
[    2.691847] Oops: int3: 0000 [#2] SMP NOPTI
[    2.692000] Kernel panic - not syncing: Fatal exception
END
expect yes 125 "6.1, which has no Oops in front" <<'END'
[    3.098000] int3: 0000 [#1] PREEMPT SMP NOPTI
END
expect no 1 "a test that failed" <<'END'
[    2.690100] Oops: int3: 0000 [#1] SMP NOPTI
END
expect no 125 "a bad pointer" <<'END'
[    2.690100] BUG: kernel NULL pointer dereference, address: 0000000000000000
[    2.690200] Oops: 0000 [#1] SMP NOPTI
END
expect no 125 "a bad pointer, and int3 after it" <<'END'
[    2.690100] BUG: unable to handle page fault for address: ffff888000000000
[    2.690100] Oops: int3: 0000 [#2] SMP NOPTI
END
expect no 125 "a guest that says nothing" </dev/null
rm -f "$console"
torn_by_emulator 125 "$console" && { echo "no console, and torn"; failed=1; }
exit $failed
