// SPDX-License-Identifier: LGPL-2.1-only
/* What the client is made of: times, random numbers, items, texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "draw.h"
#include "histogram.h"
#include "items.h"
#include "text.h"

#define SAMPLES 20000
#define LATEST 1000003

int bench_fail(const char *format, ...)
{
	fail_msg("%s", format);
	return -1;
}

/* ---- times ---- */

static uint64_t samples[SAMPLES];

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Of every share: not below what sorting gives, and at most 1/128 above. */
static void check_quantiles(const struct bench_histogram *h, const uint64_t *sorted, int n)
{
	static const double shares[] = { 0, 0.001, 0.1, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1 };

	assert_int_equal(h->count, n);
	for (size_t i = 0; i < sizeof(shares) / sizeof(*shares); i++) {
		int rank = (int)ceil(shares[i] * n);
		uint64_t exact = sorted[rank ? rank - 1 : 0];
		uint64_t got = bench_histogram_quantile(h, shares[i]);

		if (got < exact || got - exact > exact / BENCH_HISTOGRAM_STEPS)
			fail_msg("%g of %d: %llu, not %llu", shares[i], n, (unsigned long long)got,
				 (unsigned long long)exact);
	}
}

/* kind 0: small and even; 1: as times are, with a long tail; 2: over all magnitudes; 3: all the same */
static uint64_t draw_sample(int kind, struct bench_random *r)
{
	switch (kind) {
	case 0:
		return bench_random_next(r) % 1000;
	case 1:
		return (uint64_t)bench_pareto(bench_random_unit(r), 20000, 5000, 0.5);
	case 2:
		return bench_random_next(r) >> (24 + bench_random_next(r) % 40);
	default:
		return 123456789;
	}
}

static void quantiles_are_those_of_sorted_samples(void **state)
{
	struct bench_random r = { 7 };
	static struct bench_histogram h;

	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		double sum = 0;

		memset(&h, 0, sizeof(h));
		for (int i = 0; i < SAMPLES; i++) {
			samples[i] = draw_sample(kind, &r);
			sum += (double)samples[i];
			bench_histogram_record(&h, samples[i]);
		}
		qsort(samples, SAMPLES, sizeof(*samples), compare);
		check_quantiles(&h, samples, SAMPLES);
		assert_int_equal(bench_histogram_quantile(&h, 1), samples[SAMPLES - 1]);
		assert_true(fabs(bench_histogram_mean(&h) - sum / SAMPLES) <= sum / SAMPLES * 1e-9);
	}
}

static void merged_histograms_are_one(void **state)
{
	static struct bench_histogram all, halves[2];
	struct bench_random r = { 8 };

	(void)state;
	for (int i = 0; i < SAMPLES; i++) {
		samples[i] = draw_sample(2, &r);
		bench_histogram_record(&all, samples[i]);
		bench_histogram_record(&halves[samples[i] % 2], samples[i]);
	}
	bench_histogram_merge(&halves[0], &halves[1]);
	assert_memory_equal(all.buckets, halves[0].buckets, sizeof(all.buckets));
	qsort(samples, SAMPLES, sizeof(*samples), compare);
	check_quantiles(&halves[0], samples, SAMPLES);
}

static void the_edges_of_a_histogram(void **state)
{
	static struct bench_histogram h;

	(void)state;
	assert_int_equal(bench_histogram_quantile(&h, 0.5), 0);
	assert_true(bench_histogram_mean(&h) == 0);
	for (uint64_t v = 0; v < 512; v++) { /* single values */
		memset(&h, 0, sizeof(h));
		bench_histogram_record(&h, v);
		assert_int_equal(bench_histogram_quantile(&h, 0.5), v);
	}
	bench_histogram_record(&h, UINT64_MAX); /* longer than any: the last bucket */
	assert_int_equal(h.buckets[BENCH_HISTOGRAM_BUCKETS - 1], 1);
	assert_int_equal(bench_histogram_quantile(&h, 0), 511);
}

/* ---- random numbers ---- */

