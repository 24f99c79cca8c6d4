// SPDX-License-Identifier: LGPL-2.1-only
#include "cmd.h"
#include "lifecycle.h"
#include "log.h"
#include "pins.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void __attribute__((format(printf, 1, 2))) say(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
}

int bmc_cmd_stop(const struct bmc_options *options)
{
	char why[BMC_WHY_MAX] = "";
	int code, err;

	code = bmc_cmd_check_rights();
	if (code)
		return code;
	err = bmc_pins_lock();
	if (err)
		return bmc_fail("another bmcctl is at work and does not end: %s", strerror(-err));
	if (!bmc_pins_exist(options->name)) {
		printf("%s: nothing is running\n", options->name);
		return BMC_DONE_OK;
	}
	err = bmc_lifecycle_stop(options->name, say, why);
	if (err < 0)
		return bmc_fail("%s", *why ? why : strerror(-err));
	printf("%s: stopped\n", options->name);
	return BMC_DONE_OK;
}
