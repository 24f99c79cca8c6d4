// SPDX-License-Identifier: LGPL-2.1-only
#include "tcx.h"

#include "hooks.h"
#include "pins.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* linux/bpf.h of Linux 6.6: what is built with older headers runs there, too */
#define TCX_EGRESS ((enum bpf_attach_type)47)
#define BEFORE_ALL (1U << 3) /* BPF_F_BEFORE, of no program */
#define PROGRAMS_MAX 64

#define PIN "tcx_"

int bmc_tcx_is_pin(const char *what)
{
	return !strncmp(what, PIN, strlen(PIN));
}

int bmc_tcx_attach(const char *instance, int prog_fd, __u32 ifindex)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts, .flags = BEFORE_ALL);
	int fd = bpf_link_create(prog_fd, (int)ifindex, TCX_EGRESS, &opts), err = 0;
	char name[BMC_XDP_PIN], path[BMC_PINS_PATH];

	if (fd < 0)
		return errno == EINVAL || errno == EOPNOTSUPP ? 0 : -errno;
	snprintf(name, sizeof(name), PIN "%u", ifindex); /* the number that it has at `start` */
	if (bpf_obj_pin(fd, bmc_pins_path(instance, "links", name, path)))
		err = -errno;
	close(fd);
	return err ? err : 1;
}

/* Those on an interface's egress, in their order. Returns how many; no tcx, none. */
static __u32 programs(__u32 ifindex, __u32 *ids)
{
	__u32 n = PROGRAMS_MAX;

	return bpf_prog_query((int)ifindex, TCX_EGRESS, 0, NULL, ids, &n) ? 0 : n;
}

int bmc_tcx_has(__u32 ifindex, __u32 prog_id)
{
	__u32 ids[PROGRAMS_MAX], n = programs(ifindex, ids);

	for (__u32 i = 0; i < n; i++) {
		if (ids[i] == prog_id)
			return 1;
	}
	return 0;
}

__u32 bmc_tcx_first(__u32 ifindex)
{
	__u32 ids[PROGRAMS_MAX];

	return programs(ifindex, ids) ? ids[0] : 0;
}
