// SPDX-License-Identifier: LGPL-2.1-only
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/*
 * Where cgroup2 is mounted, and which of its directories is there. A line of /proc/self/mountinfo (proc(5)):
 * "36 35 0:31 root /mount/point options ... - type source options".
 */
static int find_mount(char *root, char *mount)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char *line = NULL;
	int err = -ENOENT;
	size_t room = 0;

	if (!file)
		return -errno;
	while (err && getline(&line, &room, file) > 0) {
		const char *type = strstr(line, " - ");

		if (type && !strncmp(type, " - cgroup2 ", 11) &&
		    sscanf(line, "%*d %*d %*s %255s %255s", root, mount) == 2)
			err = 0;
	}
	free(line);
	fclose(file);
	return err;
}

int bmc_cgroup_root(char *ret_path, size_t size)
{
	char root[256], mount[256];
	int err = find_mount(root, mount);

	if (!err)
		snprintf(ret_path, size, "%s", mount);
	return err;
}

int bmc_cgroup_open(const char *path)
{
	struct statfs fs;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &fs) || fs.f_type != CGROUP2_SUPER_MAGIC) {
		close(fd);
		return -EINVAL;
	}
	return fd;
}

/* The process's directory in the hierarchy: its line "0::/path" (cgroups(7)). */
static int path_of(pid_t pid, char *ret, size_t size)
{
	char file_name[64], line[PATH_MAX];
	int err = -ENOENT;
	FILE *file;

	snprintf(file_name, sizeof(file_name), "/proc/%d/cgroup", pid);
	file = fopen(file_name, "re");
	if (!file)
		return -errno;
	while (err && fgets(line, sizeof(line), file)) {
		if (strncmp(line, "0::", 3))
			continue;
		line[strcspn(line, "\n")] = 0;
		snprintf(ret, size, "%s", line + 3);
		err = 0;
	}
	fclose(file);
	return err;
}

/* Whether `path`, or a directory above it, is this one. Cuts `path`. */
static int is_below(char *path, const struct stat *dir)
{
	struct stat st;

	while (*path) {
		char *end = strrchr(path, '/');

		if (!stat(path, &st) && st.st_dev == dir->st_dev && st.st_ino == dir->st_ino)
			return 1;
		if (!end)
			break;
		*end = 0;
	}
	return 0;
}

int bmc_cgroup_has(const char *dir, pid_t pid)
{
	char root[256], mount[256], path[PATH_MAX], full[PATH_MAX + 256];
	struct stat st;
	size_t skip;
	int err = find_mount(root, mount);

	if (!err)
		err = path_of(pid, path, sizeof(path));
	if (!err && stat(dir ? dir : mount, &st))
		err = -errno;
	if (err)
		return err;
	skip = strcmp(root, "/") ? strlen(root) : 0;
	if (!strncmp(path, "/..", 3) || strncmp(path, root, skip))
		return 0; /* beside what this namespace can see */
	snprintf(full, sizeof(full), "%s%s", mount, path + skip);
	return is_below(full, &st);
}
