// SPDX-License-Identifier: LGPL-2.1-only
/*
 * mc_text.h against memcached's reading (reading.h), on random lines from fixed seeds. No write may go unseen; what
 * is well formed is read exactly; what is not whole is not read.
 */
#include "reading.h"
#include "unit.h"

#define ROUNDS 300000

static const struct mc_seed hash_seed = { 1, 2 };
static uint64_t s;

static const char *pick(const char *const *words, size_t n)
{
	return words[roll(&s, (uint32_t)n)];
}
#define PICK(words) pick(words, sizeof(words) / sizeof((words)[0]))

static const char *const verbs[] = { "set", "add",    "replace",   "append", "prepend",
				     "cas", "delete", "incr",	   "decr",   "touch",
				     "gat", "gats",   "flush_all", "get",    "gets" };
static const char *const others[] = { "quit", "version", "stats", "verbosity", "foo",
				      "se",   "sett",	 "SET",	  "mn",	       "mg",
				      "ms",   "watch",	 "bget",  "" };
static const char *const tokens[] = { "0",	    "1",
				      "-1",	    "5",
				      "100",	    "2147483647",
				      "2147483648", "4294967295",
				      "x",	    "+1",
				      "01",	    "noreply",
				      "NOREPLY",    "k",
				      "key",	    "a.long.key.of.several.words",
				      "9999999999", "18446744073709551615" };
static const char *const spaces[] = { " ", " ", " ", " ", "  ", "    ", "         " };
static const char *const ends[] = { "\r\n", "\r\n", "\r\n", "\n" };

static size_t put(char *at, const char *text)
{
	size_t len = strlen(text);

	memcpy(at, text, len);
	return len;
}

static size_t random_key(char *at)
{
	static const uint32_t sizes[] = { 1, 2, 7, 8, 9, 15, 16, 17, 100, 247, 248, 249, 250 };
	uint32_t len = sizes[roll(&s, sizeof(sizes) / sizeof(sizes[0]))];

	for (uint32_t i = 0; i < len; i++)
		at[i] = (char)(0x21 + roll(&s, 0xdf));
	return len;
}

/* ---- well-formed lines ---- */
static size_t well_formed(char *at)
{
	const char *verb = PICK(verbs);
	size_t len = roll(&s, 4) ? 0 : put(at, PICK(spaces));
	int store = verb[0] == 's' || verb[0] == 'r' || verb[0] == 'p' || verb[0] == 'c' ||
		    !strcmp(verb, "append") || !strcmp(verb, "add");

	len += put(at + len, verb);
	if (strcmp(verb, "flush_all") != 0) {
		len += put(at + len, PICK(spaces));
		if (!strncmp(verb, "gat", 3))
			len += (size_t)sprintf(at + len, "%u%s", roll(&s, 1000), PICK(spaces));
		len += random_key(at + len);
	}
	if (store)
		len += (size_t)sprintf(at + len, "%s%u%s%d%s%u", PICK(spaces), roll(&s, ~0U),
				       PICK(spaces), (int)roll(&s, 100000) - 10, PICK(spaces),
				       roll(&s, 2000000));
	if (!strcmp(verb, "cas"))
		len += (size_t)sprintf(at + len, "%s%u", PICK(spaces), roll(&s, ~0U));
	if (!strcmp(verb, "incr") || !strcmp(verb, "decr") || !strcmp(verb, "touch"))
		len += (size_t)sprintf(at + len, "%s%u", PICK(spaces), roll(&s, ~0U));
	if (verb[0] != 'g' && roll(&s, 3) == 0)
		len += (size_t)sprintf(at + len, "%snoreply", PICK(spaces));
	if (roll(&s, 8) == 0)
		len += put(at + len, PICK(spaces));
	return len + put(at + len, PICK(ends));
}

