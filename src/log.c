// SPDX-License-Identifier: LGPL-2.1-only
#define _GNU_SOURCE /* vasprintf */
#include "log.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *command;

void bmc_log_command(const char *name)
{
	command = name;
}

/* The first reason counts: what could not be written is not there to be tried again. */
int bmc_log_flush(void)
{
	static int first;

	if ((fflush(stdout) || ferror(stdout)) && !first)
		first = errno;
	return first;
}

/* After the results that are there: both may go to one place. */
static void talk(const char *fmt, va_list args)
{
	bmc_log_flush();
	fputs("bmcctl: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
}

int bmc_fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	talk(fmt, args);
	va_end(args);
	return BMC_FAILED;
}

int bmc_usage(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	talk(fmt, args);
	va_end(args);
	fprintf(stderr, "Try 'bmcctl %s%s--help'.\n", command ? command : "", command ? " " : "");
	return BMC_USAGE;
}

void bmc_note(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	talk(fmt, args);
	va_end(args);
}

static int print_all(enum libbpf_print_level level, const char *fmt, va_list args)
{
	(void)level;
	return vfprintf(stderr, fmt, args);
}

static char kept[1024];

/* Leaves the last bytes of all that was kept and of what comes. */
static int keep_end(enum libbpf_print_level level, const char *fmt, va_list args)
{
	size_t have = strlen(kept), len, room = sizeof(kept) - 1;
	char *text = NULL;

	if (level != LIBBPF_WARN || vasprintf(&text, fmt, args) < 0)
		return 0;
	len = strlen(text);
	if (len >= room) {
		memcpy(kept, text + len - room, room + 1);
	} else {
		if (have + len > room) {
			memmove(kept, kept + have + len - room, room - len);
			have = room - len;
		}
		memcpy(kept + have, text, len + 1);
	}
	free(text);
	return 0;
}

void bmc_log_libbpf(int verbose)
{
	libbpf_set_print(verbose ? print_all : keep_end);
}

const char *bmc_log_libbpf_end(void)
{
	const char *line = strchr(kept, '\n');

	return strlen(kept) == sizeof(kept) - 1 && line ? line + 1 :
							  kept; /* from a whole line on */
}
