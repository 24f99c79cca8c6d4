# SPDX-License-Identifier: LGPL-2.1-only
# Sourced by kernels.sh and arm64.sh. vm_fetch: Debian's cloud kernel of a series, of which nothing is installed, in a folder:
#   vmlinuz, mod/*.ko and modules.list (in the order of loading), release ("6.1.0-56-cloud-amd64")
# Packages come through apt, which checks their signatures with the keys of debian-archive-keyring.
#
# VM_ARCH: Debian's name of the machine's kind (amd64)
# BMC_DEBIAN_MIRROR: the URL of a mirror, and that of its security archive if it is not beside it (those that apt uses)

VM_MODULES=(virtio_pci virtiofs overlay virtio_rng veth sch_ingress cls_bpf act_bpf sch_netem dummy
	8021q bonding bridge macvlan ipvlan vrf tun vxlan geneve ip_gre wireguard team
	team_mode_roundrobin)
VM_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# What was fetched is taken for so long without asking again.
VM_CACHE_DAYS=7

# vm_fetch's answers
VM_NO_MIRROR=3
VM_MISSING=4

_vm_apt_mirrors() {
	apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null | sort -u
}

# -> the URL of the archive that has the suite; nothing: there is none
vm_mirror() { # SUITE
	local main security mirrors
	if [ -n "${BMC_DEBIAN_MIRROR:-}" ]; then
		read -r main security <<<"$BMC_DEBIAN_MIRROR"
		main=${main%/}
		security=${security:-${main%/debian}/debian-security}
	else
		mirrors=$(_vm_apt_mirrors)
		security=$(grep -- '-security/*$' <<<"$mirrors" | sed -n 1p)
		main=$(grep -v -- '-security/*$' <<<"$mirrors" | sed -n 1p)
	fi
	case $1 in
	*-security) echo "$security" ;;
	*) echo "$main" ;;
	esac
}

# vm_apt's files are all in ROOT: the machine's own apt knows nothing of it.
vm_apt() { # ROOT apt-get|apt-cache WORD…
	local root=$1 program=$2
	shift 2
	"$program" -qq -o Dir::Etc::SourceList="$root/sources.list" -o Dir::Etc::SourceParts="$root/none" \
		-o Dir::State::Lists="$root/lists" -o Dir::Cache="$root/cache" -o Dir::State::status="$root/status" \
		-o Acquire::Languages=none -o Acquire::Retries=2 -o Acquire::http::Timeout=20 \
		-o APT::Architecture="${VM_ARCH:-amd64}" -o APT::Sandbox::User=root -o APT::Update::Error-Mode=any "$@"
}

# Lists of the suite's packages into ROOT, signatures checked. VM_NO_MIRROR: says why
vm_apt_open() { # ROOT SUITE
	local url
	[ -r "$VM_KEYRING" ] || { echo "no $VM_KEYRING: install debian-archive-keyring"; return $VM_NO_MIRROR; }
	url=$(vm_mirror "$2")
	if [ -z "$url" ]; then
		echo "no Debian mirror: apt has none for $2, and BMC_DEBIAN_MIRROR is not set"
		return $VM_NO_MIRROR
	fi
	mkdir -p "$1"/{lists/partial,cache/archives/partial,none}
	: >"$1/status"
	echo "deb [arch=${VM_ARCH:-amd64} signed-by=$VM_KEYRING] $url $2 main" >"$1/sources.list"
	vm_apt "$1" apt-get update >"$1/log" 2>&1 && return 0
	echo "no Debian mirror: $url does not answer for $2: $(grep -E '^[EW]:' "$1/log" | sed -n 1p)"
	return $VM_NO_MIRROR
}

# The newest "VERSION-cloud-$VM_ARCH" of the series, or of all ("newest"): no other flavour, no -unsigned, no -dbg.
_vm_release() { # ROOT SERIES
	local names series=${2//./\\.}
	[ "$2" = newest ] && series='[0-9]+\.[0-9]+'
	names=$(vm_apt "$1" apt-cache pkgnames linux-image-)
	sed -nE "s/^linux-image-($series\.[0-9][^-]*(-[0-9][^-]*)?-cloud-${VM_ARCH:-amd64})\$/\1/p" <<<"$names" | sort -V | tail -n 1
}

# From 6.19 on the files are in packages of their own.
_vm_packages() { # ROOT RELEASE
	local p found=
	for p in "linux-binary-$2" "linux-base-$2" "linux-modules-$2"; do
		vm_apt "$1" apt-cache show "$p" >/dev/null 2>&1 && found="$found $p"
	done
	case $found in
	*linux-binary-*) echo "$found" ;;
	*) echo "linux-image-$2" ;;
	esac
}

