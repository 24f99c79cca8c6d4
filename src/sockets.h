/* SPDX-License-Identifier: LGPL-2.1-only */
/* The machine's inet sockets of this network namespace. (Whose they are: process.h.) */
#ifndef BMC_SOCKETS_H
#define BMC_SOCKETS_H

#include <linux/types.h>
#include <sys/types.h>

struct bmc_socket {
	__u64 inode; /* 0: no process has it (not accepted yet, or closed) */
	__u64 cookie; /* bmc_socket_look only, as the next */
	__u64 netns; /* cookie of its network namespace */
	__u32 uid;
	__u8 state; /* of TCP: enum BPF_TCP_LISTEN and so on, linux/bpf.h */
	__u8 tcp; /* else UDP */
	__u8 listener; /* or bound and about to be one */
	__u8 any; /* bound to every address */
	__u8 loopback; /* bound to a loopback address */
	__u8 missed; /* for who compares listings */
	__u16 port; /* host order */
	__u16 peer_port;
	char addr[46]; /* as text */
	char peer[46];
};

struct bmc_socket_list {
	struct bmc_socket *list;
	size_t n;
};

#define BMC_ANY_PORT 0

/*
 * All sockets bound to a local port, by tuple: listeners, connections (but those that are not established yet, or that
 * nobody has), UDP. Of BMC_ANY_PORT only listeners and UDP. While sockets come and go the kernel may leave out some: look
 * twice. Free with free(ret->list).
 * 0 or -errno.
 */
int bmc_sockets_of_port(__u16 port, struct bmc_socket_list *ret);

/* The socket with the tuple of `like` in such a list, or NULL. */
const struct bmc_socket *bmc_socket_find(const struct bmc_socket_list *list,
					 const struct bmc_socket *like);

/* How many UDP sockets of this user share an address, at the most: more than one are memcached-sr's. */
int bmc_sockets_udp_each(const struct bmc_socket_list *list, __u32 uid);

/*
 * What a socket of this process is; without addresses. 0; -ENOTSOCK; -EAFNOSUPPORT: not IP; -EPROTONOSUPPORT: neither
 * TCP nor UDP; -errno.
 */
int bmc_socket_look(int fd, struct bmc_socket *ret);

/* The peer of a connection of this process as "10.0.0.1:4711"; "?" if it has none. Returns buf. */
const char *bmc_socket_peer(int fd, char *buf, size_t size);

#endif
