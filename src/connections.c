// SPDX-License-Identifier: LGPL-2.1-only
#include "connections.h"

#include "pins.h"
#include "util.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
		[BMC_LOST_PORT] = "steered here from another port",
		[BMC_LOST_TLS] = "TLS",
		[BMC_LOST_MPTCP] = "MPTCP",
		[BMC_LOST_MEMORY] = "no memory for its state",
	};

	return why < BMC_LOST_KINDS ? texts[why] : "unknown";
}

/* ---- sockets ---- */

static int is_own(const struct bmc_server_sockets *s, const struct bmc_socket *socket)
{
	return socket->uid == s->uid && (!socket->tcp || socket->listener);
}

pid_t bmc_server_process(const struct bmc_server *words)
{
	__u64 word = __atomic_load_n(&words->word, __ATOMIC_SEQ_CST);
	__u64 owner = __atomic_load_n(&words->owner, __ATOMIC_SEQ_CST);

	if (owner >> BMC_OWNER_LIFE_SHIFT != word >> BMC_WORD_LIFE_SHIFT ||
	    !bmc_sees_all_processes())
		return 0;
	return (pid_t)owner;
}

/* The process that has the server comes first. */
static void prefer(struct bmc_server_sockets *s, pid_t process)
{
	struct bmc_owner_list owned;

	if (!process || s->other != process || bmc_sockets_of_process(process, &owned))
		return;
	free(s->owned.list);
	s->owned = owned;
	s->other = s->pid;
	s->pid = process;
}

int bmc_server_sockets_read(__u16 port, __u32 uid, pid_t process, struct bmc_server_sockets *ret)
{
	struct bmc_owner owner;
	int err;

	memset(ret, 0, sizeof(*ret));
	ret->uid = uid;
	err = bmc_sockets_of_port(port, &ret->all);
	for (size_t i = 0; !err && i < ret->all.n; i++) {
		const struct bmc_socket *s = &ret->all.list[i];

		/* looking for an owner takes long: not for one that is known to be his */
		if (!is_own(ret, s) || bmc_owner_fd(&ret->owned, s->inode) >= 0 ||
		    bmc_socket_owner(s->inode, &owner))
			continue;
		if (!ret->pid && !bmc_sockets_of_process(owner.pid, &ret->owned))
			ret->pid = owner.pid;
		else if (owner.pid != ret->pid)
			ret->other = owner.pid;
	}
	prefer(ret, process);
	return err;
}

void bmc_server_sockets_free(struct bmc_server_sockets *s)
{
	free(s->all.list);
	free(s->owned.list);
	memset(s, 0, sizeof(*s));
}

/* ---- connections ---- */
struct maps {
	int conns;
	int olds;
	int marks;
};

/* No state, for lack of memory: its mark says so. */
static int is_without(const struct maps *maps, int fd, int server)
{
	struct bmc_mark mark;

	return !bpf_map_lookup_elem(maps->marks, &fd, &mark) && mark.server == server &&
	       mark.taken == BMC_MARK_LOST;
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

/* Ordinals compare modulo 2^32. */
static int is_after(__u32 a, __u32 b)
{
	return (__s32)(a - b) > 0;
}

static void judge(const struct maps *maps, const struct bmc_conn *conn, struct bmc_connection *ret)
{
	ret->keeps = BMC_KEEPS_NOTHING;
	ret->lost = conn->lost ? (enum bmc_lost)conn->lost : old_state(maps->olds, conn);
	if (ret->lost)
		ret->keeps = BMC_KEEPS_LOST;
	else if (conn->hold &
		 BMC_HOLD_ORD) /* a silent command has the next answering one's ordinal */
		ret->keeps = is_after((__u32)conn->hold, conn->cmd) ? BMC_KEEPS_UNCONFIRMED :
								      BMC_KEEPS_HELD;
	else if (conn->early)
		ret->keeps = BMC_KEEPS_HELD;
	else if (is_after(conn->wrote, conn->cmd) || is_after(conn->doubt, conn->cmd) ||
		 is_after(conn->doubt_meta, conn->cmd) || is_after(conn->doubt_store, conn->cmd))
		ret->keeps = BMC_KEEPS_SILENT;
}

static void look_at(const struct maps *maps, const struct bmc_owner *owner, int server,
		    bmc_connection_fn fn, void *arg)
{
	int fd = bmc_socket_copy(owner->pid, owner->fd);
	struct bmc_connection c = { 0 };
	struct bmc_conn conn;
	char peer[64];

	if (fd < 0)
		return;
	/* by its state, not by a list of the kernel's: one that was reset is in none until it is closed */
	if (!bpf_map_lookup_elem(maps->conns, &fd, &conn) && conn.server == server) {
		c.peer = bmc_socket_peer(fd, peer, sizeof(peer));
		judge(maps, &conn, &c);
		fn(fd, &c, arg);
	} else if (is_without(maps, fd, server)) {
		c.peer = bmc_socket_peer(fd, peer, sizeof(peer));
		c.lost = BMC_LOST_MEMORY;
		c.keeps = BMC_KEEPS_LOST;
		fn(fd, &c, arg);
	}
	close(fd);
}

int bmc_connections_each(const char *instance, int server, const struct bmc_server_sockets *s,
			 bmc_connection_fn fn, void *arg)
{
	struct maps maps = {
		.conns = bmc_pins_map(instance, "bmc_conns", sizeof(struct bmc_conn)),
		.olds = bmc_pins_map(instance, "bmc_olds", sizeof(struct bmc_old)),
		.marks = bmc_pins_map(instance, "bmc_marks", sizeof(struct bmc_mark)),
	};
	int err = maps.conns < 0 ? maps.conns :
		  maps.olds < 0	 ? maps.olds :
		  maps.marks < 0 ? maps.marks :
				   0;

	for (size_t i = 0; !err && i < s->owned.n; i++)
		look_at(&maps, &s->owned.list[i], server, fn, arg);
	if (maps.conns >= 0)
		close(maps.conns);
	if (maps.olds >= 0)
		close(maps.olds);
	if (maps.marks >= 0)
		close(maps.marks);
	return err;
}
