// SPDX-License-Identifier: LGPL-2.1-only
/* bmc-bench client: a load on any memcached. */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "child.h"
#include "client/output.h"
#include "commands.h"
#include "options.h"

#define DEFAULT_CONNECTIONS 16
#define DEFAULT_DEPTH 1
#define DEFAULT_KEYS 10000
#define DEFAULT_KEY_LEN 16
#define DEFAULT_VALUE_LEN 32
#define DEFAULT_TIMEOUT 0.2
#define UDP_VALUE_MAX 1300

struct command {
	struct bench_client_job job;
	const char *host, *port;
	double seconds, warm_up;
	uint32_t cpu; /* less one; 0: any */
	int is_json;
};

/* ---- options ---- */

static int set_host(void *target, const char *value)
{
	((struct command *)target)->host = value;
	return 0;
}

static int set_port(void *target, const char *value)
{
	((struct command *)target)->port = value;
	return 0;
}

static int set_udp(void *target, const char *value)
{
	struct command *c = target;

	(void)value;
	c->job.gets = BENCH_TRANSPORT_UDP;
	c->job.sets = BENCH_TRANSPORT_UDP;
	return 0;
}

static int set_tcp(void *target, const char *value)
{
	struct command *c = target;

	(void)value;
	c->job.gets = BENCH_TRANSPORT_TCP;
	c->job.sets = BENCH_TRANSPORT_TCP;
	return 0;
}

static int set_both(void *target, const char *value)
{
	struct command *c = target;

	(void)value;
	c->job.gets = BENCH_TRANSPORT_UDP;
	c->job.sets = BENCH_TRANSPORT_TCP;
	return 0;
}

static int set_rate(void *target, const char *value)
{
	return bench_read_number("rate", value, 0, 1e8, &((struct command *)target)->job.rate);
}

static int set_connections(void *target, const char *value)
{
	struct command *c = target;
	uint32_t n;

	if (bench_read_whole("connections", value, 1, 10000, &n))
		return -1;
	c->job.connections = (int)n;
	return 0;
}

static int set_depth(void *target, const char *value)
{
	return bench_read_whole("depth", value, 1, BENCH_RING_MAX,
				&((struct command *)target)->job.depth);
}

static int set_seconds(void *target, const char *value)
{
	return bench_read_number("seconds", value, 0.01, 86400,
				 &((struct command *)target)->seconds);
}

static int set_warm_up(void *target, const char *value)
{
	return bench_read_number("warm-up", value, 0, 3600, &((struct command *)target)->warm_up);
}

static int set_timeout(void *target, const char *value)
{
	return bench_read_number("timeout", value, 0.001, 60,
				 &((struct command *)target)->job.timeout);
}

static int set_ratio(void *target, const char *value)
{
	return bench_read_number("set-ratio", value, 0, 1,
				 &((struct command *)target)->job.set_ratio);
}

static int set_keys(void *target, const char *value)
{
	return bench_read_whole("keys", value, 1, BENCH_ITEMS_MAX,
				&((struct command *)target)->job.keys);
}

static int set_zipf(void *target, const char *value)
{
	return bench_read_number("zipf", value, 0, 10, &((struct command *)target)->job.zipf);
}

/* "etc", or KEY:VALUE */
static int set_sizes(void *target, const char *value)
{
	struct command *c = target;
	const char *colon = strchr(value, ':');
	char key[16] = "";

	c->job.sizes = BENCH_ETC;
	if (!strcmp(value, "etc"))
		return 0;
	if (!colon || colon - value >= (int)sizeof(key))
		return bench_fail("--sizes: '%s' is neither 'etc' nor like 16:32", value);
	c->job.sizes = BENCH_FIXED;
	memcpy(key, value, (size_t)(colon - value));
	if (bench_read_whole("sizes", key, BENCH_KEY_MIN, BENCH_KEY_MAX, &c->job.key_len))
		return -1;
	return bench_read_whole("sizes", colon + 1, 0, BENCH_VALUE_MAX, &c->job.value_len);
}

static int set_no_load(void *target, const char *value)
{
	(void)value;
	((struct command *)target)->job.is_loaded = 1;
	return 0;
}

static int set_cpu(void *target, const char *value)
{
	struct command *c = target;

	if (bench_read_whole("cpu", value, 0, 1023, &c->cpu))
		return -1;
	c->cpu++;
	return 0;
}

static int set_json(void *target, const char *value)
{
	(void)value;
	((struct command *)target)->is_json = 1;
	return 0;
}

