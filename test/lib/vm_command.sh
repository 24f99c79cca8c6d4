#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# The second half of vm_init.sh, in the shared root: what a command expects of a machine, then the command. Its output
# goes to the second serial port, its exit status to the third.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev 2>/dev/null
mkdir -p /dev/pts /dev/shm
mount -t devpts pts /dev/pts
mount -t tmpfs shm /dev/shm
ln -sf /proc/self/fd /dev/fd
ln -sf fd/0 /dev/stdin
ln -sf fd/1 /dev/stdout
ln -sf fd/2 /dev/stderr
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup /sys/fs/cgroup
ip link set lo up
ulimit -l unlimited
ulimit -c 0
stty -F /dev/ttyS1 raw -echo 2>/dev/null
stty -F /dev/ttyS2 raw -echo 2>/dev/null
setsid -w bash /run/vm/command </dev/null >/dev/ttyS1 2>&1
echo $? >/dev/ttyS2
sync
echo b >/proc/sysrq-trigger
sleep 100
