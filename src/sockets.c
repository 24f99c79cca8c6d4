// SPDX-License-Identifier: LGPL-2.1-only
#include "sockets.h"

#include "util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/tcp.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* asm-generic/socket.h, since 5.14 */
#endif

/* A line of /proc/net/{tcp,udp}{,6}; the words of an address are in the order of the machine (proc(5)). */
struct line {
	__u32 local[4];
	__u32 remote[4];
	unsigned int port;
	unsigned int peer_port;
	unsigned int state;
	unsigned int uid;
	unsigned long long inode;
};

static int read_line(const char *text, int v6, struct line *l)
{
	memset(l, 0, sizeof(*l));
	if (v6)
		return sscanf(text,
			      "%*d: %8x%8x%8x%8x:%4x %8x%8x%8x%8x:%4x %2x %*x:%*x %*x:%*x %*x %u "
			      "%*d %llu",
			      &l->local[0], &l->local[1], &l->local[2], &l->local[3], &l->port,
			      &l->remote[0], &l->remote[1], &l->remote[2], &l->remote[3],
			      &l->peer_port, &l->state, &l->uid, &l->inode) == 13;
	return sscanf(text, "%*d: %8x:%4x %8x:%4x %2x %*x:%*x %*x:%*x %*x %u %*d %llu",
		      &l->local[0], &l->port, &l->remote[0], &l->peer_port, &l->state, &l->uid,
		      &l->inode) == 7;
}

static int is_loopback(const struct line *l, int v6)
{
	if (!v6)
		return (ntohl(l->local[0]) >> 24) == 127;
	return IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)l->local);
}

static void describe(const struct line *l, int tcp, int v6, struct bmc_socket *s)
{
	memset(s, 0, sizeof(*s));
	s->inode = l->inode;
	s->uid = l->uid;
	s->tcp = (__u8)tcp;
	s->state = (__u8)l->state;
	s->listener = tcp && l->state == BPF_TCP_LISTEN;
	s->any = !(l->local[0] | l->local[1] | l->local[2] | l->local[3]);
	s->loopback = (__u8)is_loopback(l, v6);
	s->port = (__u16)l->port;
	s->peer_port = (__u16)l->peer_port;
	inet_ntop(v6 ? AF_INET6 : AF_INET, l->local, s->addr, sizeof(s->addr));
	inet_ntop(v6 ? AF_INET6 : AF_INET, l->remote, s->peer, sizeof(s->peer));
}

