/* SPDX-License-Identifier: LGPL-2.1-only */
/* Settings that `start` writes before the programs are loaded; the verifier knows their values. */
#ifndef BMC_CONFIG_BPF_H
#define BMC_CONFIG_BPF_H

#include "bmc_abi.h"
#include "bmc_mutants.h"
#include "compat.bpf.h"

const volatile struct bmc_config bmc_config = {};

/* Whether a test has switched this guard off. */
static __always_inline int bmc_mutant(enum bmc_mutant mutant)
{
	return (bmc_config.mutants >> mutant & 1) != 0;
}

/* The server of a local port (network order), or -1. */
static __always_inline int bmc_config_server(__u16 port)
{
#pragma unroll
	for (__u32 i = 0; i < BMC_PORTS_MAX; i++) {
		if (i && i >= bmc_config.n_ports)
			break; /* the verifier knows it, and leaves the rest out; there is one port at the least */
		if (bmc_config.port[i] == port)
			return (int)i;
	}
	return -1;
}

#endif
