# SPDX-License-Identifier: LGPL-2.1-only
# Sourced by run.sh. leaks_list: one line for each thing that a test could leave behind; leaks_sweep: removes what tests
# left that were killed.

leaks_list() {
	bpftool prog show 2>/dev/null | awk '/^[0-9]+:/ && / name (bmc_|pass)/ { print "program", $1, $2, $4 }'
	bpftool map show 2>/dev/null | awk '/^[0-9]+:/ && / name (bmc|pass)/ { print "map", $1, $2, $4 }'
	bpftool link show 2>/dev/null | awk '/^[0-9]+:/ { print "link", $1, $2, $3, $4 }'
	find /sys/fs/bpf/bmc* 2>/dev/null | sed 's/^/pin /'
	find /run/netns -mindepth 1 2>/dev/null | sed 's/^/namespace /'
	tc qdisc show | sed 's/^/qdisc /' | grep -E 'clsact|ingress'
	ip -o link show | awk -F': ' '{ print "interface", $2 }'
	ps -e -o pid=,comm= | awk '$2 ~ /^(bmcctl|memcached|memcaslap|udpload|net_|prog_)/ { print "process", $1, $2 }'
	find /usr/sbin/policy-rc.d 2>/dev/null | sed 's/^/file /'
}

# Compares with a list taken before; the kernel frees late, so what is new must stay for some seconds.
leaks_check() { # FILE
	local now try
	for try in 1 2 3 4 5 6 7 8 9 10; do
		now=$(leaks_list | sort | comm -13 "$1" -)
		[ -n "$now" ] || return 0
		sleep 1
	done
	echo "left behind after $try s:"
	echo "$now"
	return 1
}

# The tests' names end in their pid: what belongs to one that still runs is left alone.
leaks_sweep() { # BMCCTL
	local path name pid
	for path in /sys/fs/bpf/bmc/t[0-9]*-*; do
		name=${path##*/}
		pid=${name#t}
		pid=${pid%%-*}
		[ -e "$path" ] && ! kill -0 "$pid" 2>/dev/null && "$1" stop --name "$name" >/dev/null 2>&1
	done
	for path in /run/netns/bmct-*; do
		name=${path##*/}
		pid=${name#bmct-}
		pid=${pid%%-*}
		[ -e "$path" ] || continue
		kill -0 "$pid" 2>/dev/null && continue
		ip netns pids "$name" | xargs -r kill -9
		ip netns del "$name"
	done
	return 0
}
