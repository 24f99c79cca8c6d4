#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# Makes vmlinux_min.h anew, from a kernel's BTF (of this machine unless named) and what the BPF sources use of it.
# usage: minimize.sh [BTF]      needs: bpftool clang perl. Run it when a BPF source begins to use another type.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
btf=${1:-/sys/kernel/btf/vmlinux}
PATH=$PATH:/usr/sbin:/sbin
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

bpftool btf dump file "$btf" format c >"$work/full.h"
{
	echo "/* SPDX-License-Identifier: LGPL-2.1-only */"
	echo "/* Made by minimize.sh: the kernel's types that bmc uses. For build machines without BTF. */"
	perl "$here/closure.pl" "$work/full.h" "$here"/../bpf/*.[ch] "$here"/../test/bpf/*.[ch]
} >"$work/vmlinux.h"

for source in "$here"/../bpf/*.bpf.c "$here"/../test/bpf/*.bpf.c; do
	clang -target bpf -mcpu=v3 -O2 -g -Wall -Werror -Wno-unused-parameter -D__TARGET_ARCH_x86 \
		-I"$work" -I"$here/../bpf" -c "$source" -o "$work/try.o"
done
mv "$work/vmlinux.h" "$here/vmlinux_min.h"
echo "$here/vmlinux_min.h: $(wc -l <"$here/vmlinux_min.h") lines of $(wc -l <"$work/full.h")"
