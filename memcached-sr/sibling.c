// SPDX-License-Identifier: BSD-3-Clause
#include "sibling.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <sched.h>
#include <stddef.h>
#include <unistd.h>

#define CPUS_STEERED 1024 /* two instructions each: below BPF_MAXINSNS */

static int int_option(int fd, int level, int name, int otherwise)
{
	socklen_t len = sizeof(int);
	int value;

	return getsockopt(fd, level, name, &value, &len) ? otherwise : value;
}

int sr_is_udp(int fd)
{
	int domain = int_option(fd, SOL_SOCKET, SO_DOMAIN, -1);

	return (domain == AF_INET || domain == AF_INET6) &&
	       int_option(fd, SOL_SOCKET, SO_TYPE, -1) == SOCK_DGRAM;
}

uint64_t sr_cookie(int fd)
{
	socklen_t len = sizeof(uint64_t);
	uint64_t cookie;

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) ? 0 : cookie;
}

int sr_bind_first(int fd, const struct sockaddr *addr, socklen_t len, sr_bind_fn real_bind)
{
	int off = 0, on = 1;

	/* memcached sets SO_REUSEADDR: with it on both sides, two servers share a UDP port in silence */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &off, sizeof(off)) || real_bind(fd, addr, len))
		return -1;
	return setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
}

/* The options that memcached sets on UDP sockets. The kernel tells buffers twice as large as they were asked for. */
static void copy_options(int from, int to)
{
	static const struct {
		int level, name, divide;
	} options[] = {
		{ SOL_SOCKET, SO_SNDBUF, 2 },
		{ SOL_SOCKET, SO_RCVBUF, 2 },
		{ SOL_SOCKET, SO_MARK, 1 },
		{ IPPROTO_IPV6, IPV6_V6ONLY, 1 },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		int value = int_option(from, options[i].level, options[i].name, 0);

		value /= options[i].divide;
		if (value)
			setsockopt(to, options[i].level, options[i].name, &value, sizeof(value));
	}
}

static int open_like(int fd)
{
	int on = 1, flags = fcntl(fd, F_GETFL), close_on_exec = fcntl(fd, F_GETFD);
	int sibling = socket(int_option(fd, SOL_SOCKET, SO_DOMAIN, AF_INET), SOCK_DGRAM, 0);

	if (sibling < 0)
		return -1;
	if (flags < 0 || close_on_exec < 0 || fcntl(sibling, F_SETFL, flags) ||
	    fcntl(sibling, F_SETFD, close_on_exec) ||
	    setsockopt(sibling, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on))) {
		close(sibling);
		return -1;
	}
	copy_options(fd, sibling);
	return sibling;
}

int sr_sibling(int fd, sr_bind_fn real_bind)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	int sibling, err;

	if (getsockname(fd, (struct sockaddr *)&addr, &len))
		return -1;
	sibling = open_like(fd);
	if (sibling < 0)
		return -1;
	if (real_bind(sibling, (struct sockaddr *)&addr, len)) {
		err = errno;
		close(sibling);
		errno = err;
		return -1;
	}
	return sibling;
}

int sr_cpu_of(int index)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return -1;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (CPU_ISSET(cpu, &set) && index-- == 0)
			return cpu;
	}
	return -1;
}

int sr_steer_by_cpu(int fd, int n)
{
	struct sock_filter code[2 * CPUS_STEERED + 2];
	struct sock_fprog program = { .filter = code };
	unsigned short len = 0;

	code[len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
						   (__u32)(SKF_AD_OFF + SKF_AD_CPU));
	for (int i = 0; i < CPUS_STEERED; i++) {
		int cpu = sr_cpu_of(i);

		if (cpu < 0)
			break;
		code[len++] =
			(struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (__u32)cpu, 0, 1);
		code[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, (__u32)(i % n));
	}
	code[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, 0xffffffff); /* none: by hash */
	program.len = len;
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program, sizeof(program));
}
