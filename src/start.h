/* SPDX-License-Identifier: LGPL-2.1-only */
/* The steps of bmc_lifecycle_start, and what they share. Only these know the skeleton. */
#ifndef BMC_START_H
#define BMC_START_H

#include "bmc.skel.h"
#include "lifecycle.h"

struct bmc_start {
	struct bmc_plan *plan;
	struct bmc_report *report;
	struct bmc_bpf *skel;
	struct bmc_instance note;
};

/* Says why a step failed, in report->why. Returns err. */
int bmc_start_because(struct bmc_start *s, int err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Writes s->note into its map. */
int bmc_start_note(struct bmc_start *s);

/* Steps, in their order: 0, or -errno with everything said. */
int bmc_start_load(struct bmc_start *s); /* maps sized, settings made, programs loaded */
int bmc_start_attach_watch(struct bmc_start *s); /* the cgroup's programs */
int bmc_start_attach_ifaces(struct bmc_start *s); /* TC, then XDP */

#endif
