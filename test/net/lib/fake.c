// SPDX-License-Identifier: LGPL-2.1-only
#include "fake.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child.h"
#include "net_address.h"
#include "ns.h"
#include "test.h"

#define CONNECTIONS_MAX 32

static volatile sig_atomic_t may_listen;
static int connects, ends;
static const char *device;

static void on_signal(int sig)
{
	(void)sig;
	may_listen = 1;
}

static int bind_socket(int type, int protocol, int shares, const char *address, int port)
{
	struct sockaddr_storage addr;
	socklen_t len = net_address(address, port, &addr);
	int one = 1, fd = socket(addr.ss_family, type, protocol);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    (shares && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one))) ||
	    (device &&
	     setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, (socklen_t)strlen(device))) ||
	    bind(fd, (struct sockaddr *)&addr, len))
		_exit(1);
	return fd;
}

static void answer_datagram(int fd, const char *answer)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	char bytes[2048];
	ssize_t n = recvfrom(fd, bytes, 1400, 0, (struct sockaddr *)&from, &len);

	if (n < 8 || !answer)
		return;
	if (connects && connect(fd, (struct sockaddr *)&from, len))
		_exit(1);
	memcpy(bytes + 8, answer, strlen(answer));
	sendto(fd, bytes, 8 + strlen(answer), 0, (struct sockaddr *)&from, len);
}

/* fds[0]: UDP, fds[1]: the listener; behind them connections. */
static void serve(struct pollfd *fds, const char *answer)
{
	char bytes[2048];
	int n = 2;

	for (;;) {
		if (may_listen == 1 && fds[1].fd >= 0) {
			listen(fds[1].fd, 8);
			may_listen = 2;
		}
		if (poll(fds, (nfds_t)n, -1) < 0)
			continue;
		if (fds[0].revents & POLLIN)
			answer_datagram(fds[0].fd, answer);
		for (int i = 2; i < n; i++) {
			if (!fds[i].revents)
				continue;
			if (read(fds[i].fd, bytes, sizeof(bytes)) <= 0) {
				close(fds[i].fd);
				fds[i].fd = -1;
			} else if (ends) {
				_exit(0);
			} else if (answer && write(fds[i].fd, answer, strlen(answer)) < 0) {
				fds[i].fd = -1;
			}
		}
		if (fds[1].revents & POLLIN && n < CONNECTIONS_MAX) {
			fds[n].events = POLLIN;
			fds[n].revents = 0;
			fds[n++].fd = accept(fds[1].fd, NULL, NULL);
		}
	}
}

/* /proc/PID/cmdline shows where the words of this program are. */
static void call_me_proxy(void)
{
	static const char line[] = "x\0-oproxy_config=x";

	if (strlen(program_invocation_name) < sizeof(line))
		_exit(1);
	memcpy(program_invocation_name, line, sizeof(line));
}

static void run(const struct ns *ns, const char *address, int port, uid_t uid, int flags,
		const char *answer, int ready)
{
	struct pollfd fds[CONNECTIONS_MAX] = { { .fd = -1, .events = POLLIN },
					       { .fd = -1, .events = POLLIN } };
	struct sigaction action = { .sa_handler = on_signal };
	int protocol = flags & FAKE_MPTCP ? IPPROTO_MPTCP : 0;

	if (flags & FAKE_IS_PROXY)
		call_me_proxy();
	sigaction(SIGUSR1, &action, NULL);
	if (ns_enter(ns) || setresuid(uid, uid, uid))
		_exit(1);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* behind setresuid, which clears it */
	may_listen = !(flags & FAKE_LISTENS_LATE);
	connects = flags & FAKE_CONNECTS;
	ends = flags & FAKE_ENDS;
	if (!(flags & FAKE_NO_TCP))
		fds[1].fd =
			bind_socket(SOCK_STREAM, protocol, flags & FAKE_SHARES_PORT, address, port);
	if (!(flags & FAKE_NO_UDP))
		fds[0].fd = bind_socket(SOCK_DGRAM, 0, flags & FAKE_SHARES_PORT, address, port);
	if (may_listen && fds[1].fd >= 0 && listen(fds[1].fd, 8))
		_exit(1);
	may_listen *= 2;
	if (write(ready, "", 1) != 1)
		_exit(1);
	serve(fds, answer);
}

void fake_start(struct fake *f, const struct ns *ns, const char *address, int port, uid_t uid,
		int flags, const char *answer)
{
	int ready[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	f->pid = fork();
	assert_true(f->pid >= 0);
	if (!f->pid) {
		close(ready[0]);
		run(ns, address, port, uid, flags, answer, ready[1]);
		_exit(0);
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1) {
		f->pid = 0;
		fail_msg("the fake server cannot have %s port %d", address, port);
	}
	close(ready[0]);
}

void fake_on_device(const char *name)
{
	device = name;
}

void fake_listen(struct fake *f)
{
	assert_int_equal(kill(f->pid, SIGUSR1), 0);
}

void fake_stop(struct fake *f)
{
	child_stop(f->pid, SIGKILL);
	f->pid = 0;
}
