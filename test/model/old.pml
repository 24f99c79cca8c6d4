/* SPDX-License-Identifier: LGPL-2.1-only */
/* One connection that is older than `start` (COHERENCE.md, "Connections older than `start`"): when may it be followed, and when may fills begin?  Names as there.
 *
 * WHO RUNS    start       makes the conn, looks (T1, the threads, T2) up to ROUNDS times, loses what is not quiet, ends STARTING
 *             cpu(d)      a segment of the client's: the ingress hook, then TCP, any time later.  NCPU at once; each is any range of the N commands: lost ones, copies
 *                         cut otherwise, out of order, refused by TCP (a wrong checksum), in the backlog while a system call has the socket
 *             memc        memcached's thread that serves the connection: reads all there is, carries out, answers; waits where there is no room; may close it (-DCLOSE)
 *             sender      TCP sends an answer, with the egress hook; the client acknowledges
 *             get         a UDP get: RECVMSG, memcached's read, FILL; again and again, any time
 * COMMANDS    All write the one key there is; each answers or is silent, chosen freely. One command is one byte: `rcv` is rcv_nxt, and the bytes received.
 * TIME, VALUES  As in bmc.pml, with one get: a time is whether the get's stamp was taken before it; of each copy of the value: is it still memcached's?
 * PROPERTY    an entry that is valid and of the current epoch has memcached's current value, whenever it could break. holds never below 0.
 *             -DLEAK (no gets, -DCLOSE): the connection closed, no hold is left.
 * NOT HERE    What bmc.pml has (several connections, writers, places, SERVER GONE); commands cut in the middle, the first word; which thread serves it (there is one);
 *             what a followed connection keeps ahead (here it is dropped), redo.  The other -D take a guard out: check.sh says what each means. */
#ifndef N
#define N 2
#endif
#ifndef NCPU
#define NCPU 2
#endif
#ifndef ROUNDS
#define ROUNDS 2
#endif

/* ---- the word ---- */
#define NOCONN    0
#define CANDIDATE 1
#define TOUCHED   2
#define QUIET     3
#define TAKEN     4
#define LOST      5
#define CLOSED    6
byte word;
byte received;                            /* at T2 */
/* ---- TCP ---- */
byte rcv, ooo;                            /* accepted; kept out of order, a bit for each */
byte copied, carried;                     /* read by memcached; carried out */
byte nxt, wr;                             /* answers: sent, written */
bit crowded;                                 /* no room for one until the client acknowledges */
bit owned;                                /* a system call has the socket */
byte blogs;                               /* segments in its backlog */
byte rcu, need;                           /* CPUs in a segment; those that the membarrier waits for */
byte ans;                                 /* which commands answer */
/* ---- memcached ---- */
bit awake, pend, closed;                  /* not in epoll_wait; an answer for which there is no room; CLOSE has begun */
#define BLOCKED  (closed || (!awake && !(!pend && copied < rcv) && !(pend && !crowded)))
#define LOCKABLE (!owned && blogs == 0)
/* ---- the conn ---- */
bit busy, lost, fin_closed;               /* ..; its writer is closed */
byte in_next, out_next, cmd, rep;
#define FREE 0
#define HELD 1                            /* never */
#define HCLOSED 2
byte hold;
/* ---- the server, the bucket, the get ---- */
bit starting = 1, t_quiet, t_rep, t_change;
byte count;
byte flight;                              /* 0, or ord */
bit valid, ecur, efresh;
bit stamped, gcur, gfresh;

#define CHECK assert(!(valid && ecur && !efresh))
inline stale() { efresh = 0; gfresh = 0; CHECK }
inline epoch_up() { ecur = 0; gcur = 0 }
inline count_down() { d_step { assert(count > 0); count-- } }
inline quiet_now() { d_step { t_quiet = t_quiet | stamped }; count_down() }

/* LOST: UNKNOWN(never), then not parsed */
inline conn_lost() {
	d_step {
		if
		:: !lost -> lost = 1; epoch_up();
			if :: hold == FREE -> hold = HELD; count++ :: else fi
		:: else
		fi }
}

