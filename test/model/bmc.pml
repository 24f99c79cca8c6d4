/* SPDX-License-Identifier: LGPL-2.1-only */
/* bmc's protocol (COHERENCE.md) on one bucket of one server, with NK keys.  Names and rules as in COHERENCE.md.
 *
 * WHO RUNS    ingress(c)  what a client sends on TCP connection c and bmc's ingress hook for it: BORN, WRITE_SEEN, OTHER COMMAND, UNKNOWN, LOST
 *             memc(c)     the memcached thread that serves connection c: carries out its commands in order, queues the answers; may close it (CLOSE)
 *             egress(c)   the TCP egress hook: ANSWER, any time later, in order; goes on after the close (answers left in the socket)
 *             get(r)      a UDP get and its thread, again and again: RECVMSG (stamp S), memcached's read, and any time later FILL.  NGET of them are outstanding
 *                         at once, each as slow as it likes: any number of worker threads, any queueing and reordering of replies
 *             hit         a lock-free HIT (-DHIT)      udpw, udpx  writes over UDP (-DNU=n flows)
 *             gone, newm  memcached dies and releases its two marked sockets one after the other; another one is up as soon as it can bind the first (-DGONE).
 *                         There a child of the old listener may be born until that is really closed, and may never be accepted: no command of it is carried out, no CLOSE
 * STEPS       Words with atomic exchange or compare-and-exchange: one step (a place of flight[] is two words: flight.pml). FILL's look at flight[] in its locked section:
 *             one step, as it looks there again; the section is several under `lk` where -DFINE is set. With -DFINE every other read or write of a shared word, and every `now`, is a step of its own (HIT needs it).
 *             Without -DFINE (COARSE) neighbouring steps are one where the moment so chosen is the worst one, the one that lets most fills pass: S is taken as
 *             late as memcached's read; FILL reads the epoch as late as its first look at flight[], t_rep as early as the answers word, and publishes with its look
 *             at holds; an answer's `now` is as early as the step before it; HOLD counts up as late, and UNHOLD counts down as early, as it can; memcached may have
 *             a command as soon as its WRITE_SEEN is over. (`finished`, once true of a flight, stays true; FILL copies a place and looks at its writer in one step,
 *             and takes a place that is free by now as unchanged: lets more pass than the text.) Races that need the finer steps are checked with -DFINE.
 * TIME        A time is the set of the stamps taken before it (bit r: get r's). S of get r is later than time t just when bit r is not in t; the later of two times
 *             is their union; now is the set of all stamps. Nothing else is ever asked of times, so this is exact and there is no counter.
 * VALUES      Every write writes a new value, so of each copy (a reply's, an entry's) only this matters: is it still memcached's current value? One bit, cleared
 *             when a write of that key is carried out.  The epoch is only compared for equality and never comes back: a bit for each copy as well.
 *             Gets are unlimited; only the commands of a connection are counted (N0..N2).
 * PROPERTY    valid and epoch current -> the entry's value is memcached's, checked whenever it could break (a write carried out, a fill). A hit's value was
 *             memcached's at a moment since the hit began, and is whole. rep <= truth (the answers that did pass). Counters in range.
 *             -DLEAK (no gets; every accepted connection is closed in the end): then no hold counts, no flight is unfinished, every writer is back.
 *             -DANSWERED, with it, and no connection closes: when all is answered, no hold counts and no flight is unfinished.
 *
 * OPTIONS     NC connections, Nc commands and Kc kinds of commands of connection c (a sum of K_*: chosen freely at every command), NW writers (fewer than NC: an
 *             index is used again, or there is none left), NF places in flight[] for TCP (the one for UDP is extra), NK keys in the bucket, NGET gets at once,
 *             CLOSEM mask of the connections that memcached may close. The other -D take a guard out: check.sh says what each means; spin must find a violation.
 * ORDERS      that are easy to get wrong, each with the -D that shows why:
 *             the conn's writer is a word too: none, a writer, closed; CLOSE exchanges it, a take after it gives the index back (TAKE_AFTER_CLOSE: index lost for ever);
 *             a take sets answers = {gen, conn's rep} before any flight (TAKE_KEEPS_REP), CLOSE does t_rep=now (CLOSED_NO_NOW), then gen++ (CLOSED_NOW_LATE), before the index is back (PUSH_FIRST);
 *             with -DCROWD a write that has no place, and whose connection is in the crowd before (CROWD_LATE) and until its answer (CROWD_KEEPS_ORD) or its close, has
 *             the place that it shares with UDP; who was closed in between takes it from no later gen (CROWD_REPLACES); the crowd's gen ends with its last one, of its own life (CROWD_ANY_LIFE), in one exchange;
 *             with -DANEW a writer may go back before any write, if all before it were answered (ANEW_ANY: though they were not);
 *             {life, sockets, count} is one word; MARK's exchange gives the mark its life and a conn has its mark's; every release of a marked socket does t_quiet=now,
 *             epoch++, then the exchange, which at 0 sockets is {life+1, 0, 0} (SOCKETS_APART, LIFE_AT_BORN); FILL reads the life after flight[] (LIFE_EARLY);
 *             FILL has the way for itself: seq made odd under the lock, found odd: no fill (WAY_SHARED); it renews an entry with its reply's bytes only if seq is
 *             still that of its look at them (RENEW_NO_SEQ), and is judged as others are (RENEW_NO_JUDGE); a write is placed, then the entry goes (FORGET_FIRST); a
 *             FILL publishes, then looks at flight[] again (NO_LOOK_AGAIN), and no hit takes the entry before that (ODD_READ); of UDP only an answer that no get can have counts (UDP_ID_ONLY).
 * NOT HERE    the stream (order, retransmission, busy, rep > cmd), what is parsed, what one answer is, MN, expiry, no_fill_until, unread, clock differences, wrapping of
 *             counters, several buckets and servers, eviction, connections older than `start`, two servers in one bucket. Assumed: no thread of memcached
 *             carries anything out once a marked socket of it is released. */
