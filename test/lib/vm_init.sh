#!/bin/busybox sh
# SPDX-License-Identifier: LGPL-2.1-only
# The first process under a kernel of vm_run.sh's: loads the modules, and goes over to the shared root file system.
B=/bin/busybox
$B mkdir -p /proc /sys /dev /low /rw /new
$B mount -t proc proc /proc
$B mount -t devtmpfs dev /dev 2>/dev/null
while read -r module; do
	$B insmod "/mod/$module.ko" || echo "insmod $module failed"
done </modules.list
$B mount -t virtiofs -o ro hostroot /low || {
	echo "no root file system"
	echo b >/proc/sysrq-trigger
}
$B mount -t tmpfs rw /rw
$B mkdir /rw/upper /rw/work
$B mount -t overlay -o lowerdir=/low,upperdir=/rw/upper,workdir=/rw/work root /new
$B mkdir -p /new/run
$B mount -t tmpfs run /new/run
$B mkdir -p /new/run/vm /new/run/netns /new/run/lock
$B cp /command /vm_command.sh /new/run/vm/
$B umount /proc
exec $B switch_root /new /bin/bash /run/vm/vm_command.sh
