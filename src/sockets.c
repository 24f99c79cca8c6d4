// SPDX-License-Identifier: LGPL-2.1-only
#include "sockets.h"

#include "netlink.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ALL_STATES 0xffffffffU

struct collect {
	struct bmc_socket_list *out;
	__u16 port;
	__u8 tcp;
};

static int is_loopback(const struct inet_diag_msg *diag)
{
	if (diag->idiag_family == AF_INET)
		return (ntohl(diag->id.idiag_src[0]) >> 24) == 127;
	return IN6_IS_ADDR_LOOPBACK((const struct in6_addr *)diag->id.idiag_src);
}

static void describe(const struct inet_diag_msg *diag, __u8 tcp, struct bmc_socket *s)
{
	memset(s, 0, sizeof(*s));
	s->inode = diag->idiag_inode;
	s->uid = diag->idiag_uid;
	s->queued = diag->idiag_rqueue;
	s->tcp = tcp;
	s->listener = tcp && diag->idiag_state == TCP_LISTEN;
	s->any = !(diag->id.idiag_src[0] | diag->id.idiag_src[1] | diag->id.idiag_src[2] |
		   diag->id.idiag_src[3]);
	s->loopback = (__u8)is_loopback(diag);
	s->port = ntohs(diag->id.idiag_sport);
	s->peer_port = ntohs(diag->id.idiag_dport);
	inet_ntop(diag->idiag_family, diag->id.idiag_src, s->addr, sizeof(s->addr));
	inet_ntop(diag->idiag_family, diag->id.idiag_dst, s->peer, sizeof(s->peer));
}

static int add_socket(const struct nlmsghdr *msg, void *arg)
{
	const struct inet_diag_msg *diag = NLMSG_DATA(msg);
	struct collect *c = arg;
	struct bmc_socket *grown;

	if (msg->nlmsg_type != SOCK_DIAG_BY_FAMILY || ntohs(diag->id.idiag_sport) != c->port ||
	    !diag->idiag_inode)
		return 0;
	grown = realloc(c->out->list, (c->out->n + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	c->out->list = grown;
	describe(diag, c->tcp, &grown[c->out->n++]);
	return 0;
}

int bmc_sockets_of_port(__u16 port, struct bmc_socket_list *ret)
{
	struct collect c = { .out = ret, .port = port };
	int err = 0;

	memset(ret, 0, sizeof(*ret));
	for (int i = 0; !err && i < 4; i++) {
		struct inet_diag_req_v2 request = { .idiag_states = ALL_STATES };

		c.tcp = i < 2;
		request.sdiag_family = i & 1 ? AF_INET6 : AF_INET;
		request.sdiag_protocol = c.tcp ? IPPROTO_TCP : IPPROTO_UDP;
		request.id.idiag_sport = htons(port);
		err = bmc_netlink_dump(NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, &request,
				       sizeof(request), add_socket, &c);
		if (err == -ENOENT) /* udp_diag is a module that may be missing */
			err = 0;
	}
	if (err) {
		free(ret->list);
		memset(ret, 0, sizeof(*ret));
	}
	return err;
}

int bmc_sockets_of_process(pid_t pid, struct bmc_owner_list *ret)
{
	char path[64], target[64];
	struct dirent *entry;
	DIR *dir;

	memset(ret, 0, sizeof(*ret));
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		unsigned long long inode;
		struct bmc_owner *grown;
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		if (len < 0)
			continue;
		target[len] = 0;
		if (sscanf(target, "socket:[%llu]", &inode) != 1)
			continue;
		grown = realloc(ret->list, (ret->n + 1) * sizeof(*grown));
		if (!grown)
			break;
		ret->list = grown;
		grown[ret->n].pid = pid;
		grown[ret->n].fd = (int)strtol(entry->d_name, NULL, 10);
		grown[ret->n++].inode = inode;
	}
	closedir(dir);
	return 0;
}

int bmc_owner_fd(const struct bmc_owner_list *list, __u64 inode)
{
	for (size_t i = 0; i < list->n; i++) {
		if (list->list[i].inode == inode)
			return list->list[i].fd;
	}
	return -1;
}

int bmc_socket_owner(__u64 inode, struct bmc_owner *ret)
{
	struct dirent *entry;
	int err = -ESRCH;
	DIR *proc;

	proc = opendir("/proc");
	if (!proc)
		return -errno;
	while (err && (entry = readdir(proc))) {
		struct bmc_owner_list list;
		pid_t pid;
		int fd;

		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		pid = (pid_t)strtol(entry->d_name, NULL, 10);
		if (bmc_sockets_of_process(pid, &list))
			continue;
		fd = bmc_owner_fd(&list, inode);
		free(list.list);
		if (fd < 0)
			continue;
		*ret = (struct bmc_owner){ .pid = pid, .fd = fd, .inode = inode };
		err = 0;
	}
	closedir(proc);
	return err;
}

int bmc_socket_copy(pid_t pid, int fd)
{
	int pidfd, copy;

	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return -errno;
	copy = (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	if (copy < 0)
		copy = -errno;
	close(pidfd);
	return copy;
}

const char *bmc_process_name(pid_t pid, char *buf, size_t size)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	file = fopen(path, "re");
	if (!file || !fgets(buf, (int)size, file))
		snprintf(buf, size, "?");
	if (file)
		fclose(file);
	buf[strcspn(buf, "\n")] = 0;
	return buf;
}
