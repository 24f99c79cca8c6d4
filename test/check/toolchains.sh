#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# The newest clang that apt has here, and the newest libbpf of Debian, build bmcctl as well; what they make can be loaded.
# (The build itself has the distribution's own: clang 14 and libbpf 1.1 on Debian 12.) Nothing is installed: packages
# are unpacked below BMC_CACHE (/var/cache/bmc-test), and kept for a week.
# BMC_DEBIAN_MIRROR: see test/lib/vm_fetch.sh
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
. test/lib/vm_fetch.sh

VM_ARCH=$(dpkg --print-architecture)

cache=${BMC_CACHE:-/var/cache/bmc-test}/toolchains
work=$(mktemp -d)
pins=/sys/fs/bpf/bmc-test-toolchains-$$
trap 'rm -rf "$work" "$pins"' EXIT
failed=0

complain() {
	echo "toolchains: $*"
	failed=1
}

is_fresh() { # FOLDER
	[ -n "$(find "$1/done" -mtime -7 2>/dev/null)" ]
}

# unpacks all packages of a folder; the result replaces FOLDER at once
unpack() { # DEBS FOLDER
	local deb
	rm -rf "$2.new"
	mkdir -p "$2.new" || return 1
	for deb in "$1"/*.deb; do
		dpkg-deb -x "$deb" "$2.new" || return 1
	done
	touch "$2.new/done"
	rm -rf "$2"
	mv "$2.new" "$2"
}

# -> "clang-19"
newest_clang() {
	apt-cache pkgnames clang- | grep -E '^clang-[0-9]+$' | sort -V | tail -n 1
}

# The package with all that it needs and that is not installed.
get_clang() { # NAME
	! is_fresh "$cache/$1" || return 0
	mkdir -p "$work/debs/partial"
	apt-get -qq -y -o Dir::Cache::Archives="$work/debs" -o APT::Sandbox::User=root --no-install-recommends \
		--download-only install "$1" >"$work/log" 2>&1 || return 1
	unpack "$work/debs" "$cache/$1"
}

# A program that runs it with its own libraries.
wrap_clang() { # NAME
	local version=${1#clang-} root=$cache/$1
	cat >"$work/wrapper" <<-END
		#!/bin/sh
		export LD_LIBRARY_PATH="$root/usr/lib/llvm-$version/lib:$(echo "$root"/usr/lib/*-linux-gnu | tr ' ' ':')"
		exec "$root/usr/lib/llvm-$version/bin/clang" "\$@"
	END
	chmod +x "$work/wrapper"
}

get_libbpf() {
	local apt=$work/apt
	! is_fresh "$cache/libbpf" || return 0
	vm_apt_open "$apt" sid || return 1
	(cd "$apt/cache" && vm_apt "$apt" apt-get download libbpf-dev libbpf1) >"$work/log" 2>&1 || return 1
	unpack "$apt/cache" "$cache/libbpf" || return 1
	sed -i "s|^prefix=.*|prefix=$cache/libbpf/usr|" "$cache"/libbpf/usr/lib/*/pkgconfig/libbpf.pc
}

build() { # NAME CMAKE-WORD…
	local name=$1
	shift
	if ! { cmake -S . -B "$work/$name" -G Ninja -DBMC_TESTS=ON "$@" &&
		cmake --build "$work/$name" --target bmcctl memcached-sr memcached_sr_preload prog_plain; } >"$work/$name.log" 2>&1; then
		complain "$name does not build it:"
		tail -n 40 "$work/$name.log"
		return 1
	fi
	bpftool prog loadall "$work/$name/gen/bmc.bpf.o" "$pins" || complain "what $name made cannot be loaded"
	rm -rf "$pins"
	echo "toolchains: $name"
}

# The bug: without a configuration the verifier leaves nearly everything out, and what it refuses with one was loaded.
answers() { # NAME
	"$work/$1/test/prog/prog_plain" >"$work/log" 2>&1 && return
	complain "what $1 made cannot be loaded, or does not answer:"
	tail -n 40 "$work/log"
}

mkdir -p "$cache" || exit 1
name=$(newest_clang)
if [ -z "$name" ]; then
	complain "apt knows no clang-N"
elif command -v "$name" >/dev/null; then
	build "$name" -DBMC_CLANG="$(command -v "$name")" && answers "$name"
elif get_clang "$name"; then
	wrap_clang "$name"
	build "$name" -DBMC_CLANG="$work/wrapper" && answers "$name"
else
	complain "cannot fetch $name: $(tail -n 1 "$work/log")"
fi

# That libbpf may want a newer C library than this machine has: then what it is linked with does not run here.
if get_libbpf; then
	pc=$(echo "$cache"/libbpf/usr/lib/*/pkgconfig)
	version=$(PKG_CONFIG_PATH=$pc pkg-config --modversion libbpf)
	PKG_CONFIG_PATH=$pc CPATH=$cache/libbpf/usr/include build "libbpf-$version" \
		-DCMAKE_EXE_LINKER_FLAGS=-Wl,--allow-shlib-undefined
else
	complain "cannot fetch libbpf of Debian's sid: $(tail -n 1 "$work/log" 2>/dev/null)"
fi
exit $failed
