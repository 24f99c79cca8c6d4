// SPDX-License-Identifier: LGPL-2.1-only
/*
 * Guards of hits and fills, each switched off (bmc_mutants.h): what the other tests of this folder ask for does not
 * hold any more, and with the guard it does.
 */
#include "race.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bmc_mutants.h"
#include "mc_hash.h"

#define RACE_SECONDS 60.0 /* at the most: two CPUs to itself it takes less than one */
#define RACE_RIGHT_SECONDS 1.0
#define MET_BITS 0x3ffffU /* of the hash: tag and group of slots */
#define AGE_NS 20000000ULL

static struct harness h;

/* 1: something is wrong with what the programs do. */
typedef int (*wrong_fn)(int guarded);

struct row {
	const char *name;
	enum bmc_mutant mutant;
	wrong_fn wrong;
	uint64_t max_age_ns;
};

/* ---- races ---- */
static int torn_hit(int guarded)
{
	struct race_result r;

	race_run(&h, 4, guarded ? RACE_RIGHT_SECONDS : RACE_SECONDS, &r);
	expect(!r.err, "BPF_PROG_RUN: %s", strerror(-r.err));
	return r.wrong != NULL;
}

static int torn_fill(int guarded)
{
	struct race_result r;

	race_fills(&h, guarded ? RACE_RIGHT_SECONDS : RACE_SECONDS, &r);
	expect(!r.err, "BPF_PROG_RUN: %s", strerror(-r.err));
	return r.wrong != NULL;
}

/* ---- one packet after the other ---- */
static void fill(const char *key)
{
	const struct item item = { .key = key, .flags = "0", .data = "x", .len = 1 };
	const struct pkt at = { .family = 4 };

	harness_fill(&h, &item, &at);
}

static int is_cached(const char *key, const struct pkt *where)
{
	return harness_is_cached(&h, key, where) != 0;
}

static int served_too_long(int guarded)
{
	const struct timespec pause = { .tv_nsec = 2 * AGE_NS };
	const struct pkt at = { .family = 4 };

	(void)guarded;
	fill("old");
	nanosleep(&pause, NULL);
	return is_cached("old", &at);
}

static int served_at_another_address(int guarded)
{
	const struct pkt there = { .family = 4, .server = "10.0.0.77" };

	(void)guarded;
	fill("here");
	return is_cached("here", &there);
}

/* The answer to gets: its fourth number is not part of a get's. */
static int filled_from_gets(int guarded)
{
	const struct pkt reply = { .family = 4,
				   .from_server = 1,
				   .text = "VALUE unique 0 1 42\r\nx\r\nEND\r\n" };
	const struct pkt at = { .family = 4 };
	struct run run;

	(void)guarded;
	harness_reply(&h, &reply, HARNESS_MARK, &run);
	return is_cached("unique", &at);
}

static uint32_t tag_of(const char *key)
{
	const uint64_t words[2] = HARNESS_SEED;
	const struct mc_seed seed = { words[0], words[1] };
	static struct bmc_window win;
	struct mc_key found;

	snprintf((char *)win.bytes, 64, "%s ", key);
	return mc_key_scan(&win, 0, &seed, &found) ? 0 : (uint32_t)found.hash & MET_BITS;
}

/* One bucket has two keys of one length, tag and group. */
static int another_keys_item(int guarded)
{
	const struct pkt at = { .family = 4 };
	char key[16];

	(void)guarded;
	harness_close(&h);
	assert_int_equal(harness_open_buckets(&h, 1, 0), 0);
	fill("p0000000");
	for (unsigned int i = 1; i < 16 * MET_BITS; i++) {
		snprintf(key, sizeof(key), "p%07u", i);
		if (tag_of(key) == tag_of("p0000000"))
			return is_cached(key, &at);
	}
	fail_msg("no two keys of one tag");
	return 0;
}

static const struct row rows[] = {
	{ "NO_SECOND_SEQ", BMC_MUT_NO_SECOND_SEQ, torn_hit, HARNESS_FOREVER_NS },
	{ "NO_ODD", BMC_MUT_NO_ODD, torn_hit, HARNESS_FOREVER_NS },
	{ "ODD_READ", BMC_MUT_ODD_READ, torn_hit, HARNESS_FOREVER_NS },
	{ "WAY_SHARED", BMC_MUT_WAY_SHARED, torn_fill, HARNESS_FOREVER_NS },
	{ "NO_UNTIL", BMC_MUT_NO_UNTIL, served_too_long, AGE_NS },
	{ "NO_ADDRESS", BMC_MUT_NO_ADDRESS, served_at_another_address, HARNESS_FOREVER_NS },
	{ "NO_FORM", BMC_MUT_NO_FORM, filled_from_gets, HARNESS_FOREVER_NS },
	{ "NO_KEY", BMC_MUT_NO_KEY, another_keys_item, HARNESS_FOREVER_NS },
};

static void run(void **state)
{
	const struct row *row = *state;

	for (int guarded = 0; guarded < 2; guarded++) {
		int wrong;

		harness_mutants = guarded ? 0 : 1ULL << row->mutant;
		assert_int_equal(harness_open(&h, row->max_age_ns, BMC_TEST_STAMP), 0);
		wrong = row->wrong(guarded);
		harness_close(&h);
		harness_mutants = 0;
		expect(wrong == !guarded, "%s the guard: %s", guarded ? "with" : "without",
		       wrong ? "wrong" : "nothing is wrong");
	}
}

int main(void)
{
	return RUN_ROWS("guards switched off", rows, run, NULL, NULL) ? 1 : 0;
}