/* a wait for all that runs in the hooks and in softirqs */
inline membarrier() { need = rcu; need == 0 }

/* ---- start ---- */
inline look() {                           /* what TCP has of it; ok: nothing but answers on their way */
	atomic { LOCKABLE || closed ->
		ok = !closed;
#ifndef NO_WRITABLE
		if :: crowded -> ok = 0 :: else fi;
#endif
#ifndef NO_UNSENT
		if :: nxt != wr -> ok = 0 :: else fi;
#endif
#ifndef NO_IN
		if :: copied != rcv -> ok = 0 :: else fi;
#endif
		skip };
	atomic { LOCKABLE || closed -> r = rcv; s = nxt }
}
inline t1_reset() { d_step { if :: word == TOUCHED -> word = CANDIDATE :: else fi } }
proctype start() {
	byte i, r, s, r1, s1, st; bit ok;
	if                                    /* the conn; by a copy of the socket: not after CLOSE */
	:: atomic { !closed -> word = CANDIDATE }
	:: closed -> goto open
	fi;
#ifndef NO_FIRST_BARRIER
	membarrier();                         /* what met no conn is in TCP */
#endif
	do
	:: i < ROUNDS && word <= TOUCHED ->
		i++;
#ifndef RESET_LATE
		t1_reset();
#endif
		look();                           /* T1 */
		d_step { r1 = r; s1 = s };
#ifdef RESET_LATE
		t1_reset();
#endif
#ifdef NO_T1
		ok = 1;
#endif
		if
		:: ok ->
#ifndef NO_THREADS
			if :: BLOCKED :: atomic { !BLOCKED -> ok = 0 } fi;     /* seen, or not in time */
#endif
			if
			:: ok -> look();              /* T2 */
#ifdef NO_T2
				d_step { ok = 1; r = r1; s = s1 };
#endif
#ifdef NO_RECEIVED
				r1 = r;
#endif
#ifdef NO_SENT
				s1 = s;
#endif
				if
				:: ok && r == r1 && s == s1 ->
					received = r;
#ifdef QUIET_PLAIN
					word = QUIET
#else
					d_step { if :: word == CANDIDATE -> word = QUIET :: else fi }
#endif
				:: else
				fi
			:: else
			fi
		:: else
		fi;
		d_step { r = 0; s = 0; s1 = 0; ok = 0 }
	:: break
	od;
	/* those that never were quiet, or are so no longer */
#ifndef NO_LAST_BARRIER
	membarrier();
#endif
	ok = 0; st = word;
	if
	:: st <= TOUCHED -> ok = 1
#ifndef NO_LAST_LOOK
	:: st == QUIET -> atomic { (LOCKABLE || closed) -> ok = (!closed && rcv != received); skip };
		if :: ok -> ok = (word == QUIET) :: else fi
#endif
	:: else
	fi;
	if
	:: ok ->
#ifndef HOLD_LATE
		count++;
#endif
#ifdef LOSE_PLAIN
		word = LOST; ok = 0;
#else
		d_step { if :: word <= QUIET -> word = LOST; ok = 0 :: else fi };
#endif
#ifdef HOLD_LATE
		count++;
#endif
		if :: ok -> count_down() :: else fi
	:: else
	fi;
#ifndef NO_OPEN_BARRIER
	if :: word == TAKEN || word == QUIET -> membarrier() :: else fi;   /* who took it has parsed what it took, or holds */
#endif
open:	skip;
#ifdef OPEN_FIRST
	starting = 0;
#endif
#ifndef NO_T_QUIET
	d_step { t_quiet = t_quiet | stamped };
#endif
	atomic { starting = 0; st = 0; ok = 0; i = 0; r1 = 0 }
}