/* ---- any lines ---- */
static size_t any_line(char *at)
{
	static const char odd[] = { 0,	 1,    '\t', '\r',	 '\n',	     '\r',
				    ' ', 0x1f, 0x7f, (char)0x80, (char)0xff, 'n' };
	size_t len = roll(&s, 4) ? 0 : put(at, PICK(spaces));
	uint32_t n = roll(&s, 8);

	if (roll(&s, 10) == 0)
		len += well_formed(at + len);
	else
		len += put(at + len, roll(&s, 4) ? PICK(verbs) : PICK(others));
	for (uint32_t i = 0; i < n; i++) {
		if (roll(&s, 12))
			len += put(at + len, PICK(spaces));
		len += roll(&s, 12) ? put(at + len, PICK(tokens)) : random_key(at + len);
	}
	if (roll(&s, 10))
		len += put(at + len, PICK(ends));
	while (roll(&s, 3) == 0 && len)
		at[roll(&s, (uint32_t)len)] = odd[roll(&s, sizeof(odd))];
	return len;
}

/* ---- what must hold ---- */

/* The line for a failure's message, unprintable bytes as dots. */
static const char *shown(const char *text, size_t len)
{
	static char out[200];
	size_t n = len < sizeof(out) - 1 ? len : sizeof(out) - 1;

	for (size_t i = 0; i < n; i++)
		out[i] = text[i] == '\n' ? '$' : text[i] < ' ' || text[i] > '~' ? '.' : text[i];
	out[n] = 0;
	return out;
}

static int key_is(const struct bmc_window *win, const struct mc_key *key, const struct token *t)
{
	return key->len == t->len && !memcmp(win->bytes + key->pos, t->at, t->len);
}

/* Keys that no get of ours asks for: longer than a key can be, or with control characters. */
static int never_cached(const struct token *t)
{
	if (t->len > BMC_KEY_MAX)
		return 1;
	for (size_t i = 0; i < t->len; i++)
		if ((unsigned char)t->at[i] < ' ')
			return 1;
	return 0;
}

/* Whether every key that a gat writes is among those that are read from it, or it ends in doubt. */
static int touch_reads_all(const struct bmc_window *win, uint32_t pos, uint32_t end,
			   struct mc_request *r, const struct reading *m)
{
	uint32_t at = pos + r->used;
	size_t seen = 0;

	for (int i = 0; i < READING_TOKENS; i++) {
		int next = mc_text_touch_key(win, at, end, &hash_seed, r);

		if (next < 0)
			return 1;
		if (!next)
			return seen == m->n_keys && r->used == pos + m->used;
		if (seen < m->n_keys && key_is(win, &r->key, &m->key[seen]))
			seen++;
		at = (uint32_t)next;
	}
	return 0;
}

/* No write goes unseen, no line's end is missed. */
static void check_sound(const struct bmc_window *win, uint32_t pos, uint32_t end, const char *text,
			size_t len)
{
	static struct reading m;
	struct mc_request r = { .version = roll(&s, 2) ? BMC_VERSION_OF(1, 6, 18) : 0 };
	int err = mc_text_request(win, pos, end, &hash_seed, &r);

	reading_of(text, len, &m);
	expect(!err == (r.op != MC_OP_NONE), "%s: %d with %u", shown(text, len), err, r.op);
	if (r.op == MC_OP_LOST)
		return;
	expect(!err == !!m.used, "%s: %s", shown(text, len),
	       err ? "not read" : "read without a newline");
	if (err)
		return;
	expect(r.op == MC_OP_TOUCH_GET || r.used == m.used, "%s: %u bytes used", shown(text, len),
	       r.used);
	expect(!r.silent || r.meta || m.silent, "%s: silent", shown(text, len));
	expect(r.op != MC_OP_GET || m.gets, "%s: a get", shown(text, len));
	expect(r.op != MC_OP_QUIT || m.quits, "%s: a quit", shown(text, len));
	expect(r.op != MC_OP_STORE || r.meta || m.stores, "%s: a store", shown(text, len));
	expect(!m.flushes || r.op == MC_OP_FLUSH, "%s: no flush", shown(text, len));
	if (r.any) { /* an unknown version, an odd line */
		expect(r.op == MC_OP_CHANGE && !r.silent, "%s: any key", shown(text, len));
		return;
	}
	if (m.touches && m.n_keys)
		expect(r.op == MC_OP_TOUCH_GET && touch_reads_all(win, pos, end, &r, &m),
		       "%s: gat's keys", shown(text, len));
	if ((m.stores || m.changes) && m.n_keys && !never_cached(&m.key[0]))
		expect((r.op == MC_OP_STORE || r.op == MC_OP_CHANGE) &&
			       key_is(win, &r.key, &m.key[0]),
		       "%s: its key is not seen", shown(text, len));
}

