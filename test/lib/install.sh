# SPDX-License-Identifier: LGPL-2.1-only
# Sourced by run.sh and demo.sh. install_packages ROLE…: installs what is missing of packages.txt's packages with one
# of these roles. Debian and Ubuntu only; elsewhere it says what is missing and fails.

_list="$(dirname "${BASH_SOURCE[0]}")/../packages.txt"

# On other distributions the programs are looked for instead of the packages.
_program_of() {
	case $1 in
	ninja-build) echo ninja ;;
	pkgconf) echo pkg-config ;;
	iproute2) echo ip ;;
	util-linux) echo nsenter ;;
	procps) echo ps ;;
	libmemcached-tools) echo memcaslap ;;
	qemu-system-x86) echo qemu-system-x86_64 ;;
	qemu-system-arm) echo qemu-system-aarch64 ;;
	gcc-aarch64-linux-gnu) echo aarch64-linux-gnu-gcc ;;
	busybox-static) echo busybox ;;
	binutils) echo strings ;;
	xz-utils) echo xz ;;
	systemd) echo systemd-analyze ;;
	virtiofsd | debian-archive-keyring) ;;
	*-dev) ;;
	*) echo "$1" ;;
	esac
}

_packages_of() { # ROLE…
	local role
	for role in "$@"; do
		awk -v role="$role" '!/^#/ && $2 == role { print $1 }' "$_list"
	done
}

_is_installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

_has_bpftool() {
	bpftool version >/dev/null 2>&1 || _find_linux_tools_bpftool
}

_missing_of() { # PACKAGE…
	local p
	for p in "$@"; do
		case $p in
		bpftool) _has_bpftool || echo "$p" ;;
		virtiofsd) [ -x /usr/lib/qemu/virtiofsd ] || _is_installed "$p" || echo "$p" ;;
		pkgconf) command -v pkg-config >/dev/null || echo "$p" ;;
		*) _is_installed "$p" || echo "$p" ;;
		esac
	done
}

# Without a pipe: who reads no further ends apt-cache with SIGPIPE, and then pipefail says that it failed.
_can_be_installed() {
	local policy
	policy=$(apt-cache policy "$1" 2>/dev/null)
	grep -q 'Candidate: [^(]' <<<"$policy"
}

# Ubuntu before 25.04 has bpftool only as a part of linux-tools: the newest one's copy comes into the PATH.
_install_linux_tools_bpftool() {
	local tools
	tools=$(apt-cache pkgnames linux-tools- | grep -E '^linux-tools-[0-9].*-generic$' | sort -V | tail -n 1)
	if [ -z "$tools" ]; then
		echo "no bpftool: apt knows neither the package bpftool nor any linux-tools-*-generic" >&2
		return 1
	fi
	_apt_install "$tools" || return 1
	_find_linux_tools_bpftool || {
		echo "no bpftool: the package $tools is installed, but holds no bpftool" >&2
		return 1
	}
}

# Ubuntu's /usr/sbin/bpftool is a wrapper that refuses a kernel it has no tools for: the real one goes first.
_find_linux_tools_bpftool() {
	local newest
	newest=$(ls -d /usr/lib/linux-tools-[0-9]*/bpftool /usr/lib/linux-tools/*/bpftool 2>/dev/null |
		sort -V | tail -n 1)
	[ -n "$newest" ] || return 1
	PATH=$(dirname "$newest"):$PATH
	export PATH
}

_policy=/usr/sbin/policy-rc.d
_policy_made=

# memcached's package starts a service on 127.0.0.1:11211: not on this machine, unless it says so itself.
_keep_services_stopped() {
	[ -e "$_policy" ] && return 0
	printf '#!/bin/sh\n# made by the tests of bmc for one installation\nexit 101\n' >"$_policy" || return 1
	chmod 755 "$_policy"
	_policy_made=yes
}

_let_services_start() {
	[ -z "$_policy_made" ] || rm -f "$_policy"
	_policy_made=
}

_apt_install() {
	local rc
	_keep_services_stopped || return 1
	trap _let_services_start EXIT
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >&2
	rc=$?
	_let_services_start
	trap - EXIT
	return $rc
}

_say_universe() { # PACKAGE…
	echo "apt does not know: $*" >&2
	if grep -qi '^ID=ubuntu' /etc/os-release; then
		echo "on Ubuntu they are in universe: add-apt-repository universe && apt-get update" >&2
	fi
}

_install_debian() { # PACKAGE…
	local p unknown=() known=() tools=
	echo "installing: $*" >&2
	apt-get update >&2 || { echo "apt-get update failed: is the network there?" >&2; return 1; }
	for p in "$@"; do
		if _can_be_installed "$p"; then
			known+=("$p")
		elif [ "$p" = virtiofsd ]; then
			known+=(qemu-system-common) # a part of it, before Debian 13
		elif [ "$p" = bpftool ]; then
			tools=yes
		else
			unknown+=("$p")
		fi
	done
	[ ${#unknown[@]} -eq 0 ] || { _say_universe "${unknown[@]}"; return 1; }
	[ ${#known[@]} -eq 0 ] || _apt_install "${known[@]}" || return 1
	[ -z "$tools" ] || _install_linux_tools_bpftool
}

_check_other() { # PACKAGE…
	local p program missing=()
	for p in "$@"; do
		program=$(_program_of "$p")
		[ -z "$program" ] || command -v "$program" >/dev/null || missing+=("$program")
	done
	for p in libbpf libevent_core json-c; do
		pkg-config --exists "$p" 2>/dev/null || missing+=("$p (headers)")
	done
	[ ${#missing[@]} -eq 0 ] && return 0
	echo "only Debian and Ubuntu are installed on; here these are missing: ${missing[*]}" >&2
	return 1
}

install_packages() { # ROLE…
	local wanted missing
	PATH=$PATH:/usr/sbin:/sbin
	mapfile -t wanted < <(_packages_of "$@")
	if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
		_check_other "${wanted[@]}"
		return
	fi
	mapfile -t missing < <(_missing_of "${wanted[@]}")
	if [ ${#missing[@]} -ne 0 ]; then
		_install_debian "${missing[@]}" || return 1
	fi
	_has_bpftool || {
		echo "$(command -v bpftool) does not run, and linux-tools has no other" >&2
		return 1
	}
}
