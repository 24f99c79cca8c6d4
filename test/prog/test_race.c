// SPDX-License-Identifier: LGPL-2.1-only
/*
 * Hits while the same items are filled again and again on another CPU: every answer is one item, whole, and what is
 * passed is the request as it was. (No write happens, so that any of the values will do.)
 */
#include "harness.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECONDS 3
#define KEYS 2
#define LENGTH 1200 /* all lengths of a value are of one size of way: one key has one entry */

static struct harness h;

struct reader {
	struct pkt get;
	atomic_int stop;
	const char *wrong; /* what an answer had */
	int err;
	unsigned long hits;
	unsigned long passes;
};

/* The value number n of a key: its length and every byte say n. */
static size_t value_text(int key, unsigned int n, char *ret, size_t size)
{
	char data[LENGTH];
	char name[24];
	struct item item = { .key = name, .flags = "0", .data = data, .len = LENGTH - n % 64 };

	snprintf(name, sizeof(name), "race%d", key);
	memset(data, 'A' + (int)(n % 64), sizeof(data));
	if (key)
		item.len = 100 - n % 64; /* with the other one it fits one datagram */
	return item_text(&item, ret, size);
}

/* Whether a text is values of all keys of the get, each whole, and END. */
static const char *check_values(const uint8_t *text, size_t len, int n_keys)
{
	char want[2048];
	size_t at = 0;

	for (int key = 0; key < n_keys; key++) {
		const uint8_t *newline = memchr(text + at, '\n', len - at);
		size_t one;

		if (!newline || (size_t)(newline - text) + 1 >= len)
			return "no line of a value";
		one = value_text(key, (unsigned int)newline[1] - 'A', want, sizeof(want));
		if (at + one > len || memcmp(text + at, want, one) != 0)
			return "a value that never was";
		at += one;
	}
	return len == at + 5 && !memcmp(text + at, "END\r\n", 5) ? NULL : "no END";
}

static const char *check_run(const struct frame *in, const struct run *run, int n_keys,
			     struct reader *r)
{
	struct pkt_view v;
	const char *wrong;

	if (run->verdict == 2) {
		r->passes++;
		if (run->out.len != in->len || memcmp(run->out.data, in->data, in->len) != 0)
			return "a request that was changed and passed";
		return NULL;
	}
	r->hits++;
	wrong = pkt_read(&run->out, 0, &v);
	if (wrong)
		return wrong;
	return check_values(run->out.data + v.payload + 8, v.payload_len - 8, n_keys);
}

static void *read_on(void *arg)
{
	struct reader *r = arg;
	struct frame f[2];
	struct run run;

	r->get.text = "get race0\r\n";
	pkt_build(&r->get, &f[0]);
	r->get.text = "get race0 race1\r\n";
	pkt_build(&r->get, &f[1]);
	while (!r->wrong && !r->err && !atomic_load(&r->stop)) {
		for (int i = 0; i < 2 && !r->wrong && !r->err; i++) {
			r->err = harness_try_xdp(&h, &f[i], &run);
			if (!r->err)
				r->wrong = check_run(&f[i], &run, i + 1, r);
		}
	}
	return NULL;
}

static void fill_for(int seconds, const struct pkt *where)
{
	struct timespec start, now;
	char text[2048];
	struct run run;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (unsigned int n = 0;; n++) {
		for (int key = 0; key < KEYS; key++) {
			struct pkt p = *where;

			p.text = text;
			p.text_len = value_text(key, n + (unsigned int)key, text, sizeof(text));
			harness_reply(&h, &p, HARNESS_MARK, &run);
		}
		if (n % 64)
			continue;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (now.tv_sec - start.tv_sec > seconds)
			return;
	}
}

static void run_race(int family)
{
	struct reader reader = { .get = { .family = family, .pad_byte = 0xff } };
	const struct pkt where = { .family = family };
	struct bmc_stats stats;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, read_on, &reader), 0);
	fill_for(SECONDS, &where);
	atomic_store(&reader.stop, 1);
	pthread_join(thread, NULL);
	harness_stats(&h, &stats);
	print_message("%lu hits, %lu passed (%llu lost a race), %llu fills\n", reader.hits,
		      reader.passes, (unsigned long long)stats.count[BMC_STAT_PASS_RACE],
		      (unsigned long long)stats.count[BMC_STAT_FILLS]);
	expect(!reader.err, "BPF_PROG_RUN: %s", strerror(-reader.err));
	expect(!reader.wrong, "answered: %s", reader.wrong);
	assert_true(reader.hits > 100);
}

static void test_ipv4(void **state)
{
	(void)state;
	run_race(4);
}

static void test_ipv6(void **state)
{
	(void)state;
	run_race(6);
}

static int group_setup(void **state)
{
	(void)state;
	return harness_open(&h, HARNESS_FOREVER_NS, BMC_TEST_STAMP);
}

static int group_teardown(void **state)
{
	(void)state;
	harness_close(&h);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ipv4),
		cmocka_unit_test(test_ipv6),
	};

	return cmocka_run_group_tests_name("hits against fills", tests, group_setup,
					   group_teardown) ?
		       1 :
		       0;
}
