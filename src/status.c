// SPDX-License-Identifier: LGPL-2.1-only
#include "status.h"

#include "iface.h"
#include "memory.h"
#include "pins.h"
#include "shared.h"
#include "sockets.h"
#include "util.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FILTERS_MAX 256

const char *bmc_lost_text(enum bmc_lost why)
{
	static const char *const texts[BMC_LOST_KINDS] = {
		[BMC_IN_STEP] = "in step",
		[BMC_LOST_OLD] = "older than start",
		[BMC_LOST_OLD_START] = "older than start, and what came was no command's beginning",
		[BMC_LOST_HANDSHAKE_DATA] = "data in its handshake",
		[BMC_LOST_BINARY] = "binary protocol",
		[BMC_LOST_META] = "a meta command that writes or may be silent",
		[BMC_LOST_REJECTED] = "a command line whose reading is not certain",
		[BMC_LOST_LONG_LINE] = "a command line that is too long",
		[BMC_LOST_WATCH] = "watch",
		[BMC_LOST_UNPARSED] = "bytes that TCP took unseen",
		[BMC_LOST_URGENT] = "urgent data or an unusual header",
		[BMC_LOST_REFUSED] = "bytes that TCP did not accept",
		[BMC_LOST_ANSWERS] = "answers that do not fit its commands",
		[BMC_LOST_GAP] = "answers out of order",
		[BMC_LOST_BUSY] = "two CPUs at once",
	};

	return why < BMC_LOST_KINDS ? texts[why] : "unknown";
}

static int add_memory(const char *what, void *arg)
{
	struct bmc_status *s = arg;
	int fd = bmc_pins_map(s->name, what);

	if (fd >= 0) {
		s->memory += bmc_memory_of_map(fd);
		close(fd);
	}
	return 0;
}

static __u32 filter_on(const struct bmc_iface *iface)
{
	struct bmc_filter list[FILTERS_MAX];
	int n = bmc_iface_filters(iface->ifindex, list, FILTERS_MAX);

	for (int i = 0; i < n && i < FILTERS_MAX; i++) {
		if (list[i].egress && list[i].prog_id == iface->tc_prog_id)
			return list[i].prog_id;
	}
	return 0;
}

static void read_ifaces(const struct bmc_instance *note, struct bmc_status *s)
{
	for (int i = 0; i < BMC_IFACES_MAX; i++) {
		const struct bmc_iface *iface = &note->iface[i];
		struct bmc_iface_status *out = &s->iface[s->n_ifaces];
		int skb = 0;

		if (!iface->ifindex)
			continue;
		s->n_ifaces++;
		snprintf(out->name, sizeof(out->name), "%s", iface->name);
		out->mode = iface->mode == BMC_MODE_SKB ? "skb" : "native";
		if (bmc_iface_xdp(iface->ifindex, &out->xdp_id, &skb))
			out->xdp_id = 0;
		out->tc_id = filter_on(iface);
	}
}

/* ---- servers ---- */
struct maps {
	int conns;
	int olds;
};

static void note_lost(struct bmc_server_status *out, const struct bmc_socket *s, enum bmc_lost why)
{
	if (out->lost < BMC_LOST_SHOWN) {
		struct bmc_lost_connection *lost = &out->lost_list[out->lost];

		snprintf(lost->peer, sizeof(lost->peer), strchr(s->peer, ':') ? "[%s]:%u" : "%s:%u",
			 s->peer, s->peer_port);
		lost->why = why;
	}
	out->lost++;
}

/* What `start` found out of an old one that has not been taken up. */
static enum bmc_lost old_state(int olds_fd, const struct bmc_conn *conn)
{
	__u32 index = conn->old - 1;
	struct bmc_old old;

	if (!conn->old || bpf_map_lookup_elem(olds_fd, &index, &old))
		return BMC_IN_STEP;
	return old.word == BMC_OLD_QUIET || old.word == BMC_OLD_TAKEN ? BMC_IN_STEP : BMC_LOST_OLD;
}

