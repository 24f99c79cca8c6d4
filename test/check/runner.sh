#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# The runner of the tests (lib/jobs.sh). What a test left behind was swept away unseen when it passed: here tests leave one
# thing each, alone and beside one that leaves nothing; who left it is named and fails, the other one does not.
# What ran aside could starve: it is as others are once these are over, and has a time of its own. What may be anybody's was
# removed as well: it is told, and stays. A test whose pid was not noted ended the run, which had no failure.
# usage: runner.sh BUILD
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
build=${1:?usage: runner.sh BUILD}
. test/lib/leaks.sh
. test/lib/jobs.sh
logs=$(mktemp -d) work=$(mktemp -d) filters=() wrong=0 leaks_patience=1 greedy=''
unset BMC_TEST_SLOW
cgroups=$(findmnt -nt cgroup2 -o TARGET | head -n 1)
# Only what is made here, and nobody else: the machine may have others' tests.
eval "all_$(declare -f leaks_list)"
leaks_list() {
	[ -z "$greedy" ] || cat >/dev/null
	all_leaks_list "$@" | grep -E "of self_|leakcheck|bmct-[0-9]+-self|$work"
}
_leaks_strangers() { return 1; }

clean_up() {
	local path
	kill "${aside_pids[@]}" "${!running[@]}" 2>/dev/null
	find "$work" /tmp/bmc-leakcheck-* -mindepth 1 -type d -exec umount -q {} \; 2>/dev/null
	rm -rf --one-file-system "$logs" "$work" /sys/fs/bpf/bmc-leakcheck* /tmp/bmc-leakcheck-*
	for path in "$cgroups"/bmc-leakcheck-*; do
		[ ! -d "$path" ] || rmdir "$path"
	done
	for path in /run/netns/bmct-*-self; do
		[ ! -e "$path" ] || ip netns del "${path##*/}"
	done
}
trap clean_up EXIT

expect() { # WHAT-IS-TOLD GREP-PATTERN
	grep -qE -- "$2" "$logs/told" || { echo "not told, of $1: $2"; sed 's/^/      | /' "$logs/told"; wrong=1; }
}

expect_that() { # WHAT COMMAND…
	"${@:2}" || { echo "not so: $1: ${*:2}"; wrong=1; }
}

expect_no_more() { # WHAT FAILURES
	[ "$(grep -c ^FAIL "$logs/told")" -eq "$2" ] || { echo "$1: not $2 failures"; cat "$logs/told"; wrong=1; }
	: >"$logs/told"
}

# One that leaves something, alone; and beside one that began before and ends later, and has the like while it runs.
leaves() { # WHAT LINE SCRIPT
	start_test self_leaves 20 bash -c "$3"
	end_test >>"$logs/told"
	expect "$1" '^FAIL  self_leaves '
	expect "$1" "  \\| $2"
	expect_no_more "$1" 1
	start_test self_clean 60 bash -c "trap : TERM; sleep 100 & wait; kill \$!"
	start_test self_leaves 20 bash -c "$3"
	end_test >>"$logs/told"
	kill "$(cat "$logs/self_clean.pid")"
	end_test >>"$logs/told"
	expect "$1, beside another" '^FAIL  self_leaves '
	expect "$1, beside another" '^ok    self_clean '
	expect_no_more "$1, beside another" 1
}

leaks_begin
leaves "a process" "process [0-9]+ sleep of self_leaves" "setsid sleep 50 >/dev/null 2>&1 & exit 0"
leaves "a namespace" "namespace /run/netns/bmct-" "ip netns add bmct-\$\$-self"
leaves "a file" "file /tmp/bmc-leakcheck-" "touch /tmp/bmc-leakcheck-\$\$"
[ -z "$cgroups" ] || leaves "a cgroup" "cgroup .*/bmc-leakcheck-" "mkdir $cgroups/bmc-leakcheck-\$\$"
leaves "a pin" "pin /sys/fs/bpf/bmc-leakcheck-" \
	"bpftool map create /sys/fs/bpf/bmc-leakcheck-\$\$ type array key 4 value 4 entries 1 name bmc_leakcheck"

# What tells nobody's name: whose it may be is told, once all of these have ended, and not of who came later.
start_test self_first 60 bash -c "trap : TERM; sleep 100 & wait; kill \$!"
start_test self_leaves 20 bash -c "mkdir $work/m && mount -t tmpfs x $work/m"
end_test >>"$logs/told"
start_test self_later 60 bash -c "trap : TERM; sleep 100 & wait; kill \$!"
kill "$(cat "$logs/self_first.pid")"
end_test >>"$logs/told"
kill "$(cat "$logs/self_later.pid")"
end_test >>"$logs/told"
expect "a mount" "^note  .*: self_leaves self_first: mount $work/m"
expect_no_more "a mount" 0
expect_that "a mount that may be anybody's stays" mountpoint -q "$work/m"

# The names say no test's pid: told, and left alone.
start_test self_leaves 20 bash -c "mkdir /tmp/bmc-leakcheck-nobody && touch /tmp/bmc-leakcheck-nobody/file &&
	bpftool map create /sys/fs/bpf/bmc-leakcheck-nobody type array key 4 value 4 entries 1 name bmc_leakcheck"
