// SPDX-License-Identifier: LGPL-2.1-only
/* Progress is for whoever reads it: a terminal that was told to be still (^S), or a full pipe, keeps nobody waiting. */
#define _GNU_SOURCE /* posix_openpt */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "progress.h"
#include "unit.h"

#define LINE "bmcctl: things: 1 of 2\n"
#define STUCK_S 10 /* SIGALRM then */
#define SHOWN_US 750000 /* nothing is said sooner */

static int saved, ends[2];

static int pipe_as_stderr(void **state)
{
	(void)state;
	saved = dup(STDERR_FILENO);
	if (saved < 0 || pipe(ends) || dup2(ends[1], STDERR_FILENO) < 0)
		return -1;
	alarm(STUCK_S);
	bmc_progress_show("things", 0, 2);
	usleep(SHOWN_US);
	return 0;
}

static int stderr_again(void **state)
{
	(void)state;
	alarm(0);
	bmc_progress_end();
	close(ends[0]);
	close(ends[1]);
	return dup2(saved, STDERR_FILENO) < 0 || close(saved);
}

static void a_reader_is_told(void **state)
{
	char line[64] = "";

	(void)state;
	bmc_progress_show("things", 1, 2);
	assert_int_equal(read(ends[0], line, sizeof(line) - 1), strlen(LINE));
	assert_string_equal(line, LINE);
}

static void who_does_not_read_is_not_waited_for(void **state)
{
	static char some[4096];

	(void)state;
	assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
	while (write(ends[1], some, sizeof(some)) > 0)
		;
	assert_int_equal(fcntl(ends[1], F_SETFL, 0), 0);
	bmc_progress_show("things", 1, 2);
}

/* In 20 columns each step left a piece of the line before. */
static void a_narrow_terminal_gets_one_line(void **state)
{
	const struct winsize narrow = { .ws_row = 10, .ws_col = 20 };
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	char line[256] = "";

	(void)state;
	assert_true(master >= 0 && !grantpt(master) && !unlockpt(master));
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0 && !ioctl(slave, TIOCSWINSZ, &narrow));
	assert_true(dup2(slave, STDERR_FILENO) >= 0);
	bmc_progress_show("old connections that are not idle yet", 12, 5000);
	assert_true(read(master, line, sizeof(line) - 1) > 0);
	assert_string_equal(line, "\r\033[K12 of 5000");
	close(slave);
	close(master);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_reader_is_told, pipe_as_stderr, stderr_again),
		cmocka_unit_test_setup_teardown(who_does_not_read_is_not_waited_for, pipe_as_stderr,
						stderr_again),
		cmocka_unit_test_setup_teardown(a_narrow_terminal_gets_one_line, pipe_as_stderr,
						stderr_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
