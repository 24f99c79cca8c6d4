#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# Boots the kernels of test/kernels.list under QEMU, and runs tests of this build under each; prints a table.
# usage: sudo test/kernels.sh [--readme] [SERIES…]     --readme: all of them, and the table goes into README.md
# BMC_BUILD: the build folder (else see test/lib/build.sh); it is not built here.   BMC_CACHE: where kernels are kept (/var/cache/bmc-test)
# BMC_DEBIAN_MIRROR: see test/lib/vm_fetch.sh.     BMC_TEST_KVM=1: by KVM; emulated without it
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. test/lib/install.sh
. test/lib/vm_fetch.sh
. test/kernels/table.sh
. test/kernels/torn.sh
. test/lib/build.sh

build=$(build_folder)
cache=${BMC_CACHE:-/var/cache/bmc-test}/kernels
logs=$build/test-logs/kernels
# Much more than they take: beside run.sh's tests they have the time that these leave.
TABLES_SECONDS=900
STRESS_SECONDS=900
DEVICES_SECONDS=900
SLOW=20 # how many times slower an emulated machine is
failed=0 readme=
wanted=()
for word in "$@"; do
	case $word in
	--readme) readme=yes ;;
	-h | --help) sed -n 's/^# //p' "$0" | sed 1d; exit 0 ;;
	-*) echo "unknown option '$word': see --help" >&2; exit 2 ;;
	*) wanted+=("$word") ;;
	esac
done

complain() {
	echo "kernels: $*"
	failed=1
}

is_wanted() { # SERIES
	local w
	[ ${#wanted[@]} -eq 0 ] && return 0
	for w in "${wanted[@]}"; do
		[ "$w" != "$1" ] || return 0
	done
	return 1
}

# -> the lines of the list that are wanted
read_list() {
	local series suite kind optional w
	while read -r series suite kind optional; do
		[[ -z $series || $series == \#* ]] && continue
		is_wanted "$series" && echo "$series $suite $kind $optional"
	done <test/kernels.list
	for w in "${wanted[@]}"; do
		grep -qE "^${w//./\\.} " test/kernels.list || echo "$w trixie-backports new"
	done
}

# Kernels that are there go into `have`, "SERIES KIND".
fetch_all() {
	local series suite kind optional why rc
	while read -r series suite kind optional; do
		why=$(vm_fetch "$series" "$suite" "$cache/$series")
		rc=$?
		[ -z "$why" ] || [ $rc -ne 0 ] || echo "kernels: $series: $why"
		if [ $rc -eq 0 ]; then
			have+=("$series $kind")
		elif [ $rc -eq $VM_MISSING ] && [ "$optional" = optional ]; then
			echo "kernels: $series is missing, and optional: $why"
		elif [ $rc -eq $VM_MISSING ]; then
			complain "$series is missing: $why"
		else
			complain "$series: $why"
		fi
	done < <(read_list)
}

# One that the emulator tore is booted again: its log says so.
boot() { # SERIES CPUS SECONDS WHAT
	local log=$logs/$1.$4.log console=$logs/$1.$4.console begin=$SECONDS rc try
	for ((try = 1; try <= VM_BOOTS; try++)); do
		VM_ENV=BMC_TEST_SLOW VM_CONSOLE=$console \
			test/lib/vm_run.sh "$cache/$1" -c "$2" -t "$3" test/kernels/inside.sh "$build" "$4" >"$log" 2>&1
		rc=$?
		torn_by_emulator $rc "$console" || break
		echo "kernels: $1: $4: boot $try of at most $VM_BOOTS was torn by the emulator (int3): see test/kernels/torn.sh"
	done
	[ $rc -ne 124 ] || echo "stopped after $3 s" >>"$log"
	echo "### boot $rc $((SECONDS - begin))" >>"$log"
	echo "kernels: $1: $4: $((SECONDS - begin)) s, exit status $rc"
}

# Two side by side: a kernel that boots needs one CPU.
boot_all() { # CPUS SECONDS WHAT-OF-NEW [WHAT-OF-OLD]
	local one series kind what
	for one in "${have[@]}"; do
		read -r series kind <<<"$one"
		what=$3
		[ "$kind" = new ] || what=${4:-}
		[ -n "$what" ] || continue
		while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n; done
		boot "$series" "$1" "$2" "$what" &
	done
	wait
}

# The long form: kinds of interfaces that the machine's own kernel may lack.
boot_devices() {
	[ -z "${BMC_TEST_LONG:-}" ] || boot_all 2 "$DEVICES_SECONDS" devices
}

# A run that did not end well is shown.
check_logs() {
	local log
	for log in "$logs"/*.log; do
		[ -e "$log" ] || { complain "no kernel was booted"; return; }
		grep -q '^### boot 0 ' "$log" && continue
		complain "$(basename "$log" .log) failed: $log"
		grep -vE '^\[ +(RUN|OK) ' "$log" | tail -n 40 | sed 's/^/      | /'
	done
}

write_readme() {
	local table
	table=$(mktemp)
	table_all "$logs" "${have[@]}" >"$table"
	sed -i -e "/<!-- kernels: begin -->/,/<!-- kernels: end -->/{
		/<!-- kernels: begin -->/{p; r $table
		}
		/<!-- kernels: end -->/p
		d
	}" README.md
	rm -f "$table"
}

[ "$(id -u)" -eq 0 ] || { echo "this needs root: sudo test/kernels.sh" >&2; exit 1; }
[ -x "$build/bmcctl" ] && [ -x "$build/test/net/net_kernel" ] || {
	echo "no tests in '$build': cmake -S . -B build -DBMC_TESTS=ON && cmake --build build" >&2
	exit 1
}
install_packages kernels || exit 1
rm -rf "$logs"
mkdir -p "$logs" "$cache" || exit 1
export BMC_TEST_SLOW=$SLOW
have=()
fetch_all
boot_all 1 "$TABLES_SECONDS" tables refused
boot_all 2 "$STRESS_SECONDS" stress
boot_devices
check_logs
[ ${#have[@]} -eq 0 ] || table_all "$logs" "${have[@]}"
if [ -n "$readme" ] && [ $failed -eq 0 ] && [ ${#wanted[@]} -eq 0 ]; then
	write_readme
fi
exit $failed
