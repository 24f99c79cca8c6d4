/* SPDX-License-Identifier: LGPL-2.1-only */
/* A wire that loses, holds back, doubles and spoils TCP segments (test/bpf/wire.bpf.c). */
#ifndef BMC_TEST_BAD_WIRE_H
#define BMC_TEST_BAD_WIRE_H

#include "wire_abi.h"

struct ns;
struct wire_bpf;

struct bad_wire {
	struct wire_bpf *skel; /* skel->bss->wire.set is read by the program at any time */
	int ifindex;
};

/* On what leaves by `ifname`. It goes with the interface; the test fails if it cannot be attached. */
void bad_wire_attach(struct bad_wire *b, const struct ns *ns, const char *ifname);
/* The program's memory is given back; the program stays, and does nothing any more. */
void bad_wire_close(struct bad_wire *b);

#endif