/* ---- the client's segments ---- */
inline accept() {                         /* TCP has it */
	d_step {
		if
		:: closed -> skip
		:: !closed && a <= rcv && b > rcv -> rcv = b;
			do :: rcv < N && (ooo & (1 << rcv)) -> ooo = ooo & (255 - (1 << rcv)); rcv++ :: else -> break od
		:: !closed && a > rcv -> r = a; do :: r < b -> ooo = ooo | (1 << r); r++ :: else -> break od
		:: else
		fi; r = 0 }
}
inline follow() { atomic {                 /* the stream's table, WRITE_SEEN */
	if
	:: rcv > in_next -> conn_lost()
	:: rcv <= in_next && a > in_next -> drop = 1
	:: rcv <= in_next && a <= in_next ->
		do
		:: in_next < b ->
			d_step { if :: ans & (1 << in_next) -> cmd++; r = cmd :: else -> r = cmd + 1 fi;
				valid = 0; if :: flight < r -> flight = r :: else fi; in_next++ }
		:: else -> break
		od
	fi
} }
#ifdef TAKE_PLAIN
inline take() { ok = (word == QUIET); word = TAKEN }
#else
inline take() { d_step { if :: word == QUIET -> word = TAKEN; ok = 1 :: else -> ok = 0 fi } }
#endif
inline first() {                          /* the first data of a quiet one */
	r = rcv;
	if
	:: b <= r -> skip
	:: b > r && (a > r || blogs) -> drop = 1
	:: else ->
		d_step {
			step = (a == r);
#ifndef NO_COPIED
			if :: copied != rcv -> step = 0 :: else fi;
#endif
#ifndef NO_OOO
			if :: ooo -> step = 0 :: else fi;
#endif
#ifndef NO_SND
			if :: nxt != wr -> step = 0 :: else fi;
#endif
#ifndef NO_BYTES
			if :: rcv != received -> step = 0 :: else fi;
#endif
			skip };
		d_step {
#ifdef READ_AGAIN
			r = rcv;
#endif
			in_next = r; out_next = wr };
#ifndef TAKE_FIRST
		if :: !step -> conn_lost() :: else fi;
#endif
		take();
#ifdef TAKE_FIRST
		if :: ok && !step -> conn_lost(); ok = 0 :: else fi;
#endif
		if :: ok && step -> follow() :: else fi
	fi
}
#ifdef CLOSE
#define HELD_ON false
#else
#define HELD_ON (count && !starting)      /* no fill ever: nothing more to see */
#endif
#define LEAVE rcu = rcu & (255 - (1 << d)); need = need & (255 - (1 << d))
proctype cpu(byte d) {
	byte a, b, r, st; bit ok, drop, step;
	do
	:: atomic { !closed && rcv < N && !HELD_ON && (word == NOCONN || lost || !busy) ->
			a = 0; do :: a < N-1 -> a++ :: break od;
			b = (a < rcv -> rcv + 1 : a + 1); do :: b < N -> b++ :: break od;
			rcu = rcu | (1 << d); st = word;
			if
			:: st == NOCONN || lost -> st = NOCONN
			:: st != NOCONN && !lost && st <= TOUCHED ->
#ifndef NO_TOUCH
				word = TOUCHED;
#endif
				skip
			:: !lost && st == LOST -> lost = 1
			:: !lost && (st == QUIET || st == TAKEN) -> busy = 1
			:: else
			fi };
		if
		:: st == QUIET -> first(); busy = 0
		:: st == TAKEN -> follow(); busy = 0
		:: else
		fi;
		d_step { r = 0; st = 0; ok = 0; step = 0 };
		if
		:: drop
		:: !drop                          /* TCP refuses it */
		:: atomic { !drop && LOCKABLE -> accept() }
		:: atomic { !drop && !LOCKABLE -> blogs++; LEAVE };
			atomic { !owned -> accept(); blogs-- }
		fi;
		atomic { LEAVE; a = 0; b = 0; drop = 0; if :: d != 0 -> break :: else fi }
	:: atomic { closed || rcv == N || HELD_ON -> break }
	od
}

