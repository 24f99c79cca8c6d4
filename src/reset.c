// SPDX-License-Identifier: LGPL-2.1-only
#include "reset.h"

#include "fault.h"
#include "netlink.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static void fill_end(const union address *a, __be16 *port, __be32 *addr)
{
	if (a->any.sa_family == AF_INET) {
		*port = a->v4.sin_port;
		memcpy(addr, &a->v4.sin_addr, sizeof(a->v4.sin_addr));
	} else {
		*port = a->v6.sin6_port;
		memcpy(addr, &a->v6.sin6_addr, sizeof(a->v6.sin6_addr));
	}
}

/* sock_diag(7): the tuple finds it, the cookie says that it is no other one. */
static int describe(int fd, struct inet_diag_req_v2 *ret)
{
	socklen_t len = sizeof(union address), cookie_len = sizeof(__u64);
	union address local = { 0 }, peer = { 0 };
	__u64 cookie;

	if (getsockname(fd, &local.any, &len))
		return -errno;
	len = sizeof(peer);
	if (getpeername(fd, &peer.any, &len) ||
	    getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &cookie_len))
		return -errno;
	memset(ret, 0, sizeof(*ret));
	ret->sdiag_family = (__u8)local.any.sa_family;
	ret->sdiag_protocol = IPPROTO_TCP;
	ret->idiag_states = ~0U;
	fill_end(&local, &ret->id.idiag_sport, ret->id.idiag_src);
	fill_end(&peer, &ret->id.idiag_dport, ret->id.idiag_dst);
	if (local.any.sa_family == AF_INET6)
		ret->id.idiag_if = local.v6.sin6_scope_id;
	ret->id.idiag_cookie[0] = (__u32)cookie;
	ret->id.idiag_cookie[1] = (__u32)(cookie >> 32);
	return 0;
}

/* What kernels without SOCK_DESTROY, or without inet_diag, say. */
static int is_unknown(int err)
{
	return err == -EOPNOTSUPP || err == -ENOENT || err == -EINVAL || err == -EPROTONOSUPPORT;
}

int bmc_reset_socket(int fd)
{
	struct inet_diag_req_v2 request;
	int err = describe(fd, &request);

	if (err) /* not connected any more: its owner is about to close it */
		return err == -ENOTCONN ? 0 : err;
	err = bmc_fault_asked("no destroy") ? -EOPNOTSUPP :
					      bmc_netlink_request(NETLINK_SOCK_DIAG, SOCK_DESTROY,
								  &request, sizeof(request));
	if (!is_unknown(err))
		return err;
	if (shutdown(fd, SHUT_RDWR))
		return errno == ENOTCONN ? 0 : -errno;
	return 1;
}
