#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# The layers: a file of bpf/ includes only lower ones; the rest of what one direction of data means.
# A new file of bpf/ fails here until it is given a layer.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
failed=0

layer_of() { # FILE
	case $1 in
	bmc_abi.h | bmc_bucket.h | bmc_conn.h | bmc_stamp.h | bmc_mutants.h | compat.bpf.h | verdict.bpf.h) echo 0 ;; # the contract; the kernel; outcomes
	cursor.h) echo 1 ;; # bytes
	mc_*.h | pkt.bpf.h | segment.bpf.h | glued.bpf.h | cmdline.bpf.h) echo 2 ;; # protocols
	config.bpf.h | maps.bpf.h | stats.bpf.h | work.bpf.h | vlan.bpf.h | rx.bpf.h | tx.bpf.h) echo 3 ;; # state that has no rules
	cache.bpf.h | admit.bpf.h | bypass.bpf.h | home.bpf.h | room.bpf.h | server.bpf.h | generation.bpf.h) echo 4 ;; # the bucket layout; the server's words
	flight.bpf.h | hold.bpf.h | coherence.bpf.h | place.bpf.h | ahead.bpf.h | batch.bpf.h | commands.bpf.h | early.bpf.h | expiry.bpf.h | learn.bpf.h | lives.bpf.h | busy.bpf.h | old.bpf.h | order.bpf.h | owner.bpf.h | requests.bpf.h | answers.bpf.h | answers_straight.bpf.h | straight.bpf.h | stream.bpf.h | window.bpf.h | plain.bpf.h | plain_grow.bpf.h | plain_key.bpf.h | plain_text.bpf.h | reply.bpf.h | fill.bpf.h | fill_form.bpf.h | stamp.bpf.h | udp_answers.bpf.h | udp_watch.bpf.h | udp_writer.bpf.h) echo 5 ;;
	bmc.bpf.c) echo 6 ;; # hooks
	*) return 1 ;;
	esac
}

# Within a layer: who may include whom.
may_include_beside() { # FILE INCLUDED
	case $1:$2 in
	bmc_abi.h:compat.bpf.h | bmc_bucket.h:bmc_abi.h | bmc_conn.h:bmc_abi.h | bmc_stamp.h:bmc_abi.h) ;; # __u32 and friends
	mc_*.h:mc_*.h) ;; # requests, then answers, over one set of tokens
	work.bpf.h:stats.bpf.h | vlan.bpf.h:work.bpf.h | rx.bpf.h:work.bpf.h | tx.bpf.h:rx.bpf.h | segment.bpf.h:pkt.bpf.h) ;;
	home.bpf.h:server.bpf.h | generation.bpf.h:server.bpf.h) ;;
	admit.bpf.h:cache.bpf.h | room.bpf.h:admit.bpf.h) ;; # the bucket layout, for readers and for fills
	maps.bpf.h:config.bpf.h | stats.bpf.h:maps.bpf.h) ;;
	answers.bpf.h:answers_straight.bpf.h | answers_straight.bpf.h:coherence.bpf.h | stream.bpf.h:requests.bpf.h) ;; # each hook's path ends in the rules
	old.bpf.h:coherence.bpf.h | stream.bpf.h:old.bpf.h) ;;
	busy.bpf.h:ahead.bpf.h | order.bpf.h:ahead.bpf.h | stream.bpf.h:busy.bpf.h | stream.bpf.h:order.bpf.h) ;;
	ahead.bpf.h:coherence.bpf.h | ahead.bpf.h:place.bpf.h | requests.bpf.h:ahead.bpf.h) ;;
	window.bpf.h:early.bpf.h | window.bpf.h:place.bpf.h | straight.bpf.h:window.bpf.h | straight.bpf.h:commands.bpf.h | requests.bpf.h:straight.bpf.h) ;;
	early.bpf.h:coherence.bpf.h | commands.bpf.h:early.bpf.h) ;;
	coherence.bpf.h:hold.bpf.h | hold.bpf.h:flight.bpf.h) ;;
	lives.bpf.h:coherence.bpf.h | expiry.bpf.h:lives.bpf.h | commands.bpf.h:expiry.bpf.h | batch.bpf.h:expiry.bpf.h | commands.bpf.h:batch.bpf.h | fill.bpf.h:expiry.bpf.h | fill.bpf.h:fill_form.bpf.h | fill.bpf.h:stamp.bpf.h | udp_watch.bpf.h:expiry.bpf.h | learn.bpf.h:expiry.bpf.h) ;;
	plain.bpf.h:coherence.bpf.h | plain.bpf.h:plain_*.bpf.h | reply.bpf.h:coherence.bpf.h | udp_writer.bpf.h:coherence.bpf.h | udp_watch.bpf.h:udp_writer.bpf.h | udp_watch.bpf.h:requests.bpf.h | udp_answers.bpf.h:udp_watch.bpf.h) ;;
	*) return 1 ;;
	esac
}

