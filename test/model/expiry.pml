/* SPDX-License-Identifier: LGPL-2.1-only */
/* What writes teach about an item's life (bpf/expiry.bpf.h, bpf/learn.bpf.h; COHERENCE.md, "Expiry" and LEARN): one key, one place of lives.
 *
 * WHO RUNS    ingress(c)  connection c's writes: WRITE_SEEN, then what it tells of the item's life, and only then memcached may have it
 *             memc(c)     carries them out in order; may close the connection before or after any of them (CLOSE)
 *             egress(c)   the answers, any time later, in order
 *             fill        a get, again and again: stamp and memcached's read; the life (bmc_life_until); publication
 *             others      other keys of the place: it is full from some moment on, and then a life may have to go (-DEVICT=n times)
 *             learn       start --learn (-DLEARN): epoch and holds, the dump's line, the note
 * STEPS       A locked section is one step, and so is every read or write of a shared word outside of one. From bmc.pml is taken, not checked again: a fill is only
 *             published if no write was in flight and nothing held when its request was stamped, and none was seen since.
 * TIMES       An item is over SOON, or never (LONG); each write's time is chosen freely. Time does not pass: a life is right if it does not end after the item's does.
 * PROPERTY    When a fill is published: what is known does not end after the item in memcached; nor does a bound, if the write that gave the item its time was noted in
 *             this epoch and no life had to go since.
 *
 * OPTIONS     N0, N1 writes of the connections, K0, K1 their kinds (a sum of K_*, chosen at each write). OLDLOST: connection 0 cannot be followed from the beginning,
 *             without a new epoch, as `start` has it. The other -D take a guard out: check.sh says what each means.
 *             The place has one life: one of an older epoch gives way, as no published fill looks for it.
 * NOT HERE    times that pass (`latest`), the clock of memcached, several servers, what is parsed. */
#define K_T  1    /* sets the life, carried out if it is read: set with its whole block, touch */
#define K_B  2    /* a set with a bad block: answered, not carried out */
#define K_E  4    /* sets the life if it is carried out at all: add, cas */
#define K_U  8    /* an unknown write: may set anything */
#define K_L  16   /* LOST: what follows is not seen; may set anything until it is closed */
#ifndef N0
#define N0 1
#endif
#ifndef N1
#define N1 1
#endif
#ifndef K0
#define K0 K_T
#endif
#ifndef K1
#define K1 K_T
#endif
#ifndef EVICT
#define EVICT 0
#endif
#define NMAX 2
#define NCMD(c) ((c) == 0 -> N0 : N1)
#define KIND(c,k) ((((c) == 0 -> K0 : K1) & (k)) != 0)
#define IX(c,i) ((c)*NMAX+(i))
#define SOON 1
#define LONG 2
#define LEAST(a,b) ((a) < (b) -> (a) : (b))

/* ---- the bucket's flights, the server ---- */
byte ford[2];                             /* ordinal of connection c's flight; 0: none */
byte rep[2]; bit closed[2];               /* answers = {gen, rep}; the rep that a closed connection's gen ended with is known ... */
bit past[2];                              /* ... until its writer has had so many others */
#define IN_FLIGHT(c) (ford[c] > rep[c] && !closed[c])
#define ANSWERED(c,o) (rep[c] >= (o) && !past[c])
byte holds, epoch = 1;
/* ---- the life, and its place ---- */
bit there, known, taught; byte lep, until, next, who, ord;
bit room = 1;                             /* the place has room: none had to go */
#ifdef NO_LIFE_EPOCH
#define IS_THERE(e) (there)
#define IS_NEWER(e) 0
#else
#define IS_THERE(e) (there && lep == (e))
#define IS_NEWER(e) (there && lep > (e))  /* a note of an older epoch has a life of its own, which no fill looks for that is published */
#endif
/* ---- memcached ---- */
byte avail[2], done[2], kind[4], time[4];
bit lost[2];
byte held[2];                             /* holds of the connection */
byte end;                                 /* of the item */
/* ---- ghosts ---- */
byte setter;                              /* the write that gave the item its time, +1; 0: none that was noted */
byte noted[4], evicted, noted_at[4];      /* the epoch it was noted in, and what had to go before */
bit ok;                                   /* of the fill: nothing was seen since its stamp */

