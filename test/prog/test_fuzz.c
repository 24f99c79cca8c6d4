// SPDX-License-Identifier: LGPL-2.1-only
/*
 * Random packets, from fixed seeds. The XDP program may answer only what a strict reader takes for a right packet
 * with one plain get in it, and then only with the right answer; it changes nothing else. What memcached would answer
 * from items that are there and what is plain is answered: the two readings agree.
 */
#include "fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 20000

static struct harness h;
static uint64_t seed;

/* xorshift64* */
static uint32_t roll(uint32_t n)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (uint32_t)((seed * 0x2545f4914f6cdd1dULL) >> 32) % n;
}

/* ---- the reference: one plain get whose keys are all there ---- */

/* The next token of a line; 0: there is none. */
static size_t next_token(const char **at, const char *end)
{
	size_t len = 0;

	while (*at < end && **at == ' ')
		(*at)++;
	while (*at + len < end && (*at)[len] != ' ')
		len++;
	return len;
}

/* The end of the one line that is all of the text, without its newline; NULL: there is no such line. */
static const char *line_end(const char *text, size_t len)
{
	const char *end = text + len - 1;

	if (!len || memchr(text, '\n', len) != end)
		return NULL;
	if (end > text && end[-1] == '\r')
		end--;
	for (const char *at = text; at < end; at++)
		if ((unsigned char)*at < ' ')
			return NULL;
	return end;
}

/* The answer to `text`; 0: memcached's to give. `ret` has room for 64 items of ours. */
static size_t reference(const char *text, size_t len, char *ret)
{
	const char *end = line_end(text, len), *at = text;
	size_t n = 0, token, out = 0;
	static char key[300];

	if (!end || *text == ' ' || next_token(&at, end) != 3 || memcmp(at, "get", 3))
		return 0;
	at += 3;
	for (; (token = next_token(&at, end)) != 0; at += token, n++) {
		int i;

		if (token > BMC_KEY_MAX)
			return 0;
		memcpy(key, at, token);
		key[token] = 0;
		for (i = 0; i < ITEM_COUNT && strcmp(items[i].key, key) != 0; i++)
			;
		if (i == ITEM_COUNT || n == BMC_KEYS_MAX || out > BMC_TEXT_MAX)
			return 0;
		out += item_text(&items[i], ret + out, 4096);
	}
	if (!n || out + 5 > BMC_TEXT_MAX)
		return 0;
	memcpy(ret + out, "END\r\n", 5);
	return out + 5;
}

/* ---- random texts: pieces of what could matter ---- */
static size_t random_text(char *ret)
{
	static const char *const pieces[] = {
		"abc ",
		"k1 ",
		" k2",
		" k3 ",
		" empty ",
		" flags ",
		" lines ",
		" nuls ",
		" end ",
		" v100 ",
		" v1000 ",
		" half ",
		" full ",
		" ",
		"  ",
		"   ",
		/* and what is not so plain */
		"get ",
		"get",
		"abc",
		"\r\n",
		"\n",
		"\r",
		"\t",
		"gets ",
		"END",
		"no",
		"abd",
		"\1",
	};
	const uint32_t plain = 16, all = sizeof(pieces) / sizeof(pieces[0]);
	uint32_t n = 1 + roll(7), from = roll(2) ? plain : all;
	size_t len = 0;

	if (roll(8)) {
		memcpy(ret, "get ", 4);
		len = 4;
	}
	for (uint32_t i = 0; i < n; i++) {
		const char *piece = pieces[roll(from)];

		memcpy(ret + len, piece, strlen(piece));
		len += strlen(piece);
		if (roll(3) == 0)
			ret[len++] = ' ';
	}
	if (roll(4)) {
		memcpy(ret + len, "\r\n", 2);
		len += 2;
	}
	if (len && roll(8) == 0)
		ret[roll((uint32_t)len)] = (char)roll(256);
	return len;
}

