// SPDX-License-Identifier: LGPL-2.1-only
#include "cmd.h"
#include "log.h"
#include "memory.h"
#include "pins.h"
#include "stats_fmt.h"
#include "util.h"

#include <errno.h>
#include <json-c/json.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* 0 or -errno. */
static int read_figures(const char *name, const struct bmc_instance *note, struct bmc_figures *f)
{
	int err, fd = bmc_pins_map(name, "bmc_stats", sizeof(struct bmc_stats));

	if (fd < 0)
		return fd;
	err = bmc_stats_read(fd, &f->totals);
	close(fd);
	if (!err)
		err = bmc_census_take(name, note->config.n_buckets, &f->census);
	f->instance = name;
	f->memory = bmc_memory_of_instance(name);
	f->uptime = (bmc_clock_ns(CLOCK_MONOTONIC) - note->started_mono) / 1000000000ULL;
	return err;
}

int bmc_cmd_stats(const struct bmc_options *options)
{
	static struct bmc_instance note;
	struct bmc_figures figures = { 0 };
	struct json_object *json;
	int code, err;

	if (options->json && options->prometheus)
		return bmc_usage("stats: --json or --prometheus, not both");
	code = bmc_cmd_check_rights();
	if (!code)
		code = bmc_cmd_open(options->name, &note);
	if (code)
		return code;
	err = read_figures(options->name, &note, &figures);
	if (err == -EPROTO)
		return bmc_fail(BMC_PINS_OTHER_VERSION, options->name, options->name);
	if (err)
		return bmc_fail("cannot read the counters of instance '%s': %s", options->name,
				strerror(-err));
	if (options->prometheus)
		bmc_stats_prometheus(stdout, &figures);
	else if (!options->json)
		bmc_stats_print(stdout, &figures);
	if (!options->json)
		return BMC_DONE_OK;
	json = bmc_stats_json(&figures);
	puts(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY |
							  JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(json);
	return BMC_DONE_OK;
}