inline any(t) { if :: t = SOON :: t = LONG fi }
inline make(e) {
	if :: !IS_THERE(e) -> there = 1; lep = e; until = LONG; known = 0; taught = 0; next = 0 :: else fi
}
inline settle(x) {
	if :: taught ->
		if :: x -> until = next; known = 1
#ifndef SETTLE_FORGETS
		   :: else -> until = LEAST(until, next)
#else
		   :: else
#endif
		fi; taught = 0; next = 0; who = 0; ord = 0
	   :: else fi
}
inline note(c, i, e, t) {
	d_step { pw = who; po = ord; pf = IS_THERE(e) && taught && ANSWERED(who,ord) }
	d_step {
		if :: IS_NEWER(e) -> skip
		   :: else ->
			make(e);
#ifdef NO_SAME
			settle(pf);
#else
			settle(pf && who == pw && ord == po);
#endif
#ifndef NOTE_KEEPS
			until = LEAST(until, t)
#endif
		fi;
		if :: c < 2 -> noted[IX(c,i)] = e; noted_at[IX(c,i)] = evicted :: else fi
	}
}
#define ALONE(c) (!IN_FLIGHT(1-(c)) && holds == 0)

proctype ingress(byte c)
{
	byte i, e, t, pw, po, at; bit pf, alone, same;
	do
	:: i < NCMD(c) && !lost[c] && !closed[c] ->
		atomic {
			if :: KIND(c,K_T) -> kind[IX(c,i)] = K_T :: KIND(c,K_B) -> kind[IX(c,i)] = K_B :: KIND(c,K_E) -> kind[IX(c,i)] = K_E
			   :: KIND(c,K_U) -> kind[IX(c,i)] = K_U :: KIND(c,K_L) -> kind[IX(c,i)] = K_L fi;
			any(t); time[IX(c,i)] = t;
#if !defined(PLACE_LATE) && !defined(LOOK_EARLY)
			if :: kind[IX(c,i)] < K_U -> ford[c] = i+1; ok = 0 :: else fi
#endif
		}
#ifdef LOOK_EARLY
		/* no barrier: the place's store waits in the CPU's buffer, and what is loaded passes it */
		if
		:: kind[IX(c,i)] == K_T ->
			e = epoch;
			d_step { same = IS_THERE(e); at = evicted } same = same && taught; same = same && who == c;
			same = same && next == t;
			d_step { ford[c] = i+1; ok = 0 }
			if :: same -> d_step { noted[IX(c,i)] = e; noted_at[IX(c,i)] = at; at = 0 } goto told :: else -> same = 0; at = 0 fi
		:: kind[IX(c,i)] != K_T && kind[IX(c,i)] < K_U -> d_step { ford[c] = i+1; ok = 0 }
		:: else
		fi;
#endif
		if
		:: kind[IX(c,i)] >= K_U ->
#ifdef EPOCH_FIRST
			epoch++; d_step { ok = 0; if :: !closed[c] -> holds++; held[c]++ :: else fi }
#else
			d_step { ok = 0; if :: !closed[c] -> holds++; held[c]++ :: else fi }
			epoch++;
#endif
			if :: kind[IX(c,i)] == K_L -> lost[c] = 1 :: else fi
		:: else ->
			e = epoch;
#ifdef ALONE_FIRST
			alone = ALONE(c);
#endif
			if
#ifdef TAUGHT_BY_ALL
			:: kind[IX(c,i)] == K_T || kind[IX(c,i)] == K_B ->
#else
			:: kind[IX(c,i)] == K_T ->
#endif
				if
				:: t == LONG && IS_THERE(e) && known && !taught && until == LONG ->     /* as it is */
					d_step { noted[IX(c,i)] = e; noted_at[IX(c,i)] = evicted }
				:: else ->
					d_step { same = IS_THERE(e); at = evicted } same = same && taught; same = same && who == c;     /* as this connection taught last: one word after the other */
#ifndef ANY_TIME
					same = same && next == t;
#endif
					d_step {
						if :: same || IS_NEWER(e) -> skip
						   :: else -> make(e); settle(0); who = c; ord = i+1; next = t; taught = 1
						fi;
						noted[IX(c,i)] = e; noted_at[IX(c,i)] = (same -> at : evicted); at = 0     /* as noted when it was seen there */
					}
					if :: same -> goto told :: else fi;
#ifdef PLACE_LATE
					d_step { ford[c] = i+1; ok = 0 }
#endif
#ifndef NO_COMPANY
#ifndef ALONE_FIRST
					alone = ALONE(c);
#endif
					if :: !alone -> note(c, i, e, t) :: else fi
#endif
				fi
#ifdef OPEN_ANY
			:: kind[IX(c,i)] != K_T && !IS_THERE(e) && !IS_NEWER(e) -> d_step { noted[IX(c,i)] = e; noted_at[IX(c,i)] = evicted }
#else
			:: kind[IX(c,i)] != K_T && t == LONG && !IS_THERE(e) && !IS_NEWER(e) -> d_step { noted[IX(c,i)] = e; noted_at[IX(c,i)] = evicted }     /* nothing to note */
#endif
			:: else -> note(c, i, e, t)
			fi;
told:
#ifdef PLACE_LATE
			if :: ford[c] <= i -> d_step { ford[c] = i+1; ok = 0 } :: else fi
#endif
		fi;
		d_step { avail[c] = i+1; i++; e = 0; t = 0; pw = 0; po = 0; pf = 0; alone = 0; same = 0 }
	:: else -> break
	od
}

