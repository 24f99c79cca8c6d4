#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-only
# Checks the models with spin: the protocol must hold in every configuration, and must fail once a guard is taken out.
# usage: check.sh [quick|full]      needs: spin gcc
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd); w=$(mktemp -d); trap 'rm -rf "$w"' EXIT
mode=${1:-quick} n=0
# Each in the background, so many at a time; what came of it is in a file of its own.
[ "$mode" = full ] && at_once=1 || at_once=$(nproc)
run() { # want(ok|fail) model name -DX=Y...
	n=$((n+1))
	while [ "$(jobs -rp | wc -l)" -ge "$at_once" ]; do wait -n; done
	run_one "$(printf '%s/%03d' "$w" $n)" "$@" &
}
# 900 s of its own: who runs beside others may have to wait for the CPU.
run_one() { # result want(ok|fail) model name -DX=Y...
	local result=$1 want=$2 model=$3 name=$4 d=$1.d a got states O=-O2; shift 4; mkdir -p "$d"
	[ "$mode" = full ] || O=-Og                # so small that compiling takes as long as the run
	[ "$want" = fail ] && O=-O0                # found soon: with SEARCH=-DREVERSE what is not, the last process first
	for a in "$@"; do a=${a#-D}; case $a in *=*) echo "#define ${a%%=*} ${a#*=}";; *) echo "#define $a 1";; esac; done >"$d/m.pml"
	cat "$here/$model" >>"$d/m.pml"
	(cd "$d" && spin -a m.pml >spin.out 2>&1 && gcc $O ${SEARCH:-} -w -DSAFETY -DCOLLAPSE -DVECTORSZ=2048 -DMEMLIM=6000 -o pan pan.c && ulimit -t 900 && ./pan -m1000000 >out 2>&1)
	states=$(awk '/states, stored/{print $1}' "$d/out" 2>/dev/null)
	if grep -qE 'max search depth too small|out of memory|memory limit' "$d/out" 2>/dev/null; then got=incomplete
	elif grep -q 'errors: 0' "$d/out" 2>/dev/null; then got=ok
	elif grep -qE 'errors: [1-9]' "$d/out" 2>/dev/null; then got=fail; else got=broken; fi
	[ "$got" = "$want" ]; echo $? >"$result"
	printf '%-34s want %-4s got %-10s %s states\n' "$name" "$want" "$got" "${states:-?}"
	rm -rf "$d"
}
ok() { run ok bmc.pml "$@"; }
life() { run ok expiry.pml "life-$1" "${@:2}"; }
no_life() { run fail expiry.pml "life-without-$1" -D"$1" "${@:2}"; }
flight() { run ok flight.pml "flight-$1" "${@:2}"; }
no_flight() { run fail flight.pml "flight-without-$1" -D"$1" "${@:2}"; }
old() { run ok old.pml "old-$1" "${@:2}"; }
no_old() { run fail old.pml "old-without-$1" -D"$1" "${@:2}"; }
no() { local g=$1; shift; run fail bmc.pml "without-$g" -DMUT -D"$g" "$@"; }          # a guard taken out
full() { [ "$mode" = full ]; }
# K_*: 1 write, 2 silent write, 4 silent write with an error line, 8 other, 16 unknown write, 32 silent unknown write, 64 LOST, 128 write answered by an error line
write="-DN0=2 -DK0=3 -DNGET=1" unknown="-DN0=2 -DK0=17 -DK1=17 -DNGET=1" lost="-DK0=65 -DNGET=1" silent="-DNC=1 -DN0=3 -DK0=143"
recycle="-DNW=1 -DK0=17 -DK1=17 -DCLOSEM=1 -DNGET=1" fine="-DFINE -DK0=17 -DK1=17 -DNGET=1" fine_recycle="-DFINE $recycle"
gone="-DGONE -DNC=1 -DNGET=1 -DK0=17" gone2="-DGONE -DNGET=1" udp="-DNC=1 -DNU=2 -DNGET=1" udp_gone="-DGONE -DNC=1 -DN0=0 -DNU=2 -DNGET=1 -DNG=5" hit="-DHIT -DFINE -DNC=1 -DNGET=1 -DK0=17" ways="-DHIT -DFINE -DNC=1 -DN0=0"
leak="-DLEAK -DFINE -DNGET=1 -DNW=1 -DK0=17 -DK1=17 -DCLOSEM=3" leak_gone="-DLEAK -DGONE -DNGET=1 -DK0=17"
anew="-DANEW -DN0=2 -DK0=3 -DNGET=1 -DNG=4"
crowd="-DCROWD -DNGET=1 -DK0=3" crowd_close="-DCROWD -DFINE -DNGET=1 -DNF=0 -DNG=4 -DCLOSEM=1 -DK0=2" crowd_gone="-DCROWD -DGONE -DNGET=1 -DNF=0" crowd_leak="-DCROWD -DLEAK -DFINE -DNGET=1 -DNF=0 -DNG=4"
answered="-DLEAK -DANSWERED -DFINE -DNGET=1 -DK0=9 -DK1=9"

run fail original.pml original
ok write -DNGET=2 -DK0=3
ok unknown $unknown
ok lost $lost -DN0=2
ok silent $silent -DNGET=1
ok recycle $recycle
ok fine $fine
ok udp $udp
ok udp-kinds $udp -DKU=7 -DNG=4
ok hit $hit
ok gone $gone
ok leak $leak
ok leak-gone $leak_gone
ok answered $answered -DN0=2
ok anew $anew -DFINE -DNC=1
ok crowd $crowd -DN0=2
ok crowd-unknown $crowd -DK0=17 -DK1=17 -DNF=0 -DNG=4
ok crowd-leak $crowd_leak -DCLOSEM=3 -DK0=17 -DK1=1
if full; then
	ok fine-recycle $fine_recycle
	ok anew-2 $anew -DK1=1
	ok crowd-fine $crowd -DFINE
	ok crowd-three $crowd -DNC=3 -DNG=4
	ok crowd-close $crowd -DNF=0 -DN0=2 -DCLOSEM=3 -DNG=4
	ok crowd-close-fine $crowd_close
	ok crowd-udp $crowd -DNU=1 -DUDP=2 -DNG=4
	ok crowd-gone $crowd_gone -DNG=4
	ok crowd-gone-leak -DLEAK $crowd_gone -DK0=17 -DNG=5
	ok crowd-leak-2 $crowd_leak -DN0=2 -DK0=51 -DCLOSEM=3 -DNG=5
	ok anew-recycle $anew -DNW=1 -DK1=1 -DCLOSEM=1 -DNG=5
	ok leak-2 $leak -DN0=2 -DK0=51 -DK1=81
	ok leak-2-writers -DLEAK -DFINE -DNGET=1 -DK0=51 -DK1=81 -DCLOSEM=3
	ok leak-gone-unknown $leak_gone -DK1=17
	ok leak-gone-lost $leak_gone -DK0=65 -DK1=65 -DCLOSEM=3
	ok write-2-gets -DN0=2 -DK0=3 -DK1=3
	ok places-2-gets -DNF=2
	ok two-keys -DNK=2 -DN0=2 -DK0=3 -DNGET=1
	ok three-writers -DNC=3 -DNF=2 -DNGET=1
	ok three-writers-overflow -DNC=3 -DNGET=1 -DK0=3
	ok unknown-2-gets -DN0=2 -DK0=17
	ok unknown-silent -DN0=2 -DK0=49 -DNGET=1
	ok lost-3 $lost -DN0=3
	ok lost-and-unknown -DN0=3 -DK0=65 -DK1=16 -DNGET=1
	ok silent-2-gets $silent
	ok silent-2-conns -DN0=2 -DK0=143 -DK1=1 -DNGET=1
	ok recycle-2 $recycle -DN1=2
	ok recycle-2-gets $recycle -DNGET=2 -DK0=1 -DK1=65
	ok recycle-3 -DNC=3 -DNW=1 -DNGET=1 -DCLOSEM=1
	ok fine-close-2-gets -DFINE -DNC=1 -DCLOSEM=1
	ok fine-places $fine -DNF=2 -DK0=1 -DK1=1
	ok fine-recycle-lost $fine_recycle -DK0=65 -DK1=65
	ok gone-2-commands $gone -DN0=2 -DK0=19
	ok gone-fine $gone -DFINE -DK0=81
	ok gone-write $gone2
	ok gone-unknown $gone2 -DK0=16 -DK1=16
	ok gone-lost $gone2 -DK0=64 -DK1=64
	ok udp-2-gets -DNC=1 -DNU=2
	ok udp-gone $udp_gone
	ok udp-three $udp -DNU=3 -DNG=4
	ok udp-fine $udp -DFINE -DKU=7 -DNG=4
	ok udp-and-tcp -DNC=1 -DNU=1 -DUDP=2 -DN0=2
	ok hit-2-writes $hit -DN0=2
	ok hit-ways $ways
	ok hit-2-gets -DHIT -DFINE -DNC=1
	# a guard that the model does not need (kept for care): EXCHANGE_FIRST a release: t_quiet and epoch++ last
	lean="-DMUT -DEXCHANGE_FIRST"
	ok lean-write $lean -DK0=3
	ok lean-places $lean -DNF=2
	ok lean-unknown $lean $unknown
	ok lean-lost $lean $lost -DN0=3
	ok lean-silent $lean $silent -DNGET=1
	ok lean-recycle $lean -DNW=1 -DCLOSEM=3 -DNGET=1
	ok lean-fine $lean $fine
	ok lean-gone $lean $gone
	ok lean-udp $lean $udp
	ok lean-hit $lean $hit
fi
no NO_FLIGHT $write                # no places in flight[]
no SILENT_AT_ONCE $write           # a silent command's ord is cmd, not cmd+1
no NO_T_REP $write                 # a finished flight cleared without its t_rep
no T_REP_AFTER $fine               # rep+1, then t_rep=now
no CLOSED_NO_NOW $recycle          # CLOSE without t_rep=now
no EPOCH_LATE $fine                # FILL reads the epoch after it looked at holds
no EPOCH_FIRST $unknown            # UNKNOWN: epoch++, then HOLD
no HOLD_AFTER $fine                # no place: the entries go, then HOLD
no NO_OVERFLOW_HOLD $write
no NO_T_QUIET $unknown             # UNHOLD without t_quiet=now
no NO_GEN $recycle                 # CLOSE without gen++
no TAKE_KEEPS_REP $recycle         # a taken writer keeps its last owner's rep
no CLOSE_EARLY $recycle            # CLOSE at TCP's close
no NO_DOUBT $silent -DNGET=1       # a silent command's error line counts as an answer
no FORGET_FIRST $fine              # WRITE_SEEN: the entry goes, then the flight is placed
no NO_LOOK_AGAIN $fine             # FILL does not look at flight[] again when its entry is valid
no HOLD_NO_LOCK $fine              # no place: HOLD, then the entries go without the lock
no ODD_READ $hit                   # a hit does not refuse an odd seq
no NO_SECOND_SEQ $hit
no WAY_SHARED $ways                # two FILLs write one way at once
no RENEW_NO_SEQ $ways              # an entry is renewed though another FILL has its place, or had it since
no OWN_BY_INDEX $recycle           # the writer's own place known by the index only
no UDP_TAKES $udp_gone             # a late write of the old life takes the place of one of the new life
no UDP_OUT_LATE $udp               # out++ after the flight is placed
no HOLD_NOT_UNDONE $leak           # HOLD of a closed conn keeps its count
no TAKE_AFTER_CLOSE $leak          # a writer taken after CLOSE is not given back
no WROTE_LATE $answered            # the last write's ord is noted when memcached may have it: its answer may not be
no ANEW_ANY $anew -DNC=1           # a writer goes back though not all of its writes were answered
no CROWD_LATE $crowd -DFINE -DNF=0    # in the crowd when its flight is placed
no CROWD_KEEPS_ORD $crowd -DNF=0 -DN0=2 -DNG=4    # it is in the crowd already: until the earlier answer
no CROWD_REPLACES $crowd_close    # closed since it joined, its flight takes the place of a later gen's
no CROWD_STAYS $crowd_leak -DCLOSEM=3 -DK0=17 -DK1=1    # CLOSE does not leave the crowd
no CROWD_GEN_LATE $crowd_leak -DCLOSEM=3 -DK0=17 -DK1=1    # its gen is looked up when it may be over
no CROWD_ANY_LIFE $crowd_gone -DNG=4    # who is of an older life leaves this life's crowd
no NO_LIFE_IN_FLIGHT $leak_gone    # a never-accepted child's write stays in flight for ever
no SOCKETS_APART -DLIFE_AT_BORN -DNOT_FOUND_OK $gone    # COHERENCE.md's SERVER GONE: sockets-- is a step of its own; a conn's life is the server's
no LIFE_EARLY $gone                # FILL reads the server's life before flight[]
if full; then
	no PUSH_FIRST $fine_recycle        # CLOSE: back to the queue, then gen++
	no CLOSED_NOW_LATE $fine_recycle   # CLOSE: gen++, then t_rep=now
	no UDP_NEVER_LEAVES $udp -DKU=3 -DUDP=2 -DNG=5    # an answered write takes the place of one that is never answered
	no UDP_SPLIT $udp                  # gen and out not in one word
	no HOLD_NOT_CLOSED $leak       # CLOSE leaves hold free
	no HOLD_AGAIN_COUNTS $leak -DN0=2    # held already: no count--
	no HOLD_KEEPS_ORD $unknown     # held already: the earlier ord stays
	no NO_LIFE $leak_gone          # holds without life
	run fail bmc.pml without-NO_LIFE-2 -DMUT -DNO_LIFE $gone2 -DK0=16 -DK1=16
	no LIFE_AT_BORN $leak_gone     # a conn's life is the server's, not its mark's
	no GONE_NO_T_QUIET $gone
	no GONE_NO_EPOCH $gone
	no GONE_TWICE $gone            # SERVER GONE again when the next memcached is up
	no UDP_ID_ONLY $udp            # a get's answer with the same peer and id counts as the write's
	no NO_INVAL $write             # WRITE_SEEN leaves the entry valid
	no NO_RECOMPARE $write         # FILL's locked section does not compare flight[] with what it looked at
	no NO_COUNT $unknown           # FILL does not look at holds
	no NO_HOLD $unknown            # UNKNOWN: epoch++ only
	no NO_EPOCH_UP $unknown        # UNKNOWN: HOLD only
	no T_QUIET_FIRST $unknown      # FILL reads t_quiet, then holds
	no T_QUIET_LAST $fine          # UNHOLD: count--, then t_quiet
	no T_QUIET_PLAIN $fine         # t_quiet may go back
	no T_REP_FIRST $fine           # FILL reads t_rep, then the answers word
	no T_REP_PLAIN $fine_recycle   # t_rep may go back
	no TAKE_CLEARS_T_REP $fine_recycle
	no NO_GEN_IN_REP $recycle      # an answer of a closed connection counts for the index's next one
	no FILL_NOW_EARLY -DFINE $udp -DNGET=2    # FILL's now is older than its look at the writers
	no STAMP_LATE -DFINE -DNC=1 -DNGET=1          # RECVMSG after memcached's read
	no NO_ODD $hit                 # a fill does not make seq odd
	no NO_HIT_EPOCH $hit           # a hit does not compare the entry's epoch
	no RENEW_NO_LOOK_AGAIN $hit    # an entry is renewed though a write was placed since it was judged
	no RENEW_NO_JUDGE $hit         # an entry that has the reply's bytes is renewed whatever is in flight or held
fi
# What writes teach of an item's life. K_* there: 1 set or touch, 2 set with a bad block, 4 add and the like, 8 unknown write, 16 LOST
life two-writers
life kinds -DK0=7 -DN0=2 -DN1=0
life unknown -DK1=9
life two-and-one -DN0=2
life learn -DLEARN -DK0=31 -DN1=0
life learn-evict -DLEARN -DEVICT=1 -DK0=5 -DN1=0
life learn-old -DLEARN -DOLDLOST -DN0=0
no_life NO_COMPANY                 # a write teaches though another one is in flight
no_life ALONE_FIRST                # whether it is alone is looked at before it is noted
no_life PLACE_LATE                 # noted before it is in flight
no_life ENDED_TEACHES              # the end of its connection counts as an answer
no_life SETTLE_FORGETS             # what is not known to be carried out leaves no bound
no_life TAUGHT_BY_ALL -DK0=2       # a set with a bad block teaches
no_life NOTE_KEEPS -DK0=4          # what may be carried out leaves no bound
no_life OPEN_ANY -DK0=4 -DK1=4      # nothing is noted of an item of which nothing is known, whatever the time
no_life NO_LIFE_EPOCH -DK1=8       # a life outlives its epoch
no_life ANY_TIME -DN0=2            # a write teaches nothing if the connection's last one taught, whatever it did
SEARCH=-DREVERSE no_life LOOK_EARLY -DN0=2          # no barrier between the placing of a write and the look whether it is noted
no_life NO_SAME                    # the fate that was looked at is another write's
no_life LEARN_ANYWAY -DLEARN -DN1=0      # the dump goes before what is known
no_life LEARN_MAKES_ROOM -DLEARN -DEVICT=1 -DN1=0
SEARCH=-DREVERSE no_life LEARN_ANY_EPOCH -DLEARN -DK1=8   # learn begins in a later epoch
no_life LEARN_HELD -DLEARN -DOLDLOST -DN0=0
if full; then
	life three-writes -DN0=2 -DEVICT=1
	life kinds-2 -DK0=7 -DK1=7 -DEVICT=1
	life learn-two-writers -DLEARN
	life learn-unknown -DLEARN -DK0=5 -DK1=9
fi
# A place of flight[]
flight two-writers -DN=3
full && flight three-writers -DNC=3
no_flight TAKE_PLAIN                # `what` is compared, then stored
no_flight WHO_UNSEEN                # who took the place does not look whose it is
no_flight NOT_BACK                  # nor puts back what is another's
no_flight WHAT_FIRST                # what, then who
no_flight CLEAR_PLAIN               # a FILL clears what it looked at, without taking it
# Connections older than start
two="-DN=1 -DNCPU=2 -DROUNDS=1" closing="-DN=1 -DNCPU=1 -DROUNDS=1 -DLEAK -DCLOSE"
old two-copies $two
old closing $closing
no_old NO_THREADS $two             # nobody looks whether memcached's threads wait
no_old NO_RECEIVED $two            # T1 and T2 do not compare the bytes received
no_old NO_LAST_BARRIER $two        # what met a candidate may still be on its way to TCP
no_old NO_LAST_LOOK $two           # that is not looked for among the quiet ones
no_old NO_OPEN_BARRIER $two        # who takes one up may not have parsed what it took
no_old NO_T_QUIET $two
no_old OPEN_FIRST $two             # fills begin, then t_quiet=now
no_old HOLD_LATE $closing          # lost, then holds++
no_old LOSE_PLAIN $closing         # `lost` without an exchange
no_old TAKE_PLAIN $closing         # `taken` without an exchange
if full; then
	old two-commands -DN=2 -DNCPU=1 -DROUNDS=1
	# of the other guards that the model names each one alone is not needed in so few steps: kept for care
	old lean-barrier $two -DNO_FIRST_BARRIER
fi
wait
failed=$(cat "$w"/[0-9][0-9][0-9] | grep -cv '^0$'); echo "$((n-failed)) passed, $failed failed"; [ "$failed" -eq 0 ]
