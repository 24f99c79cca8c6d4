// SPDX-License-Identifier: LGPL-2.1-only
/*
 * Load on a memcached over UDP: a closed loop of gets from a few sockets, every answer compared
 * with what was set. It sets the keys over TCP first, and prints one line: requests/s, and how long
 * answers took.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SOCKETS_MAX 64
#define WINDOW_MAX 64
#define FRAME 8
#define PACKET_MAX 1472
#define VALUE_MAX 1300
#define BUCKETS 4000 /* of the times: 1/8 us up to 256 us wide, see bucket_of */
#define LOST_AFTER 0.2 /* seconds without any answer on a socket */

struct options {
	const char *host;
	int port, sockets, window, keys, value, set_only;
	double seconds;
};

struct request {
	uint32_t key;
	uint16_t id;
	uint8_t open;
	double sent;
};

struct client { /* one socket; request i is at slot id % window */
	int fd;
	uint16_t next_id;
	double heard;
	struct request request[WINDOW_MAX];
};

static struct options opt = { "127.0.0.1", 11211, 4, 8, 1000, 100, 0, 3 };
static uint64_t times[BUCKETS], answers, wrong, lost, missing;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void die(const char *what)
{
	fprintf(stderr, "udpload: %s %s port %d: %s\n", what, opt.host, opt.port, strerror(errno));
	exit(1);
}

/* Ever wider: 100 buckets of a width, then the width doubles; so 1 % apart and better. */
static int bucket_of(double seconds)
{
	double width = 0.125e-6, from = 0;

	for (int b = 0; b + 100 <= BUCKETS; b += 100, from += 100 * width, width *= 2)
		if (seconds < from + 100 * width)
			return b + (int)((seconds - from) / width);
	return BUCKETS - 1;
}

static double bucket_time(int bucket)
{
	double width = 0.125e-6, from = 0;

	for (int b = 0; b + 100 <= bucket; b += 100, width *= 2)
		from += 100 * width;
	return from + (bucket % 100 + 0.5) * width;
}

static double percentile(double share)
{
	uint64_t seen = 0;

	for (int b = 0; b < BUCKETS; b++) {
		seen += times[b];
		if ((double)seen >= share * (double)answers)
			return bucket_time(b);
	}
	return 0;
}

/* The value of key n: its own name over and over. */
static void value_of(uint32_t key, char *ret)
{
	char name[16];
	int len = snprintf(name, sizeof(name), "%u.", key);

	for (int i = 0; i < opt.value; i++)
		ret[i] = name[i % len];
}

static int open_socket(int type)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port) };
	int fd = socket(AF_INET, type, 0);

	if (inet_pton(AF_INET, opt.host, &addr.sin_addr) != 1)
		errno = EINVAL;
	else if (fd >= 0 && !connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	die("cannot reach");
	return -1;
}

static void write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0)
			die("cannot write to");
		bytes += n;
		len -= (size_t)n;
	}
}

static void set_keys(void)
{
	char line[VALUE_MAX + 64], answer[64];
	int fd = open_socket(SOCK_STREAM);

	for (uint32_t key = 0; key < (uint32_t)opt.keys; key++) {
		int len = snprintf(line, sizeof(line), "set key%u 0 0 %d\r\n", key, opt.value);

		value_of(key, line + len);
		memcpy(line + len + opt.value, "\r\n", 2);
		write_all(fd, line, (size_t)len + (size_t)opt.value + 2);
		if (recv(fd, answer, sizeof(answer), 0) < 8 || memcmp(answer, "STORED\r\n", 8) != 0)
			die("no STORED from");
	}
	close(fd);
}

/* Fills free slots of the window with new requests, and sends them in one call. */
static void send_requests(struct client *c, unsigned int *seed)
{
	char bytes[WINDOW_MAX][64];
	struct iovec iov[WINDOW_MAX];
	struct mmsghdr msgs[WINDOW_MAX];
	struct request *open[WINDOW_MAX] = {};
	int n = 0, sent;

	memset(msgs, 0, sizeof(msgs));
	for (int i = 0; i < opt.window; i++) {
		uint16_t id = (uint16_t)(c->next_id + n), net = htons(id);
		struct request *r = &c->request[i];
		int len;

		if (r->open)
			continue;
		r->id = id;
		r->key = (uint32_t)rand_r(seed) % (uint32_t)opt.keys;
		memcpy(bytes[n], "\0\0\0\0\0\1\0\0", FRAME);
		memcpy(bytes[n], &net, 2);
		len = snprintf(bytes[n] + FRAME, 64 - FRAME, "get key%u\r\n", r->key);
		iov[n] = (struct iovec){ bytes[n], (size_t)(FRAME + len) };
		msgs[n].msg_hdr.msg_iov = &iov[n];
		msgs[n].msg_hdr.msg_iovlen = 1;
		open[n++] = r;
	}
	if (!n)
		return;
	double t = now();

	sent = sendmmsg(c->fd, msgs, (unsigned int)n, 0);
	for (int i = 0; i < sent && i < n; i++) {
		open[i]->open = 1;
		open[i]->sent = t;
	}
	c->next_id = (uint16_t)(c->next_id + n);
}

