/* SPDX-License-Identifier: LGPL-2.1-only */
/* memcached's text protocol, as far as the client speaks it: one get or one set, and what it is answered. */
#ifndef BENCH_TEXT_H
#define BENCH_TEXT_H

#include <stddef.h>
#include <sys/types.h>

#include "items.h"

enum bench_kind { BENCH_KIND_GET, BENCH_KIND_SET };

/* A request from when it was due until it is answered or lost. */
struct bench_request {
	uint64_t due; /* ns: when it should have been sent; latency counts from here */
	uint64_t sent; /* ns: when it was; the time-out counts from here */
	uint32_t item;
	uint32_t floor; /* the item's when it was sent */
	uint8_t kind; /* enum bench_kind */
	uint8_t is_open;
};

enum bench_outcome {
	BENCH_HIT,
	BENCH_MISS,
	BENCH_STORED,
	BENCH_REFUSED, /* an error of memcached's */
	BENCH_WRONG, /* nothing that memcached may answer */
	BENCH_OUTCOMES,
};

/* Bytes that the text of a request or reply of any of these items has at most. */
size_t bench_text_room(const struct bench_items *t);

/* What is asked; a set is of the item's newest version. -> bytes */
size_t bench_text_request(const struct bench_items *t, const struct bench_request *r, char *ret);

/* A whole reply, without a frame. */
enum bench_outcome bench_text_judge(const struct bench_items *t, const struct bench_request *r,
				    const char *text, size_t len);

/* Where the reply at the front of a stream's bytes ends. -> its length; 0: not all is there yet; -1: that is no reply */
ssize_t bench_text_reply_len(const char *text, size_t len);

#endif
