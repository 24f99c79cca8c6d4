// SPDX-License-Identifier: LGPL-2.1-only
/* Whose turn it is in a benchmark, what its runner asks of a measure, and how many requests its generator leaves open. Needs root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "wire_abi.h"

#include "echo.skel.h"
#include "place.h"
#include "runner.h"
#include "turns.h"

#define WINDOW 4

volatile int bench_interrupted;

int bench_fail(const char *format, ...)
{
	fail_msg("%s", format);
	return -1;
}

static void turns_go_forth_and_back(void **state)
{
	static const int two[] = { 0, 1, 1, 0, 0, 1, 1, 0 }, three[] = { 0, 1, 2, 2, 1, 0, 0, 1 };

	(void)state;
	for (int i = 0; i < 8; i++) {
		assert_int_equal(bench_turn(1, i), 0);
		assert_int_equal(bench_turn(2, i), two[i]);
		assert_int_equal(bench_turn(3, i), three[i]);
	}
}

/* However many there are, all arms have the same place in time on the whole. */
static void turns_share_what_drifts(void **state)
{
	(void)state;
	for (int n = 1; n <= BENCH_ARMS_MAX; n++) {
		int sums[BENCH_ARMS_MAX] = {};

		for (int i = 0; i < 4 * n; i++)
			sums[bench_turn(n, i)] += i;
		for (int arm = 1; arm < n; arm++)
			assert_int_equal(sums[arm], sums[0]);
	}
}

static void slices_are_short_and_add_up(void **state)
{
	static const double seconds[] = { 0.01, 0.02, 0.3, 0.31, 1, 600 };

	(void)state;
	for (size_t i = 0; i < BENCH_COUNT(seconds); i++) {
		struct bench_slices s;

		bench_slices_make(seconds[i], &s);
		assert_true(s.n >= 1 && s.seconds <= 0.025);
		assert_true(fabs(s.n * s.seconds - seconds[i]) < 1e-9);
	}
}

/* ---- what the runner asks of a measure: letters, each with the arm and the number of its place ---- */

static char calls[4096];

static int call(const struct bench_run *run, char letter)
{
	size_t n = strlen(calls);

	snprintf(calls + n, sizeof(calls) - n, "%c%d%s ", letter, run->arm,
		 strrchr(run->place->name, '-') + 1);
	return 0;
}

static int call_enter(struct bench_run *run)
{
	return call(run, 'e');
}

static int call_leave(struct bench_run *run)
{
	return call(run, 'l');
}

static int call_begin(struct bench_run *run)
{
	return call(run, 'b');
}

static int call_slice(struct bench_run *run, double seconds)
{
	assert_true(seconds > 0 && seconds <= run->options->seconds);
	return call(run, 's');
}

static int call_run(struct bench_run *run, double *ret_values)
{
	ret_values[0] = run->arm;
	return call(run, 'r');
}

static int call_failing(struct bench_run *run)
{
	call(run, 'e');
	return run->arm ? -1 : 0;
}

static int run_calls(const struct bench_measure *m, int rounds)
{
	const struct bench_options options = {
		.rounds = rounds, .seconds = 0.01, .cases = "*", .bmcctl = "bmcctl"
	};
	struct bench_figures f;
	int err;

	calls[0] = 0;
	err = bench_run_measure(m, &options, &f);
	if (!err)
		assert_true(*bench_figures_at(&f, 0, 1, 0, rounds - 1) == 1);
	bench_figures_free(&f);
	return err;
}

static void arms_come_one_after_another_or_all_at_once(void **state)
{
	struct bench_measure m = { .name = "m",
				   .arms = { "theirs", "ours" },
				   .cases = { "a" },
				   .metrics = { { .name = "arm", .unit = "1" } },
				   .enter = call_enter,
				   .leave = call_leave,
				   .run = call_run };

	(void)state;
	assert_int_equal(run_calls(&m, 2), 0);
	assert_string_equal(calls, "e00 r00 l00 e10 r10 l10 e10 r10 l10 e00 r00 l00 ");
	m.begin = call_begin;
	m.slice = call_slice;
	assert_int_equal(run_calls(&m, 2), 0);
	assert_string_equal(calls, "e00 e11 b00 b11 s00 s11 s11 s00 r00 r11 l11 l00 "
				   "e10 e01 b10 b01 s10 s01 s01 s10 r10 r01 l01 l10 ");
	m.enter = call_failing;
	assert_int_equal(run_calls(&m, 1), -1);
	assert_string_equal(calls, "e00 e11 l11 l00 ");
}

/* One run of the generator. -> whether it sent a request */
static int is_sent(struct echo_bpf *skel)
{
	unsigned char packet[BENCH_FRAME_LEN] = {};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet));

	assert_int_equal(bpf_prog_test_run_opts(bpf_program__fd(skel->progs.generate), &opts), 0);
	return opts.retval == XDP_TX;
}

/* A window that had not heard of any reply took its first requests for lost, and sent as many again. */
static void a_window_without_replies_is_sent_once(void **state)
{
	struct echo_bpf *skel = echo_bpf__open_and_load();

	(void)state;
	assert_non_null(skel);
	skel->bss->window.most = WINDOW;
	skel->bss->window.cpus = (__u64)libbpf_num_possible_cpus();
	for (int i = 0; i < BENCH_CPUS_MAX; i++)
		skel->bss->counts[i].mask = BENCH_FRAMES - 1;
	for (int i = 0; i < WINDOW; i++)
		assert_true(is_sent(skel));
	for (int i = 0; i < 2 * BENCH_SKIP; i++)
		assert_false(is_sent(skel));
	echo_bpf__destroy(skel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(turns_go_forth_and_back),
		cmocka_unit_test(turns_share_what_drifts),
		cmocka_unit_test(slices_are_short_and_add_up),
		cmocka_unit_test(arms_come_one_after_another_or_all_at_once),
		cmocka_unit_test(a_window_without_replies_is_sent_once),
	};

	if (getenv("BMC_TEST_FILTER"))
		cmocka_set_test_filter(getenv("BMC_TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
