// SPDX-License-Identifier: LGPL-2.1-only
/* bmc-bench report: a page, or Markdown, of what `run` wrote. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "commands.h"
#include "options.h"
#include "report/sections.h"

struct command {
	const char *file; /* NULL: stdout */
	int is_markdown;
};

static int set_output(void *target, const char *value)
{
	((struct command *)target)->file = value;
	return 0;
}

static int set_markdown(void *target, const char *value)
{
	(void)value;
	((struct command *)target)->is_markdown = 1;
	return 0;
}

static const struct bench_option options[] = {
	{ "output", "FILE", set_output, "where to; by default stdout", 'o' },
	{ "markdown", NULL, set_markdown, "tables in Markdown in place of a page", 0 },
	{},
};

static const char head[] =
	"Usage: bmc-bench report JSON... [OPTION]...\n"
	"Makes one self-contained HTML page of the files that `bmc-bench run --output FILE` and\n"
	"`bmc-trace --json` wrote: throughput, latency, hit ratio against memory, all figures.\n";

static int write_report(const struct command *c, const struct report *r)
{
	FILE *f = c->file ? fopen(c->file, "we") : stdout;
	int err;

	if (!f)
		return bench_fail("cannot write '%s': %s", c->file, strerror(errno));
	(c->is_markdown ? report_markdown : report_page)(f, r);
	if (!c->file)
		return 0; /* main() looks whether it is out */
	err = fflush(f) || ferror(f);
	err |= fclose(f);
	return err ? bench_fail("cannot write '%s': %s", c->file, strerror(errno)) : 0;
}

int bench_cmd_report(int argc, char **argv)
{
	struct command c = {};
	struct report r = {};
	int first, err = 0;

	if (bench_options_read(options, head, &c, argc, argv, &first))
		return BENCH_USAGE;
	if (first == argc) {
		bench_fail("which files? (bmc-bench report --help)");
		return BENCH_USAGE;
	}
	for (int i = first; i < argc && !err; i++)
		err = report_add(&r, argv[i]);
	if (!err)
		err = write_report(&c, &r);
	report_free(&r);
	return err ? BENCH_FAILED : BENCH_DONE;
}
