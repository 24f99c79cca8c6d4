// SPDX-License-Identifier: LGPL-2.1-only
/* The client against servers of our own making: what it calls right, wrong, lost and late, and from when it counts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "client.h"

#define KEYS 100
#define KEY_LEN 16
#define VALUE_LEN 32
#define FRAME 8
#define DATAGRAM 2048
#define HELD_MAX 4096
#define STALL_NS 150000000LL

volatile int bench_interrupted;

/* The network namespaces of a benchmark are not needed here. */
int bench_place_socket(const void *place, int net, int family, int type)
{
	(void)place;
	(void)net;
	(void)family;
	(void)type;
	return -1;
}

double bench_cpu_here(void)
{
	return 0;
}

int bench_fail(const char *format, ...)
{
	(void)format;
	return -1;
}

/* ---- a memcached that does as it likes ---- */

enum manner {
	RIGHT,
	OTHER_KEY, /* the reply is that of the item's neighbour */
	BAD_VALUE, /* one letter of the value is another one */
	SILENT, /* every second request has no reply */
	TWICE, /* every reply comes twice */
	STALLING, /* all replies of the first moments come at their end */
	FORGETTING, /* sets are acknowledged, and forgotten */
	ECHOING,
};

struct held {
	struct sockaddr_in to;
	size_t len;
	char bytes[DATAGRAM];
};

struct fake {
	enum manner manner;
	int fd;
	struct sockaddr_in address;
	pthread_t thread;
	volatile int stop;
	struct bench_items items;
	uint64_t n; /* requests */
	struct timespec first;
	struct held *held;
	int n_held;
};

static long long since_ns(const struct timespec *then)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - then->tv_sec) * 1000000000LL + (now.tv_nsec - then->tv_nsec);
}

/* "get key-<number>" or "set key-<number> 0 0 32\r\n…": what is answered. -> its length */
static size_t fake_answer(struct fake *f, const char *text, char *ret)
{
	uint32_t at = (uint32_t)strtoul(text + 8, NULL, 10), version = f->items.items[at].newest;
	char key[BENCH_KEY_MAX];
	size_t n;

	if (!strncmp(text, "set ", 4)) {
		f->items.items[at].newest += f->manner != FORGETTING;
		return (size_t)sprintf(ret, "STORED\r\n");
	}
	if (f->manner == OTHER_KEY)
		at = (at + 1) % KEYS;
	n = bench_item_key(&f->items, at, key);
	n = (size_t)sprintf(ret, "VALUE %.*s 0 %d\r\n", (int)n, key, VALUE_LEN);
	n += bench_item_value(&f->items, at, version, ret + n);
	if (f->manner == BAD_VALUE)
		ret[n - 1] ^= 1;
	return n + (size_t)sprintf(ret + n, "\r\nEND\r\n");
}

static void fake_send(const struct fake *f, const struct held *h)
{
	for (int i = 0; i < (f->manner == TWICE ? 2 : 1); i++)
		sendto(f->fd, h->bytes, h->len, 0, (const struct sockaddr *)&h->to, sizeof(h->to));
}

static void fake_release(struct fake *f)
{
	for (int i = 0; i < f->n_held; i++)
		fake_send(f, &f->held[i]);
	f->n_held = 0;
}

static void fake_take(struct fake *f, char *request, ssize_t len, const struct sockaddr_in *from)
{
	struct held *h = &f->held[f->n_held];

	if (!f->n)
		clock_gettime(CLOCK_MONOTONIC, &f->first);
	request[len] = 0;
	memcpy(h->bytes, request, FRAME);
	h->to = *from;
	if (f->manner == ECHOING) {
		memcpy(h->bytes, request, (size_t)len);
		h->len = (size_t)len;
	} else {
		h->len = FRAME + fake_answer(f, request + FRAME, h->bytes + FRAME);
	}
	f->n_held += f->n_held + 1 < HELD_MAX && !(f->manner == SILENT && f->n % 2);
	f->n++;
	if (f->manner != STALLING || since_ns(&f->first) > STALL_NS)
		fake_release(f);
}

static void *fake_run(void *arg)
{
	struct fake *f = arg;
	char request[DATAGRAM + 1];

	while (!f->stop) {
		struct sockaddr_in from;
		socklen_t from_len = sizeof(from);
		ssize_t n =
			recvfrom(f->fd, request, DATAGRAM, 0, (struct sockaddr *)&from, &from_len);

		if (n > FRAME)
			fake_take(f, request, n, &from);
	}
	return NULL;
}

