// SPDX-License-Identifier: LGPL-2.1-only
#include "bad_wire.h"

#include <net/if.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "ns.h"
#include "test.h"
#include "wire.skel.h"

void bad_wire_attach(struct bad_wire *b, const struct ns *ns, const char *ifname)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts);
	int err;

	b->skel = wire_bpf__open_and_load();
	assert_non_null(b->skel);
	opts.prog_fd = bpf_program__fd(b->skel->progs.wire_tc);
	assert_int_equal(ns_enter(ns), 0);
	hook.ifindex = b->ifindex = (int)if_nametoindex(ifname);
	bpf_tc_hook_create(&hook); /* there may be one */
	err = bpf_tc_attach(&hook, &opts);
	assert_int_equal(ns_leave(), 0);
	assert_int_equal(err, 0);
}

void bad_wire_close(struct bad_wire *b)
{
	if (!b->skel)
		return;
	memset(&b->skel->bss->wire.set, 0, sizeof(b->skel->bss->wire.set));
	wire_bpf__destroy(b->skel);
	b->skel = NULL;
}