static int is_right(const struct request *r, const char *text, int len)
{
	char want[VALUE_MAX + 64];
	int n = snprintf(want, sizeof(want), "VALUE key%u 0 %d\r\n", r->key, opt.value);

	value_of(r->key, want + n);
	n += opt.value;
	memcpy(want + n, "\r\nEND\r\n", 7);
	return len == n + 7 && !memcmp(text, want, (size_t)len);
}

static void take_answer(struct client *c, const char *packet, int len, double t)
{
	uint16_t id;

	if (len < FRAME)
		return;
	memcpy(&id, packet, 2);
	for (int i = 0; i < opt.window; i++) {
		struct request *r = &c->request[i];

		if (!r->open || r->id != ntohs(id))
			continue;
		r->open = 0;
		answers++;
		times[bucket_of(t - r->sent)]++;
		if (len == FRAME + 5)
			missing++;
		else if (!is_right(r, packet + FRAME, len - FRAME))
			wrong++;
		return;
	}
}

static void take_answers(struct client *c)
{
	static char bytes[WINDOW_MAX][PACKET_MAX];
	struct iovec iov[WINDOW_MAX];
	struct mmsghdr msgs[WINDOW_MAX];
	double t;
	int n;

	memset(msgs, 0, sizeof(msgs));
	for (int i = 0; i < opt.window; i++) {
		iov[i] = (struct iovec){ bytes[i], PACKET_MAX };
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	n = recvmmsg(c->fd, msgs, (unsigned int)opt.window, MSG_DONTWAIT, NULL);
	t = now();
	for (int i = 0; i < n; i++)
		take_answer(c, bytes[i], (int)msgs[i].msg_len, t);
	if (n > 0)
		c->heard = t;
}

/* Requests that are not answered are lost: their slots are free again. */
static void give_up(struct client *c, double t)
{
	if (t - c->heard < LOST_AFTER)
		return;
	for (int i = 0; i < opt.window; i++) {
		lost += c->request[i].open;
		c->request[i].open = 0;
	}
	c->heard = t;
}

static double run(void)
{
	static struct client clients[SOCKETS_MAX];
	struct pollfd fds[SOCKETS_MAX];
	double begin = now(), t = begin;
	unsigned int seed = 1;

	for (int i = 0; i < opt.sockets; i++) {
		clients[i].fd = open_socket(SOCK_DGRAM);
		clients[i].heard = begin;
		fds[i] = (struct pollfd){ clients[i].fd, POLLIN, 0 };
	}
	while (t - begin < opt.seconds) {
		for (int i = 0; i < opt.sockets; i++)
			send_requests(&clients[i], &seed);
		poll(fds, (nfds_t)opt.sockets, 20);
		t = now();
		for (int i = 0; i < opt.sockets; i++) {
			if (fds[i].revents)
				take_answers(&clients[i]);
			give_up(&clients[i], t);
		}
	}
	for (int i = 0; i < opt.sockets; i++)
		close(clients[i].fd);
	return t - begin;
}

static void usage(FILE *to)
{
	fputs("usage: udpload [options]\n"
	      "  -h HOST      memcached's IPv4 address (127.0.0.1)\n"
	      "  -p PORT      UDP and TCP (11211)\n"
	      "  -t SECONDS   how long (3)\n"
	      "  -c SOCKETS   (4)        -w GETS     at a time on each (8)\n"
	      "  -k KEYS      (1000)     -v BYTES    of a value (100)\n"
	      "  -s           set the keys over TCP, and nothing else\n",
	      to);
}

static int number(const char *text, int from, int to, int *ret)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*end || end == text || n < from || n > to) {
		fprintf(stderr, "udpload: '%s' is not a number from %d to %d\n", text, from, to);
		return -1;
	}
	*ret = (int)n;
	return 0;
}

static int parse(int argc, char **argv)
{
	int c, seconds, err = 0;

	while (!err && (c = getopt(argc, argv, "h:p:t:c:w:k:v:s")) != -1) {
		switch (c) {
		case 'h':
			opt.host = optarg;
			break;
		case 'p':
			err = number(optarg, 1, 65535, &opt.port);
			break;
		case 't':
			err = number(optarg, 1, 600, &seconds);
			opt.seconds = err ? opt.seconds : seconds;
			break;
		case 'c':
			err = number(optarg, 1, SOCKETS_MAX, &opt.sockets);
			break;
		case 'w':
			err = number(optarg, 1, WINDOW_MAX, &opt.window);
			break;
		case 'k':
			err = number(optarg, 1, 10000000, &opt.keys);
			break;
		case 'v':
			err = number(optarg, 1, VALUE_MAX, &opt.value);
			break;
		case 's':
			opt.set_only = 1;
			break;
		default:
			err = -1;
		}
	}
	return err || optind != argc ? -1 : 0;
}

int main(int argc, char **argv)
{
	double seconds;

	if (parse(argc, argv)) {
		usage(stderr);
		return 2;
	}
	if (opt.set_only) {
		set_keys();
		return 0;
	}
	seconds = run();
	printf("%8.0f requests/s   p50 %7.1f us   p99 %7.1f us   %llu answers, %llu wrong, %llu "
	       "missing, "
	       "%llu lost\n",
	       (double)answers / seconds, percentile(0.5) * 1e6, percentile(0.99) * 1e6,
	       (unsigned long long)answers, (unsigned long long)wrong, (unsigned long long)missing,
	       (unsigned long long)lost);
	return answers == 0 || wrong || missing;
}