/* And it is read as what it is. */
static void check_exact(const struct bmc_window *win, uint32_t pos, uint32_t end, const char *text,
			size_t len)
{
	static struct reading m;
	struct mc_request r = { .version = BMC_VERSION_OF(1, 6, 18) };
	enum mc_op want;

	reading_of(text, len, &m);
	want = m.gets	 ? MC_OP_GET :
	       m.stores	 ? MC_OP_STORE :
	       m.changes ? MC_OP_CHANGE :
	       m.flushes ? MC_OP_FLUSH :
			   MC_OP_TOUCH_GET;
	expect(mc_text_request(win, pos, end, &hash_seed, &r) == 0, "%s: not read",
	       shown(text, len));
	expect(r.op == want, "%s: %u, not %u", shown(text, len), r.op, want);
	expect(r.silent == (m.silent && !m.gets && !m.touches), "%s: silent %u", shown(text, len),
	       r.silent);
	if (m.stores)
		expect(r.block == strtoull(m.token[4].at, NULL, 10) + 2, "%s: a block of %llu",
		       shown(text, len), (unsigned long long)r.block);
}

static void test_well_formed(void **state)
{
	struct bmc_window *win = window_new();
	struct mc_request r = { .version = BMC_VERSION_OF(1, 6, 18) };
	char text[1024];

	(void)state;
	s = 0x1111222233334444ULL;
	for (int i = 0; i < ROUNDS; i++) {
		size_t len = well_formed(text);
		uint32_t pos = roll(&s, 4) ? roll(&s, 64) : BMC_WINDOW - (uint32_t)len;
		uint32_t end = window_put(win, pos, text, len, (int)roll(&s, 256));

		check_sound(win, pos, end, text, len);
		check_exact(win, pos, end, text, len);
		len = roll(&s, (uint32_t)len);
		end = window_put(win, pos, text, len, (int)roll(&s, 256));
		expect(mc_text_request(win, pos, end, &hash_seed, &r) == -1 && r.op == MC_OP_NONE,
		       "%s: read before its end", shown(text, len));
	}
}

static void test_any(void **state)
{
	struct bmc_window *win = window_new();
	char text[4096];

	(void)state;
	s = 0x5555666677778888ULL;
	for (int i = 0; i < ROUNDS; i++) {
		size_t len = any_line(text);
		uint32_t pos = roll(&s, 4) ? roll(&s, 64) : BMC_WINDOW - (uint32_t)len;
		uint32_t end = window_put(win, pos, text, len, (int)roll(&s, 256));

		check_sound(win, pos, end, text, len);
	}
}

/* Bytes without any sense, and positions beyond the window: no crash, no endless loop. */
static void test_noise(void **state)
{
	struct bmc_window *win = window_new();
	struct mc_request r;

	(void)state;
	s = 0x9999aaaabbbbccccULL;
	for (int i = 0; i < ROUNDS / 10; i++) {
		static const char likely[] = " \r\n\0setgacdl0159";

		for (int k = 0; k < 40; k++)
			win->bytes[roll(&s, sizeof(win->bytes))] =
				(uint8_t)(roll(&s, 4) ? likely[roll(&s, sizeof(likely))] :
							(char)roll(&s, 256));
		memset(&r, 0, sizeof(r));
		mc_text_request(win, roll(&s, BMC_WINDOW), roll(&s, BMC_WINDOW + 1), &hash_seed,
				&r);
		mc_text_request(win, roll(&s, ~0U), roll(&s, ~0U), &hash_seed, &r);
		mc_text_touch_key(win, roll(&s, ~0U), roll(&s, ~0U), &hash_seed, &r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_well_formed),
		cmocka_unit_test(test_any),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests_name("mc_text.h: random lines", tests, NULL, NULL) ? 1 : 0;
}