static void read_connection(const struct maps *maps, const struct bmc_owner *owner,
			    const struct bmc_socket *s, struct bmc_server_status *out)
{
	enum bmc_lost lost;
	struct bmc_conn conn;
	int fd = bmc_socket_copy(owner->pid, owner->fd);

	if (fd < 0)
		return;
	if (!bpf_map_lookup_elem(maps->conns, &fd, &conn)) {
		lost = conn.lost ? (enum bmc_lost)conn.lost : old_state(maps->olds, &conn);
		if (lost)
			note_lost(out, s, lost);
		else
			out->in_step++;
	}
	close(fd);
}

static void read_connections(const struct maps *maps, const struct bmc_socket_list *sockets,
			     struct bmc_server_status *out)
{
	struct bmc_owner_list owned;

	if (!out->pid || bmc_sockets_of_process(out->pid, &owned))
		return;
	for (size_t i = 0; i < sockets->n; i++) {
		const struct bmc_socket *s = &sockets->list[i];
		struct bmc_owner owner = { .pid = out->pid, .fd = bmc_owner_fd(&owned, s->inode) };

		if (s->tcp && !s->listener && owner.fd >= 0)
			read_connection(maps, &owner, s, out);
	}
	free(owned.list);
}

static void read_addresses(const struct bmc_socket_list *sockets, struct bmc_server_status *out)
{
	for (size_t i = 0; i < sockets->n; i++) {
		const struct bmc_socket *s = &sockets->list[i];
		struct bmc_owner owner;

		if (s->tcp && !s->listener)
			continue;
		out->has_udp |= !s->tcp;
		if (out->n_addresses < BMC_SOCKETS_SHOWN)
			snprintf(out->address[out->n_addresses++], sizeof(out->address[0]), "%s %s",
				 s->tcp ? "tcp" : "udp", s->addr);
		if (!out->pid && !bmc_socket_owner(s->inode, &owner)) {
			out->pid = owner.pid;
			bmc_process_name(owner.pid, out->process, sizeof(out->process));
		}
	}
}

static void read_words(const struct bmc_server *words, struct bmc_server_status *out)
{
	__u64 word = __atomic_load_n(&words->word, __ATOMIC_SEQ_CST);
	__u64 udp = __atomic_load_n(&words->udp, __ATOMIC_SEQ_CST);
	__u64 until, now = bmc_clock_ns(CLOCK_MONOTONIC);

	out->sockets = word >> BMC_WORD_SOCKETS_SHIFT & 0xffff;
	out->holds = (__u32)(word & BMC_WORD_HOLDS_MASK);
	out->life = (__u32)(word >> BMC_WORD_LIFE_SHIFT);
	out->off = __atomic_load_n(&words->off, __ATOMIC_SEQ_CST);
	until = __atomic_load_n(&words->no_fill_until, __ATOMIC_SEQ_CST);
	out->no_fill_for = until > now ? (until - now) / 1000000000ULL + 1 : 0;
	out->udp_held = (__u32)udp == (BMC_UDP_HELD | out->life);
}

static void read_servers(const struct bmc_instance *note, const struct bmc_shared *shared,
			 struct bmc_status *s)
{
	struct maps maps = {
		.conns = bmc_pins_map(s->name, "bmc_conns"),
		.olds = bmc_pins_map(s->name, "bmc_olds"),
	};

	s->n_servers = (int)note->config.n_ports;
	for (int i = 0; i < s->n_servers; i++) {
		struct bmc_server_status *out = &s->server[i];
		struct bmc_socket_list sockets;

		out->port = ntohs(note->config.port[i]);
		out->uid = note->config.uid[i];
		read_words(&shared->server[i], out);
		if (bmc_sockets_of_port(out->port, &sockets))
			continue;
		read_addresses(&sockets, out);
		if (maps.conns >= 0 && maps.olds >= 0)
			read_connections(&maps, &sockets, out);
		free(sockets.list);
	}
	if (maps.conns >= 0)
		close(maps.conns);
	if (maps.olds >= 0)
		close(maps.olds);
}

/* ---- why nothing is cached ---- */

