// SPDX-License-Identifier: LGPL-2.1-only
#include "fault.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int bmc_fault_asked(const char *name)
{
	const char *fault = getenv("BMC_FAULT");

	return fault && !strcmp(fault, name);
}

void bmc_fault_point(const char *name)
{
	const char *fault = getenv("BMC_FAULT");
	static long reached;

	if (!fault)
		return;
	reached++;
	if (!strcmp(fault, name))
		raise(SIGSTOP);
	if (!strcmp(fault, "count"))
		fprintf(stderr, "fault point %ld: %s\n", reached, name);
	else if (strtol(fault, NULL, 10) == reached)
		raise(SIGKILL);
}

void bmc_fault_pause(const char *name)
{
	static int paused;

	if (!paused && bmc_fault_asked(name)) {
		paused = 1;
		raise(SIGSTOP);
	}
}