static void zipf_shares_are_zipfs(void **state)
{
	static const double exponents[] = { 0, 0.99, 1.3 };
	static int counts[1000];

	(void)state;
	for (size_t e = 0; e < 3; e++) {
		struct bench_random r = { 3 };
		struct bench_zipf z;
		double sum = 0;

		memset(counts, 0, sizeof(counts));
		assert_int_equal(bench_zipf_init(&z, 1000, exponents[e]), 0);
		for (int i = 0; i < LATEST; i++)
			counts[bench_zipf_draw(&z, &r)]++;
		for (int i = 0; i < 1000; i++)
			sum += pow(i + 1, -exponents[e]);
		for (int i = 0; i < 1000; i++) {
			double want = pow(i + 1, -exponents[e]) / sum * LATEST;

			assert_true(fabs(counts[i] - want) < 6 * sqrt(want) + 1);
		}
		bench_zipf_free(&z);
	}
}

static void etc_sizes_are_as_published(void **state)
{
	struct bench_items t;
	double keys = 0, values = 0;
	uint32_t cut = 0;

	(void)state;
	/* Medians by the distributions' formulas. */
	assert_true(fabs(bench_gev(0.5, 30.8, 8.2, 0.079) - 33.8) < 0.1);
	assert_true(fabs(bench_pareto(0.5, 15, 214.5, 0.348) - 183.1) < 0.1);
	assert_int_equal(bench_items_init(&t, SAMPLES, BENCH_ETC, 0, 0), 0);
	for (uint32_t i = 0; i < t.n; i++) {
		assert_in_range(t.items[i].key_len, BENCH_KEY_MIN, BENCH_KEY_MAX);
		assert_in_range(t.items[i].value_len, 15, 1300);
		keys += t.items[i].key_len;
		values += t.items[i].value_len;
		cut += t.items[i].value_len == 1300;
	}
	assert_true(fabs(keys / t.n - 35.6) < 1);
	assert_true(fabs(values / t.n - 304) < 10);
	assert_in_range(cut, t.n / 100, t.n / 20);
	bench_items_free(&t);
}

/* ---- items ---- */

static void keys_differ(void **state)
{
	char a[BENCH_KEY_MAX], b[BENCH_KEY_MAX];
	struct bench_items t;

	(void)state;
	assert_int_equal(bench_items_init(&t, LATEST, BENCH_FIXED, BENCH_KEY_MIN, 0), 0);
	assert_int_equal(bench_item_key(&t, 12345, a), BENCH_KEY_MIN);
	assert_memory_equal(a, "key-00012345", BENCH_KEY_MIN);
	assert_int_equal(bench_item_key(&t, LATEST - 1, b), BENCH_KEY_MIN);
	assert_memory_equal(b, "key-01000002", BENCH_KEY_MIN);
	bench_items_free(&t);
}

/* Each length of a value; each of its bytes changed; versions too old and too new. */
static void only_its_values_are_an_items(void **state)
{
	char value[64];

	(void)state;
	for (uint32_t len = 0; len < sizeof(value); len++) {
		struct bench_items t;

		assert_int_equal(bench_items_init(&t, 3, BENCH_FIXED, 16, len), 0);
		t.items[1].newest = 1000;
		assert_int_equal(bench_item_value(&t, 1, 990, value), len);
		assert_int_equal(bench_item_is_value(&t, 1, 990, value, len), 1);
		assert_int_equal(bench_item_is_value(&t, 1, 980, value, len), 1);
		assert_int_equal(bench_item_is_value(&t, 1, 990, value, len + 1), 0);
		for (uint32_t i = 0; i < len; i++) {
			value[i] ^= 0x80;
			assert_int_equal(bench_item_is_value(&t, 1, 990, value, len), 0);
			value[i] ^= 0x80;
		}
		/* One letter tells 64 versions apart, none tells nothing. */
		assert_int_equal(bench_item_is_value(&t, 1, 991, value, len), !len);
		bench_item_value(&t, 1, 1001, value);
		assert_int_equal(bench_item_is_value(&t, 1, 990, value, len), !len);
		bench_items_free(&t);
	}
}

