// SPDX-License-Identifier: LGPL-2.1-only
/*
 * What a command tells of its item's life: nothing for certain (plain, touch: 0), unless memcached carries it out
 * whatever its version. What it rejects leaves the item, and its time, as they were.
 */
#include "unit.h"

static const struct mc_seed seed = { 1, 2 };

#define VERSION BMC_VERSION_OF(1, 6, 18)
#define NEW BMC_VERSION_OF(1, 6, 45)
#define O31 "0123456789012345678901234567890"

static const struct row {
	uint32_t version;
	const char *text;
	int tells;
	int64_t exptime;
} rows[] = {
	{ 0, "touch k 10\r\n", 1, 10 },
	{ 0, "touch k 10 noreply\r\n", 1, 10 },
	{ 0, "touch k 0\r\n", 1, 0 },
	{ 0, "touch k -5\r\n", 1, -1 },
	{ VERSION, "touch k\r10 20\r\n", 1, 20 },
	{ VERSION, "touch k\r 20 x\r\n", 1, 20 },
	{ VERSION, "gat 10 k\r\n", 1, 10 },
	{ VERSION, "gat +10 k\r\n", 1, 10 },
	{ NEW, "gat 10 k\r\n", 1, 10 },
	{ VERSION, "ms k 5\r\n", 1, 0 },
	{ VERSION, "ms k 5 T30 F4294967 q k c O12\r\n", 1, 30 },
	{ VERSION, "ms k 5 T-1\r\n", 1, -1 },
	{ VERSION, "ms T5 5\r\n", 1, 0 },
	{ VERSION, "ms Tkey 5 T7\r\n", 1, 7 },
	{ NEW, "ms Zm9v 3 b T0\r\n", 1, 0 },
	{ VERSION, "mg k T30\r\n", 1, 30 },
	{ VERSION, "mg k v T0 t s f O1 q\r\n", 1, 0 },
	{ NEW, "mg Zm9v b T30 h l k\r\n", 1, 30 },
	/* rejected, or taken by some only */
	{ VERSION, "touch k\r\n", 0, 0 },
	{ VERSION, "touch k x\r\n", 0, 0 },
	{ VERSION, "touch k noreply\r\n", 0, 0 },
	{ VERSION, "touch k 10 noreply noreply\r\n", 0, 0 },
	{ VERSION, "touch k 10 1 2 3 4 5 6 7 8 9\r\n", 0, 0 },
	{ VERSION, "touch k\r 10 x noreply\r\n", 0, 0 },
	{ NEW, "touch k\r 10 x noreply\r\n", 0, 0 },
	{ VERSION, "gat x k\r\n", 0, 0 },
	{ NEW, "gat +10 k\r\n", 0, 0 },
	{ NEW, "mg k T+30\r\n", 0, 0 },
	{ NEW, "ms k 5 T30\t\r\n", 0, 0 },
	{ VERSION, "mg k T+30\r\n", 1, 30 },
	{ NEW, "gat 10\t k\r\n", 0, 0 },
	{ VERSION, "ms k 5 !\r\n", 0, 0 },
	{ VERSION, "ms k 5 T30 T0\r\n", 0, 0 },
	{ VERSION, "ms k 5 Jx R30 !\r\n", 0, 0 },
	{ VERSION, "ms k 5 E5 -\r\n", 0, 0 },
	{ VERSION, "ms k 5 T\r\n", 0, 0 },
	{ VERSION, "ms k 5 T-\r\n", 0, 0 },
	{ VERSION, "ms k 5 Fx\r\n", 0, 0 },
	{ VERSION, "ms k 5 F\r\n", 0, 0 },
	{ VERSION, "ms k 5 F1 F2\r\n", 0, 0 },
	{ VERSION, "ms k 5 @\r\n", 0, 0 },
	{ VERSION, "ms k 5 \x94\r\n", 0, 0 },
	{ VERSION, "ms k 5 1\r\n", 0, 0 },
	{ VERSION, "ms k 5 F4294967296\r\n", 0, 0 },
	{ VERSION, "ms k 5 O" O31 "x\r\n", 0, 0 },
	{ VERSION, "ms k 5 c c\r\n", 0, 0 },
	{ VERSION, "ms k 5 MA\r\n", 0, 0 },
	{ VERSION, "ms k 5 C1\r\n", 0, 0 },
	{ VERSION, "ms k 5 I\r\n", 0, 0 },
	{ VERSION, "ms k 5 b c k q F1 O1 T1 z\r\n", 0, 0 },
	{ VERSION, "mg k T30 !\r\n", 0, 0 },
	{ VERSION, "mg k T30 T0\r\n", 0, 0 },
	{ VERSION, "mg k T30x\r\n", 0, 0 },
	{ VERSION, "mg k T30 N30\r\n", 0, 0 },
	{ VERSION, "mg k T30 v v\r\n", 0, 0 },
	{ VERSION, "mg k T30 O" O31 "x\r\n", 0, 0 },
	{ 0, "mg k T30\r\n", 0, 0 },
};

static void what_memcached_may_reject_tells_no_life(void **state)
{
	struct bmc_window *win = window_new();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		uint32_t end = window_put(win, 21, row->text, strlen(row->text), '0');
		struct mc_request r;

		memset(&r, 0xa5, sizeof(r));
		r.version = row->version;
		expect(mc_text_request(win, 21, end, &seed, &r) == 0, "%s: not read", row->text);
		if (r.op == MC_OP_LOST) {
			expect(!row->tells, "%s: lost", row->text);
			continue;
		}
		expect((r.op == MC_OP_STORE ? r.plain : r.touch) == row->tells,
		       "%s: plain %u, touch %u", row->text, r.plain, r.touch);
		expect(!row->tells || r.exptime == row->exptime, "%s: %lld", row->text,
		       (long long)r.exptime);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_memcached_may_reject_tells_no_life),
	};

	return cmocka_run_group_tests_name("lives", tests, NULL, NULL) ? 1 : 0;
}
