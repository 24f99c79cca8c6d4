/* SPDX-License-Identifier: LGPL-2.1-only */
/* What must be true of this machine before anything is attached. Each says what is wrong and what to do. */
#ifndef BMC_CHECK_H
#define BMC_CHECK_H

#include "lifecycle.h"
#include "options.h"

/* Kernel, BTF, memory. 0, or the exit code with everything said. */
int bmc_check_machine(const struct bmc_options *options);

/* Interfaces: there, without a foreign XDP program; fills plan->iface. 0, or the exit code with everything said. */
int bmc_check_ifaces(const struct bmc_options *options, struct bmc_plan *plan);

/* Name, interfaces and ports are no other instance's. 0, or the exit code with everything said. */
int bmc_check_instances(const struct bmc_options *options, const struct bmc_plan *plan);

/*
 * The memcached behind each port: it listens, with UDP, where the interfaces' packets reach it, and answers in plain
 * text. Fills plan->config's ports, users and number of writers. 0, or the exit code with everything said.
 */
int bmc_check_servers(const struct bmc_options *options, struct bmc_plan *plan);

#endif