#define K_W  1    /* answering write */
#define K_S  2    /* silent write (noreply, q) */
#define K_SF 4    /* silent write that also sends an error line */
#define K_G  8    /* another answering command */
#define K_U  16   /* an answering unknown write (flush_all) */
#define K_US 32   /* the same, silent */
#define K_L  64   /* LOST, then a write that is not parsed (nor is what follows) */
#define K_WF 128  /* answering write whose answer is an error line */
#ifndef NC
#define NC 2
#endif
#ifndef N0
#define N0 1
#endif
#ifndef N1
#define N1 1
#endif
#ifndef N2
#define N2 1
#endif
#ifndef K0
#define K0 K_W
#endif
#ifndef K1
#define K1 K_W
#endif
#ifndef K2
#define K2 K_W
#endif
#ifndef NW
#define NW NC
#endif
#ifndef NF
#define NF 1
#endif
#ifndef NK
#define NK 1
#endif
#ifndef NGET
#define NGET 2
#endif
#ifndef CLOSEM
#define CLOSEM 0
#endif
#ifndef NU               /* UDP: NU flows (their requests reach ingress on different CPUs) of UDP requests each */
#define NU 0
#endif
#ifndef UDP
#define UDP 1
#endif
#ifndef KU               /* kinds of them, a sum: 1 write, 2 silent write (not counted in out), 4 unknown write */
#define KU 1
#endif
#if NU > 0 || defined(CROWD)
#define NP (NF+1)        /* places: the last one is for UDP, and for the crowd */
#else
#define NP NF
#endif
#ifdef CROWD
#define NB (NW+2)        /* owners of places: writers, UDP, the crowd */
#define PLACE short
#else
#define NB (NW+1)
#define PLACE byte
#endif
#define CW (NW+1)
#if NF > 0
#define NFIN NF
#else
#define NFIN 1
#endif
#define NCMD(c) ((c) == 0 -> N0 : ((c) == 1 -> N1 : N2))
#define KIND(c,k) ((((c) == 0 -> K0 : ((c) == 1 -> K1 : K2)) & (k)) != 0)
#define CLOSABLE(c) ((CLOSEM >> (c)) & 1)
#ifdef NO_RECOMPARE
#define NO_LOOK_AGAIN
#endif
#ifdef MUT
#define SANE(x) skip
#else
#define SANE(x) assert(x)
#endif
#ifdef FINE
#define COARSE {
#else
#define COARSE atomic {
#endif
#ifdef REACH           /* is this line ever reached? -DREACH=n must fail */
#define R(x) assert(x != REACH)
#else
#define R(x) skip
#endif

/* ---- times ---- */
#define NX        (NC+NU)
#define T_CHANGE  0
#define T_QUIET   1
#define T_GONE    2                       /* local now of a marked socket's release */
#define T_REP(w)  (3+(w))
#define T_EG(c)   (3+NW+(c))              /* local now of egress(c), memc(c) */
#define T_CL(c)   (3+NW+NX+(c))
#define T_NOW(r)  (3+NW+2*NX+(r))         /* FILL's now */
#define T_F(r,i)  (3+NW+2*NX+NGET+(r)*NP+(i))  /* FILL's copy of t_rep of the writer of place i */
#define NT        (3+NW+2*NX+NGET+NGET*NP)
byte T[NT], stamps;                       /* stamps: now */
#define LATER(r,t) ((T[t] & (1 << (r))) == 0)   /* S of get r is later than time t */

/* ---- the bucket ---- */
bit lk;                                   /* its lock, which FILLs take, and a write that found no place */
PLACE flight[NP];                         /* 0 free, else {writer, gen, ord, life}; writer NW is that of UDP, CW the crowd */
#define NEVER 7
#ifndef NG
#define NG 3                              /* gens a writer may have (checked) */
#endif
#define FLIGHT(w,g,o,l) (1 + (w) + NB*((g) + NG*((o) + 8*(l))))
#define FW(p) (((p)-1) % NB)
#define FG(p) ((((p)-1) / NB) % NG)
#define FO(p) ((((p)-1) / (NB*NG)) % 8)
#define FL(p) (((p)-1) / (NB*NG*8))
bit valid[NK], ecur[NK], efresh[NK];      /* an entry a key: valid; its epoch is the server's; (ghost) its value is memcached's */
/* ---- the server ---- */
byte count, life, sockets = 2;            /* {life, sockets, count}: one word */
/* ---- writers ---- */
byte gen[NB], rep[NW];                    /* answers = {gen, rep} */
byte many, mlate;                         /* the crowd's: {gen, life, how many connections are in it} in one word; mlate: its life */
byte uout, ulife; bit uheld;              /* the UDP writer's: {gen, life, held, out} in one word */
byte unlife; bit uclosed, sock_u;         /* (ghost) the new UDP socket's life; it is bound; the old one is closed */
byte wfree = (1 << NW) - 1;               /* the stack of free indices, as a set */
/* ---- conns ---- */
#define NONE 7
#define WCLOSED 8
byte cw[NC] = NONE, cg[NC], ci[NC];       /* writer: an index, NONE or WCLOSED; gen; life */
byte cmd[NC], crep[NC], doubt[NC];        /* cmd, rep, doubt */
byte wrote[NC];                           /* ord of its last write */
byte hold[NC];                            /* hold: FREE, held{ord} or HCLOSED */
byte in_crowd[NC];                        /* of the same word: 0, or in the crowd until HELD(ord) */
#define FREE 0
#define HELD(o) (1+(o))
#define HCLOSED 9
#define IS_HELD(h) ((h) != FREE && (h) != HCLOSED)
bit lost[NC];
byte truth[NC];                           /* (ghost) answers to answering commands that did pass egress */
bit closed[NC];                           /* (ghost) memcached has closed it */
bit cs[NC], acc[NC];                      /* (ghost) the memcached it belongs to; which accepted it */
/* ---- memcached ---- */
chan tcp[NC] = [3] of { byte };           /* seen at ingress, not carried out */
chan out[NC] = [3] of { byte };           /* answers not past egress */
#define M_CHG 1
#define M_ANS 2                           /* sends a line */
#define M_ERR 4                           /* an error line */
#define M_SIL 8                           /* it is a silent command's */
#define M_ALL 16
#define M_KEY 32
bit srv, dead;                            /* which memcached; it is dead, the next is not up yet */
bit lclosed, mlife;                       /* the old listener is really closed; the new one's mark's life */
/* ---- gets ---- */
bit gecur[NGET], gfresh[NGET];            /* FILL's epoch is still the server's; (ghost) the value it carries is memcached's */
bit gk[NGET];
#ifdef HIT
bit odd, seqcur, hecur;                   /* seq is odd; the hit's copies of seq and of the server's epoch are as they were */
byte half[2], filln;                      /* the entry's bytes, two halves: which fill wrote it */
bit gseq[NGET];                           /* seq is that of the fill's decision */
bit eh, gh[NGET];                         /* the entry's, FILL's epoch is the hit's */
bit ewas, gwas[NGET];                     /* (ghost) the entry's, a get's value was memcached's at some moment since the hit began */
#endif

