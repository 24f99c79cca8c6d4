// SPDX-License-Identifier: LGPL-2.1-only
#include "cmd.h"
#include "log.h"
#include "shared.h"

#include <stdio.h>
#include <string.h>

int bmc_cmd_flush(const struct bmc_options *options)
{
	static struct bmc_instance note;
	struct bmc_shared *shared;
	int code, err;

	code = bmc_cmd_check_rights();
	if (!code)
		code = bmc_cmd_open(options->name, &note);
	if (code)
		return code;
	err = bmc_shared_open(options->name, &shared);
	if (err)
		return bmc_fail("cannot map the shared words of instance '%s': %s", options->name,
				strerror(-err));
	for (__u32 i = 0; i < note.config.n_ports && i < BMC_PORTS_MAX; i++)
		bmc_shared_epoch_up(&shared->server[i]);
	bmc_shared_close(shared);
	printf("%s: every item is forgotten\n", options->name);
	return BMC_DONE_OK;
}
