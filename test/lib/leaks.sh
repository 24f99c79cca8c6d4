# SPDX-License-Identifier: LGPL-2.1-only
# Sourced. leaks_list: one line for each thing that a test could leave behind; leaks_begin, leaks_end: what a test left,
# and which; leaks_remove: removes of it what is surely a test's. A test's processes have BMC_TEST_OF=RUN-NAME in their
# environment.

# What no test makes comes and goes as the machine likes: links of others' programs, other interfaces and namespaces, mounts
# where no test mounts.
_LEAKS_INTERFACE='(srv|cli|spare|wire|br|bond|mac|ipv|vrf|k|p|a|b|back|again|other|told)[0-9]+|client'
_LEAKS_NAMESPACE='bmc.*|client'
_leaks_tmp=${TMPDIR:-/tmp}
_LEAKS_MOUNT="(/tmp|${_leaks_tmp%/}|/sys/fs/bpf|/sys/fs/cgroup)(/|\$)"

leaks_list() { # [RUN]
	local cgroups programs
	programs=$(bpftool prog show 2>/dev/null |
		awk '/^[0-9]+:/ && / name (bmc_|pass|end_tc|steer|wire|nothing|echo|generate|count|empty_)/ { print "program", $1, $2, $4 }')
	[ -z "$programs" ] || echo "$programs"
	bpftool map show 2>/dev/null | awk '/^[0-9]+:/ && / name (bmc|pass|steer|wire|frames)/ { print "map", $1, $2, $4 }'
	bpftool link show 2>/dev/null | awk -v ours=" $(awk '{ print $2 }' <<<"$programs" | tr '\n' ' ')" \
		'/^[0-9]+:/ && $3 == "prog" && index(ours, " " $4 ": ") { print "link", $1, $2, $3, $4 }'
	find /sys/fs/bpf/bmc/* /sys/fs/bpf/bmc?* -maxdepth 0 2>/dev/null | sed 's/^/pin /'
	[ -n "${1:-}" ] || find /sys/fs/bpf/bmc -maxdepth 0 2>/dev/null | sed 's/^/pin /' # the folder of all of them
	find /run/netns -mindepth 1 2>/dev/null | sed 's/^/namespace /' | grep -E "/($_LEAKS_NAMESPACE)\$"
	tc qdisc show | sed 's/^/qdisc /' | grep -E 'clsact|ingress'
	ip -o link show | awk -F': ' '{ print "interface", $2 }' | grep -E " ($_LEAKS_INTERFACE)(@|\$)"
	awk -v where="^$_LEAKS_MOUNT" '$5 ~ where { print "mount", $5 }' /proc/self/mountinfo
	cgroups=$(findmnt -nt cgroup2 -o TARGET | head -n 1)
	[ -z "$cgroups" ] || find "$cgroups" -type d -name 'bmc-*' -prune 2>/dev/null | sed 's/^/cgroup /'
	find /tmp -maxdepth 1 -name 'bmc-*' | sed 's/^/file /'
	find /usr/sbin/policy-rc.d 2>/dev/null | sed 's/^/file /'
	_leaks_processes "${1:-}"
}

# Whatever has a mark of that run; without RUN, by their names.
_leaks_processes() { # [RUN]
	local pid comm of
	if [ -n "$1" ]; then
		grep -lsz "^BMC_TEST_OF=$1-" /proc/[0-9]*/environ | cut -d / -f 3
	else
		_leaks_called 'bmcctl|memcached|memcaslap|udpload|net_|prog_'
	fi | while read -r pid; do
		of=$(_leaks_mark "$pid")
		read -r comm 2>/dev/null <"/proc/$pid/comm" && echo "process $pid $comm${1:+ of ${of#*-}}"
	done
}

_leaks_called() { # BEGINNINGS -> pids (pgrep takes no pattern of more than 15 characters)
	ps -e -o pid=,comm= | awk -v re="^($1)" '$2 ~ re { print $1 }'
}

_leaks_mark() { # PID -> RUN-NAME
	sed -zn 's/^BMC_TEST_OF=//p' "/proc/$1/environ" 2>/dev/null | tr -d '\0'
}

# Do tests run that are not of this run? What makes them may make the same things.
_leaks_strangers() {
	local pid
	for pid in $(_leaks_called 'bmcctl|net_|prog_|stress_|bench_|bmc-bench|twin'); do
		[[ $(_leaks_mark "$pid") == $$-* ]] || [ ! -d "/proc/$pid" ] || return 0
	done
	return 1
}

# Compares with a list taken before; the kernel frees late, so what is new must stay for some seconds.
leaks_check() { # FILE
	local now begin=$SECONDS patience=$((leaks_patience * $(leaks_slow)))
	while :; do
		now=$(leaks_list | sort | comm -13 "$1" -)
		[ -n "$now" ] || return 0
		[ $((SECONDS - begin)) -lt $patience ] || break
		sleep 1
	done
	echo "left behind after $patience s:"
	echo "$now"
	return 1
}

