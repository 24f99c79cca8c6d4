// SPDX-License-Identifier: LGPL-2.1-only
/* `stop`: what an instance's notes and pins lead to is removed, in reverse; and its filters even without notes. */
#include "fault.h"
#include "hooks.h"
#include "iface.h"
#include "lifecycle.h"
#include "pins.h"
#include "tcx.h"
#include "util.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILTERS_MAX 256

struct stop {
	const char *name;
	bmc_say_fn say;
	struct bmc_instance note;
	int noted;
	int unreadable; /* there are notes, but of another version, or they could not be read */
	int elsewhere; /* it was started in another network namespace: numbers of interfaces are not ours */
	__u32 map_id; /* of a map that its programs use; 0: no such pin is left */
	__u32 made[BMC_IFACES_MAX]; /* interfaces whose clsact is ours */
	int n_made;
	int removed;
	int err; /* the first failure */
	char *why;
};

static void failed(struct stop *s, int err, const char *what, const char *on)
{
	if (!s->err) {
		s->err = err;
		snprintf(s->why, BMC_WHY_MAX, "cannot remove %s '%s': %s", what, on,
			 strerror(-err));
	}
}

static __u32 map_id_of(const char *instance, const char *map)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	int fd = bmc_pins_map(instance, map, 0);

	if (fd < 0)
		return 0;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		info.id = 0;
	close(fd);
	return info.id;
}

/* Whether a filter's program belongs to another instance that is still there. */
static int others_filter(const char *instance, void *arg)
{
	const __u32 *prog_id = arg;
	__u32 id = map_id_of(instance, "bmc_buckets");

	return id && bmc_hooks_program_uses(*prog_id, id);
}

static int is_our_filter(struct stop *s, const struct bmc_filter *f)
{
	__u32 prog_id = f->prog_id;

	if (!f->egress || !prog_id || !bmc_hooks_program_is_filter(prog_id))
		return 0;
	for (int i = 0; s->noted && i < BMC_IFACES_MAX; i++) {
		if (s->note.iface[i].ifindex == f->ifindex &&
		    s->note.iface[i].tc_prog_id == prog_id)
			return 1;
	}
	if (s->map_id)
		return bmc_hooks_program_uses(prog_id, s->map_id);
	/* no pin is left to know it by: ours if it is nobody's */
	return !bmc_pins_instances(others_filter, &prog_id);
}

static void note_removed(struct stop *s, __u32 ifindex, __u32 handle, int gone)
{
	char name[IF_NAMESIZE] = "?";

	if_indextoname(ifindex, name);
	if (gone < 0)
		failed(s, gone, "the TC filter of", name);
	if (gone <= 0)
		return;
	s->say("detached TC egress from %s\n", name);
	s->removed++;
	if (handle == BMC_FILTER_HANDLE_MADE && s->n_made < BMC_IFACES_MAX)
		s->made[s->n_made++] = ifindex;
}

/* Those that the notes name, however many others there are. */
static void remove_noted_filters(struct stop *s)
{
	for (int i = 0; s->noted && i < BMC_IFACES_MAX; i++) {
		const struct bmc_iface *f = &s->note.iface[i];

		if (f->ifindex && f->tc_prog_id && f->tc_handle)
			note_removed(s, f->ifindex, f->tc_handle,
				     bmc_hooks_detach_tc(f->ifindex, f->tc_handle, f->tc_priority,
							 f->tc_prog_id));
	}
}

static void remove_filters(struct stop *s, __u32 ifindex)
{
	struct bmc_filter list[FILTERS_MAX];
	int n = bmc_iface_filters(ifindex, list, FILTERS_MAX);

	if (n < 0)
		note_removed(s, ifindex, 0, n);
	for (int i = 0; i < n && i < FILTERS_MAX; i++) {
		if (!is_our_filter(s, &list[i]))
			continue;
		note_removed(s, ifindex, list[i].handle,
			     bmc_hooks_detach_tc(ifindex, list[i].handle, list[i].priority,
						 list[i].prog_id));
		bmc_fault_point("TC detached");
	}
}

