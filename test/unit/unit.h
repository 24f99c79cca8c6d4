/* SPDX-License-Identifier: LGPL-2.1-only */
/* What the host tests of the pure headers share. */
#ifndef BMC_TEST_UNIT_H
#define BMC_TEST_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "mc_text.h"

#define expect(ok, ...)                                                                            \
	do {                                                                                       \
		if (!(ok)) {                                                                       \
			fail_msg(__VA_ARGS__);                                                     \
			abort(); /* fail_msg does not return */                                    \
		}                                                                                  \
	} while (0)

/* xorshift64*: the same numbers everywhere. */
static inline uint32_t roll(uint64_t *seed, uint32_t n)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return (uint32_t)((*seed * 0x2545f4914f6cdd1dULL) >> 32) % n;
}

/* The window of this test, a new one: ASan sees every byte read beyond it. */
static inline struct bmc_window *window_new(void)
{
	static struct bmc_window win;

	memset(&win, 'Z', sizeof(win));
	return &win;
}

/* Bytes at `pos`, and the window's end behind them; all other bytes are `stale`. Returns the end. */
static inline uint32_t window_put(struct bmc_window *win, uint32_t pos, const void *data,
				  size_t len, int stale)
{
	memset(win->bytes, stale, sizeof(win->bytes));
	if (len)
		memcpy(win->bytes + pos, data, len);
	bmc_window_end(win, pos + len);
	return pos + (uint32_t)len;
}

#endif
