/* SPDX-License-Identifier: LGPL-2.1-only */
/* The command line: rows of options, from which parsing and --help come. */
#ifndef BMC_OPTIONS_H
#define BMC_OPTIONS_H

#include "bmc_abi.h"
#include <net/if.h>

#define BMC_NAME_MAX 32
#define BMC_NAME_DEFAULT "default"
#define BMC_NAME_OPTION (sizeof(" --name ") + BMC_NAME_MAX)
#define BMC_MEMORY_MIN (16ULL << 20)

struct bmc_options {
	char iface[BMC_IFACES_MAX][IF_NAMESIZE];
	int n_ifaces;
	__u16 port[BMC_PORTS_MAX]; /* host order */
	int n_ports;
	__u64 memory; /* bytes */
	enum bmc_mode mode;
	int clsact; /* TC egress by a filter */
	const char *cgroup; /* NULL: the root of cgroup2 */
	const char *user; /* as given; NULL: memcached's */
	__u32 uid; /* of user */
	__u32 connections; /* 0: memcached's maxconns */
	char name[BMC_NAME_MAX];
	int name_given;
	__u64 max_age_ns;
	int wait;
	int strict;
	int force;
	int reset;
	int learn;
	int json;
	int prometheus;
	int verbose;
	int help;
	int version;
};

/* One command. */
struct bmc_command {
	const char *name;
	const char *what; /* a line for --help */
	const char *options; /* the letters of its options' keys */
	int (*run)(const struct bmc_options *options);
	int acts; /* what it does counts, not that it could be told */
};

/* Fills `ret` with the defaults. */
void bmc_options_default(struct bmc_options *ret);

/*
 * Parses what follows the command's name. 0; otherwise the exit code, everything said. --help and --version
 * set a flag and end the parsing.
 */
int bmc_options_parse(const struct bmc_command *command, int argc, char *const argv[],
		      struct bmc_options *ret);

/* What a command takes to mean this instance: " --name NAME", or nothing. buf: BMC_NAME_OPTION. Returns it. */
const char *bmc_name_option(const char *name, char *buf);

/* Prints a command's usage and options to stdout. */
void bmc_options_help(const struct bmc_command *command);

#endif
