// SPDX-License-Identifier: LGPL-2.1-only
/* mc_binary.h: each opcode in its form, in every wrong one, and cut anywhere. */
#include "mc_binary.h"
#include "unit.h"

#define PACKET_MAX 700

static const struct mc_seed seed = { 1, 2 };

/* What an opcode is, in its right form: extras, a key (0 none, 1 must, 2 may), a value. */
static const struct form {
	uint8_t opcode;
	uint8_t extras;
	uint8_t key;
	uint8_t value;
	enum mc_op op;
	int silent;
} forms[] = {
	{ 0x00, 0, 1, 0, MC_OP_GET, 0 },     { 0x01, 8, 1, 1, MC_OP_STORE, 0 },
	{ 0x02, 8, 1, 1, MC_OP_STORE, 0 },   { 0x03, 8, 1, 1, MC_OP_STORE, 0 },
	{ 0x04, 0, 1, 0, MC_OP_CHANGE, 0 },  { 0x05, 20, 1, 0, MC_OP_CHANGE, 0 },
	{ 0x06, 20, 1, 0, MC_OP_CHANGE, 0 }, { 0x07, 0, 0, 0, MC_OP_OTHER, 0 },
	{ 0x08, 4, 0, 0, MC_OP_FLUSH, 0 },   { 0x08, 0, 0, 0, MC_OP_FLUSH, 0 },
	{ 0x09, 0, 1, 0, MC_OP_GET, 1 },     { 0x0a, 0, 0, 0, MC_OP_OTHER, 0 },
	{ 0x0b, 0, 0, 0, MC_OP_OTHER, 0 },   { 0x0c, 0, 1, 0, MC_OP_GET, 0 },
	{ 0x0d, 0, 1, 0, MC_OP_GET, 1 },     { 0x0e, 0, 1, 1, MC_OP_STORE, 0 },
	{ 0x0f, 0, 1, 1, MC_OP_STORE, 0 },   { 0x10, 0, 2, 0, MC_OP_OTHER, 0 },
	{ 0x11, 8, 1, 1, MC_OP_STORE, 1 },   { 0x12, 8, 1, 1, MC_OP_STORE, 1 },
	{ 0x13, 8, 1, 1, MC_OP_STORE, 1 },   { 0x14, 0, 1, 0, MC_OP_CHANGE, 1 },
	{ 0x15, 20, 1, 0, MC_OP_CHANGE, 1 }, { 0x16, 20, 1, 0, MC_OP_CHANGE, 1 },
	{ 0x17, 0, 0, 0, MC_OP_QUIT, 1 },    { 0x18, 4, 0, 0, MC_OP_FLUSH, 1 },
	{ 0x18, 0, 0, 0, MC_OP_FLUSH, 1 },   { 0x19, 0, 1, 1, MC_OP_STORE, 1 },
	{ 0x1a, 0, 1, 1, MC_OP_STORE, 1 },   { 0x1b, 0, 0, 1, MC_OP_OTHER, 0 }, /* verbosity */
	{ 0x1c, 4, 1, 0, MC_OP_CHANGE, 0 },  { 0x1d, 4, 1, 0, MC_OP_CHANGE, 0 },
	{ 0x1e, 4, 1, 0, MC_OP_CHANGE, 1 },  { 0x1f, 0, 0, 1, MC_OP_OTHER, 0 },
	{ 0x20, 0, 0, 0, MC_OP_OTHER, 0 },   { 0x21, 0, 1, 1, MC_OP_OTHER, 0 },
	{ 0x22, 0, 1, 1, MC_OP_OTHER, 0 },   { 0x23, 4, 1, 0, MC_OP_CHANGE, 0 },
	{ 0x24, 4, 1, 0, MC_OP_CHANGE, 1 },  { 0x25, 0, 0, 1, MC_OP_OTHER, 0 },
	{ 0x30, 0, 0, 1, MC_OP_OTHER, 0 }, /* RGet, and all that follow, memcached does not know */
	{ 0x3d, 0, 0, 1, MC_OP_OTHER, 0 },   { 0x40, 0, 0, 1, MC_OP_OTHER, 0 },
	{ 0x80, 0, 0, 1, MC_OP_OTHER, 0 },   { 0xff, 0, 0, 1, MC_OP_OTHER, 0 },
};

struct packet {
	uint8_t opcode;
	uint8_t extras;
	uint16_t key;
	uint32_t body;
	int cas;
};

