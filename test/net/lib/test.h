/* SPDX-License-Identifier: LGPL-2.1-only */
/* cmocka with what it wants before it, and time. */
#ifndef BMC_TEST_H
#define BMC_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

/* Seconds that only grow. */
static inline double test_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static inline void test_sleep(double seconds)
{
	struct timespec ts = { .tv_sec = (time_t)seconds };

	ts.tv_nsec = (long)((seconds - (double)ts.tv_sec) * 1e9);
	nanosleep(&ts, NULL);
}

/*
 * How long to wait for what takes so many seconds at most on a machine that is not emulated. BMC_TEST_SLOW: how many
 * times slower this one is (1). Every time-out goes through here, no pause does.
 */
static inline double test_patience(double seconds)
{
	const char *slow = getenv("BMC_TEST_SLOW");
	double times = slow ? strtod(slow, NULL) : 1;

	return times > 1 ? seconds * times : seconds;
}

/* In which an answer comes for certain, though the machine has other things to do for a second or two. */
#define TEST_ANSWER_S 10

/* Milliseconds until then, for poll(): 0 if it is over, so that what is there all the same is still taken. */
static inline int test_left_ms(double until)
{
	double left = until - test_now();

	return left > 0 ? (int)(left * 1000) + 1 : 0;
}

#define TEST_COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* main() of a test program: BMC_TEST_FILTER chooses tests by name (* and ? allowed). */
#define TEST_MAIN(tests, setup, teardown)                                                          \
	int main(void)                                                                             \
	{                                                                                          \
		if (getenv("BMC_TEST_FILTER"))                                                     \
			cmocka_set_test_filter(getenv("BMC_TEST_FILTER"));                         \
		return cmocka_run_group_tests(tests, setup, teardown);                             \
	}

#endif
