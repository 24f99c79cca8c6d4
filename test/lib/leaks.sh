# SPDX-License-Identifier: LGPL-2.1-only
# Sourced. leaks_list: one line for each thing that a test could leave behind; leaks_begin, leaks_end: what a test left,
# and which; leaks_remove: removes that. A test's processes have BMC_TEST_OF=RUN-NAME in their environment.

leaks_list() { # [RUN]
	local cgroups
	bpftool prog show 2>/dev/null |
		awk '/^[0-9]+:/ && / name (bmc_|pass|end_tc|steer|wire|nothing|echo|generate|count|empty_)/ { print "program", $1, $2, $4 }'
	bpftool map show 2>/dev/null | awk '/^[0-9]+:/ && / name (bmc|pass|steer|wire|frames)/ { print "map", $1, $2, $4 }'
	bpftool link show 2>/dev/null | awk '/^[0-9]+:/ { print "link", $1, $2, $3, $4 }'
	find /sys/fs/bpf/bmc/* /sys/fs/bpf/bmc?* -maxdepth 0 2>/dev/null | sed 's/^/pin /'
	[ -n "${1:-}" ] || find /sys/fs/bpf/bmc -maxdepth 0 2>/dev/null | sed 's/^/pin /' # the folder of all of them
	find /run/netns -mindepth 1 2>/dev/null | sed 's/^/namespace /'
	tc qdisc show | sed 's/^/qdisc /' | grep -E 'clsact|ingress'
	ip -o link show | awk -F': ' '{ print "interface", $2 }'
	awk '$5 !~ "^(/run/(netns|user|media)|/media)(/|$)" { print "mount", $5 }' /proc/self/mountinfo
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

# What is there already is nobody's.
declare -A leaks_known=() leaks_maybe=() leaks_pids=()
leaks_patience=10 # seconds: the kernel frees late
leaks_begin() {
	local line
	while read -r line; do
		leaks_known[$line]=yes
	done < <(leaks_list $$)
}

# The owner of what LINE says: by its mark, by the pid in its name (of one that lives: not yet to be said), or else
# whichever of those that ran when it was seen first, once they all have ended (strangers never do). who: names, or nothing
_leaks_whose() { # LINE NAME RUNNING…
	local line=$1 pid= r
	shift
	who=
	if [[ $line =~ ^process\ .*\ of\ (.*)$ ]]; then
		who=${BASH_REMATCH[1]}
	elif [[ $line =~ bmc[a-z-]*(/(t|bench-))?([0-9]+)([^0-9A-Za-z]|$) ]]; then
		pid=${BASH_REMATCH[3]}
		who=${leaks_pids[$pid]:-}
		[ -n "$who" ] || ! kill -0 "$pid" 2>/dev/null || return
	fi
	[ -n "$who" ] || who=${leaks_maybe[$line]:=$*}
	for r in strangers "${@:2}"; do
		[[ " $who " != *" $r "* ]] || who=
	done
}

# NAME, which was process PID, has ended, the others run. leaks_left: a line "WHO: WHAT" for each thing that is now known
# to be left, and stays.
leaks_end() { # NAME PID RUNNING…
	local line who strangers until=$((SECONDS + leaks_patience))
	leaks_pids[$2]=$1
	set -- "$1" "${@:3}"
	while :; do
		leaks_left=()
		_leaks_strangers && strangers=strangers || strangers=
		while read -r line; do
			[ -z "${leaks_known[$line]:-}" ] || continue
			_leaks_whose "$line" "$@" $strangers
			[ -z "$who" ] || leaks_left+=("$who: $line")
		done < <(leaks_list $$)
		[ ${#leaks_left[@]} -gt 0 ] || return 0
		[ "$SECONDS" -lt "$until" ] || break
		sleep 0.2
	done
	for line in "${leaks_left[@]}"; do
		leaks_known[${line#*: }]=yes
	done
}

# Removes what leaks_end found, so that it is not in the way of what comes later.
leaks_remove() { # BMCCTL
	local line kind what
	leaks_sweep "$1"
	for line in "${leaks_left[@]}"; do
		read -r kind what <<<"${line#*: }"
		case $kind in
		process) kill -9 "${what%% *}" ;;
		pin | file) rm -rf "$what" ;;
		cgroup) rmdir "$what" ;;
		mount) umount -l "$what" ;;
		esac
	done 2>/dev/null
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