end_test >>"$logs/told"
expect "a file that may be anybody's" "^note  .*: self_leaves: file /tmp/bmc-leakcheck-nobody"
expect "a pin that may be anybody's" "^note  .*: self_leaves: pin /sys/fs/bpf/bmc-leakcheck-nobody"
expect_no_more "what may be anybody's" 0
expect_that "a file that may be anybody's stays" [ -e /tmp/bmc-leakcheck-nobody/file ]
expect_that "a pin that may be anybody's stays" [ -e /sys/fs/bpf/bmc-leakcheck-nobody ]

# A test's own goes, but nothing of what it had bound there.
mkdir "$work/kept" && touch "$work/kept/file"
start_test self_leaves 20 bash -c "mkdir -p /tmp/bmc-leakcheck-\$\$/m && mount --bind $work/kept /tmp/bmc-leakcheck-\$\$/m"
end_test >>"$logs/told"
pid=$(cat "$logs/self_leaves.pid")
expect "a test's own mount" "  \\| mount /tmp/bmc-leakcheck-$pid/m"
expect_no_more "a test's own mount" 1
expect_that "a test's own mount goes" [ ! -e "/tmp/bmc-leakcheck-$pid" ]
expect_that "what was bound stays" [ -e "$work/kept/file" ]

# What is no test's comes and goes.
expect_that "the machine's own" unshare --net --mount --propagation private bash -c '
	. test/lib/leaks.sh
	bpftool() {
		case $1 in
		prog) printf "7: xdp  name bmc_xdp  tag x\n17: cgroup_skb  name sd_fw_ingress  tag x\n" ;;
		link) printf "1: xdp  prog 7\n2: cgroup  prog 17\n3: struct_ops  map 7\n" ;;
		esac
	}
	ip link add docker0 type bridge && ip link add srv0 type veth peer name veth7 && mount -t tmpfs x /run &&
		mkdir -p /run/credentials/x && mount -t tmpfs x /run/credentials/x && mount -t tmpfs x "$1" || exit
	now=$(leaks_list 1 | grep -E "^(program|link|interface) |^mount ($1|/run)" | sort | tr "\n" ";")
	[ "$now" = "interface srv0@veth7;link 1: xdp prog 7;mount $1;program 7: xdp bmc_xdp;" ] || { echo "$now"; false; }
' own "$work/kept"

# Without its pid a test has failed, and those behind it run.
printf '%s\tbeside\t20\t/\tbash\t-c\t%s\n' self_no_pid "rm $logs/self_no_pid.pid" self_empty_pid ": >$logs/self_empty_pid.pid" \
	self_last : >"$logs/ctests"
greedy=yes
run_ctests 1 beside >>"$logs/told" </dev/null
check_ctests >>"$logs/told"
greedy=''
expect "a pid that is missing" '^FAIL  self_no_pid '
expect "a pid that is empty" '^FAIL  self_empty_pid '
expect "what comes behind them" '^ok    self_last '
expect_no_more "pids" 2
printf '%s\tbeside\t20\t/\ttrue\n' self_last self_never self_nor_this >"$logs/ctests"
check_ctests >>"$logs/told"
expect "what was not run" '^FAIL  all_run +0 passed, 2 failed'
expect "what was not run" '  \| did not run: self_never'
expect_no_more "what was not run" 1

# So many beside each other, and no more.
for n in 1 2 3; do
	run_beside 2 self_beside_$n 20 bash -c "echo + >>$logs/beside; sleep 0.5; echo - >>$logs/beside" >>"$logs/told"
done
end_tests >>"$logs/told"
for n in 1 2 3; do
	expect "three, two at a time" "^ok    self_beside_$n "
done
expect_no_more "three, two at a time" 0
[ "$(awk '/[+]/ { if (++n > most) most = n } /-/ { n-- } END { print most, n }' "$logs/beside")" = "2 0" ] || {
	echo "not two of three at a time: $(tr '\n' ' ' <"$logs/beside")"
	wrong=1
}

start_test self_awaited 20 true
wait "$started"
end_test >>"$logs/told"
expect "one that was waited for" '^ok    self_awaited '
expect_no_more "one that was waited for" 0

# How it ended must be told whole.
start_aside self_empty_end true
start_aside self_odd_end true
wait
: >"$logs/self_empty_end.end"
echo x >"$logs/self_odd_end.end"
end_asides 5 >>"$logs/told"
expect "an empty end" '^FAIL  self_empty_end '
expect "an odd end" '^FAIL  self_odd_end '
expect_no_more "ends" 2
[ "$(for slow in '' 0 x 4 4.5 .5 08; do BMC_TEST_SLOW=$slow leaks_slow; done | tr '\n' ' ')" = "1 1 1 4 4 1 1 " ] || {
	echo "BMC_TEST_SLOW is not read"
	wrong=1
}

start_aside self_aside bash -c 'chrt -p $$; sleep 2; chrt -p $$'
start_aside self_endless bash -c 'sleep 100'
sleep 0.5
end_asides 5 >>"$logs/told"
expect "what runs aside" '^ok    self_aside '
expect "what runs too long" '^FAIL  self_endless '
expect "what runs too long" '  \| stopped: its time was over'
expect_no_more "what runs aside" 1
[ "$(sed -n 's/.*policy: //p' "$logs/self_aside.log" | tr '\n' ' ')" = "SCHED_IDLE SCHED_OTHER " ] || {
	echo "aside, and hurried: $(cat "$logs/self_aside.log")"
	wrong=1
}
exit $wrong
