// SPDX-License-Identifier: LGPL-2.1-only
#include "pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define HIDDEN                                                                                     \
	"this mount namespace hides " BMC_BPFFS " (as 'ip netns exec' does): run bmcctl by "       \
	"'nsenter --net=/run/netns/NAME bmcctl ...'"
#define READ_ONLY BMC_BPFFS " is mounted read-only: 'mount -o remount,rw " BMC_BPFFS "' first"
#define LOCK_TRIES 1500 /* of 20 ms */
#define LOCK_MOMENT 50 /* tries, before it is said */

static int is_ours; /* the lock */

/* Of those who have flock(2) on the file, one. /proc/locks, see proc(5): "1: FLOCK ADVISORY WRITE PID MAJOR:MINOR:INODE 0 EOF". */
static pid_t lock_owner(int fd)
{
	unsigned long inode;
	char line[128];
	struct stat st;
	int pid, owner = 0;
	FILE *locks = fopen("/proc/locks", "re");

	while (locks && !owner && !fstat(fd, &st) && fgets(line, sizeof(line), locks)) {
		if (sscanf(line, "%*d: FLOCK %*s %*s %d %*x:%*x:%lu", &pid, &inode) == 2 &&
		    inode == st.st_ino)
			owner = pid > 0 ? pid : 0;
	}
	if (locks)
		fclose(locks);
	return owner;
}

int bmc_pins_lock(bmc_pins_wait_fn waiting)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	int fd = open(BMC_PINS_LOCK, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	for (int i = 0; i < LOCK_TRIES; i++) {
		if (!flock(fd, LOCK_EX | LOCK_NB)) {
			is_ours = 1;
			return 0; /* the fd stays open: the lock ends with the process */
		}
		if (i == LOCK_MOMENT)
			waiting(lock_owner(fd));
		nanosleep(&pause, NULL);
	}
	close(fd);
	return -EBUSY;
}