#ifdef HIT
inline seq_up(o) { odd = o; seqcur = 0; q = 0; do :: q < NGET -> gseq[q] = 0; q++ :: else -> q = 0; break od; skip }
#endif
bit hid;                                  /* seq is odd, and an entry was made valid: no hit takes it yet */
#define CHECK(k) assert(!(valid[k] && !hid && ecur[k] && !efresh[k]))
inline stale(k) {                         /* a write of key k is carried out: every copy of its value is old now */
	efresh[k] = 0; q = 0;
	do :: q < NGET -> if :: gk[q] == k -> gfresh[q] = 0 :: else fi; q++ :: else -> q = 0; break od;
	CHECK(k)
}
inline stale_all() {
	stale(0);
#if NK == 2
	stale(1);
#endif
	skip
}
inline epoch_up() {
	q = 0; do :: q < NGET -> gecur[q] = 0; q++ :: else -> break od;
	q = 0; do :: q < NK -> ecur[q] = 0; q++ :: else -> q = 0; break od;
#ifdef HIT
	hecur = 0;
#endif
	skip
}
#define FOREVER 6                         /* ord of a UDP write that is not counted: until the server is gone */
#define IS_CLOSED(p) (gen[FW(p)] != FG(p) && !(FW(p) == NW && FO(p) == FOREVER))
#ifdef NO_LIFE_IN_FLIGHT
#define IS_GONE(p,l) false
#else
#define IS_GONE(p,l) (FL(p) != (l))
#endif
#define IS_DONE(p)   (FW(p) < NW && FO(p) <= rep[FW(p)])
#define FINISHED(p,l)  (IS_CLOSED(p) || IS_GONE(p,l) || IS_DONE(p))
#define IS_NOW(p,l)    (IS_GONE(p,l) || (IS_CLOSED(p) && FW(p) >= NW))   /* no writer tells when it was over */
inline closed_now(c) { d_step { T[T_REP(w)] = T[T_REP(w)] | T[T_CL(c)] } }

/* only in the conn's life */
#ifdef NO_LIFE
#define MINE(c) true
#else
#define MINE(c) (ci[c] == life)
#endif
inline count_down(c) { d_step { if :: MINE(c) -> SANE(count > 0); count-- :: else fi } }

/* t_quiet=now, then holds.count-- (t: where the now is) */
inline quiet(c, t) {
#if defined(NO_T_QUIET)
	T[t] = 0;
#elif defined(T_QUIET_PLAIN)              /* a plain store of the now read before: it may go back */
	d_step { T[T_QUIET] = T[t]; T[t] = 0 };
#elif defined(T_QUIET_LAST)               /* after count-- */
	skip;
#else
	d_step { T[T_QUIET] = T[T_QUIET] | T[t]; T[t] = 0 };
#endif
	count_down(c);
#ifdef T_QUIET_LAST
	d_step { T[T_QUIET] = T[T_QUIET] | T[t]; T[t] = 0 };
#endif
	skip
}
/* who is in the crowd leaves it; with the last one its gen ends, in the same exchange */
inline leave(c) {
#ifdef CROWD
	if :: cwon -> atomic { cwon = 0;
		if
#ifdef CROWD_ANY_LIFE
		:: many > 0 -> many--; if :: many == 0 -> gen[CW]++; SANE(gen[CW] < NG); R(26) :: else fi
#else
		:: mlate == ci[c] -> SANE(many > 0); many--; if :: many == 0 -> gen[CW]++; SANE(gen[CW] < NG); R(26) :: else fi
#endif
		:: else
		fi } :: else fi
#else
	skip
#endif
}
/* UNHOLD, if `cond` */
inline unhold(c, t, cond) {
	atomic { if :: IS_HELD(hold[c]) && (cond) -> hold[c] = FREE; T[t] = stamps; won = 1 :: else -> won = 0 fi;
		if :: in_crowd[c] != 0 && in_crowd[c] <= HELD(crep[c]) -> in_crowd[c] = 0; cwon = 1 :: else fi };
	if :: COARSE won -> quiet(c, t); R(1); won = 0 } :: else fi;
	leave(c)
}
inline hold_on(c, o) { COARSE             /* HOLD(o) */
	d_step { if :: MINE(c) -> count++ :: else fi };
	d_step {
		if
		:: hold[c] == FREE -> hold[c] = HELD(o); won = 0
		:: IS_HELD(hold[c]) -> R(2);
#ifndef HOLD_AGAIN_COUNTS
			won = 1;
#endif
#ifndef HOLD_KEEPS_ORD
			if :: hold[c] < HELD(o) -> hold[c] = HELD(o) :: else fi;
#endif
			skip
		:: hold[c] == HCLOSED -> R(3);
#ifndef HOLD_NOT_UNDONE
			won = 1
#endif
		fi };
	if :: won -> count_down(c); won = 0 :: else fi
} }

