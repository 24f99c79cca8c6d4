/* SPDX-License-Identifier: LGPL-2.1-only */
/* What the measures of the watch's cost share: their cases. */
#ifndef BENCH_WATCH_H
#define BENCH_WATCH_H

#include "tcp_load.h"

/* The cases' names, in the order of bench_watch_case(). */
#define BENCH_WATCH_CASES                                                                          \
	{                                                                                          \
		"get 32 B x1", "get 32 B x8", "get 32 B x64", "set 32 B x1", "set 32 B x8",        \
			"set 32 B x64", "50 sets 32 B x1", "50 sets 32 B x8", "50 sets 32 B x64",  \
			"set 64 KB x1", "set 64 KB x8", "get 64 KB x1", "get 64 KB x8"             \
	}

/* The load of a case, but for where. */
void bench_watch_case(int at, struct bench_tcp_job *ret);

#endif
