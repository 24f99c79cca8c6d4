// SPDX-License-Identifier: LGPL-2.1-only
#include "server.h"
#include "talk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define TTL_MIN                                                                                    \
	3600 /* a shorter one could end while the test runs: 5000 - 3600 seconds are enough */
#define ARGUMENTS 40
#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#define UDP_PORT_TEXT TEXT(UDP_PORT)
#define UPTIME_BEHIND                                                                              \
	60 /* seconds, its uptime is behind the clock that flushes go by (ITEM_UPDATE_INTERVAL) */

static void give_up(const char *what)
{
	fprintf(stderr, "twin: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int connect_once(const struct server *s)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct sockaddr_in inet = { .sin_family = AF_INET,
				    .sin_port = htons(UDP_PORT),
				    .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(s->udp ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		give_up("socket");
	memcpy(addr.sun_path, s->path, strlen(s->path) + 1);
	if (s->udp)
		err = connect(fd, (struct sockaddr *)&inet, sizeof(inet));
	else
		err = connect(fd, (struct sockaddr *)&addr, sizeof(addr));
	if (!err)
		return fd;
	close(fd);
	return -1;
}

static int connect_to(const struct server *s)
{
	for (int i = 0; i < 1000; i++) {
		int fd = connect_once(s);

		if (fd >= 0)
			return fd;
		poll(NULL, 0, 10);
	}
	give_up("memcached cannot be reached");
	return -1;
}

static void run(const struct server *s)
{
	char *words = strdup(s->command), *argv[ARGUMENTS];
	char *local[] = { "-s", (char *)s->path, "-u", "root", "-t", "1", "-m", "64", NULL };
	char *udp[] = { "-l",	"127.0.0.1", "-p", UDP_PORT_TEXT, "-U", UDP_PORT_TEXT, "-u",
			"root", "-t",	     "1",  "-m",	  "64", NULL };
	char **more = s->udp ? udp : local;
	int n = 0;

	argv[n++] = strtok(words, " ");
	while (*more)
		argv[n++] = *more++;
	for (char *w = strtok(NULL, " "); w && n < ARGUMENTS - 1; w = strtok(NULL, " "))
		argv[n++] = w;
	argv[n] = NULL;
	/* a mutated `verbosity` makes it tell all */
	if (!freopen("/dev/null", "w", stderr))
		give_up("/dev/null");
	execvp(argv[0], argv);
	give_up(argv[0]);
}

static void launch(struct server *s)
{
	s->pid = fork();
	if (s->pid < 0)
		give_up("fork");
	if (!s->pid)
		run(s);
	s->fd = connect_to(s);
}

static void end(struct server *s)
{
	close(s->fd);
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	unlink(s->path);
}

static struct server *running; /* for when the test gives up */

static void stop_running(void)
{
	if (running)
		server_stop(running);
}

void server_start(struct server *s, const char *command)
{
	s->command = command ? command : "memcached -I 32k -o slab_chunk_max=16384";
	strcpy(s->folder, "/tmp/bmc-twin-XXXXXX");
	if (!mkdtemp(s->folder))
		give_up("mkdtemp");
	snprintf(s->path, sizeof(s->path), "%s/socket", s->folder);
	signal(SIGPIPE, SIG_IGN);
	launch(s);
	running = s;
	atexit(stop_running);
}

void server_stop(struct server *s)
{
	running = NULL;
	end(s);
	rmdir(s->folder);
}

void server_restart(struct server *s)
{
	end(s);
	launch(s);
}

int server_feed(struct server *s, const void *bytes, size_t len, void *answers, size_t size,
		size_t *ret_len)
{
	int fd = connect_to(s);
	int err = talk(fd, bytes, len, answers, size, ret_len, NULL);

	close(fd);
	return err;
}

static int ends_with_mn(const unsigned char *in, size_t len)
{
	return len >= 4 && !memcmp(in + len - 4, "MN\r\n", 4);
}

int server_wait(struct server *s)
{
	static const unsigned char noop[] = "mn\r\n";
	unsigned char in[16];
	size_t len = 0;

	return talk(s->fd, noop, sizeof(noop) - 1, in, sizeof(in), &len, ends_with_mn) ||
			       !ends_with_mn(in, len) ?
		       -1 :
		       0;
}

int server_is_gone(struct server *s)
{
	if (!server_wait(s))
		return 0;
	server_restart(s);
	return 1;
}

/* Commands on the connection that looks; the answers, a NUL behind them. */
static const char *ask(struct server *s, const char *commands, size_t *ret_len)
{
	static unsigned char in[GENERATE_KEYS * (ITEM_MAX + 200)];
	char *text;
	size_t len = 0;

	if (asprintf(&text, "%smn\r\n", commands) < 0)
		give_up("asprintf");
	if (talk(s->fd, (unsigned char *)text, strlen(text), in, sizeof(in) - 1, &len,
		 ends_with_mn) ||
	    !ends_with_mn(in, len))
		give_up("no answer");
	free(text);
	in[len] = 0;
	if (ret_len)
		*ret_len = len;
	return (char *)in;
}

int server_feed_steps(struct server *s, const unsigned char *bytes, const size_t *ends, int n,
		      unsigned char *answers, size_t size, size_t *ret_lens)
{
	int fd = connect_to(s), err = 0;
	size_t at = 0, got = 0;

	for (int i = 0; i < n && !err; at = ends[i++]) {
		size_t more = 0;

		err = talk_some(fd, bytes + at, ends[i] - at, answers + got, size - got, &more);
		got += more;
		if (!err)
			err = server_wait(s);
		got += talk_rest(fd, answers + got, size - got);
		ret_lens[i] = got;
	}
	ret_lens[n] = 0;
	if (!err)
		err = talk(fd, NULL, 0, answers + got, size - got, &ret_lens[n], NULL);
	ret_lens[n] += got;
	close(fd);
	return err;
}

const char *server_version(struct server *s)
{
	static char version[40];
	const char *answer = ask(s, "version\r\n", NULL);

	if (sscanf(answer, "VERSION %30[0-9.]", version) != 1)
		give_up("no version");
	s->has_base64 = !strncmp(ask(s, "mg Zm9v b v\r\n", NULL), "EN", 2);
	return version;
}

uint32_t version_number(const char *text)
{
	unsigned int a = 0, b = 0, c = 0;

	if (sscanf(text, "%u.%u.%u", &a, &b, &c) != 3)
		give_up("a version that is none");
	return a << 16 | b << 8 | c;
}

/* ---- items ---- */

static uint64_t sum_of(const unsigned char *bytes, size_t len)
{
	uint64_t sum = 14695981039346656037ULL;

	for (size_t i = 0; i < len; i++)
		sum = (sum ^ bytes[i]) * 1099511628211ULL;
	return sum;
}

/* One answer to mg, at `at`: VA n c t f, its block; or EN. Returns its length. */
static size_t read_item(const char *at, struct item *item)
{
	const char *line = strchr(at, '\n'), *data = line + 1;
	unsigned long long cas = 0;
	unsigned long n = 0;

	memset(item, 0, sizeof(*item));
	if (!line)
		give_up("an item's line");
	if (!strncmp(at, "EN", 2))
		return (size_t)(data - at);
	if (sscanf(at, "VA %lu c%llu t%ld f%u", &n, &cas, &item->ttl, &item->flags) != 4)
		give_up(at);
	item->there = 1;
	item->at = now();
	item->cas = cas;
	item->len = n;
	item->sum = sum_of((const unsigned char *)data, n);
	return (size_t)(data - at) + n + 2;
}

/* Without base64 (before 1.6.10), by the binary protocol, which does not tell its ttl. */
static void read_binary(struct server *s, const struct key *k, struct item *item)
{
	static unsigned char in[ITEM_MAX + 200];
	unsigned char packet[24 + sizeof(k->bytes)] = { 0x80, 0, (unsigned char)(k->len >> 8),
							(unsigned char)k->len };
	size_t len = 0;

	packet[10] = packet[2];
	packet[11] = packet[3];
	memcpy(packet + 24, k->bytes, k->len);
	memset(item, 0, sizeof(*item));
	if (server_feed(s, packet, 24 + k->len, in, sizeof(in), &len) || len < 24)
		give_up("no binary answer");
	if (in[6] || in[7]) /* its status: not found */
		return;
	item->there = 1;
	item->at = now();
	item->ttl = -1;
	for (int i = 0; i < 8; i++)
		item->cas = item->cas << 8 | in[16 + i];
	for (int i = 0; i < 4; i++)
		item->flags = item->flags << 8 | in[24 + i];
	item->len = len - 28;
	item->sum = sum_of(in + 28, item->len);
}

/* The key in a meta command, and its flag: base64 only where it has to be, as it could be too long. */
static const char *meta_key(const struct key *k)
{
	static char text[sizeof(k->base64) + 4];

	if (k->plain)
		return (const char *)k->bytes;
	snprintf(text, sizeof(text), "%s b", k->base64);
	return text;
}

void server_items(struct server *s, const struct key *keys, struct items *ret)
{
	static char commands[GENERATE_KEYS * 400];
	const char *at;
	size_t n = 0;

	for (int i = 0; i < GENERATE_KEYS; i++) {
		if (keys[i].plain || s->has_base64)
			n += (size_t)sprintf(commands + n, "mg %s v c t f u\r\n",
					     meta_key(&keys[i]));
	}
	at = ask(s, commands, NULL);
	for (int i = 0; i < GENERATE_KEYS; i++) {
		if (keys[i].plain || s->has_base64)
			at += read_item(at, &ret->item[i]);
	}
	for (int i = 0; i < GENERATE_KEYS; i++) {
		if (!keys[i].plain && !s->has_base64)
			read_binary(s, &keys[i], &ret->item[i]);
	}
}

static int same(const struct item *a, const struct item *b)
{
	double left = (double)a->ttl - (b->at - a->at);

	if (!a->there || !b->there)
		return a->there == b->there;
	if (a->cas != b->cas || a->flags != b->flags || a->len != b->len || a->sum != b->sum)
		return 0;
	if (a->ttl < 0 || b->ttl < 0)
		return a->ttl == b->ttl;
	return left - (double)b->ttl < 3 && (double)b->ttl - left < 3;
}

uint64_t items_changed(const struct items *before, const struct items *after)
{
	uint64_t changed = 0;

	for (int i = 0; i < GENERATE_KEYS; i++)
		changed |= (uint64_t)!same(&before->item[i], &after->item[i]) << i;
	return changed;
}

/* A number among what stats tell. */
static long stat_of(const char *stats, const char *name)
{
	const char *at = strstr(stats, name);

	if (!at)
		give_up(name);
	return strtol(at + strlen(name), NULL, 10);
}

long server_pending(struct server *s)
{
	const char *stats = ask(s, "stats settings\r\nstats\r\n", NULL);
	long oldest = stat_of(stats, "STAT oldest "), now = stat_of(stats, "STAT uptime ");

	return oldest - (now + UPTIME_BEHIND);
}

void server_flush(struct server *s)
{
	ask(s, "flush_all\r\n", NULL);
}

void server_tidy(struct server *s, const struct key *keys, struct items *items)
{
	int gone = 0;

	for (int i = 0; i < GENERATE_KEYS; i++) {
		struct item *item = &items->item[i];
		char line[400];

		if (!item->there || (item->ttl < 0 || item->ttl > TTL_MIN))
			continue;
		snprintf(line, sizeof(line), "md %s\r\n", meta_key(&keys[i]));
		ask(s, line, NULL);
		gone = 1;
	}
	if (gone)
		server_items(s, keys, items);
}

int server_flush_happens(struct server *s)
{
	double limit;
	long left;

	ask(s, "flush_all\r\nflush_all 3600\r\n", NULL);
	left = server_pending(s);
	if (left < 3590 || left > 3600)
		return -1;
	ask(s, "flush_all\r\nset k1 0 0 1\r\nx\r\nflush_all 3\r\n", NULL);
	limit = now() + (double)server_pending(s) + 1.5;
	if (strncmp(ask(s, "get k1\r\n", NULL), "VALUE", 5) != 0)
		return -1;
	while (!strncmp(ask(s, "get k1\r\n", NULL), "VALUE", 5)) {
		if (now() > limit)
			return -1;
		poll(NULL, 0, 20);
	}
	return server_pending(s) > 0 ? -1 : 0;
}
