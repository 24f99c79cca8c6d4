// SPDX-License-Identifier: LGPL-2.1-only
#include "cmd.h"
#include "log.h"
#include "pins.h"
#include "stats_fmt.h"
#include "util.h"

#include <json-c/json.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int bmc_cmd_stats(const struct bmc_options *options)
{
	static struct bmc_instance note;
	struct json_object *json;
	struct bmc_totals totals;
	__u64 uptime;
	int code, err, fd;

	code = bmc_cmd_check_rights();
	if (!code)
		code = bmc_cmd_open(options->name, &note);
	if (code)
		return code;
	fd = bmc_pins_map(options->name, "bmc_stats");
	err = fd < 0 ? fd : bmc_stats_read(fd, &totals);
	if (fd >= 0)
		close(fd);
	if (err)
		return bmc_fail("cannot read the counters of instance '%s': %s", options->name,
				strerror(-err));
	uptime = (bmc_clock_ns(CLOCK_MONOTONIC) - note.started_mono) / 1000000000ULL;
	if (!options->json) {
		bmc_stats_print(stdout, options->name, uptime, &totals);
		return BMC_DONE_OK;
	}
	json = bmc_stats_json(options->name, uptime, &totals);
	puts(json_object_to_json_string_ext(json, JSON_C_TO_STRING_PRETTY));
	json_object_put(json);
	return BMC_DONE_OK;
}
