#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# Builds for arm64, and runs tests of that build under Debian's arm64 kernels, which QEMU emulates. Nothing is installed but
# the tools: the libraries, memcached and the system that is booted are unpacked below BMC_CACHE, and kept for a week.
# (The emulator's memory is as strongly ordered as x86's: what order arm64 itself needs, test/check/arm64_order.sh looks at.)
# usage: sudo test/arm64.sh [SERIES…]     those of test/kernels.list that are to be tested: 6.1 and the newest
# BMC_CACHE: where what was fetched is kept (/var/cache/bmc-test)     BMC_DEBIAN_MIRROR: see test/lib/vm_fetch.sh
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. test/lib/install.sh
. test/lib/vm_fetch.sh
. test/lib/build.sh

SUITE=bookworm # of the system that is booted
SYSTEM=(bash busybox-static coreutils ethtool findutils gawk grep iproute2 memcached mount procps sed util-linux
	libbpf-dev libc6-dev libcmocka-dev libelf-dev libevent-dev libjson-c-dev libmemcached-dev libssl-dev zlib1g-dev
	libasan8 libubsan1)
SERIES=(6.1 newest)
TABLES_SECONDS=500
STRESS_SECONDS=240
export VM_ARCH=arm64 BMC_TEST_SLOW=20
cache=${BMC_CACHE:-/var/cache/bmc-test}/arm64
root=$cache/root
build=$(build_folder)-arm64
logs=$build/test-logs
failed=0

case ${1:-} in
-h | --help) sed -n 's/^# //p' "$0" | sed 1d; exit 0 ;;
-*) echo "unknown option '$1': see --help" >&2; exit 2 ;;
esac
[ $# -eq 0 ] || SERIES=("$@")

give_up() {
	echo "arm64: $*" >&2
	exit 1
}

# The packages with all that they need, unpacked; accounts are this machine's.
fetch_system() { # FOLDER
	local deb lists=$1/../lists
	rm -rf "$1" "$lists"
	mkdir -p "$1/etc" "$1/tmp" || return 1
	vm_apt_open "$lists" "$SUITE" || return
	vm_apt "$lists" apt-get --no-install-recommends -y --download-only install "${SYSTEM[@]}" >"$lists/log" 2>&1 || {
		tail -n 3 "$lists/log"
		return 1
	}
	for deb in "$lists"/cache/archives/*.deb; do
		dpkg-deb -x "$deb" "$1" || return 1
	done
	ln -sf bash "$1/bin/sh"
	cp /etc/passwd /etc/group "$1/etc/"
	chmod 1777 "$1/tmp"
	rm -rf "$lists"
}

system_is_whole() {
	[ "$(cat "$root/done" 2>/dev/null)" = "$SUITE ${SYSTEM[*]}" ]
}

# root/done: what it was made of. Without a mirror that of an earlier run is kept.
get_system() {
	local rc
	! system_is_whole || [ -z "$(find "$root/done" -mtime "-$VM_CACHE_DAYS")" ] || return 0
	mkdir -p "$cache"
	fetch_system "$root.new"
	rc=$?
	if [ $rc -ne 0 ]; then
		rm -rf "$root.new" "$cache/lists"
		[ $rc -eq $VM_NO_MIRROR ] && [ -e "$root/done" ] || return 1
		echo "arm64: the system of an earlier run is kept$(system_is_whole || echo ", which was made of other packages")"
		return 0
	fi
	echo "$SUITE ${SYSTEM[*]}" >"$root.new/done"
	rm -rf "$root"
	mv "$root.new" "$root"
}

cross_build() {
	local libs=$root/usr/lib/aarch64-linux-gnu
	mkdir -p "$logs" || return 1
	cat >"$build/toolchain.cmake" <<-END
		set(CMAKE_SYSTEM_NAME Linux)
		set(CMAKE_SYSTEM_PROCESSOR aarch64)
		set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
		set(CMAKE_SYSROOT "$root")
		set(CMAKE_C_FLAGS_INIT "-Wl,-rpath-link,$libs -Wl,-rpath-link,$root/lib/aarch64-linux-gnu")
		set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
		set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
		set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
	END
	PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$libs/pkgconfig:$root/usr/share/pkgconfig \
		cmake -S . -B "$build" -G Ninja -DCMAKE_TOOLCHAIN_FILE="$build/toolchain.cmake" \
		-DBMC_BTF=none -DBMC_TESTS=ON >"$logs/build.log" 2>&1 &&
		cmake --build "$build" >>"$logs/build.log" 2>&1
}

boot() { # SERIES CPUS SECONDS WHAT
	local log=$logs/$1.$4.log begin=$SECONDS rc
	VM_ROOT=$root VM_SHARED="$PWD $build" VM_ENV=BMC_TEST_SLOW VM_CONSOLE=$logs/$1.$4.console \
		test/lib/vm_run.sh "$cache/$1" -c "$2" -t "$3" test/kernels/inside.sh "$build" "$4" >"$log" 2>&1
	rc=$?
	echo "arm64: $1: $(sed -n 's/^### release //p' "$log"): $4: $((SECONDS - begin)) s, exit status $rc"
	grep -E '^(text|program|bmc_[a-z0-9_]+) +[0-9v]' "$log"
	[ $rc -ne 0 ] || return 0
	failed=1
	grep -vE '^\[ +(RUN|OK) ' "$log" | tail -n 40 | sed 's/^/      | /'
}

[ "$(id -u)" -eq 0 ] || give_up "this needs root: sudo test/arm64.sh"
install_packages build kernels arm64 || exit 1
get_system || give_up "cannot fetch the system"
cross_build || {
	tail -n 40 "$logs/build.log"
	give_up "the build failed: $logs/build.log"
}
for series in "${SERIES[@]}"; do
	suite=$(awk -v series="$series" '$1 == series { print $2 }' test/kernels.list)
	vm_fetch "$series" "${suite:-trixie-backports}" "$cache/$series" || give_up "no kernel of series $series"
	boot "$series" 1 "$TABLES_SECONDS" tables
	boot "$series" 2 "$STRESS_SECONDS" stress
done
exit $failed
