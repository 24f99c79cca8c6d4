// SPDX-License-Identifier: LGPL-2.1-only
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#define BMC_VLAN_TAGS_MAX 2 /* that are looked behind */
#define STAT_NAME(id, name, text) name,

char long_key[BMC_KEY_MAX + 1];
static char bytes256[256], filler[BMC_TEXT_MAX], ones[301];

#define TEXT(s) .data = (s), .len = sizeof(s) - 1
struct item items[ITEM_COUNT] = {
	[ITEM_ABC] = { .key = "abc", .flags = "0", TEXT("x") },
	[ITEM_EVEN] = { .key = "k1", .flags = "7", TEXT("12345") },
	[ITEM_ODD] = { .key = "k2", .flags = "7", TEXT("123456") },
	[ITEM_ODD2] = { .key = "k3", .flags = "7", TEXT("abcdefgh") },
	[ITEM_EMPTY] = { .key = "empty", .flags = "0", TEXT("") },
	[ITEM_LINES] = { .key = "lines", .flags = "0", TEXT("\r\n\nget abc\r\n\r\r\n\n") },
	[ITEM_NULS] = { .key = "nuls", .flags = "1", .data = bytes256, .len = sizeof(bytes256) },
	[ITEM_END] = { .key = "end",
		       .flags = "0",
		       TEXT("\r\nEND\r\nVALUE abc 0 1\r\ny\r\nEND\r\n") },
	[ITEM_LONG_KEY] = { .key = long_key, .flags = "0", TEXT("long") },
	[ITEM_100] = { .key = "v100", .flags = "0", .data = filler, .len = 100 },
	[ITEM_1000] = { .key = "v1000", .flags = "0", .data = filler, .len = 1000 },
	[ITEM_1300] = { .key = "v1300", .flags = "0", .data = filler, .len = 1300 },
	/* "VALUE full 0 1366\r\n": 19; "\r\n": 2; "END\r\n": 5 */
	[ITEM_1392] = { .key = "full", .flags = "0", .data = filler, .len = BMC_TEXT_MAX - 26 },
	[ITEM_700] = { .key = "half", .flags = "0", .data = filler, .len = 700 },
	[ITEM_FLAGS] = { .key = "flags", .flags = "4294967295", TEXT("f") },
	[ITEM_ONES] = { .key = "ones", .flags = "0", .data = ones, .len = sizeof(ones) },
	[ITEM_HIGH] = { .key = "\xff\x80\x7f\xa0!", .flags = "0", TEXT("high") },
};

static void make_items(void)
{
	for (int i = 0; i < BMC_KEY_MAX; i++)
		long_key[i] = (char)('!' + i % 90);
	for (size_t i = 0; i < sizeof(bytes256); i++)
		bytes256[i] = (char)i;
	for (size_t i = 0; i < sizeof(filler); i++)
		filler[i] = (char)(i * 31 + i / 256);
	memset(ones, 0xff, sizeof(ones));
}

void fixture_fill_for(const struct harness *h, const struct pkt *request)
{
	const struct pkt at = { .family = request->family,
				.tags = request->tags > BMC_VLAN_TAGS_MAX ? 0 : request->tags,
				.outer_tag = request->outer_tag };

	/* of one key there are a few addresses at most */
	harness_forget(h);
	for (int i = 0; i < ITEM_COUNT; i++)
		harness_fill(h, &items[i], &at);
}

void fixture_fill(const struct harness *h, int family)
{
	fixture_fill_for(h, &(struct pkt){ .family = family });
}

int fixture_open(struct harness *h, uint64_t max_age_ns, uint32_t test)
{
	int err;

	make_items();
	err = harness_open(h, max_age_ns, test | BMC_TEST_STAMP);
	if (err) {
		print_error("the programs cannot be loaded: %s\n", strerror(-err));
		return -1;
	}
	fixture_fill(h, 4);
	return 0;
}

static const struct item *find_item(const char *key, size_t len)
{
	for (int i = 0; i < ITEM_COUNT; i++)
		if (strlen(items[i].key) == len && !memcmp(items[i].key, key, len))
			return &items[i];
	return NULL;
}

size_t fixture_reply(const char *keys, char *ret, size_t size)
{
	size_t at = 0;

	while (*keys) {
		size_t len = strcspn(keys, " ");
		const struct item *item = find_item(keys, len);

		expect(item, "no item '%.*s'", (int)len, keys);
		at += item_text(item, ret + at, size - at - 5);
		keys += len + (keys[len] == ' ');
	}
	memcpy(ret + at, "END\r\n", 5);
	return at + 5;
}

static size_t count_keys(const char *keys)
{
	size_t n = 0;

	while (*keys) {
		size_t len = strcspn(keys, " ");

		n++;
		keys += len + (keys[len] == ' ');
	}
	return n;
}

static void want_counters(struct bmc_totals *want, enum outcome outcome, size_t n_keys,
			  size_t text_len)
{
	static const enum bmc_stat last[] = {
		[HIT] = BMC_STAT_HITS,	       [MISS] = BMC_STAT_MISSES,
		[FORM] = BMC_STAT_PASS_FORM,   [CHECKSUM] = BMC_STAT_PASS_CHECKSUM,
		[LARGE] = BMC_STAT_PASS_LARGE, [RACE] = BMC_STAT_PASS_RACE,
	};

	if (outcome == FOREIGN)
		return;
	want->count[BMC_STAT_REQUESTS]++;
	want->count[last[outcome]]++;
	if (outcome == FORM || outcome == CHECKSUM)
		return;
	want->count[BMC_STAT_GETS]++;
	want->count[BMC_STAT_KEYS] += n_keys;
	if (outcome == HIT) {
		want->count[BMC_STAT_HIT_KEYS] += n_keys;
		want->count[BMC_STAT_HIT_BYTES] += text_len;
	}
}

void fixture_expect(const struct harness *h, const char *name, const struct pkt *request,
		    enum outcome outcome, const char *keys)
{
	static const char *const names[] = { BMC_STATS(STAT_NAME) };
	struct bmc_totals want, got;
	static char text[65536];
	__u64 reasons = 0;
	size_t len = 0, n_keys;

	if (!keys)
		keys = "";
	n_keys = count_keys(keys);
	harness_stats(h, &want);
	if (outcome == HIT) {
		len = fixture_reply(keys, text, sizeof(text));
		harness_expect_hit(h, name, request, text, len);
	} else {
		harness_expect_pass(h, name, request);
	}
	if (outcome == PASSED)
		return;
	want_counters(&want, outcome, n_keys, len);
	harness_stats(h, &got);
	/* why an item that is there is not served: at most one reason a miss */
	for (int i = BMC_STAT_MISS_EPOCH; i <= BMC_STAT_MISS_BUSY; i++) {
		reasons += got.count[i] - want.count[i];
		want.count[i] = got.count[i];
	}
	expect(reasons <= (outcome == MISS), "%s: %llu reasons for a miss", name,
	       (unsigned long long)reasons);
	for (int i = 0; i < BMC_STAT_COUNT; i++)
		expect(got.count[i] == want.count[i], "%s: counter '%s' is off by %lld", name,
		       names[i], (long long)(got.count[i] - want.count[i]));
}
