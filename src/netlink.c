// SPDX-License-Identifier: LGPL-2.1-only
#include "netlink.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define TRIES 10

static int ask(int fd, int type, int flags, const void *body, size_t len)
{
	struct {
		struct nlmsghdr head;
		char body[256];
	} request = { 0 };

	if (len > sizeof(request.body))
		return -E2BIG;
	request.head.nlmsg_len = (__u32)NLMSG_LENGTH(len);
	request.head.nlmsg_type = (__u16)type;
	request.head.nlmsg_flags = (__u16)(NLM_F_REQUEST | flags);
	memcpy(request.body, body, len);
	return send(fd, &request, request.head.nlmsg_len, 0) < 0 ? -errno : 0;
}

/* The messages of one datagram. 1: the dump is over. */
static int each(const struct nlmsghdr *msg, size_t len, bmc_netlink_fn fn, void *arg, int *ret_err)
{
	int changed = 0, over = 0;

	for (; !over && NLMSG_OK(msg, len); msg = NLMSG_NEXT(msg, len)) {
		changed |= msg->nlmsg_flags & NLM_F_DUMP_INTR;
		if (msg->nlmsg_type == NLMSG_DONE) { /* with the dump's result, an int */
			if (msg->nlmsg_len >= NLMSG_LENGTH(sizeof(int)))
				memcpy(ret_err, NLMSG_DATA(msg), sizeof(int));
			over = 1;
		} else if (msg->nlmsg_type == NLMSG_ERROR) {
			*ret_err = ((const struct nlmsgerr *)NLMSG_DATA(msg))->error;
			over = 1;
		} else {
			*ret_err = fn(msg, arg);
			over = *ret_err != 0;
		}
	}
	if (changed && !*ret_err)
		*ret_err = -EAGAIN;
	return over || *ret_err;
}

/* One request and all of its answer. */
static int converse(int family, int type, int flags, const void *body, size_t len,
		    bmc_netlink_fn fn, void *arg)
{
	struct timeval patience = { .tv_sec = 2 };
	char buf[32768] __attribute__((aligned(8)));
	int err, fd, over = 0;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	err = ask(fd, type, flags, body, len);
	while (!err && !over) {
		ssize_t got = recv(fd, buf, sizeof(buf), MSG_TRUNC);

		if (got < 0)
			err = errno == EAGAIN ? -ETIMEDOUT : -errno;
		else if ((size_t)got > sizeof(buf))
			err = -EMSGSIZE;
		else
			over = each((const struct nlmsghdr *)buf, (size_t)got, fn, arg, &err);
	}
	close(fd);
	return err;
}

int bmc_netlink_dump(int family, int type, const void *body, size_t len, bmc_netlink_fn fn,
		     void *arg)
{
	int err = -EAGAIN;

	for (int i = 0; err == -EAGAIN && i < TRIES; i++)
		err = converse(family, type, NLM_F_DUMP, body, len, fn, arg);
	return err;
}

static int ignore(const struct nlmsghdr *msg, void *arg)
{
	(void)msg;
	(void)arg;
	return 0;
}

int bmc_netlink_request(int family, int type, const void *body, size_t len)
{
	return converse(family, type, NLM_F_ACK, body, len, ignore, NULL);
}

const struct rtattr *bmc_netlink_attr(const struct rtattr *attr, size_t len, int type)
{
	for (; RTA_OK(attr, len); attr = RTA_NEXT(attr, len)) {
		if ((attr->rta_type & NLA_TYPE_MASK) == type)
			return attr;
	}
	return NULL;
}

__u32 bmc_netlink_u32(const struct rtattr *attr)
{
	__u32 value;

	memcpy(&value, RTA_DATA(attr), sizeof(value));
	return value;
}
