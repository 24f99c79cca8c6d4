// SPDX-License-Identifier: LGPL-2.1-only
/*
 * LD_PRELOAD for memcached: its wall clock, time(), is BMC_SHIFT_TIME seconds off, for BMC_SHIFT_FOR seconds if that is
 * given: then it steps back. Its monotonic clock is right.
 */
#include <stdlib.h>
#include <time.h>

static time_t began; /* monotonic */

static time_t monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

__attribute__((constructor)) static void begin(void)
{
	began = monotonic();
}

time_t time(time_t *ret)
{
	const char *shift = getenv("BMC_SHIFT_TIME"), *seconds = getenv("BMC_SHIFT_FOR");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (shift && (!seconds || monotonic() - began <= strtol(seconds, NULL, 10)))
		now.tv_sec += strtol(shift, NULL, 10);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}