/* The reason of one server; 0: it has none. */
static int server_reason(const struct bmc_server_status *v, char *why, size_t size)
{
	if (!v->pid)
		return snprintf(why, size, "no memcached listens on port %u", v->port);
	if (v->off & BMC_OFF_NO_MEMORY)
		return snprintf(why, size,
				"the state of a connection to port %u could not be made for lack "
				"of memory: "
				"stop and start",
				v->port);
	if (v->off & (BMC_OFF_UNSEEN | BMC_OFF_BUSY))
		return snprintf(why, size,
				"a connection to port %u could not be followed: stop and start",
				v->port);
	if (v->off & BMC_OFF_STARTING)
		return snprintf(why, size, "start did not get through with port %u", v->port);
	if (!v->has_udp)
		return snprintf(why, size,
				"the memcached on port %u has no UDP: start it with -U %u", v->port,
				v->port);
	if (!v->sockets)
		return snprintf(why, size, "the server on port %u runs as another user than id %u",
				v->port, v->uid);
	if (v->lost)
		return snprintf(why, size,
				"%d connection%s to port %u cannot be followed (%s from %s): fills "
				"are held "
				"until %s closed",
				v->lost, v->lost == 1 ? "" : "s", v->port,
				bmc_lost_text(v->lost_list[0].why), v->lost_list[0].peer,
				v->lost == 1 ? "it is" : "they are");
	if (v->udp_held)
		return snprintf(why, size,
				"a command over UDP to port %u wrote keys that are not known: "
				"fills are held "
				"until memcached restarts",
				v->port);
	if (v->no_fill_for > 31ULL * 86400)
		return snprintf(
			why, size,
			"port %u got a flush_all whose delay cannot be read: fills are held until "
			"memcached restarts",
			v->port);
	if (v->no_fill_for)
		return snprintf(why, size,
				"a flush_all with a delay is under way at port %u: fills are held "
				"for %llu s more",
				v->port, (unsigned long long)v->no_fill_for);
	if (v->holds)
		return snprintf(why, size, "a write to port %u is not answered yet: fills are held",
				v->port);
	return 0;
}

static void find_reason(struct bmc_status *s)
{
	const __u64 *count = s->totals.count;

	if (s->elsewhere) {
		snprintf(s->why_not, sizeof(s->why_not),
			 "it is in another network namespace: ask there ('nsenter "
			 "--net=/run/netns/NAME bmcctl status')");
		return;
	}
	if (!s->complete) {
		snprintf(s->why_not, sizeof(s->why_not),
			 "start did not finish: run 'bmcctl stop', then start again");
		return;
	}
	for (int i = 0; i < s->n_ifaces; i++) {
		if (!s->iface[i].xdp_id || !s->iface[i].tc_id) {
			snprintf(s->why_not, sizeof(s->why_not),
				 "%s was taken off %s: run 'bmcctl stop', then start again",
				 s->iface[i].xdp_id ? "TC" : "XDP", s->iface[i].name);
			return;
		}
	}
	for (int i = 0; i < s->n_servers; i++) {
		if (server_reason(&s->server[i], s->why_not, sizeof(s->why_not)))
			return;
	}
	if (!count[BMC_STAT_REQUESTS])
		snprintf(s->why_not, sizeof(s->why_not),
			 "no UDP request has come in by an interface of this instance yet");
	else if (!count[BMC_STAT_STAMPS])
		snprintf(s->why_not, sizeof(s->why_not),
			 "memcached's UDP replies do not leave by an interface of this instance");
	else if (!count[BMC_STAT_FILLS])
		snprintf(s->why_not, sizeof(s->why_not),
			 "no reply was one plain item yet ('bmcctl stats' says why)");
}

int bmc_status_read(const char *name, struct bmc_status *ret)
{
	static struct bmc_instance note;
	struct bmc_shared *shared;
	__u64 here;
	int err, fd;

	memset(ret, 0, sizeof(*ret));
	ret->name = name;
	err = bmc_pins_instance(name, &note);
	if (!err)
		err = bmc_shared_open(name, &shared);
	if (err)
		return err;
	ret->complete = (int)note.complete;
	ret->uptime = (bmc_clock_ns(CLOCK_MONOTONIC) - note.started_mono) / 1000000000ULL;
	bmc_pins_each(name, "maps", add_memory, ret);
	if (!bmc_netns_cookie(&here) && here != note.config.netns_cookie) {
		ret->elsewhere = 1;
	} else {
		read_ifaces(&note, ret);
		read_servers(&note, shared, ret);
	}
	bmc_shared_close(shared);
	fd = bmc_pins_map(name, "bmc_stats");
	err = fd < 0 ? fd : bmc_stats_read(fd, &ret->totals);
	if (fd >= 0)
		close(fd);
	find_reason(ret);
	return err;
}
