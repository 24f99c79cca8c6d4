# SPDX-License-Identifier: LGPL-2.1-only
# Sourced by kernels.sh: a guest that the emulator itself killed.
# QEMU before 8.1 (Debian 12 has 7.2) may translate a page that another virtual CPU is patching: the guest then runs
# into a breakpoint of its own text patching after the kernel has taken it away, and dies with "int3" (fixed there by
# "accel/tcg: Always lock pages before translation"). No program of bmc's has a breakpoint, so nothing that is under
# test dies like that.

VM_BOOTS=3 # boots in all, before it counts as a failure

# Whether the first thing that went wrong was such a breakpoint.
torn_by_emulator() { # EXIT-STATUS CONSOLE
	[ "$1" -eq 125 ] &&
		grep -aE -m1 'Oops|int3: 0000|BUG:|kernel BUG|Kernel panic|general protection|WARNING:' "$2" 2>/dev/null |
		grep -qE '\] (Oops: )?int3: 0000 \[#1\]'
}
