#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# Shows bmc at work: the same load on a memcached of its own, without bmc and with it, over a veth pair between two network
# namespaces. Installs what is missing, builds, and takes everything down again. usage: sudo test/demo.sh
# BMC_BUILD: the build folder (else see test/lib/build.sh)          BMC_DEMO_SECONDS: of each load (8)
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. test/lib/install.sh
. test/lib/build.sh

build=$(build_folder)
seconds=${BMC_DEMO_SECONDS:-8}
server=bmc-demo-$$-server client=bmc-demo-$$-client instance=demo-$$
ip=10.99.0.1 port=11211
memcached_pid=
pins=/sys/fs/bpf/bmc-demo-$$

die() {
	echo "demo: $*" >&2
	exit 1
}

step() {
	printf '\n\033[1m%s\033[0m\n' "$*"
}

# Not `ip netns exec`: that hides bpffs.
in_server() { nsenter --net="/run/netns/$server" -- "$@"; }
in_client() { nsenter --net="/run/netns/$client" -- "$@"; }
bmcctl() { in_server "$build/bmcctl" "$@"; }

take_down() {
	if [ -e "/run/netns/$server" ]; then
		bmcctl stop --name "$instance" >/dev/null
		[ -z "$memcached_pid" ] || kill "$memcached_pid" 2>/dev/null
		wait 2>/dev/null
		ip netns del "$server"
	fi
	[ ! -e "/run/netns/$client" ] || ip netns del "$client"
	rm -f "$pins"
}

build_all() {
	mkdir -p "$build" &&
		cmake -S . -B "$build" -G Ninja >"$build/demo.log" 2>&1 &&
		cmake --build "$build" --target bmcctl udpload pass_skel >>"$build/demo.log" 2>&1
}

make_wire() {
	ip netns add "$server" && ip netns add "$client" &&
		in_server ip link add wire0 type veth peer name wire0 netns "$client" &&
		in_server ip addr add "$ip/24" dev wire0 && in_client ip addr add 10.99.0.2/24 dev wire0 &&
		in_server ip link set lo up && in_server ip link set wire0 up && in_client ip link set wire0 up &&
		in_server ethtool -K wire0 tx off >/dev/null && in_client ethtool -K wire0 tx off >/dev/null
}

# Replies that XDP sends reach the other end of a veth pair only if there is an XDP program as well.
pass_through() {
	mountpoint -q /sys/fs/bpf || mount -t bpf bpf /sys/fs/bpf || return 1
	bpftool prog load "$build/gen/pass.bpf.o" "$pins" &&
		in_client bpftool net attach xdp pinned "$pins" dev wire0
}

start_memcached() {
	local try # only counts
	nsenter --net="/run/netns/$server" -- memcached -u nobody -p $port -U $port -m 256 -t 2 \
		>/dev/null 2>&1 & # no function: the pid is to be memcached's own
	memcached_pid=$!
	for try in {1..50}; do
		printf 'version\r\nquit\r\n' | in_client timeout 1 bash -c \
			"exec 3<>/dev/tcp/$ip/$port && cat >&3 && head -n 1 <&3" 2>/dev/null && return 0
		sleep 0.1
	done
	return 1
}

load() { # SECONDS
	in_client "$build/udpload" -h $ip -p $port -k 10000 -v 100 -c 4 -w 8 -t "$1"
}

set_keys() {
	in_client "$build/udpload" -h $ip -p $port -k 10000 -v 100 -s
}

# One line to memcached over TCP, and its answer's first line.
tcp_command() { # LINE
	printf '%b' "$1" | in_client timeout 2 bash -c "exec 3<>/dev/tcp/$ip/$port && cat >&3 && head -n 1 <&3"
}

# A get over UDP: a frame of 8 bytes goes before the text, and comes before the answer's. Shown is its beginning.
udp_get() { # KEY
	in_client timeout 2 bash -c "exec 3<>/dev/udp/$ip/$port &&
		printf '\\0\\1\\0\\0\\0\\1\\0\\0get $1\\r\\n' >&3 && dd bs=1500 count=1 <&3 2>/dev/null" |
		tail -c +9 | tr -d '\r' | cut -c 1-60
}

[ "$(id -u)" -eq 0 ] || die "this needs root: sudo test/demo.sh"
install_packages build demo || die "packages are missing"
step "building in $build"
build_all || { tail -n 40 "$build/demo.log"; die "the build failed"; }

trap take_down EXIT
trap 'exit 1' INT TERM
step "two network namespaces, a veth pair, a memcached"
make_wire || die "cannot make the namespaces"
pass_through || die "cannot attach the pass-through program to the client's end"
start_memcached || die "memcached does not answer"
set_keys || die "cannot set the keys"

step "UDP gets of 10,000 keys of 100 bytes, 32 at a time, for $seconds s: memcached alone"
alone=$(load "$seconds") || die "the load failed: $alone"
echo "$alone"

step "bmcctl start --iface wire0"
bmcctl start --name "$instance" --iface wire0 --mode native --memory 64M --max-age 60s || die "bmcctl start failed"
load 2 >/dev/null || die "the load that fills the cache failed"
step "the same load, with bmc"
with=$(load "$seconds") || die "the load failed: $with"
echo "$with"

step "side by side"
printf '%s\n%s\n' "$alone" "$with" | awk '
	{ rate[NR] = $1; row[NR] = sprintf("%9.0f %14s us %14s us", $1, $4, $7) }
	END {
		printf "                    requests/s   answers: median     99 %% in\n"
		printf "  memcached alone  %s\n  memcached + bmc  %s\n", row[1], row[2]
		printf "  %.1f times the requests, with the client on the same CPUs\n", rate[2] / rate[1]
	}'

step "get over UDP, set over TCP, get over UDP: the set takes its key out"
udp_get key1
tcp_command 'set key1 0 0 9\r\nnew value\r\n'
udp_get key1

step "bmcctl stats"
bmcctl stats --name "$instance" || die "bmcctl stats failed"
step "bmcctl stop"
bmcctl stop --name "$instance" || die "bmcctl stop failed"