static void fake_start(struct fake *f, enum manner manner)
{
	const struct timeval limit = { .tv_usec = 10000 };
	socklen_t len = sizeof(f->address);

	*f = (struct fake){ .manner = manner, .fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) };
	f->address = (struct sockaddr_in){ .sin_family = AF_INET };
	f->address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_true(f->fd >= 0);
	assert_int_equal(bind(f->fd, (struct sockaddr *)&f->address, len), 0);
	assert_int_equal(getsockname(f->fd, (struct sockaddr *)&f->address, &len), 0);
	setsockopt(f->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(bench_items_init(&f->items, KEYS, BENCH_FIXED, KEY_LEN, VALUE_LEN), 0);
	f->held = calloc(HELD_MAX, sizeof(*f->held));
	assert_non_null(f->held);
	assert_int_equal(pthread_create(&f->thread, NULL, fake_run, f), 0);
}

static void fake_stop(struct fake *f)
{
	f->stop = 1;
	pthread_join(f->thread, NULL);
	close(f->fd);
	free(f->held);
	bench_items_free(&f->items);
}

/* ---- the client beside it ---- */

static struct bench_client_result result;

static struct bench_client_job job_of(const struct fake *f)
{
	struct bench_client_job job = { .connections = 2,
					.depth = 4,
					.timeout = 5,
					.keys = KEYS,
					.key_len = KEY_LEN,
					.value_len = VALUE_LEN,
					.is_loaded = 1 };

	memcpy(&job.address.to, &f->address, sizeof(f->address));
	job.address.to_len = sizeof(f->address);
	return job;
}

/* A load of so many seconds on such a server: `result`. */
static void load(enum manner manner, struct bench_client_job *changes, double seconds)
{
	struct bench_client *c;
	struct bench_client_job job;
	struct fake f;

	fake_start(&f, manner);
	job = job_of(&f);
	if (changes->rate > 0)
		job.rate = changes->rate;
	if (changes->timeout > 0)
		job.timeout = changes->timeout;
	job.set_ratio = changes->set_ratio;
	job.is_echo = changes->is_echo;
	assert_int_equal(bench_client_open(&c, &job), 0);
	assert_int_equal(bench_client_run(c, seconds, &result), 0);
	bench_client_close(c);
	fake_stop(&f);
	assert_true(result.sent > 0);
	assert_int_equal(result.sent, result.outcomes[BENCH_HIT] + result.outcomes[BENCH_STORED] +
					      result.outcomes[BENCH_WRONG] + result.lost);
	assert_int_equal(result.gets.count + result.sets.count, result.sent);
}

static void right_replies_are_hits(void **state)
{
	struct bench_client_job job = { .set_ratio = 0.3 };

	(void)state;
	load(RIGHT, &job, 0.05);
	assert_int_equal(bench_client_answered(&result), result.sent);
	assert_true(result.outcomes[BENCH_STORED] > 0);
	assert_int_equal(result.sets.count, result.outcomes[BENCH_STORED]);
	job = (struct bench_client_job){ .is_echo = 1 };
	load(ECHOING, &job, 0.02);
	assert_int_equal(result.outcomes[BENCH_HIT], result.sent);
}

static void wrong_replies_are_found(void **state)
{
	struct bench_client_job job = {};

	(void)state;
	load(OTHER_KEY, &job, 0.02);
	assert_int_equal(result.outcomes[BENCH_WRONG], result.sent);
	load(BAD_VALUE, &job, 0.02);
	assert_int_equal(result.outcomes[BENCH_WRONG], result.sent);
	job.is_echo = 1;
	load(RIGHT, &job, 0.02);
	assert_int_equal(result.outcomes[BENCH_WRONG], result.sent);
}

static void what_is_not_answered_is_lost(void **state)
{
	struct bench_client_job job = { .timeout = 0.5 };

	(void)state;
	load(SILENT, &job, 0.02);
	assert_true(result.lost > 0 && result.outcomes[BENCH_HIT] > 0);
	assert_true(bench_histogram_quantile(&result.gets, 1) >= 500000000);
}

static void second_replies_are_late(void **state)
{
	struct bench_client_job job = {};

	(void)state;
	load(TWICE, &job, 0.02);
	assert_int_equal(result.outcomes[BENCH_HIT], result.sent);
	assert_true(result.late > 0);
}

/*
 * 1,000 requests a second, of which those of the first 150 ms are answered at their end: of 300 at least 100 took 50 ms or more,
 * however few a client would have sent that waits for its answers.
 */
static void latency_counts_from_when_a_request_was_due(void **state)
{
	struct bench_client_job job = { .rate = 1000 };

	(void)state;
	load(STALLING, &job, 0.3);
	assert_int_equal(result.sent, 300);
	assert_int_equal(result.lost, 0);
	assert_true(bench_histogram_quantile(&result.gets, 1 - 95 / 300.0) >= 50000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(right_replies_are_hits),
		cmocka_unit_test(wrong_replies_are_found),
		cmocka_unit_test(what_is_not_answered_is_lost),
		cmocka_unit_test(second_replies_are_late),
		cmocka_unit_test(latency_counts_from_when_a_request_was_due),
	};

	if (getenv("BMC_TEST_FILTER"))
		cmocka_set_test_filter(getenv("BMC_TEST_FILTER"));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