static void remove_all_filters(struct stop *s)
{
	__u32 *all;
	int n = bmc_iface_all(&all);

	remove_noted_filters(s);
	if (n < 0)
		failed(s, n, "the TC filters of", "all interfaces");
	for (int i = 0; i < n; i++)
		remove_filters(s, all[i]);
	free(all);
}

static void remove_clsact(struct stop *s, __u32 ifindex, const char *name)
{
	int gone = bmc_hooks_remove_clsact(ifindex);

	if (gone < 0)
		failed(s, gone, "the clsact qdisc of", name);
	if (gone > 0) {
		s->say("removed the clsact qdisc of %s\n", name);
		s->removed++;
	}
	bmc_fault_point("clsact removed");
}

static void remove_made_qdiscs(struct stop *s)
{
	char name[IF_NAMESIZE];

	for (int i = 0; i < s->n_made; i++) {
		if (if_indextoname(s->made[i], name))
			remove_clsact(s, s->made[i], name);
	}
	/* noted, but without a filter: `start` or `stop` was killed in between */
	for (int i = 0; s->noted && !s->elsewhere && i < BMC_IFACES_MAX; i++) {
		const struct bmc_iface *iface = &s->note.iface[i];

		/* the number can be another interface's by now */
		if (iface->ifindex && iface->made_clsact && if_indextoname(iface->ifindex, name) &&
		    !strcmp(name, iface->name))
			remove_clsact(s, iface->ifindex, name);
	}
}

static int is_xdp(const char *what)
{
	return !strncmp(what, "xdp_", 4);
}

/*
 * The links' pins are all that keeps XDP and cgroup programs attached. But a link without its pin ends
 * some time later, and XDP must be gone before the watch is: so detach first. (The kernel takes it for
 * done where the interface or cgroup is gone. Not all of the other links can be detached, nor need be.)
 */
static int detach_link(struct stop *s, const char *what)
{
	char path[BMC_PINS_PATH];
	int fd = bpf_obj_get(bmc_pins_path(s->name, "links", what, path)), err;

	if (fd >= 0 && bmc_fault_asked("no link")) {
		close(fd);
		return -ENOMEM;
	}
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	err = bmc_fault_asked("no detach") ? -EPERM : bpf_link_detach(fd);
	close(fd);
	return is_xdp(what) ? err : 0;
}

#define PLACE_MAX 80

/* The name that a number had at `start`; NULL: not noted. */
static const char *noted_name(const struct stop *s, __u32 ifindex)
{
	for (int i = 0; s->noted && i < BMC_IFACES_MAX; i++) {
		if (s->note.iface[i].ifindex == ifindex)
			return s->note.iface[i].name;
	}
	return NULL;
}

/* Where XDP or tcx is, or was until a `stop` that did not get through, in words. */
static void link_place(const struct stop *s, const char *what, char *ret)
{
	__u32 number = (__u32)strtoul(strchr(what, '_') + 1, NULL, 10);
	const char *noted = noted_name(s, number);
	struct bmc_hook_place place;
	char name[IF_NAMESIZE];

	bmc_hooks_place(s->name, what, &place);
	if (place.where == BMC_HOOK_HERE)
		snprintf(ret, PLACE_MAX, "%s", place.name);
	else if (place.where == BMC_HOOK_ELSEWHERE)
		snprintf(ret, PLACE_MAX, "interface %u (%s) of another network namespace", number,
			 noted ? noted : "?");
	else if (noted && !s->elsewhere && if_indextoname(number, name) && !strcmp(name, noted))
		snprintf(ret, PLACE_MAX, "%s", name);
	else
		snprintf(ret, PLACE_MAX, "interface %u (%s), which is gone", number,
			 noted ? noted : "?");
}

static int remove_link(struct stop *s, const char *what)
{
	char place[PLACE_MAX] = "the cgroup";
	int gone = 0, err;

	if (is_xdp(what) || bmc_tcx_is_pin(what))
		link_place(s, what, place);
	err = detach_link(s, what);
	if (!err)
		err = bmc_pins_remove(s->name, "links", what, &gone);
	if (err)
		failed(s, err, "the link", what);
	if (!gone)
		return 0;
	s->removed++;
	s->say("detached %s from %s\n",
	       is_xdp(what)	    ? "XDP" :
	       bmc_tcx_is_pin(what) ? "TC egress" :
				      what,
	       place);
	bmc_fault_point("link removed");
	return 0;
}

