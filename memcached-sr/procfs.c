// SPDX-License-Identifier: BSD-3-Clause
#include "procfs.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOCKETS_MAX 65536

/* ---- /proc/PID/net/udp and udp6: the words of an address are in the order of the machine ---- */
static int read_line(const char *text, int v6, unsigned int addr[4], unsigned int *port,
		     unsigned long *inode)
{
	memset(addr, 0, 4 * sizeof(*addr));
	if (v6)
		return sscanf(text,
			      " %*d: %8x%8x%8x%8x:%4x %*32x:%*4x %*x %*x:%*x %*x:%*x %*x %*u %*d "
			      "%lu",
			      &addr[0], &addr[1], &addr[2], &addr[3], port, inode) == 6;
	return sscanf(text, " %*d: %8x:%4x %*8x:%*4x %*x %*x:%*x %*x:%*x %*x %*u %*d %lu", &addr[0],
		      port, inode) == 3;
}

static int add(struct sr_udp_list *l, unsigned long inode, int v6, const unsigned int addr[4])
{
	char text[INET6_ADDRSTRLEN] = "";
	struct sr_udp *grown;

	if (l->n == SOCKETS_MAX)
		return 0;
	grown = realloc(l->list, (l->n + 1) * sizeof(*grown));
	if (!grown)
		return -1;
	l->list = grown;
	memset(&l->list[l->n], 0, sizeof(*grown));
	l->list[l->n].inode = inode;
	inet_ntop(v6 ? AF_INET6 : AF_INET, addr, text, sizeof(text));
	snprintf(l->list[l->n].address, sizeof(l->list[0].address), v6 ? "[%s]" : "%s", text);
	l->n++;
	return 0;
}

static int read_table(int pid, int v6, int port, struct sr_udp_list *l)
{
	unsigned int addr[4], local;
	unsigned long inode;
	char text[512];
	int err = 0;
	FILE *f;

	snprintf(text, sizeof(text), "/proc/%d/net/%s", pid, v6 ? "udp6" : "udp");
	f = fopen(text, "re");
	if (!f)
		return v6 && errno == ENOENT ? 0 : -1;
	while (!err && fgets(text, sizeof(text), f)) {
		if (read_line(text, v6, addr, &local, &inode) && (int)local == port)
			err = add(l, inode, v6, addr);
	}
	fclose(f);
	return err;
}

static int by_address(const void *a, const void *b)
{
	const struct sr_udp *x = a, *y = b;
	int order = strcmp(x->address, y->address);

	return order ? order : (x->inode > y->inode) - (x->inode < y->inode);
}

/* ---- /proc/PID/fd ---- */
static struct sr_udp *find(struct sr_udp_list *l, unsigned long inode)
{
	for (size_t i = 0; i < l->n; i++) {
		if (l->list[i].inode == inode)
			return &l->list[i];
	}
	return NULL;
}

/* The socket behind a number of the process's, if it is one of the list. */
static struct sr_udp *socket_at(int dir, const char *name, struct sr_udp_list *l)
{
	char target[64];
	ssize_t len = readlinkat(dir, name, target, sizeof(target) - 1);
	unsigned long inode;

	if (len < 0)
		return NULL;
	target[len] = 0;
	return sscanf(target, "socket:[%lu]", &inode) == 1 ? find(l, inode) : NULL;
}

/* "tfd: 12 events: ..." for each file that this epoll watches. */
static void read_epoll(int pid, int dir, const char *name, struct sr_udp_list *l)
{
	char text[256], number[16];
	struct sr_udp *s;
	int fd;
	FILE *f;

	snprintf(text, sizeof(text), "/proc/%d/fdinfo/%.16s", pid, name);
	f = fopen(text, "re");
	if (!f)
		return;
	while (fgets(text, sizeof(text), f)) {
		if (sscanf(text, "tfd: %d", &fd) != 1)
			continue;
		snprintf(number, sizeof(number), "%d", fd);
		s = socket_at(dir, number, l);
		if (s) {
			s->epolls++;
			s->epoll = (int)strtol(name, NULL, 10);
		}
	}
	fclose(f);
}

static int is_epoll(int dir, const char *name)
{
	char target[64];
	ssize_t len = readlinkat(dir, name, target, sizeof(target) - 1);

	if (len < 0)
		return 0;
	target[len] = 0;
	return !strcmp(target, "anon_inode:[eventpoll]");
}

/* Drops what is in the same network namespace but another process's. */
static int keep_own(DIR *dir, struct sr_udp_list *l)
{
	struct sr_udp_list own = { 0 };
	struct dirent *entry;

	own.list = calloc(l->n + 1, sizeof(*own.list));
	if (!own.list)
		return -1;
	while ((entry = readdir(dir))) {
		struct sr_udp *s = socket_at(dirfd(dir), entry->d_name, l);

		if (s && !find(&own, s->inode))
			own.list[own.n++] = *s;
	}
	free(l->list);
	*l = own;
	return 0;
}

static int read_process(int pid, struct sr_udp_list *l)
{
	struct dirent *entry;
	char path[32];
	DIR *dir;
	int err;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return -1;
	err = keep_own(dir, l);
	rewinddir(dir);
	while (!err && (entry = readdir(dir))) {
		if (is_epoll(dirfd(dir), entry->d_name))
			read_epoll(pid, dirfd(dir), entry->d_name, l);
	}
	closedir(dir);
	return err;
}

int sr_udp_of_process(int pid, int port, struct sr_udp_list *ret)
{
	int err;

	memset(ret, 0, sizeof(*ret));
	err = read_table(pid, 0, port, ret);
	if (!err)
		err = read_table(pid, 1, port, ret);
	if (!err)
		err = read_process(pid, ret);
	if (err) {
		free(ret->list);
		memset(ret, 0, sizeof(*ret));
		return -1;
	}
	qsort(ret->list, ret->n, sizeof(*ret->list), by_address);
	return 0;
}
