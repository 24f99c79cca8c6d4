// SPDX-License-Identifier: LGPL-2.1-only
#include "measures.h"

const struct bench_measure *const bench_measures[] = {
	&bench_hit,	 &bench_wire,	    &bench_peers,     &bench_latency,	    &bench_sr,
	&bench_watch_lo, &bench_watch_veth, &bench_watch_own, &bench_watch_foreign, NULL,
};
