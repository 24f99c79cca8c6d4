// SPDX-License-Identifier: LGPL-2.1-only
/* mc_meta.h: every flag, every form; keys in base64. */
#include "unit.h"

static const struct mc_seed seed = { 1, 2 };

#define VERSION BMC_VERSION_OF(1, 6, 18)
#define OLD BMC_VERSION_OF(1, 6, 9)
#define NEW BMC_VERSION_OF(1, 6, 45)
#define A50 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A250 A50 A50 A50 A50 A50
#define ANY ((const char *)-1)

static const struct row {
	uint32_t version;
	const char *text;
	enum mc_op op;
	const char *key; /* NULL: not looked at */
	uint64_t block;
	int silent;
	int plain;
	int64_t exptime;
} rows[] = {
	/* mg: flags that read */
	{ 0, "mg k\r\n", MC_OP_OTHER, NULL, 0, 0, 0, 0 },
	{ 0, "mg k v f s t c k h l u Oab Pxx Ly\r\n", MC_OP_OTHER, NULL, 0, 0, 0, 0 },
	{ 0, "mg k q v\r\n", MC_OP_OTHER, NULL, 0, 1, 0, 0 },
	{ 0, "mg k R30 v\r\n", MC_OP_OTHER, NULL, 0, 0, 0, 0 },
	{ 0, "mg q\r\n", MC_OP_OTHER, NULL, 0, 0, 0, 0 },
	{ 0, "mg Zm9v b v\r\n", MC_OP_OTHER, NULL, 0, 0, 0, 0 },
	{ 0, "mg\r\n", MC_OP_OTHER, NULL, 0, 0, 0, 0 },
	{ 0, "mg \r\n", MC_OP_OTHER, NULL, 0, 0, 0, 0 },
	/* ... and that write, or are not known */
	{ 0, "mg k N30 v\r\n", MC_OP_CHANGE, "k", 0, 0, 0, 0 },
	{ 0, "mg k T30\r\n", MC_OP_CHANGE, "k", 0, 0, 0, 0 },
	{ 0, "mg k v T30 q\r\n", MC_OP_CHANGE, "k", 0, 1, 0, 0 },
	{ 0, "mg k E17 N0\r\n", MC_OP_CHANGE, "k", 0, 0, 0, 0 },
	{ 0, "mg k Z\r\n", MC_OP_CHANGE, "k", 0, 0, 0, 0 },
	{ 0, "mg k 5\r\n", MC_OP_CHANGE, "k", 0, 0, 0, 0 },
	{ 0, "mg Zm9v T30 b\r\n", MC_OP_CHANGE, "foo", 0, 0, 0, 0 },
	{ 0, "mg " A250 "a T30\r\n", MC_OP_OTHER, NULL, 0, 0, 0, 0 },
	/* md, ma, me, mn */
	{ 0, "md k\r\n", MC_OP_CHANGE, "k", 0, 0, 0, 0 },
	{ 0, "md k q I T30 C12 x O1 k E5\r\n", MC_OP_CHANGE, "k", 0, 1, 0, 0 },
	{ 0, "md q\r\n", MC_OP_CHANGE, "q", 0, 0, 0, 0 },
	{ 0, "md Zm8= b\r\n", MC_OP_CHANGE, "fo", 0, 0, 0, 0 },
	{ 0, "md k Opaque-b\r\n", MC_OP_CHANGE, "k", 0, 0, 0, 0 },
	{ 0, "md\r\n", MC_OP_OTHER, NULL, 0, 0, 0, 0 },
	{ 0, "md " A250 "a\r\n", MC_OP_OTHER, NULL, 0, 0, 0, 0 },
	{ 0, "ma k\r\n", MC_OP_CHANGE, "k", 0, 0, 0, 0 },
	{ 0, "ma k N0 J5 D2 MD q\r\n", MC_OP_CHANGE, "k", 0, 1, 0, 0 },
	{ 0, "ma Zg== b N0\r\n", MC_OP_CHANGE, "f", 0, 0, 0, 0 },
	{ VERSION, "me k\r\n", MC_OP_OTHER, NULL, 0, 0, 0, 0 },
	{ VERSION, "me Zm9v b\r\n", MC_OP_OTHER, NULL, 0, 0, 0, 0 },
	{ 0, "mn\r\n", MC_OP_MN, NULL, 0, 0, 0, 0 },
	{ 0, "mx k\r\n", MC_OP_OTHER, NULL, 0, 0, 0, 0 },
	/* ms */
	{ VERSION, "ms k 5\r\n", MC_OP_STORE, "k", 7, 0, 1, 0 },
	{ VERSION, "ms k 5 \n", MC_OP_STORE, "k", 7, 0, 1, 0 },
	{ VERSION, "ms k 0 T30 F5\r\n", MC_OP_STORE, "k", 2, 0, 1, 30 },
	{ VERSION, "ms k 5 T-1 q\r\n", MC_OP_STORE, "k", 7, 1, 1, -1 },
	{ VERSION, "ms k 5 MS\r\n", MC_OP_STORE, "k", 7, 0, 0, 0 },
	{ VERSION, "ms k 5 MA N30 k c O1\r\n", MC_OP_STORE, "k", 7, 0, 0, 0 },
	{ VERSION, "ms k 5 C17 I\r\n", MC_OP_STORE, "k", 7, 0, 0, 0 },
	{ VERSION, "ms k 5 Tx\r\n", MC_OP_STORE, "k", 7, 0, 0, 0 },
	{ VERSION, "ms k 5 M Z x\r\n", MC_OP_STORE, "k", 7, 0, 0, 0 },
	{ VERSION, "ms Zm9v 3 b\r\n", MC_OP_STORE, "foo", 5, 0, 1, 0 },
	{ VERSION, "ms b 3\r\n", MC_OP_STORE, "b", 5, 0, 1, 0 },
	{ VERSION, "ms k 2147483645\r\n", MC_OP_STORE, "k", 2147483647, 0, 1, 0 },
	/* ms that may be rejected, so that the item keeps its time */
	{ VERSION, "ms k 5 T30 c k f h l s t u v O12 Lx P\r\n", MC_OP_STORE, "k", 7, 0, 0, 30 },
	{ VERSION, "ms k 5 T30 c k O12 q F7\r\n", MC_OP_STORE, "k", 7, 1, 1, 30 },
	{ VERSION, "ms k 5 c k f h l s t u v L P T30\r\n", MC_OP_STORE, "k", 7, 0, 1, 30 },
	{ VERSION, "ms k 5 q q\r\n", MC_OP_STORE, "k", 7, 1, 0, 0 },
	{ VERSION, "ms k 5 T30 T31\r\n", MC_OP_STORE, "k", 7, 0, 0, 31 },
	{ VERSION, "ms k 5 T30 Fx\r\n", MC_OP_STORE, "k", 7, 0, 0, 30 },
	{ VERSION, "ms k 5 T30 F\r\n", MC_OP_STORE, "k", 7, 0, 0, 30 },
	{ VERSION, "ms k 5 F123456789\r\n", MC_OP_STORE, "k", 7, 0, 0, 0 },
	{ VERSION, "ms k 5 Opaque\r\n", MC_OP_STORE, "k", 7, 0, 0, 0 },
	{ VERSION, "ms k 5 !\r\n", MC_OP_STORE, "k", 7, 0, 0, 0 },
	/* ms that is rejected before its size is known: what follows is the next line */
	{ VERSION, "ms\r\n", MC_OP_OTHER, NULL, 0, 0, 0, 0 },
	{ VERSION, "ms k\r\n", MC_OP_OTHER, NULL, 0, 0, 0, 0 },
	{ VERSION, "ms k S5 T0\r\n", MC_OP_OTHER, NULL, 0, 0, 0, 0 },
	{ VERSION, "ms k -1\r\n", MC_OP_OTHER, NULL, 0, 0, 0, 0 },
	{ VERSION, "ms k 2147483646\r\n", MC_OP_OTHER, NULL, 0, 0, 0, 0 },
	{ VERSION, "ms " A250 "a 5\r\n", MC_OP_OTHER, NULL, 0, 0, 0, 0 },
	{ VERSION, "ms k 1 a c d e f g h i j k l m n o p r s\r\n", MC_OP_OTHER, NULL, 0, 0, 0, 0 },
	{ VERSION, "ms k 1 a c d e f g h i j k l m n o p r\r\n", MC_OP_STORE, "k", 3, 0, 0, 0 },
	{ VERSION, "ms k \t5\r\n", MC_OP_LOST, NULL, 0, 0, 0, 0 },
	/* newer ones: the plain form */
	{ NEW, "ms k 5 T0 q\r\n", MC_OP_STORE, "k", 7, 1, 1, 0 },
	{ NEW, "ms Zm9v 3 b\r\n", MC_OP_STORE, "foo", 5, 0, 1, 0 },
	{ NEW, " ms k 5\r\n", MC_OP_LOST, NULL, 0, 0, 0, 0 },
	{ NEW, "ms k 5 \xff\r\n", MC_OP_LOST, NULL, 0, 0, 0, 0 },
	{ NEW, "ms k 5 -1\r\n", MC_OP_LOST, NULL, 0, 0, 0, 0 },
	{ NEW, " mg k v\r\n", MC_OP_LOST, NULL, 0, 0, 0, 0 },
	{ NEW, " md k\r\n", MC_OP_LOST, NULL, 0, 0, 0, 0 },
	{ VERSION, " md k\r\n", MC_OP_CHANGE, "k", 0, 0, 0, 0 },
	{ NEW, "ms k +5\r\n", MC_OP_LOST, NULL, 0, 0, 0, 0 },
	{ NEW, "ms k\r\n", MC_OP_LOST, NULL, 0, 0, 0, 0 },
	{ NEW, "ms " A250 "a 5\r\n", MC_OP_LOST, NULL, 0, 0, 0, 0 },
	/* in another version it may have no size there */
	{ 0, "ms k 5\r\n", MC_OP_LOST, NULL, 0, 0, 0, 0 },
	{ OLD, "ms k 5\r\n", MC_OP_LOST, NULL, 0, 0, 0, 0 },
	{ OLD, "ms k S5\r\n", MC_OP_LOST, NULL, 0, 0, 0, 0 },
	/* an answer with this key in it (a newline b) has two lines */
	{ 0, "mg YQpi b k\r\n", MC_OP_LOST, NULL, 0, 0, 0, 0 },
	{ 0, "md YQpi k q b\r\n", MC_OP_LOST, NULL, 0, 0, 0, 0 },
	{ VERSION, "ms YQpi 3 b k\r\n", MC_OP_LOST, NULL, 0, 0, 0, 0 },
	{ VERSION, "me YQpi b\r\n", MC_OP_LOST, NULL, 0, 0, 0, 0 },
	{ 0, "mg Zm9 k b\r\n", MC_OP_LOST, NULL, 0, 0, 0, 0 },
	{ 0, "mg YQpi b\r\n", MC_OP_OTHER, NULL, 0, 0, 0, 0 },
	{ 0, "md YQpi b\r\n", MC_OP_CHANGE, "a\nb", 0, 0, 0, 0 },
	{ 0, "mg Zm9v k b\r\n", MC_OP_OTHER, NULL, 0, 0, 0, 0 },
	/* base64 that is not plain: any key */
	{ VERSION, "ms Zm9 3 b\r\n", MC_OP_STORE, ANY, 5, 0, 1, 0 },
	{ 0, "md Zm9v! b\r\n", MC_OP_CHANGE, ANY, 0, 0, 0, 0 },
	{ 0, "md Zm!v b\r\n", MC_OP_CHANGE, ANY, 0, 0, 0, 0 },
	{ 0, "md Z=9v b\r\n", MC_OP_CHANGE, ANY, 0, 0, 0, 0 },
	{ 0, "md Zm9vZ=== b\r\n", MC_OP_CHANGE, ANY, 0, 0, 0, 0 },
	{ 0, "md ==== b\r\n", MC_OP_CHANGE, ANY, 0, 0, 0, 0 },
	{ 0, "md Zg==Zg== b\r\n", MC_OP_CHANGE, ANY, 0, 0, 0, 0 },
};

