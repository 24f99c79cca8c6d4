#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# The installed units under a systemd that is PID 1 of a container: namespaces, a cgroup and a copy-on-write root of its
# own. The host's init is neither needed nor asked.
# usage: sudo boot.sh BUILD
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath "${1:?usage: boot.sh BUILD}")
work=$(mktemp -d)
cgroup= container=

find_cgroup2() {
	awk '{ for (i = 6; i < NF; i++) if ($i == "-" && $(i + 1) == "cgroup2") { print $5; exit } }' /proc/self/mountinfo
}

remove_cgroups() {
	local try
	for ((try = 0; try < 50; try++)); do
		find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null
		[ -d "$cgroup" ] || return 0
		sleep 0.1
	done
	echo "left: $cgroup"
}

clean_up() {
	exec 2>/dev/null # bash says what was killed
	[ -z "$container" ] || kill -KILL "$container"
	wait
	[ -z "$cgroup" ] || remove_cgroups
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

start_container() {
	local cgroup2
	cgroup2=$(find_cgroup2)
	[ -n "$cgroup2" ] || { echo "cgroup2 is mounted nowhere"; return 1; }
	cgroup=$cgroup2/bmc-systemd-$$
	mkdir "$cgroup" || return 1
	(
		echo 0 >"$cgroup/cgroup.procs" || exit 1
		exec unshare --mount --pid --net --ipc --uts --cgroup --propagation private --fork --kill-child \
			bash "$here/root.sh" "$build" "$work"
	) >"$work/log" 2>&1 </dev/null &
	container=$!
}

# Its systemd, as PID 1 of the container; as the host knows it.
find_init() {
	local try init
	for ((try = 0; try < 100; try++)); do
		init=$(pgrep -P "$container")
		[ "$(cat "/proc/$init/comm" 2>/dev/null)" = systemd ] && [ -S "/proc/$init/root/run/systemd/private" ] && {
			echo "$init"
			return
		}
		kill -0 "$container" 2>/dev/null || return 1
		sleep 0.1
	done
	return 1
}

start_container || exit 1
init=$(find_init) || {
	echo "no systemd in the container:"
	cat "$work/log"
	exit 1
}
nsenter --target "$init" --mount --pid --net --ipc --uts --cgroup --root --wd bash /run/bmc/inside.sh