#ifdef CROWD
/* the connection is in the crowd until the answer o: cwon, and g is the crowd's gen, which cannot end before. Not if it is closed: nothing of it is carried out */
inline join(c, o) {
	atomic {
		if
		:: in_crowd[c] != 0 -> cwon = 1; g = gen[CW]; R(27);
#ifndef CROWD_KEEPS_ORD
			in_crowd[c] = HELD(o);
#endif
			skip
		:: else -> cwon = 0
		fi };
	if
	:: cwon
	:: else ->
		d_step {                      /* the first of a life begins a gen; of an older life there is none */
			if
			:: mlate == ci[c] -> many++; won = 1
			:: mlate < ci[c] -> gen[CW]++; SANE(gen[CW] < NG); mlate = ci[c]; many = 1; won = 1; R(28)
			:: else -> won = 0
			fi;
			g = gen[CW] };
		if :: won -> won = 0;
			d_step {
				if
				:: hold[c] == HCLOSED -> cwon = 1
				:: else -> in_crowd[c] = HELD(o)
				fi };
			if :: cwon -> leave(c) :: else -> cwon = 1 fi
		:: else fi
	fi;
#ifdef CROWD_GEN_LATE
	g = gen[CW];
#endif
	skip
}
/* its place: UDP's. Whether it has it: cwon */
inline place_crowd(c) {
	d_step {
		if
		:: flight[NF] == 0 || FINISHED(flight[NF],life) -> flight[NF] = FLIGHT(CW,g,0,ci[c]); R(29)
#ifdef CROWD_REPLACES
		:: FW(flight[NF]) == CW && !FINISHED(flight[NF],life) -> flight[NF] = FLIGHT(CW,g,0,ci[c])
#else                                     /* of this gen; of another: then this one is over, as the connection was closed meanwhile */
		:: FW(flight[NF]) == CW && !FINISHED(flight[NF],life) && FL(flight[NF]) == ci[c] -> R(32)
#endif
		:: else -> cwon = 0; R(30)
		fi }
}
#endif
/* a write long behind the one that took the writer: if all before it were answered, the writer goes back, and it takes one anew */
#ifdef ANEW_ANY
#define ALL_ANSWERED(c) true
#else
#define ALL_ANSWERED(c) (wrote[c] <= crep[c])
#endif
inline take_anew(c) {
#ifdef ANEW
	if
	:: atomic { w < NW && ALL_ANSWERED(c) -> if :: cw[c] == w -> cw[c] = NONE; R(25) :: else -> w = NONE fi };
		if :: w < NW -> atomic { gen[w]++; SANE(gen[w] < NG) }; wfree = wfree | (1 << w); w = NONE :: else fi
	:: true
	fi
#else
	skip
#endif
}
/* the connection's first write: it takes a writer, if one is left */
inline take(c) {
	if
	:: atomic { w == NONE && cw[c] != WCLOSED && wfree != 0 ->
			if :: wfree & 1 -> w = 0 :: else -> if :: wfree & 2 -> w = 1 :: else -> w = 2 fi fi;
			wfree = wfree & (255 - (1 << w)); cg[c] = gen[w] };
#ifndef TAKE_KEEPS_REP
		rep[w] = crep[c];
#endif
#ifdef TAKE_CLEARS_T_REP
		T[T_REP(w)] = 0;
#endif
		atomic {
			if
#ifdef TAKE_AFTER_CLOSE
			:: true -> cw[c] = w
#else
			:: cw[c] == NONE -> cw[c] = w
			:: else -> R(4); wfree = wfree | (1 << w); w = NONE
#endif
			fi }
	:: else
	fi
}
/* where is the place for {w, gen}? j: NF none */
#ifdef OWN_BY_INDEX
#define OWN(p) ((p) != 0 && FW(p) == w)
#else
#define OWN(p) ((p) != 0 && FW(p) == w && FG(p) == cg[c])
#endif
inline find_place(c) {
	j = NF;
	if :: w != NONE ->
		q = 0; do :: q < NF -> if :: j == NF && OWN(flight[q]) -> j = q :: else fi; q++ :: else -> break od;
		q = 0; do :: q < NF -> if :: j == NF && flight[q] == 0 -> j = q :: else fi; q++ :: else -> break od;
		q = 0; do :: q < NF -> if :: j == NF && fin[q] != 0 && flight[q] == fin[q] -> j = q; R(5) :: else fi; q++ :: else -> q = 0; break od
	:: else fi
}
inline look_finished() {                  /* before a place is taken: which flights are finished */
	d_step { q = 0; do :: q < NF -> fin[q] = 0; if :: flight[q] != 0 && FINISHED(flight[q],life) -> fin[q] = flight[q] :: else fi; q++ :: else -> q = 0; break od; skip }
}
inline clear_finished_looked() { q = 0; do :: q < NF -> fin[q] = 0; q++ :: else -> q = 0; break od }

/* key k, ordinal o; `fin` is what it saw to be finished before. It takes no lock: its place by an exchange (flight.pml has that of two words), then the entry */
inline forget() {
#ifndef NO_INVAL
	valid[k] = 0;
#endif
	skip
}
inline write_seen(c) {
#ifdef FORGET_FIRST
	forget();
#endif
	d_step {
		find_place(c); clear_finished_looked();
		if :: j < NF ->
#ifndef NO_FLIGHT
			flight[j] = FLIGHT(w, cg[c], o, ci[c])
#endif
		:: else -> R(6)
		fi
	};
#ifndef NO_OVERFLOW_HOLD
#ifdef CROWD
	/* no place: that of the crowd */
	if :: j == NF ->
#ifdef CROWD_LATE                         /* in the crowd when its flight is placed */
		g = gen[CW]; cwon = 1; place_crowd(c);
		join(c, o);
#else
		if                                /* (the code: silent ones) */
		:: join(c, o);
			if :: cwon -> place_crowd(c) :: else fi
		:: true
		fi;
#endif
		if :: cwon -> j = NF + 1; cwon = 0 :: else fi; g = 0
	:: else fi;
#endif
	/* no place: HOLD first; the entry goes under the lock, as a FILL looks at holds and publishes in one section */
	if :: j == NF -> j = 0;
#ifdef HOLD_AFTER
		atomic { lk == 0 -> forget() };
#endif
		hold_on(c, o);
#if defined(HOLD_NO_LOCK)
		forget()
#elif !defined(HOLD_AFTER)
		atomic { lk == 0 -> forget() }
#endif
	:: else -> j = 0;
#ifndef FORGET_FIRST
		forget()
#endif
	fi
#else
	j = 0; forget()
#endif
}
inline unknown(c, o) {
#if defined(EPOCH_FIRST)
	d_step { epoch_up() }; hold_on(c, o)
#elif defined(NO_HOLD)
	d_step { epoch_up() }
#elif defined(NO_EPOCH_UP)
	hold_on(c, o)
#else
	hold_on(c, o); d_step { epoch_up() }
#endif
}
/* memcached may have the command now */
inline give(c, x) { d_step { if :: !closed[c] && cs[c] == srv && !dead && acc[c] -> tcp[c]!x :: else fi; o = 0; k = 0; t = 0; w = 0 } }

