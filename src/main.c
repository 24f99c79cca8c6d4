// SPDX-License-Identifier: LGPL-2.1-only
#include "bmc_abi.h"
#include "bmc.skel.h"
int main(void)
{
	struct bmc_bpf *skel = bmc_bpf__open();
	if (!skel)
		return 1;
	int err = bmc_bpf__load(skel);
	bmc_bpf__destroy(skel);
	return err ? 1 : 0;
}
