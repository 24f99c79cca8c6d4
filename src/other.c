// SPDX-License-Identifier: LGPL-2.1-only
#include "other.h"

#include "shared.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Bound to a loopback address. One that is connected may have got it by that. */
static int is_at_loopback(const struct bmc_socket *s)
{
	return s->loopback && !s->peer_port;
}

/* 0, or -errno: -EEXIST: the hooks, or an earlier look, have it. */
static int mark_copy(const struct bmc_adopt *a, int fd, const struct bmc_socket *s, int server)
{
	struct bmc_mark value = { .server = (__u8)server,
				  .taken = is_at_loopback(s) ? BMC_MARK_OTHER_LOOPBACK :
							       BMC_MARK_OTHER };
	struct bmc_socket look;
	int err = bmc_socket_look(fd, &look);

	if (err)
		return err;
	if (look.tcp || look.port != s->port || look.netns != a->config->netns_cookie)
		return -ESRCH; /* the number is another one's by now */
	value.cookie = look.cookie;
	return bpf_map_update_elem(a->marks_fd, &fd, &value, BPF_NOEXIST) ? -errno : 0;
}

static int mark(const struct bmc_adopt *a, const struct bmc_socket *s, int server)
{
	struct bmc_owner owner;
	int fd, err = bmc_socket_owner(s->inode, &owner);

	if (err)
		return err;
	fd = bmc_socket_copy(owner.pid, owner.fd);
	if (fd < 0)
		return fd;
	err = mark_copy(a, fd, s, server);
	close(fd);
	return err;
}

static int is_there(const struct bmc_socket *s)
{
	struct bmc_socket_list now;
	int found = 0;

	if (bmc_sockets_of_port(s->port, &now))
		return 1; /* for all that is known */
	for (size_t i = 0; i < now.n; i++)
		found |= now.list[i].inode == s->inode;
	free(now.list);
	return found;
}

void bmc_other_mark(struct bmc_adopt *a, const struct bmc_socket *s, int server)
{
	struct bmc_server *words = &a->shared->server[server];
	int err;

	bmc_shared_others_add(words, is_at_loopback(s),
			      1); /* first: the mark's end takes it back */
	err = mark(a, s, server);
	if (err == -EEXIST || (err && !is_there(s)))
		bmc_shared_others_add(words, is_at_loopback(s), -1);
}
