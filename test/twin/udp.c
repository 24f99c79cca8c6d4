// SPDX-License-Identifier: LGPL-2.1-only
/*
 * As twin.c, of datagrams: memcached and the code that reads what it gets over UDP get the same ones, one or a few at a
 * time. What must hold:
 *   - the keys that memcached changed are among those that were reported; of a well-formed datagram exactly the keys that its
 *     writes name are reported;
 *   - a datagram has no more answers that no get can have than are looked for, unless one of its commands is out for good;
 *   - a flush_all that is still to come was reported;
 *   - something was compared.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "follow_udp.h"
#include "generate.h"
#include "server.h"

#define COMMANDS 40 /* a datagram may have more than memcached carries out at once (-R) */
#define DATAGRAMS 3 /* one behind the other, odd ones */
#define FRAME 8
#define MOST 60000
#define SHORT 40000 /* datagrams */
#define LONG 1000000
#define MS_BYTES BMC_VERSION_OF(1, 6, 18)
#define PADS 4
#define REPORTED_MAX 20

static struct key keys[GENERATE_KEYS];
static struct stream stream;
static struct items items[2];
static int fd;

struct datagram {
	unsigned char bytes[FRAME + MOST];
	size_t len;
	struct follow_out out;
	int no_gets; /* answers to it that no get can have */
	int errors;
};

static struct datagram sent[DATAGRAMS + 1]; /* and what brings both in step again */
static int n_sent;
static uint16_t next_id;
/* of bring_back() alone: its answer would be taken for a datagram's */
static const unsigned char noop[] = { 0x7f, 0x7e, 0, 0, 0, 1, 0, 0, 'm', 'n', '\r', '\n' };

static struct {
	long datagrams, compared, odd, restarts, changed, exact, for_good, unread, unanswered, bad;
} total;

static void print_bytes(const unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len && i < 3000; i++) {
		if (bytes[i] == '\n')
			printf("\\n\n");
		else if (bytes[i] >= ' ' && bytes[i] < 127)
			putchar(bytes[i]);
		else
			printf("\\x%02x", bytes[i]);
	}
	printf("\n");
}

static void tell(const char *what, long got, long want)
{
	if (++total.bad > REPORTED_MAX)
		return;
	printf("violation: %s: %ld, %ld\n", what, got, want);
	for (int i = 0; i < n_sent; i++) {
		printf("--- %zu bytes, %d looked for, for good %d, %d answers that no get can "
		       "have, %d errors:\n",
		       sent[i].len, sent[i].out.ends, sent[i].out.for_good, sent[i].no_gets,
		       sent[i].errors);
		print_bytes(sent[i].bytes, sent[i].len);
	}
}

