#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# What an administrator does with the units. Inside of boot.sh's container, whose systemd has just begun to boot.
set -uo pipefail
failed=0
value=0

complain() {
	echo "$*"
	return 1
}

# A key is set over TCP, and read over UDP until the kernel has it.
set_key() {
	local answer
	value=$((value + 1))
	exec 5<>/dev/tcp/192.0.2.10/11211 || return 1
	printf 'set k 0 0 %d\r\n%s\r\n' ${#value} "$value" >&5
	read -r -t 5 -u 5 answer
	exec 5>&-
	[ "$answer" = $'STORED\r' ]
}

ask_key() {
	nsenter --net=/run/netns/client bash -c '
		exec 6<>/dev/udp/192.0.2.10/11211
		printf "\0\1\0\0\0\1\0\0get k\r\n" >&6
		timeout 1 dd bs=2000 count=1 <&6 2>/dev/null | tail -c +9'
}

hits() { # INSTANCE
	bmcctl stats --json --name "$1" | grep -oE '"hits": *[0-9]+' | grep -oE '[0-9]+'
}

# By the kernel, and with what was just set.
is_served() { # INSTANCE
	local try before wanted
	for ((try = 0; try < 50; try++)); do
		set_key 2>/dev/null && break
		sleep 0.1
	done
	wanted=$(printf 'VALUE k 0 %d\r\n%s\r\nEND\r' ${#value} "$value")
	before=$(hits "$1")
	for ((try = 0; try < 50; try++)); do
		[ "$(ask_key)" != "$wanted" ] || [ "$(hits "$1")" -eq "$before" ] || return 0
		sleep 0.05
	done
	complain "not served:" "$(bmcctl status)"
}

# The journal may have it a moment later.
status_says() { # UNIT REGEX
	local try
	for ((try = 0; try < 20; try++)); do
		! grep -q "$2" <<<"$(systemctl status "$1")" || return 0
		sleep 0.1
	done
	complain "systemctl status $1 does not say '$2'"
}

nothing_runs() {
	grep -q 'no instance is running' <<<"$(bmcctl status)" || complain "still attached"
}

set_options() { # OPTION…
	echo "BMC_OPTIONS=\"--iface eth0 --memory 16M $*\"" >/etc/default/bmc
}

is_active() { # UNIT…
	local unit
	for unit in "$@"; do
		systemctl --quiet is-active "$unit" || complain "$unit is $(systemctl is-active "$unit")" || return 1
	done
}

boot() {
	systemctl is-system-running --wait >/dev/null
	is_active bmc memcached && is_served default
}

# Both at once: bmc asks memcached for its version, although systemd does not wait until that listens. (An `ms` of one that
# is not known is not followed.)
asked() {
	local dir=/run/systemd/system/memcached.service.d start status
	start=$(systemctl cat memcached | sed -n 's/^ExecStart=//p')
	mkdir -p "$dir"
	printf '[Service]\nExecStart=\nExecStart=/bin/sh -c "sleep 0.2; exec %s"\n' "$start" >"$dir/late.conf"
	systemctl daemon-reload
	systemctl stop bmc memcached && systemctl start memcached bmc && is_active bmc memcached || return 1
	rm -r "$dir"
	systemctl daemon-reload
	exec 5<>/dev/tcp/192.0.2.10/11211 || return 1
	printf 'ms m 1\r\nx\r\n' >&5
	read -r -t 5 -u 5
	status=$(bmcctl status)
	exec 5>&-
	grep -q 'connections: 1 followed, 0 not' <<<"$status" || complain "$status"
}

memcached_restarted() {
	systemctl restart memcached && is_active bmc && is_served default
}

bmc_restarted() {
	systemctl restart bmc && is_active bmc && is_served default
}

memcached_later() {
	systemctl stop memcached && systemctl restart bmc && is_active bmc && systemctl start memcached && is_served default
}

# As at shutdown: all that is there goes at once.
stopped_in_order() {
	local try
	systemctl isolate stop.target
	for ((try = 0; try < 100; try++)); do
		systemctl --quiet is-active memcached || break
		sleep 0.1
	done
	nothing_runs || return 1
	journalctl -u bmc -u memcached -o cat | awk '
		/^Stopped bmc.service/ { bmc = NR }
		/^Stopping memcached.service/ { memcached = NR }
		END { exit !(bmc && bmc < memcached) }' || complain "memcached went before bmc"
}

# bmcctl's exit status is the unit's, and its words are in the journal.
refused() {
	systemctl stop bmc memcached
	set_options
	systemctl start bmc 2>/dev/null && complain "started without memcached" && return 1
	systemctl --quiet is-failed bmc || complain "not failed" || return 1
	status_says bmc 'no memcached listens on port 11211'
}

stopped_without_its_settings() {
	set_options --wait --user memcache
	systemctl start memcached bmc || return 1
	rm /etc/default/bmc
	systemctl stop bmc
	systemctl --quiet is-failed bmc && complain "failed" && return 1
	nothing_runs || return 1
	systemctl start bmc 2>/dev/null && complain "started without its settings" && return 1
	status_says bmc '/etc/default/bmc.*No such file'
}

# Each unit has the name of its instance, whatever the settings say.
another_instance() {
	systemctl stop bmc
	echo 'BMC_OPTIONS="--iface eth0 --memory 16M --user memcache --name three"' >/etc/default/bmc-two
	systemctl start bmc@two && is_served two && systemctl stop bmc@two && nothing_runs
}

sr_sockets() {
	local try
	for ((try = 0; try < 50; try++)); do
		memcached-sr --check 192.0.2.10 >/dev/null 2>&1 && return
		sleep 0.1
	done
	memcached-sr --check 192.0.2.10
}

# memcached.service, which is there, makes room first.
sr_service() {
	echo 'MEMCACHED_OPTIONS="-U 11211 -t 4 -l 192.0.2.10"' >/etc/default/memcached-sr
	set_options --wait --user memcache
	systemctl stop bmc && systemctl start memcached && systemctl start bmc memcached-sr && sr_sockets && is_active bmc memcached-sr && is_served default || return 1
	systemctl --quiet is-active memcached && complain "memcached.service is there too" && return 1
	systemctl restart memcached-sr && is_served default
}

sr_drop_in() {
	local prefix
	prefix=$(dirname "$(dirname "$(command -v bmcctl)")")
	mkdir -p /etc/systemd/system/memcached.service.d
	cp "$prefix/share/memcached-sr/memcached-sr.conf" /etc/systemd/system/memcached.service.d/
	systemctl daemon-reload
	systemctl start memcached && sr_sockets && is_active bmc memcached && is_served default
}

make_client() {
	ip netns add client &&
		ip link set client netns client &&
		ip -n client addr add 192.0.2.1/24 dev client &&
		ip -n client link set client up
}

run() { # CASE
	local begin=${EPOCHREALTIME/./}
	systemctl reset-failed
	if "$1"; then
		echo "ok    $1 $(((${EPOCHREALTIME/./} - begin) / 1000)) ms"
		return
	fi
	echo "FAIL  $1"
	journalctl --no-pager -n 40 -o short-precise
	failed=1
}

make_client || exit 1
for case in boot asked memcached_restarted bmc_restarted memcached_later stopped_in_order refused \
	stopped_without_its_settings another_instance sr_service sr_drop_in; do
	run "$case"
done
exit $failed
