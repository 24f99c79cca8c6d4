// SPDX-License-Identifier: LGPL-2.1-only
#include "util.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71 /* asm-generic/socket.h, since 5.14 */
#endif

#define PID_NS_FIRST 0xeffffffcU /* include/linux/proc_ns.h, PROC_PID_INIT_INO */
#define USER_NS_FIRST 0xeffffffdU /* PROC_USER_INIT_INO */

int bmc_parse_number(const char *text, __u64 min, __u64 max, __u64 *ret)
{
	unsigned long long value;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (*end)
		return -EINVAL;
	if (errno || value < min || value > max)
		return -ERANGE;
	*ret = value;
	return 0;
}

int bmc_parse_size(const char *text, __u64 *ret_bytes)
{
	static const char units[] = "KMG";
	unsigned long long value;
	unsigned int shift = 0;
	const char *unit;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	unit = *end ? strchr(units, *end & ~0x20) : NULL;
	if (*end && (!unit || end[1]))
		return -EINVAL;
	if (unit)
		shift = 10 * (unsigned int)(unit - units + 1);
	if (value > UINT64_MAX >> shift)
		return -ERANGE;
	*ret_bytes = value << shift;
	return 0;
}

int bmc_parse_time(const char *text, __u64 *ret_ns)
{
	double value, unit;
	char *end;

	if (*text < '0' || *text > '9')
		return -EINVAL;
	value = strtod(text, &end);
	if (!strcmp(end, "ms"))
		unit = 1e6;
	else if (!*end || !strcmp(end, "s"))
		unit = 1e9;
	else if (!strcmp(end, "m"))
		unit = 60e9;
	else
		return -EINVAL;
	if (value * unit > 3600e9)
		return -ERANGE;
	*ret_ns = (__u64)(value * unit);
	return 0;
}

const char *bmc_format_size(__u64 bytes, char *buf, size_t size)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1024 && unit + 1 < BMC_ARRAY_SIZE(units)) {
		value /= 1024;
		unit++;
	}
	snprintf(buf, size, unit ? "%.1f %s" : "%.0f %s", value, units[unit]);
	return buf;
}

const char *bmc_format_uptime(__u64 seconds, char *buf, size_t size)
{
	unsigned int rest = (unsigned int)(seconds % 86400);

	if (seconds >= 86400)
		snprintf(buf, size, "%" PRIu64 "d %02u:%02u:%02u", (uint64_t)seconds / 86400,
			 rest / 3600, rest / 60 % 60, rest % 60);
	else
		snprintf(buf, size, "%02u:%02u:%02u", rest / 3600, rest / 60 % 60, rest % 60);
	return buf;
}

const char *bmc_format_time(__u64 ns, char *buf, size_t size)
{
	snprintf(buf, size, "%g s", (double)ns * 1e-9);
	return buf;
}

const char *bmc_format_user(__u32 uid, char *buf, size_t size)
{
	const struct passwd *user = getpwuid(uid);

	if (user)
		snprintf(buf, size, "%s", user->pw_name);
	else
		snprintf(buf, size, "%u", uid);
	return buf;
}

__u64 bmc_clock_ns(int clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (__u64)now.tv_sec * 1000000000ULL + (__u64)now.tv_nsec;
}

int bmc_interrupted(void)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, SIGINT) || sigismember(&pending, SIGTERM) ||
	       sigismember(&pending, SIGHUP);
}

int bmc_memory_available(__u64 *ret_bytes)
{
	unsigned long long kib;
	int err = -ENOENT;
	char line[128];
	FILE *file = fopen("/proc/meminfo", "re");

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "MemAvailable: %llu kB", &kib) == 1) {
			*ret_bytes = kib << 10;
			err = 0;
			break;
		}
	}
	fclose(file);
	return err;
}

unsigned int bmc_kernel_version(void)
{
	unsigned int major = 0, minor = 0;
	struct utsname name;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return 0;
	return major << 8 | minor;
}

int bmc_has_capability(int cap)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &head, data))
		return 0;
	return data[CAP_TO_INDEX(cap)].effective >> (cap % 32) & 1;
}

int bmc_clock_is_kernels(void)
{
	FILE *f = fopen("/proc/self/timens_offsets", "re");
	long long s = 0, ns = 0;

	if (!f)
		return 1; /* a kernel without time namespaces */
	if (fscanf(f, "monotonic %lld %lld", &s, &ns) != 2)
		s = 0;
	fclose(f);
	return !s && !ns;
}

int bmc_proc_is_ours(void)
{
	char pid[16] = "";

	return readlink("/proc/self", pid, sizeof(pid) - 1) > 0 &&
	       strtol(pid, NULL, 10) == getpid();
}

int bmc_has_own_users(void)
{
	struct stat st;

	return !stat("/proc/self/ns/user", &st) && st.st_ino != USER_NS_FIRST;
}

int bmc_sees_all_processes(void)
{
	struct stat st;

	return !stat("/proc/self/ns/pid", &st) && st.st_ino == PID_NS_FIRST;
}

int bmc_netns_cookie(__u64 *ret)
{
	socklen_t len = sizeof(*ret);
	int err, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	err = getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret, &len) ? -errno : 0;
	close(fd);
	return err;
}
