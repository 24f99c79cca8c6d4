/* SPDX-License-Identifier: LGPL-2.1-only */
/* One place of a bucket's flight[] (bpf/flight.bpf.h): two words, which writers and FILLs change by an exchange of one of them, without a lock.
 *
 * WHO RUNS    writer(c)   writes, each with a later ordinal: takes the place if it is its own, free or over; else the write has none
 *             egress(c)   the answers, any time later
 *             fill(r)     clears the place if what is there is over
 * STEPS       Every read or write of a word is one. `who` and `what` are read one after the other, so a writer may have one's `who` and another's `what`.
 *             The ordinals of all writers are the same numbers: `what` alone does not tell whose it is.
 * PROPERTY    A write that was placed and is not answered is in the place (it, or a later one of its writer), or somebody has the place who will put it back.
 *             At the end nobody has the place.
 *
 * OPTIONS     NC writers, N writes of each. The other -D take a guard out: check.sh says what each means. */
#ifndef NC
#define NC 2
#endif
#ifndef N
#define N 2
#endif
#define TAKEN 15                          /* `what`: somebody has the place; in flight for all others */
byte who, what;                           /* what: 0 free, else an ordinal */
byte rep[NC], flying[NC];                 /* flying: (ghost) ordinal of the last write that was placed */
#define CHECK(c) assert(!(flying[c] > rep[c]) || what == TAKEN || (who == c && what >= flying[c]))
#if NC == 3
#define CHECKS CHECK(0); CHECK(1); CHECK(2)
#else
#define CHECKS CHECK(0); CHECK(1)
#endif
#define OVER (x != 0 && x != TAKEN && rep[y] >= x)

inline look() { x = what; y = who }
inline take() {                           /* x, y: what was looked at -> ok */
#ifdef TAKE_PLAIN
	ok = (what == x); if :: ok -> what = TAKEN :: else fi;
#else
	atomic { if :: what == x -> what = TAKEN; ok = 1 :: else -> ok = 0 fi };
#endif
#ifndef WHO_UNSEEN
	if
	:: ok && x != 0 -> z = who;
		if
		:: z != y -> ok = 0;
#ifndef NOT_BACK
			atomic { what = x; CHECKS }
#endif
		:: else
		fi
	:: else
	fi;
#endif
	skip
}
proctype writer(byte c) {
	byte x, y, z, o; bit ok;
	do
	:: o < N -> o++; look();
		if
		:: x != TAKEN && (x == 0 || y == c || OVER) -> take();
			if
			:: ok ->
#ifdef WHAT_FIRST
				atomic { what = o; CHECKS }; who = c; flying[c] = o;
#else
				who = c; atomic { what = o; flying[c] = o; CHECKS };
#endif
				ok = 0
			:: else
			fi
		:: else                             /* no place: HOLD. Nothing of this write is looked for here */
		fi
	:: else -> break
	od
}
proctype egress(byte c) {
end:	do
	:: atomic { rep[c] < flying[c] -> rep[c]++ }
	od
}
proctype fill(byte r) {
	byte x, y, z, i; bit ok;
	do
	:: i < 2 -> i++; look();
		if
		:: OVER ->
#ifdef CLEAR_PLAIN
			atomic { what = 0; CHECKS }
#else
			take();
			if :: ok -> atomic { what = 0; CHECKS } :: else fi; ok = 0
#endif
		:: else
		fi
	:: else -> break
	od
}
proctype leak() { timeout -> assert(what != TAKEN) }
init {
	byte i;
	atomic {
		do :: i < NC -> run writer(i); run egress(i); i++ :: else -> break od;
		run fill(0);
		run leak()
	}
}
