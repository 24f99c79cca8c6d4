// SPDX-License-Identifier: LGPL-2.1-only
/*
 * Two buckets in which items of every size come and go, from more addresses than a key may have: what lies there is in
 * order, whatever is answered is the key's last value, and items come in as well in the end as in the beginning.
 * An argument is another seed.
 */
#include "harness.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdio.h>
#include <string.h>

#include "bmc.skel.h"
#include "bmc_bucket.h"
#include "mc_hash.h"

#define KEYS 400
#define STEPS 30000
#define LOOKED_EVERY 8
#define DATA_MAX 1366
#define BUCKETS 2
#define HOT 30 /* keys of which most are asked */
#define DUEL_MAX 2048 /* of bmc_shared.duel */
#define VERDICT_XDP_TX 3
#define SHOWN_EVERY 5000

static struct harness h;
static uint64_t seed = 20261130;

static struct {
	char name[BMC_KEY_MAX + 1];
	uint64_t hash;
	unsigned int value; /* its number; 0: none */
	size_t len;
} keys[KEYS];

static uint32_t roll(uint32_t n)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)((seed >> 33) % n);
}

static void make_keys(void)
{
	const uint64_t words[2] = HARNESS_SEED;
	const struct mc_seed mc_seed = { words[0], words[1] };
	static struct bmc_window win;
	struct mc_key found = { 0 };

	for (int i = 0; i < KEYS; i++) {
		size_t len = roll(8) ? 6 + roll(60) : 6 + roll(BMC_KEY_MAX - 5);

		memset(keys[i].name, 'a' + i % 26, len);
		snprintf(keys[i].name, 7, "%06d", i);
		keys[i].name[6] = 'k';
		keys[i].name[len] = 0;
		memset(&win, 0, sizeof(win));
		memcpy(win.bytes, keys[i].name, len);
		assert_int_equal(mc_key_scan(&win, 0, &mc_seed, &found), 0);
		assert_int_equal(found.len, len);
		keys[i].hash = found.hash;
	}
}

static size_t text_of(int i, char *ret)
{
	static char data[DATA_MAX];
	struct item item = { .key = keys[i].name, .data = data, .len = keys[i].len };
	char flags[16];

	snprintf(flags, sizeof(flags), "%u", keys[i].value);
	item.flags = flags;
	for (size_t n = 0; n < item.len; n++)
		data[n] = (char)(keys[i].value * 31 + n * 7);
	return item_text(&item, ret, 4096);
}

/* Most ask at the first one. */
static const struct pkt where[] = {
	{ .family = 4 },
	{ .family = 6 },
	{ .family = 4, .server = "10.0.0.3" },
	{ .family = 4, .server = "10.0.0.4" },
	{ .family = 4, .server = "10.0.0.5" },
};
#define ADDRESSES (sizeof(where) / sizeof(where[0]))

static size_t random_len(size_t key_len)
{
	/* VALUE key flags bytes\r\n, \r\nEND\r\n */
	size_t most = BMC_TEXT_MAX - (6 + key_len + 1 + 10 + 1 + 4 + 2) - 7;

	switch (roll(8)) {
	case 0:
		return 0;
	case 1:
		return most - roll(3);
	case 2:
	case 3:
		return roll((uint32_t)most);
	case 4:
		return 200 + roll(500);
	default:
		return roll(120);
	}
}

static struct bmc_bucket b;

static void read_bucket(uint32_t index)
{
	assert_int_equal(bpf_map_lookup_elem(bpf_map__fd(h.skel->maps.bmc_buckets), &index, &b), 0);
}

static uint32_t place_of(uint32_t slot)
{
	return b.group[slot / BMC_GROUP_SLOTS].at[slot % BMC_GROUP_SLOTS];
}

/* Those that have units lie one behind the other. Returns them, a bit each. */
static uint64_t look_at_order(int step)
{
	uint32_t behind = 0;
	uint64_t seen = 0;

	expect(b.n_order <= BMC_SLOTS && b.used <= BMC_DATA / BMC_UNIT,
	       "step %d: %u slots, %u units", step, b.n_order, b.used);
	for (int i = 0; i < b.n_order; i++) {
		uint32_t slot = b.order[i] % BMC_SLOTS;

		expect(!(seen >> slot & 1), "step %d: slot %u twice", step, slot);
		expect(b.size[slot] && place_of(slot) >= behind,
		       "step %d: slot %u is at %u, not %u", step, slot, place_of(slot), behind);
		seen |= 1ULL << slot;
		behind = place_of(slot) + b.size[slot];
	}
	expect(behind <= b.used, "step %d: %u units of %u", step, behind, b.used);
	return seen;
}

static void look_at_entry(int step, uint32_t slot)
{
	const struct bmc_entry *e = (const void *)(b.data + (size_t)place_of(slot) * BMC_UNIT);

	expect(sizeof(*e) + e->text_len + 5 <= (size_t)b.size[slot] * BMC_UNIT,
	       "step %d: slot %u: a text of %u in %u units", step, slot, e->text_len, b.size[slot]);
	expect(!memcmp(e->text, "VALUE ", 6) &&
		       !memcmp(e->text + e->text_len - 2, "\r\nEND\r\n", 7),
	       "step %d: slot %u has no item", step, slot);
}