inline carry_out(x, t) { end = t; setter = x }
proctype memc(byte c)
{
	byte k, t;
end_m:	do
	:: atomic { !closed[c] && done[c] < avail[c] ->
		k = kind[IX(c,done[c])]; t = time[IX(c,done[c])];
		if
		:: k == K_T -> carry_out(IX(c,done[c])+1, t)
		:: k == K_E -> carry_out(IX(c,done[c])+1, t)
		:: k != K_T -> skip
		:: k >= K_U -> any(t); carry_out(0, t)
		fi; done[c]++; k = 0; t = 0 }
	:: atomic { !closed[c] && lost[c] && avail[c] > 0 -> any(t); carry_out(0, t); t = 0 }
	:: d_step { !closed[c] -> closed[c] = 1; holds = holds - held[c] }      /* CLOSE: its flights are over, and its holds */
		break
	od;
end_p:	past[c] = 1
}

proctype egress(byte c)
{
end_e:	do
	:: d_step { !closed[c] && rep[c] < done[c] && !lost[c] ->
		rep[c]++; if :: kind[IX(c,rep[c]-1)] == K_U -> holds--; held[c]-- :: else fi }
	od
}

proctype fill()
{
	byte e, pw, po, u; bit pf, answered, k;
end_f:	do
	:: d_step { !IN_FLIGHT(0) && !IN_FLIGHT(1) && holds == 0 -> ok = 1 }       /* its stamp, and memcached's read */
		e = epoch;
		d_step { pw = who; po = ord; pf = IS_THERE(e) && taught && (closed[who] || rep[who] >= ord);
			answered = pf && ANSWERED(who,ord) }
#ifdef ENDED_TEACHES
		answered = pf;
#endif
		d_step {
			u = LONG; k = 0;
			if :: IS_THERE(e) ->
#ifdef NO_SAME
				if :: pf -> settle(answered) :: else fi;
#else
				if :: pf && who == pw && ord == po -> settle(answered) :: else fi;
#endif
				u = (taught -> LEAST(until, next) : until); k = known && !taught
			   :: else fi }
		d_step {
			if :: ok && e == epoch ->
				assert(!k || u <= end);
				assert(setter == 0 || noted[setter-1] != epoch || noted_at[setter-1] != evicted || u <= end)
			   :: else fi;
			e = 0; pw = 0; po = 0; u = 0; pf = 0; answered = 0; k = 0 }
	od
}

proctype others()
{
	byte n;
	room = 0;
	do :: n < EVICT -> d_step { there = 0; taught = 0; known = 0; next = 0; until = 0; who = 0; ord = 0; evicted++; n++ } :: else -> break od
}

proctype learn()
{
	byte t, e;
#ifdef LEARN_ANY_EPOCH
	e = epoch;
#else
	e = 1;
end_1:	epoch == 1;
#endif
#ifndef LEARN_HELD
end_2:	holds == 0;
#endif
	t = end;
	d_step {
		if
		:: IS_NEWER(e) -> skip
#ifdef LEARN_ANYWAY
		:: !IS_NEWER(e) -> make(e); until = t; known = 1; taught = 0; next = 0
#else
#ifdef LEARN_MAKES_ROOM
		:: !IS_THERE(e) && !IS_NEWER(e) -> make(e); until = t; known = 1
#else
		:: !IS_THERE(e) && !IS_NEWER(e) && room -> make(e); until = t; known = 1
#endif
#endif
		:: else
		fi
	}
}

init {
	atomic {
		any(end);
#ifdef OLDLOST
		lost[0] = 1; holds = 1; held[0] = 1; avail[0] = 1;
#endif
		run ingress(0); run ingress(1); run memc(0); run memc(1); run egress(0); run egress(1); run fill();
		if :: EVICT > 0 -> run others() :: else fi;
#ifdef LEARN
		run learn();
#endif
	}
}