static void random_packet(struct pkt *p)
{
	memset(p, 0, sizeof(*p));
	p->family = roll(2) ? 4 : 6;
	p->tags = roll(4) ? 0 : (int)roll(3);
	p->id = (uint16_t)roll(65536);
	p->seq = (uint16_t)roll(2);
	p->pad_byte = (uint8_t)(roll(2) ? 0xff : '\n');
	p->pad_to = roll(3) ? 0 : 14 + roll(1500);
	if (p->family == 4 && roll(8) == 0) {
		p->options = (const uint8_t *)"\1\1\1\1\1\1\1\0";
		p->options_len = 4 + 4 * roll(2);
	}
}

/* Every item, in every VLAN that random packets are in. */
static void fill_all(int family)
{
	fixture_fill(&h, family);
	for (int tags = 1; tags <= 2; tags++) {
		for (int i = 0; i < ITEM_COUNT; i++)
			harness_fill(&h, &items[i],
				     &(struct pkt){ .family = family, .tags = tags });
	}
}

static void test_texts(void **state)
{
	static char text[600], answer[70 * 2048];
	size_t hits = 0, passes = 0;
	struct pkt p;

	(void)state;
	seed = 0x1234567890abcdefULL;
	for (int i = 0; i < ROUNDS; i++) {
		char name[40];
		size_t len;

		if (i % 2000 == 0)
			fill_all(i / 2000 % 2 ? 4 : 6);
		random_packet(&p);
		p.family = i / 2000 % 2 ? 4 : 6;
		if (p.family == 6)
			p.options_len = 0;
		p.text_len = random_text(text);
		p.text = text;
		len = reference(text, p.text_len, answer);
		snprintf(name, sizeof(name), "round %d", i);
		if (len)
			harness_expect_hit(&h, name, &p, answer, len);
		else
			harness_expect_pass(&h, name, &p);
		hits += !!len;
		passes += !len;
	}
	print_message("%zu answered, %zu passed\n", hits, passes);
	assert_true(hits > ROUNDS / 10 && passes > ROUNDS / 10);
}

/* ---- random damage to a whole packet ---- */
static void damage(struct frame *f)
{
	uint32_t n = 1 + roll(3), reach = f->len < 80 ? f->len : 80;

	for (uint32_t i = 0; i < n; i++) {
		uint8_t *at = &f->data[roll(reach)];

		*at = roll(2) ? (uint8_t)roll(256) : (uint8_t)(*at ^ 1U << roll(8));
	}
	if (roll(4) == 0)
		f->len = 14 + roll(f->len - 14);
	if (roll(4))
		pkt_fix_checksums(f);
}

/* Whether a right packet is to us, from somebody, by the rules that come before the text. */
static int is_for_us(const struct frame *f, const struct pkt_view *v)
{
	const uint8_t *ip = f->data + v->l3, *udp = f->data + v->l4;
	static const uint8_t ip4[4] = { 10, 0, 0, 2 }, ip6[16] = { 0xfd, [15] = 2 };

	if ((f->data[0] & 1) || pkt_get16(udp + 2) != PKT_PORT || !pkt_get16(udp) || v->tags > 2)
		return 0;
	if (v->payload_len < 8 || pkt_get16(f->data + v->payload + 4) != 1)
		return 0;
	return v->family == 4 ? !memcmp(ip + 16, ip4, 4) : !memcmp(ip + 24, ip6, 16);
}

static void check_damaged(const struct frame *f, int i, size_t *hits)
{
	static char answer[70 * 2048];
	struct pkt_view v;
	struct run run;
	size_t len = 0;
	const char *wrong;

	harness_xdp(&h, f, &run);
	if (run.verdict == 2) {
		expect(run.out.len == f->len && !memcmp(run.out.data, f->data, f->len),
		       "round %d: changed", i);
		return;
	}
	expect(run.verdict == 3, "round %d: verdict %u", i, run.verdict);
	wrong = pkt_read(f, 1, &v);
	expect(!wrong, "round %d: answered a packet that is broken: %s", i, wrong);
	expect(is_for_us(f, &v), "round %d: answered a packet that is not for us", i);
	len = reference((const char *)f->data + v.payload + 8, v.payload_len - 8, answer);
	expect(len, "round %d: answered what is no plain get", i);
	wrong = pkt_check_reply(f, &run.out, answer, len);
	expect(!wrong, "round %d: %s", i, wrong);
	(*hits)++;
}