#define WRITES (K_W | K_S | K_SF | K_WF)
#ifdef LEAK
#define COMES(c) true                     /* the hook sees what comes after the close too (not needed for the rest: the same as just before it) */
#else
#define COMES(c) (!closed[c])
#endif
#define OLD(c) (NC == 1 || c == 0)        /* -DGONE: a single connection is either memcached's; of several the first is the old one's */
#define NEW(c) (NC == 1 || c != 0)
proctype ingress(byte c) {
	byte i, o, t, j, q, k, w, g; PLACE fin[NFIN]; bit won, cwon;
	atomic {                              /* BORN: life from the mark */
#ifdef GONE
		if
		:: OLD(c) && !lclosed -> if :: acc[c] = !dead && srv == 0 :: acc[c] = 0 fi      /* accepted, or never */
		:: NEW(c) && srv == 1 && !dead -> cs[c] = 1; ci[c] = mlife; acc[c] = 1
		fi;
#ifdef LIFE_AT_BORN
		ci[c] = life;
#endif
#else
		acc[c] = 1;
#endif
		run memc(c); run egress(c)
	};
	do
	:: COARSE i < NCMD(c) && COMES(c) ->
		atomic {
			i++;
			w = (cw[c] == WCLOSED -> NONE : cw[c]);
			if :: NK == 2 -> k = 1 :: true fi;
			if
			:: lost[c] -> t = K_L
			:: !lost[c] && KIND(c,K_W)  -> t = K_W;  cmd[c]++; o = cmd[c]
			:: !lost[c] && KIND(c,K_WF) -> t = K_WF; cmd[c]++; o = cmd[c]
			:: !lost[c] && KIND(c,K_U)  -> t = K_U;  cmd[c]++; o = cmd[c]
			:: !lost[c] && KIND(c,K_G)  -> t = K_G;  cmd[c]++
			:: !lost[c] && KIND(c,K_S)  -> t = K_S
			:: !lost[c] && KIND(c,K_SF) -> t = K_SF
			:: !lost[c] && KIND(c,K_US) -> t = K_US
			:: !lost[c] && KIND(c,K_L)  -> t = K_L
			fi;
			if
			:: t & (K_S | K_SF | K_US) -> doubt[c] = cmd[c] + 1;
#ifdef SILENT_AT_ONCE
				o = cmd[c]
#else
				o = cmd[c] + 1
#endif
			:: else fi };
		if :: t & WRITES -> take_anew(c); take(c);
#ifndef WROTE_LATE
			wrote[c] = o;
#endif
			look_finished() :: else fi }
		if
		:: t & WRITES -> COARSE write_seen(c);
#ifdef WROTE_LATE                         /* when memcached may have the command */
			q = o;
#endif
			give(c, M_CHG + M_KEY*k + (t == K_S -> 0 : M_ANS) + (t & (K_SF | K_WF) -> M_ERR : 0) + (t & (K_S | K_SF) -> M_SIL : 0)) }
#ifdef WROTE_LATE
			atomic { wrote[c] = q; q = 0 }
#endif
		:: t == K_G -> give(c, M_ANS)
		:: t & (K_U | K_US) -> unknown(c, o); give(c, M_CHG + M_ALL + (t == K_U -> M_ANS : 0))
		:: t == K_L ->                        /* not parsed; it may or may not answer */
			if :: !lost[c] -> lost[c] = 1; unknown(c, NEVER) :: else fi;
			if :: atomic { true -> give(c, M_CHG + M_ALL + M_ANS + M_SIL) } :: atomic { true -> give(c, M_CHG + M_ALL) } fi
		fi
	:: atomic { i == NCMD(c) || !COMES(c) -> break }
	od
}

proctype memc(byte c) {
	byte m, q, w; bit won, cwon;
	do
	:: atomic { nempty(tcp[c]) && cs[c] == srv && !dead -> tcp[c]?m;             /* carry out one command; its answer waits in `out` */
		d_step {
			if
			:: (m & M_CHG) && (m & M_ALL) -> stale_all()
			:: (m & M_CHG) && !(m & M_ALL) -> stale(m/M_KEY)
			:: else
			fi };
		if :: m & M_ANS -> out[c]!(m & (M_ERR | M_SIL)) :: else fi; m = 0 }
	/* memcached closes the connection: what it has not carried out it never will.  CLOSE */
	:: COARSE atomic { acc[c] && !closed[c] && (CLOSABLE(c) || cs[c] != srv || dead) -> closed[c] = 1;
#ifndef CLOSE_EARLY                       /* mutation: at TCP's close, when memcached is not through with what it has read */
		do :: tcp[c]?m :: empty(tcp[c]) -> break od; m = 0;
#endif
		w = cw[c]; cw[c] = WCLOSED };
		if :: w < NW ->
#ifdef PUSH_FIRST
			wfree = wfree | (1 << w);
#endif
#if !defined(CLOSED_NO_NOW) && !defined(CLOSED_NOW_LATE)
			atomic { T[T_CL(c)] = stamps };                    /* t_rep=now first */
			closed_now(c);
#endif
#ifndef NO_GEN
			atomic { gen[w]++; SANE(gen[w] < NG) };
#endif
#ifdef CLOSED_NOW_LATE
			atomic { T[T_CL(c)] = stamps };
			closed_now(c);
#endif
#ifndef PUSH_FIRST
			wfree = wfree | (1 << w);
#endif
			w = 0
		:: else -> w = 0 fi }
		atomic { won = IS_HELD(hold[c]); cwon = in_crowd[c] != 0; in_crowd[c] = 0;
#ifdef CROWD_STAYS
			cwon = 0;
#endif
#ifdef HOLD_NOT_CLOSED
			hold[c] = FREE;
#else
			hold[c] = HCLOSED;
#endif
			if :: won -> T[T_CL(c)] = stamps :: else fi };
		if :: won -> quiet(c, T_CL(c)); won = 0; R(7) :: else fi;
		leave(c)
	od
}

