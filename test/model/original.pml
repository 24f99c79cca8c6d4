/* SPDX-License-Identifier: LGPL-2.1-only */
/* Original BMC protocol (NSDI'21), one key, one slot.
 * 2 writers (TCP, one connection each, conn i served in order by worker i), 2 readers (UDP, any worker).
 * Hook steps are atomic (spin lock); everything else interleaves.
 * default property: no everlasting stale read (checked when nothing is left to happen).
 * -DLIN : per-key linearizability of every read (write order = memcached's apply order).            */
#ifndef NWR
#define NWR 2
#endif
#ifndef NRD
#define NRD 2
#endif
#ifndef NG
#define NG 1
#endif
byte store, ord, pos[NWR+1];
bit valid; byte cval;
chan tcp[2] = [1] of { byte };
chan udp    = [NRD] of { byte };
byte rep[NRD]; bit have[NRD]; bit wdone[2];
byte fin; byte floor_;

proctype writer(byte i) {
#ifdef ATOMIC_SET   /* no early miss possible: invalidation and memcached's store are one step */
  d_step { valid = 0; store = i+1; ord++; pos[i+1] = ord }; wdone[i] = 1;
#else
  d_step { valid = 0 };                 /* XDP ingress: bmc_invalidate_cache */
  tcp[i] ! i+1;                         /* socket queue */
#endif
  wdone[i];                             /* STORED received */
  d_step { if :: pos[i+1] > floor_ -> floor_ = pos[i+1] :: else fi };
  fin++
}
proctype reader(byte r) {
  byte n, x, f; bit hit;
  do
  :: n < NG ->
     f = floor_;
     d_step { hit = valid; if :: valid -> x = cval :: else fi };     /* XDP: hit -> XDP_TX */
     if :: hit
        :: else -> udp ! r; have[r]; d_step { x = rep[r]; have[r] = 0 }
     fi;
#ifdef LIN
     d_step { assert(pos[x] >= f); if :: pos[x] > floor_ -> floor_ = pos[x] :: else fi; };
#endif
     n++; x = 0; f = 0; hit = 0
  :: else -> break
  od; fin++
}
proctype worker(byte k) {
  byte x, r;
end: do
  :: tcp[k] ? x -> d_step { store = x; ord++; pos[x] = ord }; x = 0; wdone[k] = 1
  :: udp ? r ->
#ifdef ATOMIC_GET   /* no late fill possible: memcached's read and the egress hook are one step */
       d_step { x = store; if :: !valid -> valid = 1; cval = x :: else fi };
#else
       x = store;                                                     /* memcached reads the value */
       d_step { if :: !valid -> valid = 1; cval = x :: else fi };     /* TC egress: bmc_update_cache */
#endif
       d_step { rep[r] = x; have[r] = 1; x = 0; r = 0 }
  od
}
init {
  byte i;
  atomic {
    for (i : 0 .. NWR-1) { run writer(i) }
    for (i : 0 .. NRD-1) { run reader(i) }
    run worker(0); run worker(1);
  }
  (fin == NWR+NRD);
#ifndef LIN
  assert(!valid || cval == store)      /* nothing left to happen: a stale entry stays for ever */
#endif
}