static int remove_xdp_link(const char *what, void *arg)
{
	return is_xdp(what) ? remove_link(arg, what) : 0;
}

static int remove_tcx_link(const char *what, void *arg)
{
	return bmc_tcx_is_pin(what) ? remove_link(arg, what) : 0;
}

static int remove_other_link(const char *what, void *arg)
{
	return is_xdp(what) || bmc_tcx_is_pin(what) ? 0 : remove_link(arg, what);
}

/* 1 for a link whose interface still is there, but not here. */
static int link_is_elsewhere(const char *what, void *arg)
{
	struct bmc_hook_place place;

	if (!is_xdp(what))
		return 0;
	bmc_hooks_place(arg, what, &place);
	return place.where == BMC_HOOK_ELSEWHERE;
}

/* 1 for a link whose interface is here. */
static int link_is_here(const char *what, void *arg)
{
	struct bmc_hook_place place;

	if (!is_xdp(what))
		return 0;
	bmc_hooks_place(arg, what, &place);
	return place.where == BMC_HOOK_HERE;
}

/* Only its filter keeps the egress program that has one. */
static int filter_lives(const struct bmc_instance *note)
{
	for (int i = 0; i < BMC_IFACES_MAX; i++) {
		if (note->iface[i].tc_prog_id && note->iface[i].tc_handle &&
		    bmc_hooks_program_is_filter(note->iface[i].tc_prog_id))
			return 1;
	}
	return 0;
}

/*
 * TC filters can only be taken off from inside their network namespace. (An interface that was moved has none any more: it
 * can be left where it is now, even if the namespace of `start` is gone.)
 */
static int is_elsewhere(struct stop *s)
{
	__u64 here;

	if (s->unreadable) /* of several interfaces one may have been moved away */
		return bmc_pins_each(s->name, "links", link_is_elsewhere, (void *)s->name) == 1 &&
		       !bmc_pins_each(s->name, "links", link_is_here, (void *)s->name);
	s->elsewhere = s->noted && !bmc_netns_cookie(&here) && here != s->note.config.netns_cookie;
	return s->elsewhere &&
	       (filter_lives(&s->note) ||
		bmc_pins_each(s->name, "links", link_is_elsewhere, (void *)s->name) == 1);
}

static void remove_links(struct stop *s, int (*remove)(const char *what, void *arg))
{
	int err = remove == remove_xdp_link && bmc_fault_asked("no list") ?
			  -ENOMEM :
			  bmc_pins_each(s->name, "links", remove, s);

	if (err < 0)
		failed(s, err, "the links of", s->name);
}

static void remove_all(struct stop *s)
{
	remove_links(s, remove_xdp_link);
	if (s->err)
		return; /* as long as something may be answered, writes are watched */
	remove_links(s, remove_tcx_link);
	remove_all_filters(s);
	remove_made_qdiscs(s);
	remove_links(s, remove_other_link);
}

static void remove_pins(struct stop *s)
{
	int err = bmc_pins_clear(s->name);

	if (err)
		failed(s, err, "the pins of", s->name);
	else
		s->removed++;
	bmc_fault_point("pins removed");
}

/* With the folder gone, its filters are left: they are nobody's now. */
int bmc_lifecycle_stop(const char *name, bmc_say_fn say, char *why)
{
	struct stop *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->name = name;
	s->say = say;
	s->why = why;
	err = bmc_pins_instance(name, &s->note);
	s->noted = !err;
	s->unreadable = err && err != -ENOENT && err != -EAGAIN;
	s->map_id = map_id_of(name, "bmc_buckets");
	if (is_elsewhere(s)) {
		snprintf(why, BMC_WHY_MAX,
			 "instance '%s' is in another network namespace: run this there "
			 "('nsenter --net=/run/netns/NAME bmcctl ...')",
			 name);
		s->err = -EXDEV;
	} else {
		remove_all(s);
		if (!s->err && bmc_pins_exist(name))
			remove_pins(s);
	}
	err = s->err ? s->err : s->removed;
	free(s);
	return err;
}