#ifdef NO_GEN_IN_REP
#define SAME_GEN(c) true
#else
#define SAME_GEN(c) (gen[w] == cg[c])
#endif
inline store_t_rep(c) {
	if :: w != NONE ->
#ifdef T_REP_PLAIN
		T[T_REP(w)] = T[T_EG(c)]
#else
		d_step { T[T_REP(w)] = T[T_REP(w)] | T[T_EG(c)] }
#endif
	:: else fi
}
proctype egress(byte c) {                 /* under the socket's lock: one answer after the other */
	byte m, q, w; bit won, cwon, cnt;
	do
	:: COARSE atomic { out[c]?m -> T[T_EG(c)] = stamps;
		cnt = !lost[c];
#ifndef NO_DOUBT
		if :: (m & M_ERR) && doubt[c] > crep[c] -> cnt = 0; R(8) :: else fi;
#endif
		if :: !(m & M_SIL) -> truth[c]++ :: else fi;
		m = 0; w = (cw[c] == WCLOSED -> NONE : cw[c]);
#ifndef NOTE_ALL
		if :: wrote[c] <= crep[c] -> w = NONE; R(23) :: else fi      /* every write of it was answered before: its writer knows */
#endif
		};
		if
		:: cnt ->
#ifndef T_REP_AFTER
			store_t_rep(c)
#endif
		:: else
		fi }
		COARSE if
		:: cnt ->
			atomic { crep[c]++; SANE(crep[c] <= truth[c] && crep[c] <= cmd[c]) };
			atomic { if :: w != NONE && SAME_GEN(c) -> rep[w] = crep[c] :: else fi };
#ifdef T_REP_AFTER
			store_t_rep(c);
#endif
			unhold(c, T_EG(c), hold[c] <= HELD(crep[c]))
		:: else
		fi;
		atomic { cnt = 0; w = 0; T[T_EG(c)] = 0 } }
	od
}
inline over(r) {                          /* the get is over: its stamp, and its bit in all times, go */
	d_step {
		q = 0; do :: q < NT -> T[q] = T[q] & (255 - (1 << r)); q++ :: else -> break od;
		q = 0; do :: q < NP -> fin[q] = 0; cl[q] = 0; q++ :: else -> q = 0; break od;
		stamps = stamps & (255 - (1 << r)); gfresh[r] = 0; gecur[r] = 0; gk[r] = 0; sg = 0; ok = 0; i = 0; lf = 0;
#ifdef HIT
		gwas[r] = 0; gh[r] = 0; f = 0; gseq[r] = 0; rn = 0;
#endif
		skip
	}
}
inline read_epoch(r) {
	gecur[r] = 1;
#ifdef HIT
	gh[r] = hecur;
#endif
	skip
}
/* valid=1, which no hit takes yet; a write that does not see it is seen here: its flight is placed before it looks at valid */
inline publish(r, renew) {
	d_step { hid = 1; valid[gk[r]] = 1; ecur[gk[r]] = gecur[r]; if :: !renew -> efresh[gk[r]] = gfresh[r] :: else fi;
#ifdef HIT
		eh = gh[r]; if :: !renew -> ewas = gwas[r] :: else fi;
#endif
		skip };
#ifdef RENEW_NO_LOOK_AGAIN
	if :: renew :: else ->
#endif
#ifndef NO_LOOK_AGAIN
	d_step { q = 0; do :: q < NP && flight[q] == 0 -> q++ :: q < NP && flight[q] != 0 -> valid[gk[r]] = 0; R(24); break :: else -> break od; q = 0 };
#endif
#ifdef RENEW_NO_LOOK_AGAIN
	fi;
#endif
	skip
}
inline shown() {
	hid = 0; CHECK(0);
#if NK == 2
	CHECK(1);
#endif
	skip
}
#ifdef LIFE_EARLY                         /* read before flight[] */
#define LIFE_SEEN lf
#else
#define LIFE_SEEN life
#endif
proctype get(byte r) {
	byte q, i, z, f, lf; PLACE fin[NP]; bit sg, cl[NP], ok, rn;
again:
	COARSE
	atomic {
		!dead;
		if :: NK == 2 -> gk[r] = 1 :: true fi; sg = srv;
#ifndef STAMP_LATE
		stamps = stamps | (1 << r)                         /* RECVMSG */
#endif
	};
	if
	:: atomic { !dead && sg == srv -> gfresh[r] = 1        /* memcached reads the value */
#ifdef HIT
		; gwas[r] = 1
#endif
		}
	:: atomic { dead || sg != srv -> goto done }
	fi;
#ifdef STAMP_LATE
	stamps = stamps | (1 << r);
#endif
	}
	/* FILL */
#ifdef FINE
	d_step { read_epoch(r);                                /* 1 */
#ifdef FILL_NOW_EARLY
		T[T_NOW(r)] = stamps;
#endif
		skip };
#endif
#ifdef LIFE_EARLY
	atomic { lf = life; read_epoch(r) };
#endif
	do                                                     /* 2 which flights are finished? the answers word first, then t_rep */
	:: i < NP ->
#ifdef T_REP_FIRST
		d_step { if :: flight[i] != 0 && FW(flight[i]) < NW -> T[T_F(r,i)] = T[T_REP(FW(flight[i]))]; fin[i] = flight[i] :: else fi };
		d_step { if :: fin[i] != 0 && FINISHED(fin[i],LIFE_SEEN) -> cl[i] = IS_NOW(fin[i],LIFE_SEEN); if :: cl[i] -> T[T_NOW(r)] = stamps :: else fi :: else -> fin[i] = 0; T[T_F(r,i)] = 0 fi };
		i++; if :: i == NP -> i = 0; break :: else fi
#else
		COARSE
#if !defined(FINE) && !defined(LIFE_EARLY)
		if :: i == 0 -> read_epoch(r) :: else fi;          /* (the latest moment, the worst) */
#endif
		atomic { if :: flight[i] != 0 && FINISHED(flight[i],LIFE_SEEN) -> fin[i] = flight[i]; cl[i] = IS_NOW(flight[i],LIFE_SEEN);
#ifndef FILL_NOW_EARLY
				if :: cl[i] -> T[T_NOW(r)] = stamps :: else fi     /* 3 now: read after that */
#endif
			:: else fi };
		if :: fin[i] != 0 && !cl[i] -> d_step { T[T_F(r,i)] = T[T_REP(FW(fin[i]))] } :: else fi;
		i++; if :: i == NP -> i = 0; break :: else fi }