static uint64_t hash_of(const void *key, size_t len)
{
	static struct bmc_window win;
	struct mc_key k = { 0 };

	memcpy(win.bytes, key, len);
	assert_int_equal(mc_key_hash(&win, 0, (uint32_t)len, &seed, &k), 0);
	return k.hash;
}

static void test_rows(void **state)
{
	struct bmc_window *win = window_new();

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		size_t len = strlen(row->text);
		uint32_t end = window_put(win, 21, row->text, len, 'x');
		struct mc_request r;

		memset(&r, 0xa5, sizeof(r));
		r.version = row->version;
		expect(mc_text_request(win, 21, end, &seed, &r) == 0, "%.40s: not read", row->text);
		expect(r.op == row->op, "%.40s: %u", row->text, r.op);
		if (r.op == MC_OP_LOST)
			continue;
		expect(r.used == len, "%.40s: %u used", row->text, r.used);
		expect(r.block == row->block && r.silent == row->silent, "%.40s", row->text);
		if (r.op == MC_OP_STORE)
			expect(r.plain == row->plain && r.exptime == row->exptime,
			       "%.40s: plain %u, %lld", row->text, r.plain, (long long)r.exptime);
		if (r.op != MC_OP_STORE && r.op != MC_OP_CHANGE)
			continue;
		expect(r.meta && r.any == (row->key == ANY), "%.40s: any %u", row->text, r.any);
		if (row->key && row->key != ANY)
			expect(r.key.hash == hash_of(row->key, strlen(row->key)), "%.40s: its key",
			       row->text);
	}
}

