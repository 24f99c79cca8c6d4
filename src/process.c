// SPDX-License-Identifier: LGPL-2.1-only
#include "process.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int by_inode(const void *a, const void *b)
{
	const struct bmc_owner *x = a, *y = b;

	return (x->inode > y->inode) - (x->inode < y->inode);
}

/* The inode of "socket:[4711]", 0: not a socket. */
static __u64 socket_inode(int dir, const char *name)
{
	unsigned long long inode;
	char target[64];
	ssize_t len = readlinkat(dir, name, target, sizeof(target) - 1);

	if (len < 0)
		return 0;
	target[len] = 0;
	return sscanf(target, "socket:[%llu]", &inode) == 1 ? inode : 0;
}

static int add_owner(struct bmc_owner_list *out, size_t *room, const struct bmc_owner *owner)
{
	struct bmc_owner *grown;

	if (out->n == *room) {
		*room = *room ? 2 * *room : 64;
		grown = realloc(out->list, *room * sizeof(*grown));
		if (!grown)
			return -ENOMEM;
		out->list = grown;
	}
	out->list[out->n++] = *owner;
	return 0;
}

int bmc_sockets_of_process(pid_t pid, struct bmc_owner_list *ret)
{
	struct bmc_owner owner = { .pid = pid };
	struct dirent *entry;
	size_t room = 0;
	char path[64];
	int err = 0;
	DIR *dir;

	memset(ret, 0, sizeof(*ret));
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (!err && (entry = readdir(dir))) {
		owner.fd = (int)strtol(entry->d_name, NULL, 10);
		owner.inode = socket_inode(dirfd(dir), entry->d_name);
		if (owner.inode)
			err = add_owner(ret, &room, &owner);
	}
	closedir(dir);
	if (err) {
		free(ret->list);
		memset(ret, 0, sizeof(*ret));
	} else if (ret->n) {
		qsort(ret->list, ret->n, sizeof(*ret->list), by_inode);
	}
	return err;
}

int bmc_owner_fd(const struct bmc_owner_list *list, __u64 inode)
{
	const struct bmc_owner key = { .inode = inode }, *found = NULL;

	if (list->n && inode)
		found = bsearch(&key, list->list, list->n, sizeof(key), by_inode);
	return found ? found->fd : -1;
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

const char *bmc_process_command(pid_t pid, char *buf, size_t size)
{
	size_t len = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	file = fopen(path, "re");
	if (file)
		len = fread(buf, 1, size - 1, file);
	if (file)
		fclose(file);
	buf[len] = 0;
	for (size_t i = 0; i + 1 < len; i++) { /* NUL between the words */
		if (!buf[i])
			buf[i] = ' ';
	}
	return len ? buf : bmc_process_name(pid, buf, size);
}