#endif
	od;
#ifdef T_QUIET_FIRST
	z = LATER(r, T_QUIET);
#endif
#ifdef HIT
	if                                                     /* an entry that may have these bytes: its value is as current as the reply's */
	:: atomic { !odd && valid[gk[r]] && efresh[gk[r]] == gfresh[r] -> rn = 1; gseq[r] = 1; goto locked }
	:: true
	fi;
	atomic { lk == 0 ->                                    /* 4 the bytes */
		if
#ifndef WAY_SHARED
		:: odd -> R(9); goto done                          /* another FILL has the way */
#endif
		:: else ->
			valid[gk[r]] = 0;                              /* (takes the way that the hit may be reading) */
#ifndef NO_ODD
			d_step { seq_up(1) };
#endif
			f = filln; filln = (filln + 1) % 3
		fi };
	half[0] = f;
	d_step { half[1] = f; efresh[gk[r]] = gfresh[r] };
locked:
#endif
	COARSE atomic {                                        /* 5 the locked section */
		lk == 0 ->
		d_step {
			ok = 1;
			do
			:: q < NP ->
				if
				:: flight[q] == 0
#ifdef NO_RECOMPARE
				:: flight[q] != 0 && fin[q] != 0 ->
#else
				:: flight[q] != 0 && flight[q] == fin[q] ->
#endif
					flight[q] = 0; R(10);
					if
					:: cl[q] -> R(11);
						T[T_CHANGE] = T[T_CHANGE] | T[T_NOW(r)]
					:: else ->
#ifndef NO_T_REP
						T[T_CHANGE] = T[T_CHANGE] | T[T_F(r,q)];
#endif
						skip
					fi
#ifdef NO_RECOMPARE
				:: flight[q] != 0 && fin[q] == 0 -> ok = 0
#else
				:: flight[q] != 0 && flight[q] != fin[q] -> ok = 0
#endif
				fi;
				q++
			:: else -> q = 0; break
			od;
			if :: !LATER(r, T_CHANGE) -> ok = 0 :: else fi;
#ifndef NO_COUNT
			if :: count != 0 -> ok = 0 :: else fi;         /* holds.count first, then t_quiet */
#endif
#ifdef T_QUIET_FIRST
			if :: z == 0 -> ok = 0 :: else fi; z = 0;
#else
			if :: !LATER(r, T_QUIET) -> ok = 0 :: else fi;
#endif
#ifdef RENEW_NO_JUDGE
			if :: rn -> ok = 1 :: else fi;
#endif
#if defined(HIT) && !defined(RENEW_NO_SEQ)
			if :: rn && (odd || !gseq[r]) -> R(22); ok = 0 :: else fi;
#endif
			lk = ok
		}
	};
	if
#ifdef HIT
	:: !ok && rn                                           /* it stays what it was */
	:: ok && rn ->                                         /* renewed: the bytes stay */
		d_step { seq_up(1) };
		publish(r, rn);
		d_step { shown(); seq_up(0); R(21) };
		lk = 0
	:: !ok && !rn -> d_step { seq_up(0) }
	:: ok && !rn ->
#else
	:: !ok
	:: ok ->
#endif
#ifdef EPOCH_LATE
		gecur[r] = 1;
#endif
		publish(r, rn);
		d_step { shown();
#ifdef HIT
			seq_up(0);
#endif
			R(12) };
		lk = 0
	fi;
	over(r); goto again };
done:
	atomic { over(r); goto again }
}

#ifdef GONE
#ifdef SOCKETS_APART                      /* the text's: sockets is a word of its own */
inline release() {
	atomic { sockets--; q = sockets };
	if :: q == 0 -> d_step { T[T_QUIET] = T[T_QUIET] | T[T_GONE]; T[T_GONE] = 0 }; d_step { epoch_up() }; d_step { life++; count = 0 } :: else -> q = 0; T[T_GONE] = 0 fi
}
#else
inline exchange() { d_step { sockets--; if :: sockets == 0 -> life++; count = 0; R(13) :: else fi }
}
inline release() {                        /* sock_release of a marked socket; of the last one: SERVER GONE */
#ifdef EXCHANGE_FIRST
	exchange();
#endif
#ifndef GONE_NO_T_QUIET
	d_step { T[T_QUIET] = T[T_QUIET] | T[T_GONE]; T[T_GONE] = 0 };
#endif
#ifndef GONE_NO_EPOCH
	d_step { epoch_up() };
#endif
#ifndef EXCHANGE_FIRST
	exchange();
#endif
	skip
}
#endif
proctype gone() {                         /* memcached dies (all its threads), then its sockets are released: its listener, then its UDP socket, or the other way round */
	byte q, c; bit last;
	atomic { dead = 1; T[T_GONE] = stamps; c = 0; do :: c < NC -> do :: tcp[c]?_ :: empty(tcp[c]) -> break od; c++ :: else -> c = 0; break od;
		if :: last = 1 :: true fi };
	release();
	atomic { T[T_GONE] = stamps; if :: !last -> lclosed = 1; run newm() :: else -> sock_u = 1 fi };     /* the hook runs before the socket is really closed */
	release();
	atomic { if :: last -> lclosed = 1; run newm() :: else -> sock_u = 1 fi }
}
proctype newm() {                         /* another one binds the listener (MARK) and is up; it has nothing of what the old one had */
	byte q;
	atomic { mlife = life; sockets++ };
	atomic { srv = 1; dead = 0;
#ifndef NOT_FOUND_OK
		stale_all()
#endif
	};
#ifdef GONE_TWICE                         /* SERVER GONE again when the next memcached is up */
	d_step { epoch_up() }; d_step { life++; count = 0 }
#endif
}
#endif

