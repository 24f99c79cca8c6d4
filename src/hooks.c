// SPDX-License-Identifier: LGPL-2.1-only
#include "hooks.h"

#include "iface.h"
#include "pins.h"
#include "tcx.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FILTERS_MAX 256
#define FILTER_NAME "bmc_tc_egress"
#define XDP_NAME "bmc_xdp"

/* An update of a map of maps waits for the programs that may still use the old one. */
static int wait_by_map(void)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts);
	int inner, outer, err = 0;
	__u32 zero = 0;

	inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, "bmc_wait", sizeof(zero), sizeof(zero), 1, NULL);
	if (inner < 0)
		return -errno;
	opts.inner_map_fd = (__u32)inner;
	outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "bmc_wait", sizeof(zero), sizeof(zero),
			       1, &opts);
	if (outer < 0 || bpf_map_update_elem(outer, &zero, &inner, BPF_ANY))
		err = -errno;
	if (outer >= 0)
		close(outer);
	close(inner);
	return err;
}

int bmc_hooks_wait(void)
{
	if (!syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		return 0;
	return wait_by_map(); /* with nohz_full there is no such membarrier */
}

int bmc_hooks_attach_cgroup(const char *instance, const struct bpf_program *prog, int cgroup_fd)
{
	char path[BMC_PINS_PATH];
	struct bpf_link *link;
	int err;

	link = bpf_program__attach_cgroup(prog, cgroup_fd);
	if (!link)
		return -errno;
	err = bpf_link__pin(link, bmc_pins_path(instance, "links", bpf_program__name(prog), path));
	bpf_link__destroy(link);
	return err;
}

static int link_xdp(int prog_fd, __u32 ifindex, enum bmc_mode mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, opts,
		    .flags = mode == BMC_MODE_SKB ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	int fd = bpf_link_create(prog_fd, (int)ifindex, BPF_XDP, &opts);

	return fd < 0 ? -errno : fd;
}

int bmc_hooks_attach_xdp(const char *instance, int prog_fd, struct bmc_iface *iface,
			 int *ret_refused)
{
	enum bmc_mode mode =
		iface->mode == BMC_MODE_AUTO ? BMC_MODE_NATIVE : (enum bmc_mode)iface->mode;
	char name[BMC_XDP_PIN], path[BMC_PINS_PATH];
	int err, fd;

	*ret_refused = 0;
	/* who is at the other end cannot be known: answers would vanish there without a counter */
	if (iface->mode == BMC_MODE_AUTO &&
	    (bmc_iface_is_veth(iface->ifindex) || bmc_iface_is_veths_bond(iface->ifindex)))
		mode = BMC_MODE_SKB;
	fd = link_xdp(prog_fd, iface->ifindex, mode);
	if (fd < 0 && fd != -EBUSY && fd != -EEXIST && iface->mode == BMC_MODE_AUTO &&
	    mode == BMC_MODE_NATIVE) {
		*ret_refused = fd;
		mode = BMC_MODE_SKB;
		fd = link_xdp(prog_fd, iface->ifindex, mode);
	}
	if (fd < 0)
		return fd == -EEXIST ? -EBUSY : fd;
	iface->mode = mode;
	bmc_hooks_xdp_pin(iface->ifindex, name);
	err = bpf_obj_pin(fd, bmc_pins_path(instance, "links", name, path)) ? -errno : 0;
	close(fd);
	return err;
}

const char *bmc_hooks_xdp_pin(__u32 ifindex, char *buf)
{
	snprintf(buf, BMC_XDP_PIN, "xdp_%u", ifindex);
	return buf;
}

/* The number is that of the device in its own namespace: here it may be another one's. */
static int is_attached_here(const char *what, __u32 ifindex, __u32 prog_id)
{
	__u32 id = 0;
	int skb;

	if (bmc_tcx_is_pin(what))
		return bmc_tcx_has(ifindex, prog_id);
	return !bmc_iface_xdp(ifindex, &id, &skb) && id == prog_id;
}

void bmc_hooks_place(const char *instance, const char *what, struct bmc_hook_place *ret)
{
	__u32 len = sizeof(struct bpf_link_info);
	struct bpf_link_info info = { 0 };
	char path[BMC_PINS_PATH];
	int fd;

	memset(ret, 0, sizeof(*ret));
	fd = bpf_obj_get(bmc_pins_path(instance, "links", what, path));
	if (fd < 0)
		return;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		info.xdp.ifindex = 0;
	close(fd);
	if (!info.xdp.ifindex) /* that of tcx is in the same place */
		return;
	ret->where = BMC_HOOK_ELSEWHERE;
	if (!is_attached_here(what, info.xdp.ifindex, info.prog_id) ||
	    !if_indextoname(info.xdp.ifindex, ret->name))
		return;
	ret->where = BMC_HOOK_HERE;
	ret->prog_id = info.prog_id;
	ret->ifindex = info.xdp.ifindex;
}

static int is_on_cgroup(const char *instance, const char *what)
{
	__u32 len = sizeof(struct bpf_link_info);
	struct bpf_link_info info = { 0 };
	char path[BMC_PINS_PATH];
	int fd = bpf_obj_get(bmc_pins_path(instance, "links", what, path));

	if (fd < 0)
		return errno != ENOENT; /* else it cannot be told */
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		info.cgroup.cgroup_id = 1;
	close(fd);
	return info.cgroup.cgroup_id != 0; /* 0: the link was detached */
}

const char *bmc_hooks_unwatched(const char *instance)
{
	static const char *const watch[] = {
		"bmc_ingress",	  "bmc_egress",	    "bmc_sock_release", "bmc_sockops",
		"bmc_post_bind4", "bmc_post_bind6", "bmc_recvmsg4",	"bmc_recvmsg6",
	};

	for (size_t i = 0; i < sizeof(watch) / sizeof(*watch); i++) {
		if (!is_on_cgroup(instance, watch[i]))
			return watch[i];
	}
	return NULL;
}

int bmc_hooks_program_id(int prog_fd, __u32 *ret)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);
	int err = bpf_obj_get_info_by_fd(prog_fd, &info, &len);

	*ret = info.id;
	return err;
}

