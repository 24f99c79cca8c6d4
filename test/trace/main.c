// SPDX-License-Identifier: LGPL-2.1-only
/* bmc-trace: hit ratios of bmc's programs and of other policies, on the same traces and in the same bytes. */
#include "output.h"

#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIST_MAX 16

struct options {
	enum trace_mix mix[TRACE_MIXES];
	int n_mixes;
	double percent[LIST_MAX];
	int n_percents;
	const struct policy *policy[LIST_MAX];
	int n_policies;
	struct trace_case what;
	int json;
};

static void help(void)
{
	puts("Usage: bmc-trace [OPTION]...\n"
	     "Hit ratios of bmc's programs (BPF_PROG_RUN) and of other policies in the same "
	     "bytes.\n"
	     "\n"
	     "  --mix NAME       zipf, flood, scan, loop, shift, pairs or uniform; may be given "
	     "again (zipf)\n"
	     "  --memory PERCENT of the bytes of all keys and values; may be given again (1, 6, "
	     "25)\n"
	     "  --policy NAME    bmc, tinylfu, lru, sieve, clock or original; may be given again "
	     "(all)\n"
	     "  --sizes NAME     etc, or small: keys of 16 bytes, values of 32 (etc)\n"
	     "  --items N        different keys (200000)\n"
	     "  --requests N     that are counted; as many come before (2000000)\n"
	     "  --seed N         of the trace (1)\n"
	     "  --json           rows for bmc-bench report\n"
	     "  --help           this text\n"
	     "\n"
	     "ideal: the hit ratio of a cache that always holds the hottest items and nothing but "
	     "their keys\n"
	     "and values; of ideal: the share of that; items x: items held, as a multiple of what "
	     "BMC's layout\n"
	     "of 2021 (original) has room for. Needs root.");
}

static int add_mix(struct options *o, const char *name)
{
	for (int i = 0; i < TRACE_MIXES; i++) {
		if (strcmp(trace_mix_name[i], name) || o->n_mixes == TRACE_MIXES)
			continue;
		o->mix[o->n_mixes++] = (enum trace_mix)i;
		return 0;
	}
	return -1;
}

static int add_policy(struct options *o, const char *name)
{
	for (int i = 0; policies[i]; i++) {
		if (strcmp(policies[i]->name, name) || o->n_policies == LIST_MAX)
			continue;
		o->policy[o->n_policies++] = policies[i];
		return 0;
	}
	return -1;
}

static int add_percent(struct options *o, const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (*end || end == text || !(value > 0 && value <= 1000) || o->n_percents == LIST_MAX)
		return -1;
	o->percent[o->n_percents++] = value;
	return 0;
}

static int read_count(const char *text, uint32_t least, uint32_t *ret)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || end == text || value < least || value > 1000000000)
		return -1;
	*ret = (uint32_t)value;
	return 0;
}

static int read_sizes(struct options *o, const char *name)
{
	o->what.sizes = strcmp(name, "small") ? TRACE_ETC : TRACE_SMALL;
	return strcmp(name, "small") && strcmp(name, "etc") ? -1 : 0;
}

static int take_option(struct options *o, int option, const char *value)
{
	uint32_t seed = 0;
	int err;

	switch (option) {
	case 'm':
		return add_mix(o, value);
	case 'M':
		return add_percent(o, value);
	case 'p':
		return add_policy(o, value);
	case 's':
		return read_sizes(o, value);
	case 'i':
		return read_count(value, 1000, &o->what.n_items);
	case 'r':
		return read_count(value, 1, &o->what.n_counted);
	case 'S':
		err = read_count(value, 0, &seed);
		o->what.seed = seed;
		return err;
	case 'j':
		o->json = 1;
		return 0;
	default:
		return -1;
	}
}

static int read_options(int argc, char *argv[], struct options *o)
{
	static const struct option known[] = {
		{ "mix", required_argument, NULL, 'm' },
		{ "memory", required_argument, NULL, 'M' },
		{ "policy", required_argument, NULL, 'p' },
		{ "sizes", required_argument, NULL, 's' },
		{ "items", required_argument, NULL, 'i' },
		{ "requests", required_argument, NULL, 'r' },
		{ "seed", required_argument, NULL, 'S' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int option, at;

	while ((option = getopt_long(argc, argv, "", known, &at)) != -1) {
		if (option == 'h') {
			help();
			exit(0);
		}
		if (option == '?')
			return -1;
		if (take_option(o, option, optarg)) {
			fprintf(stderr, "bmc-trace: --%s: '%s' cannot be taken: see --help\n",
				known[at].name, optarg);
			return -1;
		}
	}
	if (optind == argc)
		return 0;
	fprintf(stderr, "bmc-trace: unknown argument '%s': see --help\n", argv[optind]);
	return -1;
}

static void set_defaults(struct options *o)
{
	static const char *const percents[] = { "1", "6", "25" };

	if (!o->n_mixes)
		add_mix(o, trace_mix_name[TRACE_ZIPF]);
	for (size_t i = 0; !o->n_policies && policies[i]; i++)
		o->policy[i] = policies[i];
	while (!o->n_policies || (o->n_policies < LIST_MAX && o->policy[o->n_policies]))
		o->n_policies++;
	if (o->n_percents)
		return;
	for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++)
		add_percent(o, percents[i]);
}

/* 0; -1: this one could not be run. */
static int run_one(const struct options *o, const struct policy *policy, struct json_object *root)
{
	struct trace_result result;

	if (trace_run(policy, &o->what, &result)) {
		fprintf(stderr,
			"bmc-trace: no %s of so few bytes, or the kernel takes no programs\n",
			policy->name);
		return -1;
	}
	if (root)
		output_json_row(root, policy, &o->what, &result);
	else
		output_text(policy, &o->what, &result);
	return 0;
}

int main(int argc, char *argv[])
{
	struct options o = { .what = { .n_items = 200000, .n_counted = 2000000, .seed = 1 } };
	struct json_object *root = NULL;
	int failed = 0;

	if (read_options(argc, argv, &o))
		return 2;
	set_defaults(&o);
	o.what.n_warm = o.what.n_counted;
	if (o.json)
		root = output_json_begin();
	else
		output_text_head();
	for (int m = 0; m < o.n_mixes; m++) {
		o.what.mix = o.mix[m];
		for (int i = 0; i < o.n_percents; i++) {
			o.what.percent = o.percent[i];
			for (int p = 0; p < o.n_policies; p++)
				failed |= run_one(&o, o.policy[p], root);
		}
	}
	if (root)
		output_json_print(root);
	return failed ? 1 : 0;
}