static void look(int step)
{
	for (uint32_t i = 0; i < BUCKETS; i++) {
		uint64_t units;

		read_bucket(i);
		expect(!(b.seq & 1), "step %d: seq is odd", step);
		units = look_at_order(step);
		for (uint32_t slot = 0; slot < BMC_SLOTS; slot++) {
			expect(!b.size[slot] == !(units >> slot & 1),
			       "step %d: slot %u has %u units", step, slot, b.size[slot]);
			if (!(b.valid >> slot & 1))
				continue;
			expect(units >> slot & 1, "step %d: slot %u has no units", step, slot);
			look_at_entry(step, slot);
		}
	}
}

/* As a write does. */
static void forget_key(int i)
{
	uint32_t index = (uint32_t)(((keys[i].hash >> 32) * BUCKETS) >> 32);
	uint32_t group = (uint32_t)(keys[i].hash >> 16) % BMC_GROUPS;
	const struct bmc_slots *slots = &b.group[group];

	read_bucket(index);
	for (uint32_t slot = 0; slot < BMC_GROUP_SLOTS; slot++) {
		if (slots->tag[BMC_TAG_OF_SLOT(slot)] == ((uint16_t)keys[i].hash & 0x7fff))
			b.valid &= ~(1ULL << (group * BMC_GROUP_SLOTS + slot));
	}
	assert_int_equal(
		bpf_map_update_elem(bpf_map__fd(h.skel->maps.bmc_buckets), &index, &b, BPF_ANY), 0);
}

static unsigned int ask(int i, const struct pkt *at, int step)
{
	struct pkt get = *at;
	char line[300], text[4096];
	struct frame f;
	struct run run;
	const char *wrong;
	size_t len;

	get.text = line;
	get.text_len = (size_t)snprintf(line, sizeof(line), "get %s\r\n", keys[i].name);
	pkt_build(&get, &f);
	harness_xdp(&h, &f, &run);
	if (run.verdict != VERDICT_XDP_TX)
		return 0;
	expect(keys[i].value, "step %d: key %d was never filled", step, i);
	len = text_of(i, text);
	memcpy(text + len, "END\r\n", 5);
	wrong = pkt_check_reply(&f, &run.out, text, len + 5);
	expect(!wrong, "step %d: key %d: %s", step, i, wrong);
	return 1;
}

static void fill(int i, const struct pkt *at)
{
	struct pkt reply = *at;
	char text[4096];
	struct run run;

	reply.text = text;
	reply.text_len = text_of(i, text);
	if (roll(4)) {
		memcpy(text + reply.text_len, "END\r\n", 5);
		reply.text_len += 5;
	}
	harness_reply(&h, &reply, HARNESS_MARK, &run);
}

/* A write, whose value the next reply has. */
static void change(int i, int step)
{
	forget_key(i);
	keys[i].value = roll(10) ? (unsigned int)step + 1 : 0xffffffffU;
	if (roll(3) || !keys[i].len)
		keys[i].len = random_len(strlen(keys[i].name));
}

static unsigned int run_step(int step)
{
	int i = (int)roll(roll(3) ? HOT : KEYS);
	const struct pkt *at = &where[roll(4) ? 0 : roll(ADDRESSES)];
	unsigned int hit;

	if (!keys[i].value || !roll(10))
		change(i, step);
	if (!roll(2000))
		h.shared->server[0].epoch++;
	if (!roll(500))
		h.shared->duel = roll(2) ? DUEL_MAX : -DUEL_MAX;
	hit = ask(i, at, step);
	if (!hit || !roll(50))
		fill(i, at);
	if (step % LOOKED_EVERY == 0)
		look(step);
	return hit;
}

static void test_random(void **state)
{
	unsigned int hits = 0;
	struct bmc_totals stats;

	(void)state;
	make_keys();
	for (int step = 0; step < STEPS; step++) {
		hits += run_step(step);
		if ((step + 1) % SHOWN_EVERY)
			continue;
		print_message("%u of %d answered\n", hits, SHOWN_EVERY);
		assert_in_range(hits, SHOWN_EVERY / 8, SHOWN_EVERY);
		hits = 0;
	}
	harness_stats(&h, &stats);
	assert_int_equal(stats.count[BMC_STAT_REFUSED_PLACE], 0);
	assert_int_equal(stats.count[BMC_STAT_REFUSED_BUSY], 0);
}

HARNESS_GROUP(h, harness_open_buckets(&h, BUCKETS, 0))

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_random) };

	if (argc > 1)
		seed = strtoull(argv[1], NULL, 0);
	return cmocka_run_group_tests_name("two buckets, all sizes", tests, group_setup,
					   group_teardown) ?
		       1 :
		       0;
}