_vm_unpack() { # ROOT PACKAGE…
	local root=$1 deb
	shift
	(cd "$root/cache" && vm_apt "$root" apt-get download "$@") >"$root/log" 2>&1 || return 1
	for deb in "$root"/cache/*.deb; do
		dpkg-deb -x "$deb" "$root/files" || return 1
	done
}

_vm_module_copy() { # FILE TO
	case $1 in
	*.xz) xz -dc "$1" ;;
	*.zst) zstd -dcq "$1" ;;
	*) cat "$1" ;;
	esac >"$2"
}

# A module goes behind those that it needs; one that the kernel has built in is not needed.
_vm_module_add() { # ROOT DIR NAME
	local name=${3//-/_} file need
	[ ! -e "$2/mod/$name.ko" ] || return 0
	file=$(find "$1/files" -path '*/kernel/*' -regextype posix-extended \
		-regex ".*/${name//_/[-_]}\.ko(\.xz|\.zst)?" | sed -n 1p)
	[ -n "$file" ] || return 0
	_vm_module_copy "$file" "$2/mod/$name.ko" || return 1
	for need in $(strings -a "$2/mod/$name.ko" | sed -n 's/^depends=//p' | tr ',' ' '); do
		_vm_module_add "$1" "$2" "$need" || return 1
	done
	echo "$name" >>"$2/modules.list"
}

# The kernel itself of one that unpacks itself only under EFI (the header of drivers/firmware/efi/libstub/zboot-header.S),
# which QEMU does not have here; any other one as it is.
_vm_image_copy() { # FILE TO
	local offset size kind
	[ "$(dd if="$1" bs=1 skip=4 count=4 status=none | tr -d '\0')" = zimg ] || { cp "$1" "$2"; return; }
	read -r offset size <<<"$(od -A n -t u4 -j 8 -N 8 "$1")"
	kind=$(dd if="$1" bs=1 skip=24 count=8 status=none | tr -d '\0')
	tail -c "+$((offset + 1))" "$1" | head -c "$size" | case $kind in
	gzip) gzip -dc ;;
	zstd*) zstd -dcq ;;
	xz*) xz -dc ;;
	*) false ;;
	esac >"$2" || { echo "cannot unpack the kernel: $kind"; return 1; }
}

_vm_take() { # ROOT DIR RELEASE
	local module image
	rm -rf "$2.new"
	mkdir -p "$2.new/mod"
	: >"$2.new/modules.list"
	image=$(find "$1/files" -name 'vmlinuz*' -type f | sed -n 1p)
	[ -n "$image" ] || { echo "the package of $3 has no vmlinuz"; return 1; }
	_vm_image_copy "$image" "$2.new/vmlinuz" || return 1
	for module in "${VM_MODULES[@]}"; do
		_vm_module_add "$1" "$2.new" "$module" || return 1
	done
	echo "${VM_MODULES[*]}" >"$2.new/modules.wanted"
	echo "$3" >"$2.new/release"
	rm -rf "$2"
	mv "$2.new" "$2"
}

_vm_is_whole() { # DIR
	[ "$(cat "$1/modules.wanted" 2>/dev/null)" = "${VM_MODULES[*]}" ]
}

_vm_is_fresh() { # DIR
	_vm_is_whole "$1" && [ -n "$(find "$1/release" -mtime -$VM_CACHE_DAYS 2>/dev/null)" ]
}

_vm_fetch_into() { # ROOT SERIES SUITE DIR
	local release packages rc
	vm_apt_open "$1" "$3"
	rc=$?
	if [ $rc -ne 0 ]; then
		[ -e "$4/release" ] || return $rc
		echo "kept from an earlier run: $(cat "$4/release")"
		return 0
	fi
	release=$(_vm_release "$1" "$2")
	[ -n "$release" ] || { echo "$3 no longer has a kernel of series $2"; return $VM_MISSING; }
	if [ "$release" = "$(cat "$4/release" 2>/dev/null)" ] && _vm_is_whole "$4"; then
		touch "$4/release"
		return 0
	fi
	read -ra packages <<<"$(_vm_packages "$1" "$release")"
	_vm_unpack "$1" "${packages[@]}" || { echo "cannot fetch ${packages[*]}: $(tail -n 1 "$1/log")"; return 1; }
	_vm_take "$1" "$4" "$release"
}

# 0: it is in DIR. Else the reason is on stdout: VM_NO_MIRROR, VM_MISSING (the mirror has no such series), or 1.
vm_fetch() { # SERIES SUITE DIR
	local root rc
	! _vm_is_fresh "$3" || return 0
	mkdir -p "$(dirname "$3")" || return 1
	root=$(mktemp -d)
	_vm_fetch_into "$root" "$@"
	rc=$?
	rm -rf "$root"
	return $rc
}
