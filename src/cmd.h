/* SPDX-License-Identifier: LGPL-2.1-only */
/* The commands: each says what it does and returns the exit code (enum bmc_exit). */
#ifndef BMC_CMD_H
#define BMC_CMD_H

#include "options.h"

int bmc_cmd_start(const struct bmc_options *options);
int bmc_cmd_stop(const struct bmc_options *options);
int bmc_cmd_stats(const struct bmc_options *options);
int bmc_cmd_status(const struct bmc_options *options);
int bmc_cmd_reset(const struct bmc_options *options);
int bmc_cmd_flush(const struct bmc_options *options);

/* Root, and the capabilities that reading or changing instances takes. 0, or the exit code with everything said. */
int bmc_cmd_check_rights(void);

/* Keeps other bmcctl away until this one ends. 0, or the exit code with everything said. */
int bmc_cmd_lock(void);

/* The instances that run. */
struct bmc_others {
	char names[512]; /* "'a', 'b'" */
	int n;
};

void bmc_cmd_others(struct bmc_others *ret);

/* There is no instance of this name; which there are. Returns the exit code. */
int bmc_cmd_fail_not_there(const char *name);

/*
 * Reads of an instance what `read` reads. An error is the instance's own only if nobody was at work when the reading began nor
 * when it ended, twice: -EBUSY is another bmcctl that is at work. 0 or -errno.
 */
int bmc_cmd_read(const char *name, int (*read)(const char *name, void *ret), void *ret);

/* Opens the notes of the named instance. 0, or the exit code with everything said. */
struct bmc_instance;
int bmc_cmd_open(const char *name, struct bmc_instance *ret);

#endif
