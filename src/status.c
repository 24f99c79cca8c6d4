// SPDX-License-Identifier: LGPL-2.1-only
#include "status.h"

#include "hooks.h"
#include "iface.h"
#include "memory.h"
#include "pins.h"
#include "shared.h"
#include "tcx.h"
#include "util.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FILTERS_MAX 256

/* Our filter, and one that sees packets before it. (Those of other types have no program: their priority, then.) */
static void read_filters(__u32 ifindex, const struct bmc_iface *iface, struct bmc_iface_status *out)
{
	struct bmc_filter list[FILTERS_MAX];
	int n = bmc_iface_filters(ifindex, list, FILTERS_MAX);

	for (int i = 0; i < n && i < FILTERS_MAX; i++) {
		if (!list[i].egress)
			continue;
		if (list[i].prog_id == iface->tc_prog_id)
			out->tc_id = list[i].prog_id;
		else if (list[i].priority < iface->tc_priority)
			out->in_front = list[i].priority;
	}
}

/* One that came back from another namespace may have another number than it was noted with. */
static void read_iface(const struct bmc_iface *iface, const char *instance,
		       struct bmc_iface_status *out)
{
	struct bmc_hook_place place;
	char pin[BMC_XDP_PIN];

	out->mode = iface->mode == BMC_MODE_SKB ? "skb" : "native";
	bmc_hooks_place(instance, bmc_hooks_xdp_pin(iface->ifindex, pin), &place);
	out->moved = place.where == BMC_HOOK_ELSEWHERE;
	if (place.where != BMC_HOOK_HERE)
		place.ifindex = iface->ifindex;
	out->xdp_id = place.prog_id;
	out->gone = out->moved || !if_indextoname(place.ifindex, out->name);
	if (out->gone) { /* what it was called */
		snprintf(out->name, sizeof(out->name), "%s", iface->name);
		return;
	}
	out->down = bmc_iface_is_down(place.ifindex);
	out->loopback = bmc_iface_is_loopback(place.ifindex);
	out->renumbered = place.ifindex != iface->ifindex;
	if (iface->tc_handle)
		read_filters(place.ifindex, iface, out);
	else if (bmc_tcx_has(place.ifindex, iface->tc_prog_id))
		out->tc_id = iface->tc_prog_id;
	out->in_front_of_all = bmc_tcx_first(place.ifindex);
	if (out->in_front_of_all == out->tc_id)
		out->in_front_of_all = 0;
}

static void read_ifaces(const struct bmc_instance *note, struct bmc_status *s)
{
	for (int i = 0; i < BMC_IFACES_MAX; i++) {
		if (note->iface[i].ifindex)
			read_iface(&note->iface[i], s->name, &s->iface[s->n_ifaces++]);
	}
}

/* They may have gone with their network namespace: nobody can ask there any more. */
static int all_gone(const struct bmc_instance *note, const char *instance)
{
	struct bmc_hook_place place;
	char pin[BMC_XDP_PIN];

	for (int i = 0; i < BMC_IFACES_MAX; i++) {
		if (!note->iface[i].ifindex)
			continue;
		bmc_hooks_place(instance, bmc_hooks_xdp_pin(note->iface[i].ifindex, pin), &place);
		if (place.where != BMC_HOOK_NOWHERE)
			return 0;
	}
	return 1;
}

static void read_servers(const struct bmc_instance *note, const struct bmc_shared *shared,
			 struct bmc_status *s)
{
	s->n_servers = (int)note->config.n_ports;
	for (int i = 0; i < s->n_servers && i < BMC_PORTS_MAX; i++) {
		s->server[i].port = ntohs(note->config.port[i]);
		s->server[i].uid = note->config.uid[i];
		bmc_status_read_server(s->name, i, &shared->server[i], &s->server[i]);
	}
}

static int read_totals(const char *name, struct bmc_totals *ret)
{
	int err, fd = bmc_pins_map(name, "bmc_stats", sizeof(struct bmc_stats));

	if (fd < 0)
		return fd;
	err = bmc_stats_read(fd, ret);
	close(fd);
	return err;
}

int bmc_status_read(const char *name, struct bmc_status *ret)
{
	static struct bmc_instance note;
	struct bmc_shared *shared;
	__u64 here;
	int err;

	memset(ret, 0, sizeof(*ret));
	ret->name = name;
	bmc_name_option(name, ret->option);
	err = bmc_pins_instance(name, &note);
	if (!err)
		err = read_totals(name, &ret->totals);
	if (!err)
		err = bmc_shared_open(name, &shared);
	if (err)
		return err;
	ret->complete = (int)note.complete;
	ret->busy = !note.complete && bmc_pins_locked();
	ret->forced = (int)note.forced;
	ret->unwatched = ret->complete ? bmc_hooks_unwatched(name) : NULL;
	ret->uptime = (bmc_clock_ns(CLOCK_MONOTONIC) - note.started_mono) / 1000000000ULL;
	ret->max_age_ns = note.config.max_age_ns;
	ret->memory = bmc_memory_of_instance(name);
	if (!bmc_netns_cookie(&here) && here != note.config.netns_cookie) {
		ret->elsewhere = 1;
		ret->gone = all_gone(&note, name);
	} else {
		read_ifaces(&note, ret);
		read_servers(&note, shared, ret);
	}
	bmc_shared_close(shared);
	bmc_status_find_reasons(ret);
	return 0;
}