/* Each letter as a flag: mg writes unless it is one that reads; q alone silences. */
static void test_each_flag(void **state)
{
	static const char reads[] = "bcfhklqstuvLOPR";
	struct bmc_window *win = window_new();

	(void)state;
	for (int c = '!'; c < 127; c++) {
		struct mc_request r = { .version = VERSION };
		char text[40];
		size_t len = (size_t)snprintf(text, sizeof(text), "mg Zm9v %c1\r\n", c);

		assert_int_equal(
			mc_text_request(win, 3, window_put(win, 3, text, len, ' '), &seed, &r), 0);
		expect(r.op == (strchr(reads, c) ? MC_OP_OTHER : MC_OP_CHANGE), "mg, flag %c", c);
		expect(r.silent == (c == 'q'), "mg, flag %c: silent", c);
		memcpy(text, "md", 2);
		assert_int_equal(
			mc_text_request(win, 3, window_put(win, 3, text, len, ' '), &seed, &r), 0);
		expect(r.op == MC_OP_CHANGE && r.silent == (c == 'q'), "md, flag %c", c);
		expect(r.key.hash == (c == 'b' ? hash_of("foo", 3) : hash_of("Zm9v", 4)),
		       "md, flag %c: its key", c);
	}
}

static size_t encode(char *at, const uint8_t *bytes, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t n = 0;

	for (size_t i = 0; i < len; i += 3) {
		uint32_t bits = (uint32_t)bytes[i] << 16;

		bits |= i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0;
		bits |= i + 2 < len ? bytes[i + 2] : 0;
		at[n++] = digits[bits >> 18];
		at[n++] = digits[bits >> 12 & 63];
		at[n++] = i + 1 < len ? digits[bits >> 6 & 63] : '=';
		at[n++] = i + 2 < len ? digits[bits & 63] : '=';
	}
	return n;
}

/* Keys of any bytes and any length that fits: the decoded bytes are what is written. */
static void test_base64_keys(void **state)
{
	struct bmc_window *win = window_new();
	uint64_t s = 3;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		size_t n = 1 + roll(&s, 186), len;
		struct mc_request r = { 0 };
		uint8_t bytes[200];
		char text[300];

		for (size_t k = 0; k < n; k++)
			bytes[k] = (uint8_t)roll(&s, 256);
		memcpy(text, "md ", 3);
		len = 3 + encode(text + 3, bytes, n);
		memcpy(text + len, " b\r\n", 4);
		mc_text_request(win, 9, window_put(win, 9, text, len + 4, 'A'), &seed, &r);
		assert_int_equal(r.op, MC_OP_CHANGE);
		assert_int_equal(r.any, 0);
		assert_int_equal(r.key.len, n);
		assert_true(r.key.hash == hash_of(bytes, n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_each_flag),
		cmocka_unit_test(test_base64_keys),
	};

	return cmocka_run_group_tests_name("mc_meta.h", tests, NULL, NULL) ? 1 : 0;
}
