// SPDX-License-Identifier: BSD-3-Clause
#include "stats.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PATIENCE_S 2

/* A stop (^Z, and back) breaks off the calls of a socket that has a time limit: both go on where they were. */
static int connect_again(int fd, const struct addrinfo *ai)
{
	int err;

	do
		err = connect(fd, ai->ai_addr, ai->ai_addrlen);
	while (err && errno == EINTR);
	return err;
}

static char *read_line(char *line, int size, FILE *from)
{
	char *got;

	do {
		clearerr(from);
		errno = 0;
		got = fgets(line, size, from);
	} while (!got && errno == EINTR);
	return got;
}

static int connect_to(const struct addrinfo *ai)
{
	struct timeval patience = { .tv_sec = PATIENCE_S };
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) &&
	    !setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) &&
	    !connect_again(fd, ai))
		return fd;
	close(fd);
	return -1;
}

static FILE *open_to(const char *host, const char *port, const char **ret_why)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *all;
	int fd = -1, err = getaddrinfo(host, port, &hints, &all);

	if (err) {
		*ret_why = err == EAI_SYSTEM ? strerror(errno) : gai_strerror(err);
		return NULL;
	}
	for (const struct addrinfo *ai = all; ai && fd < 0; ai = ai->ai_next)
		fd = connect_to(ai);
	*ret_why = strerror(errno == EINPROGRESS ? ETIMEDOUT : errno); /* socket(7), SO_SNDTIMEO */
	freeaddrinfo(all);
	return fd < 0 ? NULL : fdopen(fd, "r+");
}

static void take_line(const char *line, struct sr_stats *ret)
{
	char inter[256];

	if (sscanf(line, "STAT pid %d", &ret->pid) == 1 ||
	    sscanf(line, "STAT version %31s", ret->version) == 1 ||
	    sscanf(line, "STAT num_threads %d", &ret->workers) == 1 ||
	    sscanf(line, "STAT udpport %d", &ret->udp_port) == 1)
		return;
	if (sscanf(line, "STAT inter %255s", inter) == 1)
		ret->address_list = strchr(inter, ',') != NULL;
}

static int ask(FILE *to, const char *question, struct sr_stats *ret, const char **ret_why)
{
	char line[512];

	if (fputs(question, to) < 0 || fflush(to)) {
		*ret_why = strerror(errno);
		return -1;
	}
	while (read_line(line, sizeof(line), to)) {
		if (!strncmp(line, "END", 3))
			return 0;
		if (strncmp(line, "STAT ", 5) != 0) {
			*ret_why = "its answer is not that of a memcached that takes questions "
				   "(does it want authentication?)";
			return -1;
		}
		take_line(line, ret);
	}
	*ret_why = errno == EAGAIN ? "no answer within two seconds" :
		   errno	   ? strerror(errno) :
				     "it closed the connection";
	return -1;
}

int sr_stats_ask(const char *host, const char *port, struct sr_stats *ret, const char **ret_why)
{
	FILE *to = open_to(host, port, ret_why);
	int err;

	if (!to)
		return -1;
	memset(ret, 0, sizeof(*ret));
	err = ask(to, "stats\r\n", ret, ret_why);
	if (!err)
		err = ask(to, "stats settings\r\n", ret, ret_why);
	fclose(to);
	return err;
}