# BMC_TEST_SLOW as a whole number, at least 1.
leaks_slow() {
	local slow=${BMC_TEST_SLOW:-1}
	slow=${slow%%.*}
	[[ $slow =~ ^[1-9][0-9]*$ ]] || slow=1
	echo "$slow"
}

# What is there already is nobody's.
declare -A leaks_known=() leaks_maybe=() leaks_pids=()
leaks_patience=10 # seconds, on a machine that is not slow: the kernel frees late
leaks_begin() {
	local line
	while read -r line; do
		leaks_known[$line]=yes
	done < <(leaks_list $$)
}

# The owner of what LINE says: by its mark, by the pid in its name (of one that lives: not yet to be said), or else
# whichever of those that ran when it was seen first, once they all have ended (strangers never do). who: names, or nothing;
# sure: its mark says so, or its pid, which nothing else has now
_leaks_whose() { # LINE NAME RUNNING…
	local line=$1 pid='' r
	shift
	who='' sure=''
	if [[ $line =~ ^process\ .*\ of\ (.*)$ ]]; then
		who=${BASH_REMATCH[1]}
	elif [[ $line =~ bmc[a-z-]*(/(t|bench-))?([0-9]+)([^0-9A-Za-z]|$) ]]; then
		pid=${BASH_REMATCH[3]}
		who=${leaks_pids[$pid]:-}
		[ -n "$who" ] || ! kill -0 "$pid" 2>/dev/null || return
	fi
	[ -z "$who" ] || kill -0 ${pid:+"$pid"} 2>/dev/null || sure=yes
	[ -n "$who" ] || who=${leaks_maybe[$line]:=$*}
	for r in strangers "${@:2}"; do
		[[ " $who " != *" $r "* ]] || who=
	done
}

# NAME, which was process PID (empty: not known), has ended, the others run. leaks_left: a line "WHO: WHAT" for each thing
# that is now known to be left, and stays; leaks_sure: those of them that have a test's mark or pid, leaks_surely: WHAT of
# these; leaks_guess: the others, which may take the kernel, or a process of the test's, some time more.
leaks_end() { # NAME PID RUNNING…
	local line who sure strangers until=$((SECONDS + leaks_patience * $(leaks_slow)))
	[ -z "$2" ] || leaks_pids[$2]=$1
	set -- "$1" "${@:3}"
	while :; do
		leaks_left=() leaks_surely=() leaks_sure=() leaks_guess=()
		_leaks_strangers && strangers=strangers || strangers=
		while read -r line; do
			[ -n "$line" ] && [ -z "${leaks_known[$line]:-}" ] || continue
			_leaks_whose "$line" "$@" $strangers
			[ -n "$who" ] || continue
			leaks_left+=("$who: $line")
			if [ -n "$sure" ]; then
				leaks_surely+=("$line")
				leaks_sure+=("$who: $line")
			else
				leaks_guess+=("$who: $line")
			fi
		done < <(leaks_list $$)
		[ ${#leaks_left[@]} -gt 0 ] || return 0
		[ "$SECONDS" -lt "$until" ] || break
		sleep 0.2
	done
	for line in "${leaks_left[@]}"; do
		leaks_known[${line#*: }]=yes
	done
}

# Removes what leaks_end found, so that it is not in the way of what comes later. What is not surely a test's may be anybody's:
# it is told, and stays.
leaks_remove() { # BMCCTL
	local order line kind what
	for order in process pin namespace mount cgroup file; do
		for line in "${leaks_surely[@]}"; do
			read -r kind what <<<"$line"
			[ "$kind" != $order ] || _leaks_remove_one "$kind" "$what" "$1"
		done
	done >/dev/null 2>&1
}

_leaks_remove_one() { # KIND WHAT BMCCTL
	case $1-$2 in
	process-*) [[ $(_leaks_mark "${2%% *}") != $$-* ]] || kill -9 "${2%% *}" ;;
	pin-/sys/fs/bpf/bmc/?*)
		"$3" stop --name "${2##*/}"
		rm -rf --one-file-system "$2"
		;;
	pin-/sys/fs/bpf/bmc?* | file-/tmp/bmc-?*) rm -rf --one-file-system "$2" ;;
	namespace-/run/netns/?*)
		ip netns pids "${2##*/}" | xargs -r kill -9
		ip netns del "${2##*/}"
		;;
	mount-/tmp/bmc-?* | mount-/sys/fs/bpf/bmc?*) umount -l "$2" ;;
	cgroup-*) rmdir "$2" ;;
	esac
}

# Before a run: what an earlier one left. The tests' names end in their pid: what belongs to one that still runs is left alone.
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
