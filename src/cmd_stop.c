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

/* It is no failure: `stop` works twice. But who forgot --name, or wrote another one, wants to know. */
static void say_others(int name_given)
{
	struct bmc_others others;

	bmc_cmd_others(&others);
	if (others.n)
		bmc_note("%s %s running%s", others.names, others.n == 1 ? "is" : "are",
			 name_given ? "" : ": say which to stop with --name");
}

int bmc_cmd_stop(const struct bmc_options *options)
{
	char why[BMC_WHY_MAX] = "";
	int code, err;

	code = bmc_cmd_check_rights();
	if (!code)
		code = bmc_cmd_lock();
	if (code)
		return code;
	if (bmc_pins_unusable())
		return bmc_fail("%s", bmc_pins_unusable());
	err = bmc_lifecycle_stop(options->name, say, why);
	if (err < 0)
		return bmc_fail("%s", *why ? why : strerror(-err));
	printf("%s: %s\n", options->name, err ? "stopped" : "nothing is running");
	if (!err)
		say_others(options->name_given);
	return BMC_DONE_OK;
}