/* ---- texts ---- */

static void a_streams_replies_are_told_apart(void **state)
{
	static const char *const whole[] = {
		"END\r\n",
		"STORED\r\n",
		"VALUE key-00000001 0 5\r\nEND\r\n\r\nEND\r\n",
		"VALUE key-00000001 0 0\r\n\r\nEND\r\n",
		"SERVER_ERROR out of memory storing object\r\n",
	};
	static const char *const none[] = { "VALUE key 0 x\r\n", "VALUE key 0 \r\n",
					    "VALUE key 0 99999999999\r\n", "VALUE \n" };

	(void)state;
	for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++) {
		char text[128];
		size_t len = strlen(whole[i]);

		for (size_t n = 0; n < len; n++)
			assert_int_equal(bench_text_reply_len(whole[i], n), 0);
		snprintf(text, sizeof(text), "%sEND\r\n", whole[i]);
		assert_int_equal(bench_text_reply_len(text, strlen(text)), len);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(*none); i++)
		assert_int_equal(bench_text_reply_len(none[i], strlen(none[i])), -1);
}

static void replies_are_judged(void **state)
{
	struct bench_request get = { .item = 7, .kind = BENCH_KIND_GET };
	struct bench_request set = { .item = 7, .kind = BENCH_KIND_SET };
	struct bench_items t;
	char text[128];
	size_t n;

	(void)state;
	assert_int_equal(bench_items_init(&t, 10, BENCH_FIXED, 12, 8), 0);
	t.items[7].newest = 3;
	n = bench_text_request(&t, &get, text);
	assert_int_equal(n, sizeof("get key-00000007\r\n") - 1);
	assert_memory_equal(text, "get key-00000007\r\n", n);
	n = bench_text_request(&t, &set, text);
	assert_memory_equal(text, "set key-00000007 0 0 8\r\nDAAAAA", 29);
	assert_memory_equal(text + n - 2, "\r\n", 2);
	assert_true(n <= bench_text_room(&t));
	assert_int_equal(bench_text_judge(&t, &get, "END\r\n", 5), BENCH_MISS);
	assert_int_equal(bench_text_judge(&t, &set, "END\r\n", 5), BENCH_WRONG);
	assert_int_equal(bench_text_judge(&t, &set, "STORED\r\n", 8), BENCH_STORED);
	assert_int_equal(bench_text_judge(&t, &get, "STORED\r\n", 8), BENCH_WRONG);
	assert_int_equal(bench_text_judge(&t, &get, "SERVER_ERROR x\r\n", 16), BENCH_REFUSED);
	n = (size_t)sprintf(text, "VALUE key-00000007 0 8\r\n");
	n += bench_item_value(&t, 7, 3, text + n);
	n += (size_t)sprintf(text + n, "\r\nEND\r\n");
	get.floor = 3;
	assert_int_equal(bench_text_judge(&t, &get, text, n), BENCH_HIT);
	assert_int_equal(bench_text_judge(&t, &get, text, n - 1), BENCH_WRONG);
	t.items[7].newest = 4;
	get.floor = 4; /* it is old now */
	assert_int_equal(bench_text_judge(&t, &get, text, n), BENCH_WRONG);
	bench_items_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quantiles_are_those_of_sorted_samples),
		cmocka_unit_test(merged_histograms_are_one),
		cmocka_unit_test(the_edges_of_a_histogram),
		cmocka_unit_test(zipf_shares_are_zipfs),
		cmocka_unit_test(etc_sizes_are_as_published),
		cmocka_unit_test(keys_differ),
		cmocka_unit_test(only_its_values_are_an_items),
		cmocka_unit_test(a_streams_replies_are_told_apart),
		cmocka_unit_test(replies_are_judged),
	};

	if (getenv("BMC_TEST_FILTER"))
		cmocka_set_test_filter(getenv("BMC_TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
