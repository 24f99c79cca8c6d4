// SPDX-License-Identifier: LGPL-2.1-only
/* LD_PRELOAD for memcached: its wall clock, time(), is BMC_SHIFT_TIME seconds off. Its monotonic clock is not. */
#include <stdlib.h>
#include <time.h>

time_t time(time_t *ret)
{
	const char *text = getenv("BMC_SHIFT_TIME");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (text)
		now.tv_sec += strtol(text, NULL, 10);
	if (ret)
		*ret = now.tv_sec;
	return now.tv_sec;
}
