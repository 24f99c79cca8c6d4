// SPDX-License-Identifier: LGPL-2.1-only
#include "listening.h"

static int has_socket(const struct bmc_socket_list *sockets, __u32 uid, int tcp)
{
	for (size_t i = 0; i < sockets->n; i++) {
		const struct bmc_socket *s = &sockets->list[i];

		if (s->uid == uid && (tcp ? s->listener : !s->tcp))
			return 1;
	}
	return 0;
}

/*
 * Users that listen there, and with UDP too if `udp`: how many (2: some), and one of them. Anyone may listen at
 * 127.0.0.9, say.
 */
static int count_users(const struct bmc_socket_list *sockets, int udp, __u32 *ret)
{
	int n = 0;

	for (size_t i = 0; i < sockets->n; i++) {
		const struct bmc_socket *s = &sockets->list[i];

		if (!s->listener || (udp && !has_socket(sockets, s->uid, 0)))
			continue;
		if (!n || *ret != s->uid)
			n++;
		*ret = s->uid;
	}
	return n;
}

int bmc_listening_user(const struct bmc_options *options, const struct bmc_socket_list *sockets,
		       __u32 *ret)
{
	int n;

	*ret = options->uid;
	if (options->user)
		return !has_socket(sockets, options->uid, 1);
	n = count_users(sockets, 0, ret);
	if (n > 1)
		n = count_users(sockets, 1, ret);
	return n == 1 ? 0 : n ? -1 : 1;
}

int bmc_listening_anyone(const struct bmc_socket_list *sockets, __u32 *ret_uid)
{
	return count_users(sockets, 0, ret_uid) > 0;
}

int bmc_listening_udp(const struct bmc_socket_list *sockets)
{
	for (size_t i = 0; i < sockets->n; i++) {
		if (!sockets->list[i].tcp)
			return 1;
	}
	return 0;
}

void bmc_listening_look(const struct bmc_socket_list *sockets, __u32 uid, struct bmc_listening *ret)
{
	struct bmc_listening *l = ret;

	*l = (struct bmc_listening){ .uid = uid };
	for (size_t i = 0; i < sockets->n; i++) {
		const struct bmc_socket *s = &sockets->list[i];

		if (s->uid != uid)
			continue;
		if (s->tcp && !s->listener) {
			l->connections++;
			continue;
		}
		if (s->listener && !l->listener)
			l->listener = s;
		l->udp |= !s->tcp;
		l->reachable |= !s->tcp && !s->loopback;
	}
}
