// SPDX-License-Identifier: LGPL-2.1-only
/* What versions of memcached read or answer otherwise than 1.6.18: in doubt each line is read as the one that takes more. */
#include "mc_answer.h"
#include "unit.h"

static const struct mc_seed seed = { 1, 2 };

#define NONE 0 /* not known */
#define FIRST BMC_VERSION_OF(1, 5, 0)
#define META BMC_VERSION_OF(1, 5, 19) /* the first with meta commands, of the old form */
#define LAST BMC_VERSION_OF(1, 5, 22)
#define SPACED BMC_VERSION_OF(1, 6, 0)
#define NEW BMC_VERSION_OF(1, 6, 45)
#define VERSION BMC_VERSION_OF(1, 6, 18)

static struct mc_request read_line(const char *text, uint32_t version)
{
	struct bmc_window *win = window_new();
	struct mc_request r;

	memset(&r, 0xa5, sizeof(r));
	r.version = version;
	assert_int_equal(
		mc_text_request(win, 3, window_put(win, 3, text, strlen(text), 'x'), &seed, &r), 0);
	return r;
}

/* 1.5 cuts a line into 7 tokens at the most: it does not see how many more there are, and takes the block. */
static void test_a_cas_with_many_tokens(void **state)
{
	static const char *const lines[] = { "cas k 0 0 5 1 noreply x\r\n",
					     "cas k 0 0 5 1 x y z\r\n",
					     "cas k 0 0 5 1 2 3 4 5 6 7 8 9 noreply\r\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		expect(read_line(lines[i], FIRST).op == MC_OP_LOST, "%s", lines[i]);
		expect(read_line(lines[i], LAST).op == MC_OP_LOST, "%s", lines[i]);
		expect(read_line(lines[i], NONE).op == MC_OP_LOST, "%s", lines[i]);
		expect(read_line(lines[i], VERSION).op == MC_OP_CHANGE, "%s", lines[i]);
	}
	expect(read_line("cas k 0 0 5 1 noreply\r\n", FIRST).op == MC_OP_STORE, "noreply");
	expect(read_line("cas k 0 0 5 1 x\r\n", FIRST).op == MC_OP_STORE, "one more");
	expect(read_line("set k 0 0 5 x y z\r\n", FIRST).op == MC_OP_CHANGE, "a set is rejected");
}

/* 1.5 takes the number that a delay begins with. */
static void test_a_delay_with_more_behind_it(void **state)
{
	static const char *const lines[] = { "flush_all 10x\r\n", "flush_all +10x noreply\r\n",
					     "flush_all 10.5\r\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		expect(read_line(lines[i], FIRST).delay == 10, "%s", lines[i]);
		expect(read_line(lines[i], NONE).delay == 10, "%s", lines[i]);
		expect(read_line(lines[i], VERSION).delay == 0, "%s", lines[i]);
	}
	expect(read_line("flush_all x\r\n", FIRST).delay == 0, "no number");
	expect(read_line("flush_all -10x\r\n", FIRST).delay == 0, "a negative one");
	expect(read_line("flush_all 10\r\n", FIRST).delay == 10, "a plain one");
}

/* Flags in one token (`mg k vT 30` touches), and two lines for an answer. */
static void test_meta_commands_of_the_old_form(void **state)
{
	static const char *const lines[] = { "mg k\r\n", "mg k v\r\n", "mg k vT 30\r\n",
					     "md k q\r\n", "me k\r\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		expect(read_line(lines[i], META).op == MC_OP_LOST, "%s", lines[i]);
		expect(read_line(lines[i], LAST).op == MC_OP_LOST, "%s", lines[i]);
		expect(read_line(lines[i], SPACED).op != MC_OP_LOST, "%s", lines[i]);
	}
	expect(read_line("mn\r\n", LAST).op == MC_OP_MN, "mn");
	expect(read_line("mg k v\r\n", NONE).op == MC_OP_OTHER, "its answer tells");
	expect(read_line("me k\r\n", NONE).op == MC_OP_LOST, "its answer does not tell");
}

/* VA, and flags where the length is since 1.6.0. */
static void test_answers_of_the_old_form(void **state)
{
	static const char *const lines[] = { "VA v\r\n", "VA sv 5\r\n", "VA WO 123\r\n",
					     "VA \r\n" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		static struct bmc_answer_window win;
		struct mc_answer a;

		memset(&win, 'x', sizeof(win));
		memcpy(win.bytes, lines[i], strlen(lines[i]));
		assert_int_equal(mc_answer_line(&win, 0, (uint32_t)strlen(lines[i]), &a), 0);
		expect(a.kind == MC_ANSWER_UNREADABLE, "%s: %u", lines[i], a.kind);
	}
}

/* 1.6.45 says OK when a dump begins, and is not known to be the first that does. */
static void test_a_dump_may_say_ok_first(void **state)
{
	static const char *const lines[] = { "lru_crawler metadump all\r\n",
					     "lru_crawler mgdump 1,2\r\n",
					     "  lru_crawler  metadump hash \n" };

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		expect(read_line(lines[i], NONE).meta == MC_META_DUMP, "%s", lines[i]);
		expect(read_line(lines[i], NEW).meta == MC_META_DUMP, "%s", lines[i]);
		expect(read_line(lines[i], NEW).op == MC_OP_OTHER, "%s", lines[i]);
		expect(read_line(lines[i], VERSION).meta == MC_META_NONE, "%s", lines[i]);
	}
	expect(read_line("lru_crawler crawl 1\r\n", NEW).meta == MC_META_NONE, "no dump");
	expect(read_line("lru_crawler\r\n", NEW).meta == MC_META_NONE, "nothing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_cas_with_many_tokens),
		cmocka_unit_test(test_a_delay_with_more_behind_it),
		cmocka_unit_test(test_meta_commands_of_the_old_form),
		cmocka_unit_test(test_answers_of_the_old_form),
		cmocka_unit_test(test_a_dump_may_say_ok_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
