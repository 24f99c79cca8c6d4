// SPDX-License-Identifier: LGPL-2.1-only
#include "progress.h"

#include "util.h"

#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define FIRST_NS 700000000ULL
#define TERMINAL_NS 100000000ULL
#define LINES_NS 2000000000ULL
#define CLEAR "\r\033[K" /* the line */

static __u64 next; /* when there is something to show again; 0: not begun */
static int begun; /* a line of a terminal that is not ended */

/* Whether somebody reads it now: who does not must not make us wait. */
static int is_read(void)
{
	struct pollfd to = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&to, 1, 0) == 1;
}

/* One line of a terminal: what is wider would go on in the next one, which nothing takes away. */
static void show_line(const char *what, size_t n, size_t total)
{
	struct winsize size = { 0 };
	char line[128];
	int len = snprintf(line, sizeof(line), "bmcctl: %s: %zu of %zu", what, n, total);

	if (!ioctl(STDERR_FILENO, TIOCGWINSZ, &size) && size.ws_col && len >= size.ws_col)
		snprintf(line, sizeof(line), "%zu of %zu", n, total);
	fprintf(stderr, CLEAR "%s", line);
	begun = 1;
}

void bmc_progress_show(const char *what, size_t n, size_t total)
{
	__u64 now = bmc_clock_ns(CLOCK_MONOTONIC);
	int terminal = isatty(STDERR_FILENO);

	if (!next)
		next = now + FIRST_NS;
	if (now < next || !is_read())
		return;
	next = now + (terminal ? TERMINAL_NS : LINES_NS);
	if (terminal)
		show_line(what, n, total);
	else
		fprintf(stderr, "bmcctl: %s: %zu of %zu\n", what, n, total);
	fflush(stderr);
}

void bmc_progress_end(void)
{
	if (begun)
		fputs(CLEAR, stderr);
	begun = 0;
	next = 0;
}