complain() {
	echo "layers: $*"
	failed=1
}

includes_of() { # PATH
	sed -nE 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*[<"]([^>"]+)[>"].*/\1/p' "$1"
}

check_bpf_include() { # FILE OWN_LAYER INCLUDED
	local other
	case $3 in
	vmlinux.h | bpf/*)
		[ "$1" = compat.bpf.h ] || complain "bpf/$1 includes <$3>: only compat.bpf.h may"
		return
		;;
	linux/types.h | linux/bpf.h | stddef.h | stdint.h | stdbool.h | string.h)
		[[ $1 == *.bpf.* ]] && complain "bpf/$1 includes <$3>: a header of the host in a BPF-only file"
		return
		;;
	esac
	other=$(layer_of "$3") || {
		complain "bpf/$1 includes \"$3\", which has no layer"
		return
	}
	[ "$other" -lt "$2" ] && return
	[ "$other" -eq "$2" ] && may_include_beside "$1" "$3" && return
	complain "bpf/$1 (layer $2) includes \"$3\" (layer $other)"
}

for path in bpf/*.[ch]; do
	file=${path##*/}
	layer=$(layer_of "$file") || {
		complain "bpf/$file has no layer: give it one in test/check/layers.sh"
		continue
	}
	while read -r included; do
		check_bpf_include "$file" "$layer" "$included"
	done < <(includes_of "$path")
	if [ "$layer" -lt 6 ] && grep -nE '\b(XDP|TC_ACT)_[A-Z]+' "$path" |
		grep -vE '#define TC_ACT_|^[0-9]+:[[:space:]]*(/\*|\*|//)'; then
		complain "bpf/$file names a hook's verdict: only bmc.bpf.c may"
	fi
	if [[ $file != *.bpf.* ]] && grep -nE '\bbpf_(map|sk|get|skb|xdp|ktime)_\w+\(' "$path"; then
		complain "bpf/$file calls a BPF helper: a plain .h builds on the host too"
	fi
done

bpf_files=$(cd bpf && ls -- *.[ch])
for path in src/*.[ch]; do
	file=${path##*/}
	while read -r included; do
		name=${included##*/}
		[ "$name" != start.h ] || [[ $file =~ ^(lifecycle|start_.*)\.c$ ]] || complain "src/$file includes start.h: only lifecycle.c and start_*.c may"
		case $name in
		bmc_abi.h | bmc_bucket.h | bmc_conn.h | bmc_stamp.h) continue ;;
		bmc.skel.h)
			[ "$file" = start.h ] || complain "src/$file includes the skeleton: only start.h may"
			continue
			;;
		esac
		grep -qxF -- "$name" <<<"$bpf_files" && complain "src/$file includes bpf/$name: only bmc_abi.h, bmc_bucket.h, bmc_conn.h and bmc_stamp.h may be"
	done < <(includes_of "$path")
done

# Nothing outside of the tree is referred to.
outside=$(grep -rnIE '\.\./shared' . --include='*' --exclude-dir=.git --exclude-dir='build*' |
	grep -v '^\./test/check/layers.sh:')
[ -z "$outside" ] || complain "reference to a folder outside of the tree:"$'\n'"$outside"

# Each file says its licence.
while read -r path; do
	[ -f "$path" ] || continue
	case $path in
	LICENSE | */LICENSE | *.patch | */.gitkeep) continue ;;
	esac
	head -n 5 "$path" | grep -q 'SPDX-License-Identifier: ' || complain "$path has no SPDX line"
done < <(git ls-files --cached --others --exclude-standard 2>/dev/null || find . -type f -not -path './build*' -printf '%P\n')

exit $failed