/* ---- memcached ---- */
proctype memc() {
	bit ok; byte st;
	do
	:: atomic { !closed && !pend && copied < rcv && LOCKABLE -> awake = 1; owned = 1 };
		d_step { copied = rcv; owned = 0 }
more:	do
		:: atomic { carried < copied ->
			d_step { stale(); ok = (ans & (1 << carried)) != 0; carried++ };
			if
			:: ok && !crowded -> wr++; crowded = 1; ok = 0
			:: ok && crowded -> pend = 1; awake = 0; ok = 0; break
			:: else
			fi }
		:: atomic { carried == copied -> awake = 0; break }
		od
	:: atomic { !closed && pend && !crowded -> awake = 1; pend = 0; wr++; crowded = 1; goto more }
#ifdef CLOSE
	:: atomic { !closed -> closed = 1; pend = 0 };
		d_step { st = word; word = (st == NOCONN -> NOCONN : CLOSED); ok = (st == LOST) };
		if :: ok -> quiet_now() :: else fi;
		fin_closed = 1;
		d_step { ok = (hold == HELD); hold = HCLOSED };
		if :: ok -> quiet_now() :: else fi;
		break
#endif
	od
}
proctype sender() {
	byte st; bit ok;
	do
	:: atomic { nxt < wr && LOCKABLE -> owned = 1; st = word;
#ifndef NO_TOUCH_OUT
		if :: st == CANDIDATE -> word = TOUCHED :: else fi;
#endif
		skip };
		if
#ifndef NO_LOST_OUT
		:: st == QUIET ->                 /* an answer without a command */
#ifdef TAKE_FIRST
			take();
			if :: ok -> conn_lost() :: else fi
#else
			conn_lost(); take()
#endif
#endif
		:: else
		fi;
		d_step {
			if
			:: word == TAKEN && !lost && nxt >= out_next ->
				if
				:: rep == cmd -> lost = 1; epoch_up(); if :: hold == FREE -> hold = HELD; count++ :: else fi
				:: else -> t_rep = t_rep | stamped; rep++
				fi
			:: else
			fi;
			nxt++; owned = 0; st = 0; ok = 0 };
		if :: atomic { crowded = (nxt < wr) } :: true fi
	:: atomic { crowded && nxt == wr && (pend || starting) -> crowded = 0 }
	od
}

/* ---- a get ---- */
#define IS_OVER (fin_closed || flight <= rep)
proctype get() {
	byte f; bit over, t, ok, quietly;
again:
	atomic { stamped = 1; gfresh = 1 };   /* RECVMSG, and as late as it can be, memcached's read */
	atomic {                              /* FILL; while STARTING there is none: another get */
#ifndef OFF_LAST_ONLY
		!starting;
#endif
		gcur = 1; f = flight; over = (f == 0 || IS_OVER); t = (fin_closed -> stamped : t_rep) };
#ifdef OFF_LAST_ONLY
	quietly = !t_quiet;
	!starting;
#endif
	d_step {
		ok = (flight == f && over);
		if :: ok && f != 0 -> flight = 0; t_change = t_change | t :: else fi;
#ifndef OFF_LAST_ONLY
		quietly = !t_quiet;
#endif
		if :: ok && quietly && !t_change && !count -> valid = 1; ecur = gcur; efresh = gfresh; CHECK :: else fi;
		stamped = 0; gfresh = 0; gcur = 0; t_quiet = 0; t_rep = 0; t_change = 0; f = 0; over = 0; t = 0; ok = 0; quietly = 0 };
	goto again
}
#ifdef LEAK
proctype leak() {
	bit x;
	timeout -> assert(!closed || (count == 0 && (flight == 0 || IS_OVER)));
	do :: x = 1 - x od
}
#endif

init {
	byte i;
	atomic {
#ifdef ANS
		ans = ANS;
#else
		do :: i < N -> if :: ans = ans | (1 << i) :: true fi; i++ :: else -> break od;
#endif
		i = 0; do :: i < NCPU -> run cpu(i); i++ :: else -> i = 0; break od;
		run memc(); run sender(); run start();
#ifdef LEAK
		run leak()
#else
		run get()
#endif
	}
}
