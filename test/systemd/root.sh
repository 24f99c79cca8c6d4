#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# boot.sh's container, from within its namespaces: a root over the machine's own, where what is written stays in
# memory; bmc installed in it; what a boot has up before network.target; then systemd.
# usage: root.sh BUILD WORK
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$1 work=$2
root=$work/root

mount_root() {
	mount -t tmpfs bmc "$work"
	mkdir "$work"/{upper,work,root}
	mount -t overlay -o "lowerdir=/,upperdir=$work/upper,workdir=$work/work" root "$root"
	mount -t tmpfs run "$root/run"
	mount -t tmpfs tmp "$root/tmp"
}

# What a container has of the kernel: its settings can only be read.
mount_kernel() {
	mount -t proc proc "$root/proc"
	mount --bind "$root/proc/sys" "$root/proc/sys"
	mount -o remount,bind,ro "$root/proc/sys"
	mount -t sysfs -o ro sys "$root/sys"
	mount -t cgroup2 cgroup "$root/sys/fs/cgroup"
	mount -t bpf -o mode=700 bpf "$root/sys/fs/bpf"
}

make_dev() {
	local name
	mount -t tmpfs -o mode=755 dev "$root/dev"
	mkdir "$root"/dev/{pts,shm}
	for name in null zero full random urandom tty; do
		touch "$root/dev/$name"
		mount --bind "/dev/$name" "$root/dev/$name"
	done
	mount -t devpts -o newinstance,ptmxmode=666 pts "$root/dev/pts"
	ln -s pts/ptmx "$root/dev/ptmx"
	ln -s /proc/self/fd "$root/dev/fd"
	for name in 0:stdin 1:stdout 2:stderr; do
		ln -s "fd/${name%:*}" "$root/dev/${name#*:}"
	done
}

# Nothing of what the machine itself has enabled.
make_units() {
	mount -t tmpfs units "$root/etc/systemd/system"
	cat >"$root/etc/systemd/system/test.target" <<-UNIT
		[Unit]
		Requires=basic.target
		After=basic.target
		Wants=bmc.service memcached.service
	UNIT
	cat >"$root/etc/systemd/system/stop.target" <<-UNIT
		[Unit]
		Requires=basic.target
		AllowIsolate=yes
	UNIT
	DESTDIR=$root cmake --install "$build" >/dev/null
	mkdir "$root/run/bmc"
	cp "$here/inside.sh" "$root/run/bmc/"
}

make_settings() {
	cat >"$root/etc/memcached.conf" <<-OPTIONS
		-u memcache
		-m 64
		-U 11211
		-l 192.0.2.10
	OPTIONS
	echo 'BMC_OPTIONS="--iface eth0 --memory 16M --wait --user memcache"' >"$root/etc/default/bmc"
	rm -f "$root"/etc/default/{bmc-*,memcached-sr}
}

make_network() {
	ip link set lo up
	ip link add eth0 type veth peer name client
	ip addr add 192.0.2.10/24 dev eth0
	ip link set eth0 up
}

mount_root
mount_kernel
make_dev
make_units
make_settings
make_network
cd "$root"
mkdir -p run/host
pivot_root . run/host
umount -l /run/host
exec env -i container=bmc-test PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
	/lib/systemd/systemd --log-target=journal --unit=test.target </dev/null >/dev/null 2>&1