/* Header, extras 01 02 03 ..., key "kkk...". Returns its length without the value. */
static size_t build(uint8_t *at, const struct packet *p)
{
	memset(at, 0, PACKET_MAX);
	at[0] = 0x80;
	at[1] = p->opcode;
	at[2] = (uint8_t)(p->key >> 8);
	at[3] = (uint8_t)p->key;
	at[4] = p->extras;
	at[8] = (uint8_t)(p->body >> 24);
	at[9] = (uint8_t)(p->body >> 16);
	at[10] = (uint8_t)(p->body >> 8);
	at[11] = (uint8_t)p->body;
	at[23] = (uint8_t)p->cas;
	for (unsigned int i = 0; i < p->extras; i++)
		at[24 + i] = (uint8_t)(i + 1);
	if (p->key <= BMC_KEY_MAX)
		memset(at + 24 + p->extras, 'k', p->key);
	return 24U + p->extras + (p->key <= BMC_KEY_MAX ? p->key : 0);
}

static struct mc_request read_at(const struct packet *p, uint32_t pos, size_t cut)
{
	struct bmc_window *win = window_new();
	uint8_t bytes[PACKET_MAX];
	size_t len = build(bytes, p);
	struct mc_request r;
	int err;

	memset(&r, 0xa5, sizeof(r));
	len = cut < len ? cut : len;
	err = mc_binary_request(win, pos, window_put(win, pos, bytes, len, 0x80), &seed, &r);
	expect(err == (r.op == MC_OP_NONE ? -1 : 0), "opcode %02x: %d with %u", p->opcode, err,
	       r.op);
	return r;
}

static struct mc_request read_packet(const struct packet *p)
{
	return read_at(p, 5, PACKET_MAX);
}

static struct packet packet_of(const struct form *f, uint16_t key, uint32_t value)
{
	struct packet p = { f->opcode, f->extras, f->key ? key : 0, 0, 0 };

	p.body = p.extras + p.key + (f->value ? value : 0);
	return p;
}

static void test_forms(void **state)
{
	static const uint16_t keys[] = { 1, 7, 8, 9, 31, 249, 250 };

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
			struct packet p = packet_of(&forms[i], keys[k], 1048576);
			struct mc_request r = read_packet(&p);

			expect(r.op == forms[i].op, "opcode %02x: %u", p.opcode, r.op);
			expect(r.silent == forms[i].silent, "opcode %02x: silent %u", p.opcode,
			       r.silent);
			expect(r.used == 24U + p.extras + p.key, "opcode %02x: %u used", p.opcode,
			       r.used);
			expect(r.block == (forms[i].value ? 1048576 : 0), "opcode %02x: block",
			       p.opcode);
			expect(r.key.len == p.key, "opcode %02x: a key of %u", p.opcode, r.key.len);
			expect(!mc_binary_is_quiet(p.opcode) == !forms[i].silent, "opcode %02x",
			       p.opcode);
		}
	}
}

/* Header, extras and key have to be there; the value need not. */
static void test_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct packet p = packet_of(&forms[i], 250, 10);
		size_t len = 24U + p.extras + p.key;

		for (size_t cut = 0; cut < len; cut++)
			assert_int_equal(read_at(&p, 3, cut).op, MC_OP_NONE);
		assert_int_equal(read_at(&p, 3, len).op, forms[i].op);
		assert_int_equal(read_at(&p, BMC_WINDOW - (uint32_t)len, len).op, forms[i].op);
	}
}

static int is_form(const struct packet *p, uint32_t value)
{
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		if (forms[i].opcode == p->opcode && forms[i].extras == p->extras &&
		    (forms[i].key == 2 || !forms[i].key == !p->key) && (forms[i].value || !value))
			return 1;
	}
	return 0;
}

/* Any other form is not certain. */
static void test_wrong_forms(void **state)
{
	static const uint32_t values[] = { 0, 1, 1000 };

	(void)state;
	for (unsigned int op = 0; op <= 0x45; op++) {
		for (unsigned int extras = 0; extras <= 255; extras++) {
			for (unsigned int n = 0; n < 6; n++) {
				struct packet p = { (uint8_t)op, (uint8_t)extras, n & 1 ? 9 : 0, 0,
						    0 };
				int known = 0;

				p.body = p.extras + p.key + values[n / 2];
				for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++)
					known |= forms[i].opcode == op;
				if (!known)
					continue;
				expect((read_packet(&p).op != MC_OP_LOST) ==
					       is_form(&p, values[n / 2]),
				       "opcode %02x, extras %u, key %u, value %u", op, extras,
				       p.key, values[n / 2]);
			}
		}
	}
}

