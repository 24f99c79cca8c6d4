#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# Runs a command as root under another kernel: QEMU boots it with this machine's own root file system, which is
# shared read-only with a tmpfs over it. What the command writes is gone with it.
# usage: vm_run.sh KERNEL-FOLDER [-t SECONDS] [-m MB] [-c CPUS] [-C FOLDER] [--] COMMAND [WORD…]
#   the folder is vm_fetch's; -C: where the command starts (here). Its output is ours, its exit status too;
#   124: out of time, 125: the kernel did not get that far.
# BMC_TEST_KVM: not empty: by KVM, and not emulated. Not by itself: a /dev/kvm that is there may not work (nested).
# VM_ARCH: arm64: such a machine, emulated, with VM_ROOT's file system instead; VM_SHARED: folders that it has as well, at
#   the same place.
# VM_ENV: names of variables that the command gets, besides PATH.   VM_CONSOLE: a file for the kernel's messages
set -uo pipefail

kernel=$1
shift
seconds=300 memory=1536 cpus=1 folder=$PWD
while [ $# -gt 0 ]; do
	case $1 in
	-t) seconds=$2; shift 2 ;;
	-m) memory=$2; shift 2 ;;
	-c) cpus=$2; shift 2 ;;
	-C) folder=$2; shift 2 ;;
	--) shift; break ;;
	*) break ;;
	esac
done

here=$(dirname "${BASH_SOURCE[0]}")
work=$(mktemp -d)
share_pid= qemu_pid=

clean_up() {
	[ -z "$qemu_pid" ] || kill "$qemu_pid" 2>/dev/null
	[ -z "$share_pid" ] || kill "$share_pid" 2>/dev/null
	wait 2>/dev/null
	rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

find_virtiofsd() {
	local path
	for path in "$(command -v virtiofsd)" /usr/libexec/virtiofsd /usr/lib/qemu/virtiofsd; do
		[ -x "$path" ] || continue
		echo "$path"
		return
	done
	return 1
}

# The command as a script: its words and its variables quoted.
write_command() { # WORD…
	local name
	echo '#!/bin/bash'
	for name in PATH ${VM_ENV:-}; do
		[ -z "${!name+set}" ] || printf 'export %s=%q\n' "$name" "${!name}"
	done
	printf 'export HOME=/root\ncd %q || exit 125\n' "$folder"
	printf '%q ' exec "$@"
	echo
}

# busybox, the modules, and vm_init.sh, which goes over to the shared root and there runs vm_command.sh.
make_initramfs() { # WORD…
	local tree=$work/tree
	mkdir -p "$tree"/{bin,mod}
	cp "${VM_ROOT:-}/bin/busybox" "$tree/bin/" || return 1
	cp "$kernel"/mod/*.ko "$tree/mod/" 2>/dev/null
	cp "$kernel/modules.list" "$here/vm_command.sh" "$tree/" || return 1
	write_command "$@" >"$tree/command"
	install -m 755 "$here/vm_init.sh" "$tree/init" || return 1
	(cd "$tree" && find . | busybox cpio -o -H newc 2>/dev/null) >"$work/initramfs"
}

# The root is bound read-only in a mount namespace of the server's own: the guest cannot write to it.
share_root() {
	local virtiofsd try
	virtiofsd=$(find_virtiofsd) || { echo "no virtiofsd" >&2; return 1; }
	mkdir "$work/root"
	# shellcheck disable=SC2086 # folders are words
	unshare -m --propagation private sh -c '
		virtiofsd=$1 work=$2 root=$3
		shift 3
		mount --bind "$root" "$work/root" || exit
		for folder; do
			mkdir -p "$work/root$folder" && mount --bind "$folder" "$work/root$folder" &&
				mount -o remount,ro,bind "$work/root$folder" || exit
		done
		mount -o remount,ro,bind "$work/root" || exit
		exec "$virtiofsd" --socket-path="$work/socket" -o source="$work/root" -o cache=always -o sandbox=chroot -f
	' sh "$virtiofsd" "$work" "${VM_ROOT:-/}" ${VM_SHARED:-} >"$work/virtiofsd.log" 2>&1 &
	share_pid=$!
	for ((try = 0; try < 200; try++)); do
		[ ! -S "$work/socket" ] || return 0
		sleep 0.05
	done
	echo "virtiofsd: $(tail -n 3 "$work/virtiofsd.log")" >&2
	return 1
}

# The machine, and its serial ports: the console's; ttyS1, the output's; ttyS2, the status's.
# The emulator carries out "rep movsb" byte by byte: twice the time of all tests. So x86's kernel is to copy by words: no
# ERMS, no REP_GOOD (word 3, bit 16 of its features).
machine() {
	local ports=(-serial chardev:console -serial chardev:output -serial chardev:status)
	qemu=qemu-system-x86_64 tty=ttyS0 words="tsc=reliable no_timer_check clearcpuid=112"
	machine=(-M q35 -accel 'tcg,thread=multi' -cpu "max,erms=off")
	if [ "${VM_ARCH:-amd64}" = arm64 ]; then
		qemu=qemu-system-aarch64 tty=ttyAMA0 words=
		machine=(-M 'virt,gic-version=3' -accel 'tcg,thread=multi' -cpu cortex-a76)
		ports=(-serial chardev:console -chardev 'null,id=none' -device 'pci-serial,chardev=none'
			-device 'pci-serial,chardev=output' -device 'pci-serial,chardev=status')
	elif [ -n "${BMC_TEST_KVM:-}" ]; then
		machine=(-M q35 -accel kvm -cpu max) words="tsc=reliable no_timer_check"
	fi
	machine+=(-chardev "file,id=console,path=$work/console" -chardev "file,id=output,path=$work/output"
		-chardev "file,id=status,path=$work/status" "${ports[@]}")
}

boot() {
	local qemu tty words machine
	machine
	mkfifo "$work/output"
	cat "$work/output" &
	timeout "$seconds" "$qemu" -smp "$cpus" -m "$memory" -nodefaults -no-user-config -display none -no-reboot \
		"${machine[@]}" \
		-object memory-backend-memfd,id=mem,size="${memory}M",share=on -numa node,memdev=mem \
		-chardev socket,id=root,path="$work/socket" -device vhost-user-fs-pci,chardev=root,tag=hostroot \
		-kernel "$kernel/vmlinuz" -initrd "$work/initramfs" \
		-append "console=$tty panic=-1 oops=panic mitigations=off nokaslr apparmor=0 audit=0 $words rdinit=/init" </dev/null 2>"$work/qemu.log" &
	qemu_pid=$!
	wait "$qemu_pid"
	qemu_code=$?
	qemu_pid=
}

make_initramfs "$@" && share_root || exit 125
boot
[ -z "${VM_CONSOLE:-}" ] || tr -d '\r' <"$work/console" >"$VM_CONSOLE"
code=$(tr -cd '0-9' <"$work/status" 2>/dev/null)
if [ -z "$code" ]; then
	echo "no exit status from the guest (QEMU: $qemu_code); its last messages:" >&2
	tail -n 25 "$work/console" | tr -d '\r' >&2
	tail -n 5 "$work/qemu.log" >&2
	[ "$qemu_code" -ne 124 ] || exit 124
	exit 125
fi
exit "$code"