int bmc_pins_locked(void)
{
	int fd, locked;

	if (is_ours)
		return 0;
	fd = open(BMC_PINS_LOCK, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	locked = flock(fd, LOCK_SH | LOCK_NB) && errno == EWOULDBLOCK;
	close(fd);
	return locked;
}

static int is_bpffs(void)
{
	struct statfs fs;

	return !statfs(BMC_BPFFS, &fs) && fs.f_type == BPF_FS_MAGIC;
}

static pid_t parent_of(pid_t pid)
{
	int parent = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	if (fscanf(file, "%*d (%*[^)]) %*c %d", &parent) != 1)
		parent = 0;
	fclose(file);
	return parent;
}

/* One of those that started us is in another mount namespace. */
static int is_hidden(void)
{
	struct stat ours, theirs;
	char path[64];

	if (stat("/proc/self/ns/mnt", &ours))
		return 0;
	for (pid_t pid = getppid(); pid > 0; pid = parent_of(pid)) {
		snprintf(path, sizeof(path), "/proc/%d/ns/mnt", pid);
		if (!stat(path, &theirs) && theirs.st_ino != ours.st_ino)
			return 1;
	}
	return 0;
}

const char *bmc_pins_unusable(void)
{
	struct statfs fs;

	if (!is_bpffs())
		return is_hidden() ? HIDDEN : NULL;
	return !statfs(BMC_BPFFS, &fs) && fs.f_flags & ST_RDONLY ? READ_ONLY : NULL;
}

int bmc_pins_mount(int *ret_mounted)
{
	*ret_mounted = 0;
	if (is_bpffs())
		return 0;
	if (mount("bpf", BMC_BPFFS, "bpf", 0, "mode=0700"))
		return -errno;
	*ret_mounted = 1;
	return 0;
}

const char *bmc_pins_path(const char *instance, const char *kind, const char *what, char *buf)
{
	snprintf(buf, BMC_PINS_PATH, BMC_PINS_ROOT "/%s%s%s%s%s", instance, kind ? "/" : "",
		 kind ? kind : "", what ? "/" : "", what ? what : "");
	return buf;
}

int bmc_pins_exist(const char *instance)
{
	char path[BMC_PINS_PATH];

	return is_bpffs() && !access(bmc_pins_path(instance, NULL, NULL, path), F_OK);
}

static int make_dir(const char *path)
{
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

int bmc_pins_make(const char *instance)
{
	char path[BMC_PINS_PATH];
	int err;

	err = make_dir(BMC_PINS_ROOT);
	if (!err)
		err = make_dir(bmc_pins_path(instance, NULL, NULL, path));
	if (!err)
		err = make_dir(bmc_pins_path(instance, "maps", NULL, path));
	if (!err)
		err = make_dir(bmc_pins_path(instance, "links", NULL, path));
	return err;
}

int bmc_pins_remove(const char *instance, const char *kind, const char *what, int *ret_gone)
{
	char path[BMC_PINS_PATH];

	*ret_gone = 0;
	if (unlink(bmc_pins_path(instance, kind, what, path)))
		return errno == ENOENT ? 0 : -errno;
	*ret_gone = 1;
	return 0;
}

static int each_name(const char *path, int (*fn)(const char *name, void *arg), void *arg)
{
	struct dirent *entry;
	DIR *dir = opendir(path);
	int result = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (!result) {
		errno = 0;
		entry = readdir(dir);
		if (!entry) {
			result = -errno;
			break;
		}
		if (entry->d_name[0] != '.')
			result = fn(entry->d_name, arg);
	}
	closedir(dir);
	return result;
}

int bmc_pins_each(const char *instance, const char *kind, int (*fn)(const char *what, void *arg),
		  void *arg)
{
	char path[BMC_PINS_PATH];

	return each_name(bmc_pins_path(instance, kind, NULL, path), fn, arg);
}

struct clear {
	const char *instance;
	const char *kind;
};

static int clear_one(const char *what, void *arg)
{
	const struct clear *c = arg;
	int gone;

	return bmc_pins_remove(c->instance, c->kind, what, &gone);
}

static int remove_dir(const char *path)
{
	return rmdir(path) && errno != ENOENT ? -errno : 0;
}

int bmc_pins_clear(const char *instance)
{
	struct clear c = { .instance = instance };
	char path[BMC_PINS_PATH];
	int err;

	c.kind = "links";
	err = bmc_pins_each(instance, c.kind, clear_one, &c);
	c.kind = "maps";
	if (!err)
		err = bmc_pins_each(instance, c.kind, clear_one, &c);
	if (!err)
		err = remove_dir(bmc_pins_path(instance, "links", NULL, path));
	if (!err)
		err = remove_dir(bmc_pins_path(instance, "maps", NULL, path));
	if (!err)
		err = remove_dir(bmc_pins_path(instance, NULL, NULL, path));
	if (!err)
		rmdir(BMC_PINS_ROOT); /* stays while there are others */
	return err;
}

static int is_name(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int bmc_pins_instances(int (*fn)(const char *instance, void *arg), void *arg)
{
	struct dirent **list;
	int n, result = 0;

	if (!is_bpffs())
		return 0;
	n = scandir(BMC_PINS_ROOT, &list, is_name, alphasort);
	if (n < 0)
		return errno == ENOENT ? 0 : -errno;
	for (int i = 0; i < n; i++) {
		if (!result)
			result = fn(list[i]->d_name, arg);
		free(list[i]);
	}
	free(list);
	return result;
}

int bmc_pins_map(const char *instance, const char *map, size_t value_size)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	char path[BMC_PINS_PATH];
	int err = 0, fd = bpf_obj_get(bmc_pins_path(instance, "maps", map, path));

	if (fd < 0)
		return -errno;
	if (bpf_obj_get_info_by_fd(fd, &info, &len))
		err = -errno;
	else if (value_size && info.value_size != value_size)
		err = -EPROTO;
	if (!err)
		return fd;
	close(fd);
	return err;
}

int bmc_pins_instance(const char *instance, struct bmc_instance *ret)
{
	int err = 0, fd = bmc_pins_map(instance, "bmc_instance", sizeof(*ret));
	__u32 zero = 0;

	if (fd < 0)
		return fd;
	if (bpf_map_lookup_elem(fd, &zero, ret))
		err = -errno;
	close(fd);
	if (!err && ret->abi != BMC_ABI_VERSION)
		err = ret->abi ? -EPROTO :
				 -EAGAIN; /* 0: `start` did not get as far as writing it */
	return err;
}