/* A body too small for key and extras, a key too long, another magic: at once, from the header alone. */
static void test_wrong_headers(void **state)
{
	static const struct packet wrong[] = {
		{ 0x01, 8, 3, 10, 0 },	  { 0x01, 8, 3, 0, 0 },		 { 0x04, 0, 3, 2, 0 },
		{ 0x04, 0, 251, 251, 0 }, { 0x01, 8, 65535, 65543, 0 },	 { 0x00, 0, 300, 300, 0 },
		{ 0x0a, 0, 251, 251, 0 }, { 0x01, 8, 3, 0x7fffff01, 0 }, { 0x01, 8, 3, ~0U, 0 },
	};
	struct bmc_window *win = window_new();
	uint8_t bytes[PACKET_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(read_at(&wrong[i], 9, 24).op, MC_OP_LOST);
	for (unsigned int magic = 0; magic < 256; magic++) {
		struct packet noop = { 0x0a, 0, 0, 0, 0 };
		struct mc_request r = { 0 };
		size_t len = build(bytes, &noop);

		bytes[0] = (uint8_t)magic;
		mc_binary_request(win, 4, window_put(win, 4, bytes, len, 0), &seed, &r);
		assert_int_equal(r.op, magic == 0x80 ? MC_OP_OTHER : MC_OP_LOST);
		if (r.op == MC_OP_LOST)
			assert_int_equal(r.lost, BMC_LOST_BINARY);
	}
}

/* Extras are 01 02 03 ...: flags, then the time. */
static void test_extras(void **state)
{
	static const struct {
		struct packet p;
		int plain;
		int64_t exptime;
		uint64_t delay;
	} rows[] = {
		{ { 0x01, 8, 3, 11, 0 }, 1, 0x05060708, 0 },
		{ { 0x01, 8, 3, 11, 1 }, 0, 0x05060708, 0 },
		{ { 0x11, 8, 3, 11, 0 }, 1, 0x05060708, 0 },
		{ { 0x02, 8, 3, 11, 0 }, 0, 0x05060708, 0 },
		{ { 0x0e, 0, 3, 11, 0 }, 0, 0, 0 },
		{ { 0x08, 4, 0, 4, 0 }, 0, 0, 0x01020304 },
		{ { 0x18, 4, 0, 4, 0 }, 0, 0, 0x01020304 },
		{ { 0x08, 0, 0, 0, 0 }, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mc_request r = read_packet(&rows[i].p);

		assert_int_equal(r.plain, rows[i].plain);
		assert_int_equal(r.exptime, rows[i].exptime);
		assert_int_equal(r.delay, rows[i].delay);
	}
}

/* A key has one hash, in whatever protocol it comes. */
static void test_hash_of_both_protocols(void **state)
{
	struct bmc_window *win = window_new();
	struct mc_key text = { 0 }, binary = { 0 };
	char key[256];

	(void)state;
	for (uint32_t len = 1; len <= BMC_KEY_MAX; len++) {
		for (uint32_t i = 0; i < len; i++)
			key[i] = (char)('!' + (i * 7 + len) % 90);
		key[len] = ' ';
		window_put(win, 13, key, len + 1, 0x80);
		assert_int_equal(mc_key_scan(win, 13, &seed, &text), 0);
		key[len] = (char)0xff;
		window_put(win, 600, key, len + 1, 0x80);
		assert_int_equal(mc_key_hash(win, 600, len, &seed, &binary), 0);
		assert_int_equal(text.len, binary.len);
		assert_int_equal(text.hash, binary.hash);
	}
	assert_int_equal(mc_key_hash(win, 600, BMC_KEY_MAX + 1, &seed, &binary), -1);
}

static void test_noise(void **state)
{
	struct bmc_window *win = window_new();
	struct mc_request r = { 0 };
	uint64_t s = 77;

	(void)state;
	for (int i = 0; i < 200000; i++) {
		uint32_t at = roll(&s, BMC_WINDOW);

		win->bytes[at] = 0x80;
		win->bytes[(at + 1) % BMC_WINDOW] = (uint8_t)roll(&s, 256);
		win->bytes[roll(&s, BMC_WINDOW)] = (uint8_t)roll(&s, 256);
		mc_binary_request(win, at, roll(&s, BMC_WINDOW + 1), &seed, &r);
		mc_binary_request(win, roll(&s, ~0U), roll(&s, ~0U), &seed, &r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),	    cmocka_unit_test(test_cut),
		cmocka_unit_test(test_wrong_forms), cmocka_unit_test(test_wrong_headers),
		cmocka_unit_test(test_extras),	    cmocka_unit_test(test_hash_of_both_protocols),
		cmocka_unit_test(test_noise),
	};

	return cmocka_run_group_tests_name("mc_binary.h", tests, NULL, NULL) ? 1 : 0;
}
