// SPDX-License-Identifier: LGPL-2.1-only
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

/* A line of /proc/self/mountinfo: "36 35 0:31 root /mount/point options ... - type source options" (proc(5)). */
int bmc_cgroup_root(char *ret_path, size_t size)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	char *line = NULL, root[256], mount[256];
	int err = -ENOENT;
	size_t room = 0;

	if (!file)
		return -errno;
	while (err && getline(&line, &room, file) > 0) {
		const char *type = strstr(line, " - ");

		if (!type || strncmp(type, " - cgroup2 ", 11) ||
		    sscanf(line, "%*d %*d %*s %255s %255s", root, mount) != 2)
			continue;
		snprintf(ret_path, size, "%s", mount);
		err = 0;
	}
	free(line);
	fclose(file);
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
