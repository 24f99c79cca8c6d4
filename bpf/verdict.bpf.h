/* SPDX-License-Identifier: LGPL-2.1-only */
/* What becomes of a packet; only the entries turn it into a hook's code. */
#ifndef BMC_VERDICT_BPF_H
#define BMC_VERDICT_BPF_H

enum bmc_verdict {
	BMC_TO_STACK, /* as it is */
	BMC_REPLIED, /* the packet is now the answer */
	BMC_DROP, /* TCP sends it again; or an answer that must not leave */
	BMC_UNDECIDED, /* as it is, and to be looked at again */
};

#endif