/* The lowest priority number that no filter has: ours passes on what it does not know, so it may come first. */
int bmc_hooks_plan_tc(int prog_fd, struct bmc_iface *iface)
{
	struct bmc_filter list[FILTERS_MAX];
	int has, n, err;

	has = bmc_iface_has_clsact(iface->ifindex);
	if (has < 0)
		return has;
	n = has ? bmc_iface_filters(iface->ifindex, list, FILTERS_MAX) : 0;
	if (n < 0)
		return n;
	err = bmc_hooks_program_id(prog_fd, &iface->tc_prog_id);
	if (err)
		return err;
	iface->made_clsact = !has;
	iface->tc_handle = has ? BMC_FILTER_HANDLE : BMC_FILTER_HANDLE_MADE;
	iface->tc_priority = 1;
	for (int i = 0; i < n && i < FILTERS_MAX; i++) {
		if (list[i].egress && list[i].priority == iface->tc_priority) {
			iface->tc_priority++;
			i = -1;
		}
	}
	return 0;
}

int bmc_hooks_make_clsact(const struct bmc_iface *iface)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)iface->ifindex,
		    .attach_point = BPF_TC_EGRESS);

	return iface->made_clsact ? bpf_tc_hook_create(&hook) : 0;
}

int bmc_hooks_attach_tc(int prog_fd, const struct bmc_iface *iface)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)iface->ifindex,
		    .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = iface->tc_handle, .priority = iface->tc_priority,
		    .prog_fd = prog_fd);

	return bpf_tc_attach(&hook, &opts);
}

int bmc_hooks_detach_tc(__u32 ifindex, __u32 handle, __u32 priority, __u32 prog_id)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = handle, .priority = priority);
	int err = bpf_tc_query(&hook, &opts);

	if (err)
		return err == -ENOENT || err == -EINVAL || err == -ENODEV ? 0 : err;
	if (opts.prog_id != prog_id)
		return 0;
	opts.flags = 0;
	opts.prog_fd = 0;
	opts.prog_id = 0;
	err = bpf_tc_detach(&hook, &opts);
	return err ? err : 1;
}

int bmc_hooks_remove_clsact(__u32 ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	struct bmc_filter list[1];
	int n = bmc_iface_has_clsact(ifindex);

	if (n <= 0)
		return n;
	n = bmc_iface_filters(ifindex, list, 1);
	if (n)
		return n < 0 ? n : 0;
	n = bpf_tc_hook_destroy(&hook);
	return n ? n : 1;
}

int bmc_hooks_program_uses(__u32 prog_id, __u32 map_id)
{
	struct bpf_prog_info info = { 0 };
	__u32 ids[64], len = sizeof(info);
	int err, uses = 0, fd = bpf_prog_get_fd_by_id(prog_id);

	if (fd < 0)
		return 0;
	info.map_ids = (__u64)(unsigned long)ids;
	info.nr_map_ids = 64;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	for (__u32 i = 0; !err && i < info.nr_map_ids && i < 64; i++)
		uses |= ids[i] == map_id;
	close(fd);
	return uses;
}

static int has_name(__u32 prog_id, const char *name)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);
	int err, fd = bpf_prog_get_fd_by_id(prog_id);

	if (fd < 0)
		return 0;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	close(fd);
	return !err && !strncmp(info.name, name, sizeof(info.name) - 1);
}

int bmc_hooks_program_is_filter(__u32 prog_id)
{
	return has_name(prog_id, FILTER_NAME);
}

int bmc_hooks_program_is_xdp(__u32 prog_id)
{
	return has_name(prog_id, XDP_NAME);
}

__u32 bmc_hooks_xdp_link(__u32 prog_id)
{
	__u32 id = 0, found = 0;

	while (!found && !bpf_link_get_next_id(id, &id)) {
		struct bpf_link_info info = { 0 };
		__u32 len = sizeof(info);
		int fd = bpf_link_get_fd_by_id(id);

		if (fd < 0)
			continue; /* it is gone */
		if (!bpf_obj_get_info_by_fd(fd, &info, &len) && info.type == BPF_LINK_TYPE_XDP &&
		    info.prog_id == prog_id)
			found = id;
		close(fd);
	}
	return found;
}
