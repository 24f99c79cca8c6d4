// SPDX-License-Identifier: LGPL-2.1-only
#include "watch.h"

#define SMALL 32
#define LARGE 65536
#define PIPELINE 50

static const struct bench_tcp_job cases[] = {
	{ .op = BENCH_GET, .value = SMALL, .depth = 1, .connections = 1 },
	{ .op = BENCH_GET, .value = SMALL, .depth = 1, .connections = 8 },
	{ .op = BENCH_GET, .value = SMALL, .depth = 1, .connections = 64 },
	{ .op = BENCH_SET, .value = SMALL, .depth = 1, .connections = 1 },
	{ .op = BENCH_SET, .value = SMALL, .depth = 1, .connections = 8 },
	{ .op = BENCH_SET, .value = SMALL, .depth = 1, .connections = 64 },
	{ .op = BENCH_SET, .value = SMALL, .depth = PIPELINE, .connections = 1 },
	{ .op = BENCH_SET, .value = SMALL, .depth = PIPELINE, .connections = 8 },
	{ .op = BENCH_SET, .value = SMALL, .depth = PIPELINE, .connections = 64 },
	{ .op = BENCH_SET, .value = LARGE, .depth = 1, .connections = 1 },
	{ .op = BENCH_SET, .value = LARGE, .depth = 1, .connections = 8 },
	{ .op = BENCH_GET, .value = LARGE, .depth = 1, .connections = 1 },
	{ .op = BENCH_GET, .value = LARGE, .depth = 1, .connections = 8 },
};

void bench_watch_case(int at, struct bench_tcp_job *ret)
{
	*ret = cases[at];
}