static const struct bench_option options[] = {
	{ "host", "NAME", set_host, "memcached's name or address (127.0.0.1)", 0 },
	{ "port", "PORT", set_port, "its port of TCP and UDP (11211)", 0 },
	{ "udp", NULL, set_udp, "gets and sets over UDP (so it is by default)", 0 },
	{ "tcp", NULL, set_tcp, "gets and sets over TCP", 0 },
	{ "udp-tcp", NULL, set_both, "gets over UDP, sets over TCP", 0 },
	{ "rate", "N", set_rate,
	  "open loop: so many requests a second, at even distances; latency counts\n"
	  "from when a request was due. 0: closed loop (so it is by default)",
	  0 },
	{ "connections", "N", set_connections, "of each transport (16)", 0 },
	{ "depth", "N", set_depth, "closed loop: requests in flight on each connection (1)", 0 },
	{ "seconds", "S", set_seconds, "that are measured (5)", 0 },
	{ "warm-up", "S", set_warm_up, "seconds of the same load before (1)", 0 },
	{ "timeout", "S", set_timeout,
	  "after which a request is lost; it counts as one that took so long (0.2)", 0 },
	{ "set-ratio", "SHARE", set_ratio,
	  "share of sets, 0 to 1 (0); a key with a set in flight is read instead", 0 },
	{ "keys", "N", set_keys, "keys (10000)", 0 },
	{ "zipf", "S", set_zipf, "exponent of the keys' popularity; 0: all alike (0.99)", 0 },
	{ "sizes", "KEY:VALUE|etc", set_sizes,
	  "bytes (16:32); etc: as in Facebook's ETC pool, values cut at 1,300", 0 },
	{ "no-load", NULL, set_no_load, "the items are there already; any version of them is right",
	  0 },
	{ "cpu", "N", set_cpu, "runs on this CPU only", 0 },
	{ "json", NULL, set_json, "the result as JSON", 0 },
	{},
};

static const char head[] = "Usage: bmc-bench client [OPTION]...\n"
			   "Stores its items in a memcached (key-00…), asks for them, and checks "
			   "every reply, key and value:\n"
			   "a value that is older than the last set that was acknowledged is "
			   "wrong. Exit code 1 if one was.\n";

static int check_job(const struct command *c)
{
	const struct bench_client_job *job = &c->job;

	if ((job->gets == BENCH_TRANSPORT_UDP || job->sets == BENCH_TRANSPORT_UDP) &&
	    job->value_len > UDP_VALUE_MAX)
		return bench_fail("--sizes: over UDP a value has at most %d bytes here",
				  UDP_VALUE_MAX);
	return 0;
}

static int resolve(struct command *c)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list = NULL;
	int err = getaddrinfo(c->host, c->port, &hints, &list);

	if (err)
		return bench_fail("cannot find '%s' port '%s': %s", c->host, c->port,
				  gai_strerror(err));
	memcpy(&c->job.address.to, list->ai_addr, list->ai_addrlen);
	c->job.address.to_len = list->ai_addrlen;
	freeaddrinfo(list);
	return 0;
}

/* ---- the command ---- */

static int measure(const struct command *c, struct bench_client_result *result)
{
	struct bench_client *client;
	int err = bench_client_open(&client, &c->job);

	if (!err && c->warm_up > 0)
		err = bench_client_run(client, c->warm_up, result);
	if (!err)
		err = bench_client_run(client, c->seconds, result);
	bench_client_close(client);
	return err;
}

static int run(const struct command *c)
{
	struct bench_client_result *result = calloc(1, sizeof(*result));
	int is_right = 0;

	if (!result) {
		bench_fail("no memory");
		return BENCH_FAILED;
	}
	if (!measure(c, result)) {
		(c->is_json ? bench_client_print_json : bench_client_print_text)(result);
		if (!bench_client_answered(result))
			bench_fail("nothing was answered%s",
				   c->job.gets == BENCH_TRANSPORT_UDP ?
					   ": does this memcached have UDP (-U) at this address?" :
					   "");
		is_right = !result->outcomes[BENCH_WRONG] && bench_client_answered(result);
	}
	free(result);
	return is_right ? BENCH_DONE : BENCH_FAILED;
}

int bench_cmd_client(int argc, char **argv)
{
	struct command c = { .host = "127.0.0.1",
			     .port = "11211",
			     .seconds = 5,
			     .warm_up = 1,
			     .job = { .gets = BENCH_TRANSPORT_UDP,
				      .sets = BENCH_TRANSPORT_UDP,
				      .connections = DEFAULT_CONNECTIONS,
				      .depth = DEFAULT_DEPTH,
				      .timeout = DEFAULT_TIMEOUT,
				      .keys = DEFAULT_KEYS,
				      .zipf = 0.99,
				      .key_len = DEFAULT_KEY_LEN,
				      .value_len = DEFAULT_VALUE_LEN } };
	int first;

	if (bench_options_read(options, head, &c, argc, argv, &first) || check_job(&c))
		return BENCH_USAGE;
	if (first < argc) {
		bench_fail("'%s' is not an option", argv[first]);
		return BENCH_USAGE;
	}
	bench_catch_signals();
	if (resolve(&c) || (c.cpu && bench_pin((int)c.cpu - 1)))
		return BENCH_FAILED;
	return run(&c);
}
