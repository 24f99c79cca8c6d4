// SPDX-License-Identifier: LGPL-2.1-only
/* What `status` tells of one server. */
#include "status.h"

#include "util.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

/* ---- its connections ---- */

static const char *why_of(const struct bmc_connection *c)
{
	switch (c->keeps) {
	case BMC_KEEPS_LOST:
		return bmc_lost_text(c->lost);
	case BMC_KEEPS_HELD:
		return "a command that may change any key is not answered yet";
	case BMC_KEEPS_UNCONFIRMED:
		return "a flush_all noreply (or a write without a place) was never answered: the "
		       "next command of this connection that is answered ends the hold";
	case BMC_KEEPS_SILENT:
		return "silent commands (noreply, quiet) were never answered: their keys stay out "
		       "of the cache until a later command of this connection is answered";
	case BMC_KEEPS_NOTHING:
		break;
	}
	return "";
}

/* What holds all fills comes before what keeps some keys out. */
static struct bmc_keeper *room_for(struct bmc_server_status *v, enum bmc_keeps keeps)
{
	if (v->n_keepers < BMC_KEEPERS_SHOWN)
		return &v->keeper[v->n_keepers++];
	for (int i = 0; keeps != BMC_KEEPS_SILENT && i < v->n_keepers; i++) {
		if (v->keeper[i].keeps == BMC_KEEPS_SILENT)
			return &v->keeper[i];
	}
	return NULL;
}

static void count_connection(int fd, const struct bmc_connection *c, void *arg)
{
	struct bmc_server_status *v = arg;
	struct bmc_keeper *keeper;

	(void)fd;
	if (c->keeps == BMC_KEEPS_LOST)
		v->lost++;
	else
		v->in_step++;
	v->held += c->keeps == BMC_KEEPS_HELD || c->keeps == BMC_KEEPS_UNCONFIRMED;
	v->silent += c->keeps == BMC_KEEPS_SILENT;
	if (c->keeps == BMC_KEEPS_NOTHING)
		return;
	keeper = room_for(v, c->keeps);
	if (!keeper)
		return;
	snprintf(keeper->peer, sizeof(keeper->peer), "%s", c->peer);
	keeper->keeps = c->keeps;
	keeper->why = why_of(c);
}

/* ---- its sockets and words ---- */

/* Sockets that share an address are side by side. */
static void add_address(const struct bmc_socket *s, struct bmc_server_status *v)
{
	char text[sizeof(v->address[0])];

	snprintf(text, sizeof(text), "%s %s", s->tcp ? "tcp" : "udp", s->addr);
	if (v->n_addresses && !strcmp(v->address[v->n_addresses - 1], text))
		return;
	if (v->n_addresses < BMC_SOCKETS_SHOWN)
		strcpy(v->address[v->n_addresses++], text);
}

static void read_addresses(const struct bmc_server_sockets *sockets, struct bmc_server_status *v)
{
	for (size_t i = 0; i < sockets->all.n; i++) {
		const struct bmc_socket *s = &sockets->all.list[i];

		if (s->tcp && !s->listener)
			continue;
		if (s->uid != v->uid) {
			v->foreign++;
			continue;
		}
		v->has_udp |= !s->tcp;
		v->reachable |= !s->tcp && !s->loopback;
		add_address(s, v);
	}
	v->udp_each = bmc_sockets_udp_each(&sockets->all, v->uid);
	v->pid = sockets->pid;
	v->unseen = !v->pid && v->n_addresses;
	v->other_pid = sockets->other;
	if (v->pid)
		bmc_process_name(v->pid, v->process, sizeof(v->process));
	if (v->other_pid)
		bmc_process_name(v->other_pid, v->other_process, sizeof(v->other_process));
}

static void read_words(const struct bmc_server *words, struct bmc_server_status *v)
{
	__u64 word = __atomic_load_n(&words->word, __ATOMIC_SEQ_CST);
	__u64 udp = __atomic_load_n(&words->gen[BMC_GEN_UDP], __ATOMIC_SEQ_CST);
	__u64 until, now = bmc_clock_ns(CLOCK_MONOTONIC);

	v->sockets = word >> BMC_WORD_SOCKETS_SHIFT & 0xffff;
	v->holds = (__u32)(word & BMC_WORD_HOLDS_MASK);
	v->life = (__u32)(word >> BMC_WORD_LIFE_SHIFT);
	v->off = __atomic_load_n(&words->off, __ATOMIC_SEQ_CST);
	v->unread = !!__atomic_load_n(&words->unread, __ATOMIC_SEQ_CST);
	until = __atomic_load_n(&words->no_fill_until, __ATOMIC_SEQ_CST);
	v->no_fill_for = until > now ? (until - now) / 1000000000ULL + 1 : 0;
	if ((udp >> BMC_GEN_LIFE_SHIFT & 0xffff) == v->life) {
		v->udp_held = !!(udp & BMC_GEN_HELD);
		v->udp_out = (int)(udp & BMC_GEN_OUT_MAX);
	}
}

void bmc_status_read_server(const char *instance, int server, const struct bmc_server *words,
			    struct bmc_server_status *ret)
{
	struct bmc_server_sockets sockets;

	read_words(words, ret);
	if (!bmc_server_sockets_read(ret->port, ret->uid, bmc_server_process(words), &sockets)) {
		read_addresses(&sockets, ret);
		if (ret->pid && !ret->sockets)
			read_words(words, ret); /* it may just have come */
		bmc_connections_each(instance, server, &sockets, count_connection, ret);
	}
	bmc_server_sockets_free(&sockets);
}
