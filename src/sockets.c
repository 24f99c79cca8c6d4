// SPDX-License-Identifier: LGPL-2.1-only
#include "sockets.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A line of /proc/net/{tcp,udp}{,6}; the words of an address are in the order of the machine (proc(5)). */
struct line {
	__u32 local[4];
	__u32 remote[4];
	unsigned int port;
	unsigned int peer_port;
	unsigned int state;
	unsigned int queued;
	unsigned int uid;
	unsigned long long inode;
};

static int read_line(const char *text, int v6, struct line *l)
{
	memset(l, 0, sizeof(*l));
	if (v6)
		return sscanf(text,
			      "%*d: %8x%8x%8x%8x:%4x %8x%8x%8x%8x:%4x %2x %*x:%x %*x:%*x %*x %u "
			      "%*d %llu",
			      &l->local[0], &l->local[1], &l->local[2], &l->local[3], &l->port,
			      &l->remote[0], &l->remote[1], &l->remote[2], &l->remote[3],
			      &l->peer_port, &l->state, &l->queued, &l->uid, &l->inode) == 14;
	return sscanf(text, "%*d: %8x:%4x %8x:%4x %2x %*x:%x %*x:%*x %*x %u %*d %llu", &l->local[0],
		      &l->port, &l->remote[0], &l->peer_port, &l->state, &l->queued, &l->uid,
		      &l->inode) == 8;
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
	s->queued = l->queued;
	s->tcp = (__u8)tcp;
	s->listener = tcp && l->state == TCP_LISTEN;
	s->any = !(l->local[0] | l->local[1] | l->local[2] | l->local[3]);
	s->loopback = (__u8)is_loopback(l, v6);
	s->port = (__u16)l->port;
	s->peer_port = (__u16)l->peer_port;
	inet_ntop(v6 ? AF_INET6 : AF_INET, l->local, s->addr, sizeof(s->addr));
	inet_ntop(v6 ? AF_INET6 : AF_INET, l->remote, s->peer, sizeof(s->peer));
}

static int add_socket(struct bmc_socket_list *list, const struct line *l, int tcp, int v6)
{
	struct bmc_socket *grown = realloc(list->list, (list->n + 1) * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	list->list = grown;
	describe(l, tcp, v6, &grown[list->n++]);
	return 0;
}

/* An inode of 0: nobody has it (not accepted yet, or TIME_WAIT). */
static int read_table(const char *path, int tcp, int v6, __u16 port, struct bmc_socket_list *list)
{
	char text[512];
	struct line l;
	int err = 0;
	FILE *file = fopen(path, "re");

	if (!file)
		return errno == ENOENT ? 0 : -errno; /* no IPv6 here */
	while (!err && fgets(text, sizeof(text), file)) {
		if (read_line(text, v6, &l) && l.port == port && l.inode)
			err = add_socket(list, &l, tcp, v6);
	}
	fclose(file);
	return err;
}

/* /proc rather than sock_diag: that takes modules which a kernel may not be able to load. */
int bmc_sockets_of_port(__u16 port, struct bmc_socket_list *ret)
{
	int err;

	memset(ret, 0, sizeof(*ret));
	err = read_table("/proc/net/tcp", 1, 0, port, ret);
	if (!err)
		err = read_table("/proc/net/tcp6", 1, 1, port, ret);
	if (!err)
		err = read_table("/proc/net/udp", 0, 0, port, ret);
	if (!err)
		err = read_table("/proc/net/udp6", 0, 1, port, ret);
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
