// SPDX-License-Identifier: LGPL-2.1-only
#include "quiet.h"

#include "cut.h"
#include "hooks.h"
#include "util.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define ROUNDS 4 /* over all of them */
#define ROUND_NS 100000000ULL /* patience with the threads, each time */
#define SINGLES 64 /* looks at one that is busy */
#define SINGLE_NS 400000ULL
#define SINGLES_NS 2000000000ULL /* of all looks at single ones together */

struct search {
	struct bmc_adopt *a;
	struct bmc_olds *olds;
	struct bmc_threads *threads;
	__u8 *looked_at; /* of each: T1 has passed */
};

static int is_open(const struct search *s, size_t i)
{
	const struct bmc_old_one *one = &s->olds->list[i];

	return s->threads[one->server].n && bmc_old_undecided(one);
}

/* How many may still become quiet. */
static size_t count_open(const struct search *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->olds->n; i++)
		n += (size_t)is_open(s, i);
	if (s->a->progress)
		s->a->progress("old connections that are not idle yet", n, s->olds->n);
	return n;
}

/* T1, the threads, T2 for all that are open. */
static void look_at_all(struct search *s)
{
	__u8 wanted[BMC_PORTS_MAX] = { 0 };

	for (size_t i = 0; i < s->olds->n; i++) {
		s->looked_at[i] = is_open(s, i) && bmc_old_look_first(&s->olds->list[i]);
		wanted[s->olds->list[i].server] |= s->looked_at[i];
	}
	for (int i = 0; i < BMC_PORTS_MAX; i++)
		wanted[i] = wanted[i] && !bmc_threads_wait(&s->threads[i], 0, ROUND_NS);
	for (size_t i = 0; i < s->olds->n; i++) {
		if (s->looked_at[i] && wanted[s->olds->list[i].server])
			bmc_old_look_again(&s->olds->list[i]);
	}
}

/* The same for one, and of the threads only the one that serves it, if that is known. */
static void look_at_one(struct search *s, struct bmc_old_one *one)
{
	struct bmc_threads *threads = &s->threads[one->server];
	pid_t thread = bmc_old_thread(one);

	if (!bmc_threads_has(threads, thread))
		thread = 0;
	if (bmc_old_look_first(one) && !bmc_threads_wait(threads, thread, SINGLE_NS))
		bmc_old_look_again(one);
}

/* A client that asks without a pause is quiet for moments only: each one alone, and quickly. */
static void look_at_single_ones(struct search *s)
{
	__u64 until = bmc_clock_ns(CLOCK_MONOTONIC) + SINGLES_NS;

	for (int n = 0; n < SINGLES && count_open(s); n++) {
		for (size_t i = 0; i < s->olds->n; i++) {
			if (bmc_clock_ns(CLOCK_MONOTONIC) >= until)
				return;
			if (is_open(s, i))
				look_at_one(s, &s->olds->list[i]);
		}
	}
}

/*
 * One that is quiet in the middle of a block, or whose command waits for something else than its client: its next bytes are
 * none of a command, whatever they look like, or not the only one. (If memcached does not tell, they are judged by that.)
 */
static void distrust_cut_ones(const struct search *s, int server)
{
	struct bmc_cut cut;
	int n = 0;

	for (size_t i = 0; i < s->olds->n; i++)
		n += s->olds->list[i].server == server;
	if (!n)
		return;
	if (!bmc_cut_connections(s->a, server, &cut)) {
		for (size_t i = 0; i < s->olds->n; i++) {
			const struct bmc_old_one *one = &s->olds->list[i];

			if (one->server == server && bmc_cut_has(&cut, one->owner.fd))
				bmc_old_distrust(one);
		}
	}
	bmc_cut_free(&cut);
}

/*
 * A segment may have met the hook before a candidate was looked at, and TCP after: now it has met both, and its bytes
 * are counted. What was not quiet after all, or never became so, is lost.
 */
static int lose_others(struct search *s)
{
	int err = s->olds->n ? bmc_hooks_wait() : 0;

	for (size_t i = 0; !err && i < s->olds->n; i++) {
		const struct bmc_old_one *one = &s->olds->list[i];

		if (!bmc_old_undecided(one) && bmc_old_still_quiet(one))
			continue;
		bmc_old_lose(one, &s->a->shared->server[one->server]);
	}
	/* what was taken up meanwhile is parsed, or held, before anything is filled */
	return err || !s->olds->n ? err : bmc_hooks_wait();
}

int bmc_quiet_run(struct bmc_adopt *a, struct bmc_olds *olds, struct bmc_threads *threads)
{
	struct search s = { .a = a, .olds = olds, .threads = threads };
	int err;

	s.looked_at = calloc(olds->n + 1, 1);
	if (!s.looked_at)
		return -ENOMEM;
	for (int i = 0; i < ROUNDS && !a->strict && count_open(&s); i++)
		look_at_all(&s);
	if (!a->strict)
		look_at_single_ones(&s);
	for (int i = 0; i < BMC_PORTS_MAX && !a->strict; i++)
		distrust_cut_ones(&s, i);
	err = lose_others(&s);
	free(s.looked_at);
	return err;
}