static void give_up(const char *what)
{
	fprintf(stderr, "twin_udp: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* A network of its own. 0; -1: not allowed. */
static int network(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int s, err;

	if (unshare(CLONE_NEWNET))
		return -1;
	s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	err = ioctl(s, SIOCSIFFLAGS, &lo);
	close(s);
	return err;
}

static void open_socket(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(UDP_PORT),
				  .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int size = 8 << 20;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		give_up("a UDP socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
}

/* Answers that are there; of each it is noted whose it is. How many MN there were. */
static int take_answers(void)
{
	static unsigned char in[1 << 16];
	ssize_t n;
	int mn = 0;

	while ((n = recv(fd, in, sizeof(in), MSG_DONTWAIT)) > 0 ||
	       (n < 0 && errno == ECONNREFUSED)) {
		if (n < FRAME)
			continue;
		mn += n >= FRAME + 2 && !memcmp(in + FRAME, "MN", 2);
		for (int i = 0; i < n_sent; i++) {
			if (memcmp(in, sent[i].bytes, 2) != 0)
				continue;
			sent[i].no_gets += follow_is_no_gets(in, (size_t)n);
			sent[i].errors += n > FRAME + 6 &&
					  memmem(in + FRAME, (size_t)n - FRAME, "ERROR", 5) != NULL;
		}
	}
	return mn;
}

/* Frame and text, as a datagram: both have it. */
static void give(struct server *server, const void *text, size_t len, int odd, uint64_t *seed)
{
	struct datagram *d = &sent[n_sent++];
	uint16_t frame[4] = { 0, 0, htons(1), 0 };

	if (!memcmp(&next_id, noop, sizeof(next_id)))
		next_id++;
	frame[0] = next_id++;
	if (odd && roll(seed, 8) == 0)
		frame[roll(seed, 2) ? 1 : 3] = htons((uint16_t)roll(seed, 65536));
	if (odd && roll(seed, 16) == 0)
		frame[2] = htons((uint16_t)roll(seed, roll(seed, 2) ? 4 : 65536));
	memcpy(d->bytes, frame, FRAME);
	memcpy(d->bytes + FRAME, text, len);
	d->len = FRAME + len;
	d->no_gets = 0;
	d->errors = 0;
	if (odd && roll(seed, 30) == 0)
		d->len = roll(seed, FRAME + 2);
	d->out = follow_datagram(d->bytes, d->len);
	if (send(fd, d->bytes, d->len, 0) < 0)
		give_up("send");
	for (int i = 0; i < 4; i++)
		server_wait(server);
	take_answers();
}

/* memcached may wait for the rest of a block: it gets some. Whether it answers again. */
static int bring_back(struct server *server)
{
	static unsigned char pad[FRAME + 45000];

	for (int i = 0; i < PADS; i++) {
		if (send(fd, noop, sizeof(noop), 0) < 0)
			give_up("send");
		server_wait(server);
		if (take_answers())
			return 1;
		memset(pad, '\n', sizeof(pad));
		pad[5] = 0; /* no frame that it reads */
		pad[4] = 0;
		if (send(fd, pad, sizeof(pad), 0) < 0)
			give_up("send");
		server_wait(server);
	}
	return 0;
}

/* The first commands of the stream that fit a datagram. */
static size_t fitting(const struct stream *s, size_t most, int *ret_commands)
{
	size_t len = 0;
	int i = 0;

	for (; i < s->n_ends && s->ends[i] <= most; i++)
		len = s->ends[i];
	*ret_commands = i;
	return len;
}

static void check(const struct items *before, const struct items *after)
{
	uint64_t changed = items_changed(before, after);
	uint64_t reported = twin_seen.all || twin_seen.lost ? ~0ULL : twin_seen.keys;

	total.compared += n_sent;
	total.changed += __builtin_popcountll(changed);
	total.unread += twin_seen.lost;
	if (changed & ~reported)
		tell("keys changed and not reported", (long)changed, (long)twin_seen.keys);
	for (int i = 0; i < n_sent; i++) {
		const struct datagram *d = &sent[i];

		total.for_good += d->out.for_good;
		if (!d->out.for_good && d->no_gets > d->out.remembered)
			tell("more answers than are looked for", d->no_gets, d->out.remembered);
	}
}

static void check_well_formed(int all_of_it)
{
	const struct datagram *d = &sent[0];

	if (twin_seen.lost && d->len <= BMC_WINDOW)
		tell("a well-formed datagram was not read", 0, 0);
	if (!all_of_it || twin_seen.lost)
		return;
	if (twin_seen.keys != stream.written)
		tell("keys reported and not named", (long)twin_seen.keys, (long)stream.written);
	if (!twin_seen.all != !stream.flushes)
		tell("flushes", twin_seen.all, stream.flushes);
	if (d->out.for_good || d->errors || stream.may_fail || stream.settings)
		return;
	/* memcached keeps the silence of one command for another one's answer at times, of any datagram: those go missing */
	total.exact += d->no_gets == d->out.remembered;
	total.unanswered += d->no_gets < d->out.remembered;
}

static void odd_datagrams(struct server *server, int binary, uint64_t *seed)
{
	for (uint32_t n = 1 + roll(seed, DATAGRAMS); n; n--) {
		size_t most = roll(seed, 10) ? 1400 : roll(seed, 2) ? BMC_WINDOW + 200 : MOST, len;

		generate_with_odd(&stream, keys, 1 + (int)roll(seed, COMMANDS), binary, seed);
		if (roll(seed, 3) == 0 && stream.len)
			mutate(&stream, seed);
		len = stream.len < most ? stream.len : most;
		if (len && roll(seed, 3) == 0) /* cut anywhere */
			len = roll(seed, (uint32_t)len) + 1;
		give(server, stream.bytes, len, 1, seed);
		total.datagrams++;
		total.odd++;
	}
}

static void one(struct server *server, int turn, uint64_t *seed)
{
	int odd = (int)roll(seed, 2), binary = roll(seed, 3) == 0, whole = 0, gone, commands = 0;

	n_sent = 0;
	follow_begin();
	items[turn] = items[!turn];
	for (int i = 0; i < GENERATE_KEYS; i++)
		keys[i].cas = items[!turn].item[i].cas;
	if (odd) {
		odd_datagrams(server, binary, seed);
	} else {
		size_t len;

		generate(&stream, keys, 1 + (int)roll(seed, roll(seed, 3) ? 4 : COMMANDS), binary,
			 seed);
		len = fitting(&stream, roll(seed, 20) ? 1400 : MOST, &commands);
		whole = commands == stream.n_ends;
		if (!len)
			return;
		give(server, stream.bytes, len, 0, seed);
		total.datagrams++;
	}
	gone = server_is_gone(server);
	if (!gone && !bring_back(server)) {
		if (!odd)
			tell("memcached does not answer a well-formed datagram any more", 0, 0);
		server_items(server, keys, &items[turn]);
		check(&items[!turn], &items[turn]);
		server_restart(server);
		gone = 1;
	}
	total.restarts += gone;
	server_items(server, keys, &items[turn]);
	if (gone)
		return;
	check(&items[!turn], &items[turn]);
	if (!odd)
		check_well_formed(whole);
	if (server_pending(server) > 0 && !twin_seen.lost &&
	    twin_seen.delay < server_pending(server))
		tell("a flush is to come that was not reported", server_pending(server),
		     (long)twin_seen.delay);
	if (twin_seen.later || twin_seen.lost) {
		server_flush(server);
		server_items(server, keys, &items[turn]);
	}
	server_tidy(server, keys, &items[turn]);
}

static int number_of(const char *name, int otherwise)
{
	const char *text = getenv(name);

	return text ? (int)strtol(text, NULL, 10) : otherwise;
}

int main(void)
{
	uint64_t seed = 0x123456789abcdefULL + (uint64_t)number_of("BMC_TWIN_SEED", 0) * 2;
	long want = number_of("BMC_TEST_LONG", 0) ? LONG : SHORT;
	time_t until = time(NULL) + number_of("BMC_TWIN_SECONDS", want == LONG ? 3000 : 60);
	struct server server = { .udp = 1 };
	const char *version;

	if (network()) {
		printf("violation: a network of its own is not to be had: nothing was tried\n");
		return 1;
	}
	generate_keys(keys);
	for (int i = 0; i < GENERATE_KEYS; i++)
		twin_hash[i] = follow_hash(keys[i].bytes, keys[i].len);
	server_start(&server, getenv("BMC_TWIN_MEMCACHED"));
	version = server_version(&server);
	follow_version(version_number(version));
	generate_without_ms = version_number(version) < MS_BYTES;
	open_socket();
	server_items(&server, keys, &items[1]);
	for (int i = 0; total.datagrams < want && time(NULL) < until; i++)
		one(&server, i & 1, &seed);
	server_stop(&server);
	if (!total.compared) {
		printf("violation: no datagram was compared\n");
		total.bad++;
	}
	printf("memcached %s over UDP: %ld datagrams (%ld odd), %ld keys changed, %ld answered "
	       "exactly, "
	       "%ld out for good, %ld not read, %ld not all answered, %ld violations; memcached "
	       "was started again %ld times\n",
	       version, total.datagrams, total.odd, total.changed, total.exact, total.for_good,
	       total.unread, total.unanswered, total.bad, total.restarts);
	return total.bad ? 1 : 0;
}
