// SPDX-License-Identifier: LGPL-2.1-only
/* memcached's command line as memcached-sr reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

static const struct row {
	const char *words;
	struct sr_options want;
	int sockets;
} rows[] = {
	{ "", { .workers = 4 }, 4 },
	{ "-t 2", { .workers = 2 }, 2 },
	{ "-t2", { .workers = 2 }, 2 },
	{ "--threads=8", { .workers = 8 }, 8 },
	{ "--threads 8", { .workers = 8 }, 8 },
	{ "-vvt 3", { .workers = 3 }, 3 },
	{ "-t 2 -t 5", { .workers = 5 }, 5 },
	{ "-o t4 -t 2 -m 64", { .workers = 2 }, 2 },
	{ "-U 11211", { .workers = 4, .udp = 1 }, 4 },
	{ "-U0", { .workers = 4 }, 4 },
	{ "-U 11211 -U 0", { .workers = 4 }, 4 },
	{ "--udp-port=1", { .workers = 4, .udp = 1 }, 4 },
	{ "-s /tmp/t", { .workers = 4, .unix_socket = 1 }, 4 },
	{ "--unix-socket=/tmp/t", { .workers = 4, .unix_socket = 1 }, 4 },
	{ "-l 127.0.0.1", { .workers = 4 }, 4 },
	{ "-l 127.0.0.1,::1", { .workers = 4, .address_list = 1 }, 1 },
	{ "-l 127.0.0.1 -l ::1", { .workers = 4, .address_list = 1 }, 1 },
	{ "-l 127.0.0.1 -l 127.0.0.1", { .workers = 4 }, 4 },
	{ "--listen=a,b -t 2", { .workers = 2, .address_list = 1 }, 1 },
	{ "word -t 2", { .workers = 2 }, 2 }, /* getopt reorders */
	{ "-- -t 2", { .workers = 4 }, 4 },
	{ "--nonsense -t 2", { .workers = 2 }, 2 },
	{ "-V", { .workers = 4, .informs = 1 }, 4 },
	{ "-h", { .workers = 4, .informs = 1 }, 4 },
	{ "--license", { .workers = 4, .informs = 1 }, 4 },
	{ "-u nobody -p 1 -U 1 -c 10 -I 8m -n 48 -f 1.1 -b 5 -B ascii -R 3 -a 700 -D : -P f -Y f "
	  "-e "
	  "f -N 2 -t 6",
	  { .workers = 6, .udp = 1 },
	  6 },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[256], *argv[64] = { "memcached" }, *kept[64];
		struct sr_options got;
		int argc = 1;

		strcpy(text, rows[i].words);
		for (char *w = strtok(text, " "); w; w = strtok(NULL, " "))
			argv[argc++] = w;
		memcpy(kept, argv, sizeof(kept));
		sr_options_read(argc, argv, &got);
		if (memcmp(&got, &rows[i].want, sizeof(got)) != 0 ||
		    sr_options_sockets(&got) != rows[i].sockets)
			fail_msg("'%s': %d workers, udp %d, -s %d, list %d, informs %d",
				 rows[i].words, got.workers, got.udp, got.unix_socket,
				 got.address_list, got.informs);
		assert_memory_equal(argv, kept, (size_t)argc * sizeof(*argv));
	}
}

/* memcached's own getopt afterwards begins anew, and complains again. */
static void test_getopt_is_left_as_new(void **state)
{
	char *argv[] = { "memcached", "-t", "2", "-v", NULL };
	struct sr_options got;

	(void)state;
	sr_options_read(4, argv, &got);
	assert_int_equal(opterr, 1);
	assert_int_equal(getopt(4, argv, "t:v"), 't');
	assert_string_equal(optarg, "2");
	assert_int_equal(getopt(4, argv, "t:v"), 'v');
	assert_int_equal(getopt(4, argv, "t:v"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_getopt_is_left_as_new),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
