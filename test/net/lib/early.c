// SPDX-License-Identifier: LGPL-2.1-only
#include "early.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "net_address.h"
#include "world.h"

void early_open(struct tcp *t, const struct ns *ns, const char *address)
{
	struct sockaddr_storage addr;
	socklen_t len = net_address(address, WORLD_PORT, &addr);
	int one = 1, zero = 0;

	memset(t, 0, sizeof(*t));
	t->fd = ns_socket(ns, addr.ss_family, SOCK_STREAM);
	setsockopt(t->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	assert_return_code(setsockopt(t->fd, IPPROTO_TCP, TCP_QUICKACK, &zero, sizeof(zero)),
			   errno);
	assert_return_code(connect(t->fd, (struct sockaddr *)&addr, len), errno);
}
