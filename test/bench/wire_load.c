// SPDX-License-Identifier: LGPL-2.1-only
#include "wire_load.h"

#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <string.h>

#include "bench.h"
#include "place.h"
#include "server.h"

void bench_wire_address(const struct bench_place *p, struct bench_peer_address *ret)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(BENCH_PORT) };

	inet_pton(AF_INET, BENCH_SERVER_IP, &to.sin_addr);
	*ret = (struct bench_peer_address){ .place = p, .net = p->client, .to_len = sizeof(to) };
	memcpy(&ret->to, &to, sizeof(to));
}

static int check(const struct bench_client_result *r)
{
	if (r->outcomes[BENCH_WRONG] || r->outcomes[BENCH_REFUSED])
		return bench_fail("%llu wrong replies, %llu errors",
				  (unsigned long long)r->outcomes[BENCH_WRONG],
				  (unsigned long long)r->outcomes[BENCH_REFUSED]);
	return bench_client_answered(r) ? 0 : bench_fail("no reply");
}

static int look(const struct bench_client_job *job, pid_t pid, const struct bench_reads *reads,
		struct bench_wire_took *ret)
{
	ret->gets = pid > 0 ? bench_server_gets(job->address.place) : 0;
	ret->empty_reads = reads ? bench_reads_empty(reads) : NAN;
	return bench_usage_read(pid, BENCH_SERVER_CPU, &ret->usage);
}

int bench_wire_load(const struct bench_client_job *job, double seconds, pid_t pid,
		    const struct bench_reads *reads, struct bench_client_result *ret,
		    struct bench_wire_took *ret_took)
{
	struct bench_wire_took before = {}, after = {};
	struct bench_client *c;
	int err = bench_client_open(&c, job);

	if (!err)
		err = bench_client_run(c, seconds, ret);
	if (!err)
		err = look(job, pid, reads, &before);
	if (!err)
		err = bench_client_run(c, seconds, ret);
	if (!err)
		err = look(job, pid, reads, &after);
	bench_client_close(c);
	ret_took->usage = (struct bench_usage){};
	bench_usage_add(&before.usage, &after.usage, &ret_took->usage);
	ret_took->gets = after.gets - before.gets;
	ret_took->empty_reads = after.empty_reads - before.empty_reads;
	return err ? -1 : check(ret);
}
