// SPDX-License-Identifier: LGPL-2.1-only
#include "log.h"

#include <bpf/libbpf.h>
#include <stdarg.h>
#include <stdio.h>

static void talk(const char *fmt, va_list args)
{
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
	fputs("Try 'bmcctl --help'.\n", stderr);
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

void bmc_log_libbpf(int verbose)
{
	libbpf_set_print(verbose ? print_all : NULL);
}
