// SPDX-License-Identifier: BSD-3-Clause
#include "options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

/* memcached's short options up to 1.6; those of other versions that take no argument need no mention. */
static const char short_options[] = "a:Ap:s:U:m:Mc:khivVdrl:u:P:f:n:t:D:LR:Cb:B:I:SFXWY:e:o:N:Z";

/* The long forms of those that matter, and of all that take an argument. */
static const struct option long_options[] = {
	{ "threads", required_argument, NULL, 't' },
	{ "udp-port", required_argument, NULL, 'U' },
	{ "unix-socket", required_argument, NULL, 's' },
	{ "listen", required_argument, NULL, 'l' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ "license", no_argument, NULL, 'i' },
	{ "unix-mask", required_argument, NULL, 'a' },
	{ "port", required_argument, NULL, 'p' },
	{ "memory-limit", required_argument, NULL, 'm' },
	{ "conn-limit", required_argument, NULL, 'c' },
	{ "user", required_argument, NULL, 'u' },
	{ "pidfile", required_argument, NULL, 'P' },
	{ "slab-growth-factor", required_argument, NULL, 'f' },
	{ "slab-min-size", required_argument, NULL, 'n' },
	{ "max-reqs-per-event", required_argument, NULL, 'R' },
	{ "listen-backlog", required_argument, NULL, 'b' },
	{ "protocol", required_argument, NULL, 'B' },
	{ "max-item-size", required_argument, NULL, 'I' },
	{ "auth-file", required_argument, NULL, 'Y' },
	{ "memory-file", required_argument, NULL, 'e' },
	{ "extended", required_argument, NULL, 'o' },
	{ "napi-ids", required_argument, NULL, 'N' },
	{ NULL, 0, NULL, 0 },
};

/* A list, or another address than before (memcached passes over one that it has). */
static void take_listen(const char *value, const char **first, struct sr_options *ret)
{
	if (strchr(value, ',') || (*first && !strstr(*first, value)))
		ret->address_list = 1;
	if (!*first)
		*first = value;
}

static void take(int option, const char *value, const char **listen, struct sr_options *ret)
{
	switch (option) {
	case 't':
		ret->workers = (int)strtol(value, NULL, 10);
		break;
	case 'U':
		ret->udp = strcmp(value, "0") != 0;
		break;
	case 's':
		ret->unix_socket = 1;
		break;
	case 'l':
		take_listen(value, listen, ret);
		break;
	case 'h':
	case 'V':
	case 'i':
		ret->informs = 1;
		break;
	default:
		break;
	}
}

void sr_options_read(int argc, char *const argv[], struct sr_options *ret)
{
	char **copy = calloc((size_t)argc + 1, sizeof(*copy)); /* getopt may reorder */
	int option, verbose = opterr;
	const char *listen = NULL;

	memset(ret, 0, sizeof(*ret));
	ret->workers = SR_WORKERS_DEFAULT;
	if (!copy)
		return;
	memcpy(copy, argv, (size_t)argc * sizeof(*copy));
	opterr = 0;
	optind = 0;
	while ((option = getopt_long(argc, copy, short_options, long_options, NULL)) != -1)
		take(option, optarg, &listen, ret);
	opterr = verbose;
	optind = 0; /* glibc: whoever is next begins anew */
	free(copy);
}

int sr_options_sockets(const struct sr_options *o)
{
	return o->address_list ? 1 : o->workers;
}