static int add_socket(struct bmc_socket_list *list, size_t *room, const struct bmc_socket *s)
{
	struct bmc_socket *grown;

	if (list->n == *room) {
		*room = *room ? 2 * *room : 64;
		grown = realloc(list->list, *room * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		list->list = grown;
	}
	list->list[list->n++] = *s;
	return 0;
}

/* Neither a socket that memcached has, nor one that it will accept. */
static int is_nobodys(const struct line *l)
{
	return !l->inode && (l->state == BPF_TCP_TIME_WAIT || l->state == BPF_TCP_SYN_RECV);
}

static int is_wanted(const struct line *l, int tcp, __u16 port)
{
	return port != BMC_ANY_PORT ? l->port == port : !tcp || l->state == BPF_TCP_LISTEN;
}

static int read_table(const char *path, int tcp, int v6, __u16 port, struct bmc_socket_list *list,
		      size_t *room)
{
	struct bmc_socket s;
	char text[512];
	struct line l;
	int err = 0;
	FILE *file = fopen(path, "re");

	if (!file)
		return errno == ENOENT ? 0 : -errno; /* no IPv6 here */
	while (!err && fgets(text, sizeof(text), file)) {
		if (!read_line(text, v6, &l) || !is_wanted(&l, tcp, port) || is_nobodys(&l))
			continue;
		describe(&l, tcp, v6, &s);
		err = add_socket(list, room, &s);
	}
	fclose(file);
	return err;
}

/* TCP and UDP apart, then by tuple: the address texts are filled up with zeros. */
static int by_tuple(const void *a, const void *b)
{
	const struct bmc_socket *x = a, *y = b;
	int order = x->tcp - y->tcp;

	if (!order)
		order = x->peer_port - y->peer_port;
	if (!order)
		order = memcmp(x->peer, y->peer, sizeof(x->peer));
	if (!order)
		order = memcmp(x->addr, y->addr, sizeof(x->addr));
	if (!order && !x->tcp) /* by SO_REUSEPORT an address can have several */
		order = (x->inode > y->inode) - (x->inode < y->inode);
	return order;
}

static int by_tuple_and_inode(const void *a, const void *b)
{
	const struct bmc_socket *x = a, *y = b;
	int order = by_tuple(a, b);

	return order ? order : (x->inode > y->inode) - (x->inode < y->inode);
}

/* Several may be bound to one address (SO_REUSEPORT); of two connections of one tuple one is no longer. */
static int is_same(const struct bmc_socket *a, const struct bmc_socket *b)
{
	if (by_tuple(a, b))
		return 0;
	return a->inode == b->inode || (a->tcp && !a->listener && !b->listener);
}

/* The kernel's listing may show a socket twice (or not at all) while others come and go. */
static void sort_once(struct bmc_socket_list *list)
{
	size_t n = 0;

	if (!list->n)
		return;
	qsort(list->list, list->n, sizeof(*list->list), by_tuple_and_inode);
	for (size_t i = 1; i < list->n; i++) {
		if (!is_same(&list->list[n], &list->list[i]))
			list->list[++n] = list->list[i];
		else if (list->list[i].inode) /* a tuple that was used again: the newer one */
			list->list[n] = list->list[i];
	}
	list->n = n + 1;
}

const struct bmc_socket *bmc_socket_find(const struct bmc_socket_list *list,
					 const struct bmc_socket *like)
{
	return list->n ? bsearch(like, list->list, list->n, sizeof(*like), by_tuple) : NULL;
}

int bmc_sockets_udp_each(const struct bmc_socket_list *list, __u32 uid)
{
	const struct bmc_socket *first = NULL;
	int n = 0, most = 0;

	for (size_t i = 0; i < list->n; i++) {
		const struct bmc_socket *s = &list->list[i];

		if (s->tcp || s->uid != uid)
			continue;
		n = first && !memcmp(first->addr, s->addr, sizeof(s->addr)) ? n + 1 : 1;
		first = s;
		most = n > most ? n : most;
	}
	return most;
}

/* /proc rather than sock_diag: that takes modules which a kernel may not be able to load. */
int bmc_sockets_of_port(__u16 port, struct bmc_socket_list *ret)
{
	static const struct {
		const char *path;
		int tcp, v6;
	} tables[] = {
		{ "/proc/net/tcp", 1, 0 },
		{ "/proc/net/tcp6", 1, 1 },
		{ "/proc/net/udp", 0, 0 },
		{ "/proc/net/udp6", 0, 1 },
	};
	size_t room = 0;
	int err = 0;

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; !err && i < BMC_ARRAY_SIZE(tables); i++)
		err = read_table(tables[i].path, tables[i].tcp, tables[i].v6, port, ret, &room);
	if (err) {
		free(ret->list);
		memset(ret, 0, sizeof(*ret));
	} else {
		sort_once(ret);
	}
	return err;
}

static int int_option(int fd, int option)
{
	socklen_t len = sizeof(int);
	int value;

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) ? -errno : value;
}

/* A bound socket that was never connected is CLOSE as well, until it listens. */
static int look_at_tcp(int fd, struct bmc_socket *s)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len))
		return -errno;
	s->state = info.tcpi_state;
	s->listener =
		s->state == BPF_TCP_LISTEN || (s->state == BPF_TCP_CLOSE && !info.tcpi_segs_in);
	return 0;
}

static int look_at_name(int fd, struct bmc_socket *s)
{
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);

	if (getsockname(fd, (struct sockaddr *)&name, &len))
		return -errno;
	s->port = ntohs(name.ss_family == AF_INET ? ((struct sockaddr_in *)&name)->sin_port :
						    ((struct sockaddr_in6 *)&name)->sin6_port);
	return 0;
}

int bmc_socket_look(int fd, struct bmc_socket *ret)
{
	int family = int_option(fd, SO_DOMAIN), protocol = int_option(fd, SO_PROTOCOL), err;
	socklen_t len = sizeof(__u64);

	if (family < 0 || protocol < 0)
		return family < 0 ? family : protocol;
	if (family != AF_INET && family != AF_INET6)
		return -EAFNOSUPPORT;
	memset(ret, 0, sizeof(*ret));
	err = look_at_name(fd, ret);
	if (!err && protocol != IPPROTO_TCP && protocol != IPPROTO_UDP)
		err = -EPROTONOSUPPORT; /* ret->port is filled */
	ret->tcp = protocol == IPPROTO_TCP;
	if (!err && ret->tcp)
		err = look_at_tcp(fd, ret);
	if (!err && (getsockopt(fd, SOL_SOCKET, SO_COOKIE, &ret->cookie, &len) ||
		     getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &ret->netns, &len)))
		err = -errno;
	return err;
}

const char *bmc_socket_peer(int fd, char *buf, size_t size)
{
	char host[INET6_ADDRSTRLEN], port[8];
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	if (getpeername(fd, (struct sockaddr *)&peer, &len) ||
	    getnameinfo((struct sockaddr *)&peer, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		snprintf(buf, size, "?");
	else
		snprintf(buf, size, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
	return buf;
}
