/* SPDX-License-Identifier: LGPL-2.1-only */
/* What each measure_*.c gives to the registry. */
#ifndef BENCH_MEASURES_H
#define BENCH_MEASURES_H

#include "bench.h"

extern const struct bench_measure bench_hit;
extern const struct bench_measure bench_wire;
extern const struct bench_measure bench_peers;
extern const struct bench_measure bench_latency;
extern const struct bench_measure bench_sr;
extern const struct bench_measure bench_watch_lo;
extern const struct bench_measure bench_watch_veth;
extern const struct bench_measure bench_watch_own;
extern const struct bench_measure bench_watch_foreign;

#endif