#if NU > 0
inline udp_out() { d_step {               /* out++, which gives the gen; the first of a life begins one */
	if
	:: ulife == l -> uout++
	:: ulife < l -> gen[NW]++; SANE(gen[NW] < NG); ulife = l; uheld = 0; uout = 1; R(17)
	:: else -> late = 1
	fi;
	g = gen[NW] }
}
inline udp_place(o) {
	d_step {
		if
#ifdef CROWD                              /* the crowd has the place: HOLD */
		:: flight[NF] != 0 && FW(flight[NF]) == CW && !FINISHED(flight[NF],life) -> won = 1; R(31)
#endif
#ifndef UDP_NEVER_LEAVES
		:: flight[NF] != 0 && FO(flight[NF]) == FOREVER && FL(flight[NF]) == l -> R(18)
#endif
#ifndef UDP_TAKES                         /* a place of a later life is not taken: nothing of this one is carried out */
		:: flight[NF] != 0 && FL(flight[NF]) != l && !FINISHED(flight[NF],life) -> R(20)
#endif
		:: else -> flight[NF] = FLIGHT(NW, g, o, l)
		fi };
#ifdef CROWD
	if :: won -> udp_held(); atomic { lk == 0 -> valid[0] = 0 } :: else -> valid[0] = 0 fi
#else
	valid[0] = 0
#endif
}
inline udp_held() {
	d_step { if :: l == life -> count++ :: else fi };
	d_step { if :: ulife == l && !uheld -> uheld = 1; won = 0 :: else -> won = 1 fi };
	if :: won -> d_step { if :: l == life -> SANE(count > 0); count-- :: else fi; won = 0 } :: else fi
}
inline udp_hold() {
	udp_held();
	d_step { epoch_up() }
}
inline udp_answered() {                   /* out--; at 0 gen++ and the hold is late, in the same exchange */
	atomic {
		if :: gen[NW] == g && uout > 0 -> uout--;
#ifndef UDP_SPLIT
			if :: uout == 0 -> gen[NW]++; SANE(gen[NW] < NG); won = uheld; uheld = 0; R(14) :: else fi
#endif
		:: else fi;
		z = uout; T[T_EG(c)] = stamps };
#ifdef UDP_SPLIT
	if :: z == 0 -> gen[NW]++ :: else fi;
#endif
	if :: won -> R(19); d_step { T[T_QUIET] = T[T_QUIET] | T[T_EG(c)] }; d_step { if :: l == life -> SANE(count > 0); count-- :: else fi; won = 0 } :: else fi;
	d_step { T[T_EG(c)] = 0; z = 0 }
}
proctype udpw(byte c) {                   /* one UDP flow: each datagram at ingress, in memcached, and its answer at egress; any of them may be lost */
	byte i, g, q, z, l, t; bit won, s, late;
	do
	:: i < UDP ->
		atomic { i++;
			if :: KU & 1 -> t = 1 :: KU & 2 -> t = 2 :: KU & 4 -> t = 4 fi;
#ifdef GONE                               /* memcached's old UDP socket, or its new one */
			if
			:: !sock_u -> s = 0; l = 0
			:: srv == 1 && !dead && uclosed -> s = 1; l = unlife
			fi
#endif
			};
#ifdef UDP_OUT_LATE                       /* out++ after the flight is placed */
		g = gen[NW];
#else
		if :: t != 2 -> udp_out() :: else fi;
#endif
		if
		:: t == 1 && !late -> udp_place(NEVER)
		:: t == 2 -> udp_place(FOREVER)
		:: t == 4 && !late -> udp_hold()
		:: late -> valid[0] = 0
		fi;
#ifdef UDP_OUT_LATE
		udp_out();
#endif
		if
		:: atomic { srv == s && !dead -> stale(0) };
			if :: t != 2 && !late -> udp_answered() :: true fi
		:: true
		fi;
#ifdef UDP_ID_ONLY                        /* a get's answer of the same peer and request id is taken for the write's */
		if :: atomic { uout > 0 -> uout--; if :: uout == 0 -> gen[NW]++ :: else fi } :: true fi;
#endif
		d_step { g = 0; t = 0; late = 0; s = 0; l = 0 }
	:: else -> break
	od
}
#ifdef GONE
proctype newu() {                         /* the new memcached's UDP socket is bound: MARK */
	atomic { srv == 1 && !dead && sock_u -> unlife = life; sockets++; uclosed = 1 }
}
#endif
#endif

#ifdef HIT
#ifdef NO_SECOND_SEQ
#define SECOND_LOOK true
#else
#define SECOND_LOOK seqcur
#endif
#ifdef NO_HIT_EPOCH
#define EPOCH_SAME true
#else
#define EPOCH_SAME eh
#endif
proctype hit() {                          /* lock-free; with -DFINE */
	byte a, b, q; bit w;
	do
	:: d_step { hecur = 1; eh = ecur[0]; ewas = efresh[0];       /* e = server's epoch */
			q = 0; do :: q < NGET -> gwas[q] = gfresh[q]; gh[q] = gecur[q]; q++ :: else -> q = 0; break od; skip };
		d_step {
#ifndef ODD_READ
			odd == 0 ->
#endif
			seqcur = 1 };
		if :: valid[0] ->
			if :: EPOCH_SAME ->
				a = half[0];
				d_step { b = half[1]; w = ewas };
				if
				:: SECOND_LOOK -> assert(a == b && w); R(15)
				:: else
				fi
			:: else fi
		:: else fi;
		d_step { a = 0; b = 0; w = 0; hecur = 0; seqcur = 0 }
	od
}
#endif

#ifdef LEAK
proctype leak() {
	byte q; bit x;
	timeout -> 
#ifdef GONE
	if :: life == 0 -> goto end :: else fi;    /* the sockets of the two memcacheds overlapped: nothing ended */
#elif !defined(ANSWERED)
	assert(wfree == (1 << NW) - 1);
#endif
	assert(count == 0);
#ifdef CROWD
	assert(many == 0 || mlate != life);
#endif
	do :: q < NP -> assert(flight[q] == 0 || FINISHED(flight[q],life)); q++ :: else -> break od; R(16);
end: do :: x = 1 - x od
}
#endif

init {
	byte i;
	atomic {
		i = 0; do :: i < NC -> run ingress(i); i++ :: else -> break od;
#if NU > 0
		i = 0; do :: i < NU -> run udpw(NC+i); i++ :: else -> break od;
#ifdef GONE
		run newu();
#endif
#endif
#ifdef LEAK
		run leak();
#else
		i = 0; do :: i < NGET -> run get(i); i++ :: else -> i = 0; break od;
#endif
#ifdef GONE
		run gone();
#endif
#ifdef HIT
		run hit();
#endif
		skip
	}
}