static void test_damaged_packets(void **state)
{
	static const char *const texts[] = { "get abc\r\n", "get k1 k2\r\n",
					     "get  lines nuls \r\n" };
	size_t hits = 0;
	struct frame f;
	struct pkt p;

	(void)state;
	seed = 0xfedcba0987654321ULL;
	for (int i = 0; i < 2 * ROUNDS; i++) {
		if (i % 2000 == 0)
			fill_all(i / 2000 % 2 ? 4 : 6);
		random_packet(&p);
		p.family = i / 2000 % 2 ? 4 : 6;
		if (p.family == 6)
			p.options_len = 0;
		p.text = texts[roll(3)];
		pkt_build(&p, &f);
		damage(&f);
		check_damaged(&f, i, &hits);
	}
	print_message("%zu answered all the same\n", hits);
	assert_true(hits > ROUNDS / 50);
}

/* ---- replies at TC: what was damaged fills nothing but itself, exactly ---- */

/* Digits at *at, which moves behind them. ~0: there are none. */
static uint64_t digits(const char **at)
{
	const char *start = *at;
	uint64_t value = 0;

	while (**at >= '0' && **at <= '9' && *at < start + 10)
		value = value * 10 + (uint64_t)(*(*at)++ - '0');
	return *at == start ? ~0ULL : value;
}

/* The length of the one item of "fz" that a text is, its END not counted; 0: it is none. */
static size_t reference_item(const char *text, size_t len)
{
	const char *at = text + 9;
	uint64_t bytes, end;

	if (len < 15 || memcmp(text, "VALUE fz ", 9) != 0)
		return 0;
	if (digits(&at) == ~0ULL || *at++ != ' ')
		return 0;
	bytes = digits(&at);
	if (bytes > len || memcmp(at, "\r\n", 2) != 0)
		return 0;
	end = (uint64_t)(at + 2 - text) + bytes + 2;
	if (end > len || memcmp(text + end - 2, "\r\n", 2) != 0)
		return 0;
	if (end != len && (end + 5 != len || memcmp(text + end, "END\r\n", 5) != 0))
		return 0;
	return end;
}

static void test_damaged_replies(void **state)
{
	static const char text[] = "VALUE fz 0 12\r\nab\r\nEND\r\nabc\r\nEND\r\n";
	struct pkt p = { .from_server = 1 }, get = { .text = "get fz\r\n" };
	char copy[sizeof(text) + 5];
	size_t fills = 0, len;
	struct frame f;
	struct run run;

	(void)state;
	seed = 0x5555aaaa12345678ULL;
	for (int i = 0; i < ROUNDS; i++) {
		uint32_t at = roll(sizeof(text) - 1);

		memcpy(copy, text, sizeof(text));
		copy[at] = roll(2) ? (char)roll(256) : " \r\n0123456789END"[roll(16)];
		p.text = copy;
		p.text_len = sizeof(text) - 1 - (roll(4) ? 0 : roll(sizeof(text) - 2));
		pkt_build(&p, &f);
		__atomic_fetch_add(&h.shared->server[0].epoch, 1, __ATOMIC_SEQ_CST);
		harness_tc(&h, &f, HARNESS_MARK, &run);
		assert_int_equal(run.mark, 0);
		len = reference_item(copy, p.text_len);
		expect(!len == !harness_is_cached(&h, "fz", &get),
		       "round %d: byte %u, %zu bytes %sfilled", i, at, p.text_len,
		       len ? "not " : "");
		if (!len)
			continue;
		fills++;
		memcpy(copy + len, "END\r\n", 5);
		harness_expect_hit(&h, "damaged reply", &get, copy, len + 5);
	}
	print_message("%zu filled\n", fills);
	assert_true(fills > ROUNDS / 20);
}

HARNESS_GROUP(h, fixture_open(&h, HARNESS_FOREVER_NS, 0))

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_damaged_packets),
		cmocka_unit_test(test_damaged_replies),
	};

	return cmocka_run_group_tests_name("random packets", tests, group_setup, group_teardown) ?
		       1 :
		       0;
}
