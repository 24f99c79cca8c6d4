// SPDX-License-Identifier: LGPL-2.1-only
#include "said.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "world.h"

struct child_result said;

int sh(struct world *w, const char *format, ...)
{
	char line[1024] = "bmcctl() { " BMC_BMCCTL " \"$@\"; }; ";
	char *argv[] = { "sh", "-c", line, NULL };
	size_t len = strlen(line);
	va_list args;

	va_start(args, format);
	vsnprintf(line + len, sizeof(line) - len, format, args);
	va_end(args);
	child_run(&w->server, argv, 60, &said);
	return said.code;
}

void assert_says(const char *text, const char *what)
{
	if (!strstr(text, what))
		fail_msg("it does not say '%s', but: %s%s", what, said.out, said.err);
}

void assert_says_not(const char *text, const char *what)
{
	if (strstr(text, what))
		fail_msg("it says '%s': %s%s", what, said.out, said.err);
}

void assert_says_before(const char *text, const char *first, const char *then)
{
	const char *at = strstr(text, first);

	if (!at || !strstr(at, then))
		fail_msg("it does not say '%s' and then '%s', but: %s%s", first, then, said.out,
			 said.err);
}

static void ask_status(struct world *w)
{
	if (bmcctl(&w->server, "status --name %s", w->instance))
		fail_msg("bmcctl status: exit %d: %s", bmcctl_result.code, bmcctl_result.err);
}

void status_says(struct world *w, const char *text)
{
	ask_status(w);
	if (!strstr(bmcctl_result.out, text))
		fail_msg("status does not say '%s':\n%s", text, bmcctl_result.out);
}

void status_says_not(struct world *w, const char *text)
{
	ask_status(w);
	if (strstr(bmcctl_result.out, text))
		fail_msg("status says '%s':\n%s", text, bmcctl_result.out);
}
