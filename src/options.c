// SPDX-License-Identifier: LGPL-2.1-only
#include "options.h"

#include "log.h"
#include "util.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

/* A setter: 0, or the exit code with everything said. */
typedef int (*set_fn)(struct bmc_options *o, const char *value);

struct row {
	char key; /* the letter by which a command names it */
	const char *name;
	const char *argument; /* NULL: a flag */
	set_fn set;
	const char *what;
};

static int set_iface(struct bmc_options *o, const char *value)
{
	if (!*value || strlen(value) >= IF_NAMESIZE)
		return bmc_usage("--iface: '%s' is not an interface's name, of 1 to %d characters",
				 value, IF_NAMESIZE - 1);
	for (int i = 0; i < o->n_ifaces; i++) {
		if (!strcmp(o->iface[i], value))
			return bmc_usage("--iface: '%s' is given twice", value);
	}
	if (o->n_ifaces == BMC_IFACES_MAX)
		return bmc_usage("--iface: more than %d interfaces", BMC_IFACES_MAX);
	strcpy(o->iface[o->n_ifaces++], value);
	return 0;
}

static int set_port(struct bmc_options *o, const char *value)
{
	__u64 port;

	if (bmc_parse_number(value, 1, 65535, &port))
		return bmc_usage("--port: '%s' is not a port (1 to 65535)", value);
	for (int i = 0; i < o->n_ports; i++) {
		if (o->port[i] == port)
			return bmc_usage("--port: %s is given twice", value);
	}
	if (o->n_ports == BMC_PORTS_MAX)
		return bmc_usage("--port: more than %d ports", BMC_PORTS_MAX);
	o->port[o->n_ports++] = (__u16)port;
	return 0;
}

static int set_memory(struct bmc_options *o, const char *value)
{
	int err = bmc_parse_size(value, &o->memory);

	if (err == -EINVAL)
		return bmc_usage("--memory: '%s' is not a size; say for example 256M or 2G", value);
	if (err == -ERANGE)
		return bmc_usage("--memory: '%s' is more than any machine has", value);
	if (o->memory < BMC_MEMORY_MIN)
		return bmc_usage("--memory: '%s' is too little; the least is 16M", value);
	return 0;
}

static int set_mode(struct bmc_options *o, const char *value)
{
	static const char *const names[] = { "auto", "native", "skb" };

	for (size_t i = 0; i < BMC_ARRAY_SIZE(names); i++) {
		if (!strcmp(value, names[i])) {
			o->mode = (enum bmc_mode)i;
			return 0;
		}
	}
	return bmc_usage("--mode: '%s' is none of auto, native, skb", value);
}

static int set_tc(struct bmc_options *o, const char *value)
{
	o->clsact = !strcmp(value, "clsact");
	if (o->clsact || !strcmp(value, "auto"))
		return 0;
	return bmc_usage("--tc: '%s' is none of auto, clsact", value);
}

static int set_cgroup(struct bmc_options *o, const char *value)
{
	o->cgroup = value;
	return 0;
}

static int set_user(struct bmc_options *o, const char *value)
{
	const struct passwd *user = getpwnam(value);
	__u64 uid;

	if (user)
		uid = user->pw_uid;
	else if (bmc_parse_number(value, 0, 0xfffffffeU, &uid))
		return bmc_fail("--user: there is no user '%s'", value);
	o->user = value;
	o->uid = (__u32)uid;
	return 0;
}

static int set_connections(struct bmc_options *o, const char *value)
{
	__u64 n;

	if (bmc_parse_number(value, 1, 1000000, &n))
		return bmc_usage("--connections: '%s' is not a number from 1 to 1000000", value);
	o->connections = (__u32)n;
	return 0;
}

static int set_name(struct bmc_options *o, const char *value)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

	if (!*value || strlen(value) >= BMC_NAME_MAX || value[strspn(value, allowed)])
		return bmc_usage(
			"--name: '%s' is not a name of 1 to %d letters, digits, '_' and '-'", value,
			BMC_NAME_MAX - 1);
	strcpy(o->name, value);
	o->name_given = 1;
	return 0;
}

static int set_max_age(struct bmc_options *o, const char *value)
{
	if (bmc_parse_time(value, &o->max_age_ns))
		return bmc_usage("--max-age: '%s' is not a time from 0 to 1 hour; say for example "
				 "500ms or 2s",
				 value);
	return 0;
}

static int set_wait(struct bmc_options *o, const char *value)
{
	(void)value;
	o->wait = 1;
	return 0;
}

static int set_strict(struct bmc_options *o, const char *value)
{
	(void)value;
	o->strict = 1;
	return 0;
}

static int set_force(struct bmc_options *o, const char *value)
{
	(void)value;
	o->force = 1;
	return 0;
}

static int set_reset(struct bmc_options *o, const char *value)
{
	(void)value;
	o->reset = 1;
	return 0;
}

static int set_learn(struct bmc_options *o, const char *value)
{
	(void)value;
	o->learn = 1;
	return 0;
}

static int set_json(struct bmc_options *o, const char *value)
{
	(void)value;
	o->json = 1;
	return 0;
}

static int set_prometheus(struct bmc_options *o, const char *value)
{
	(void)value;
	o->prometheus = 1;
	return 0;
}

static int set_verbose(struct bmc_options *o, const char *value)
{
	(void)value;
	o->verbose = 1;
	return 0;
}

static int set_version(struct bmc_options *o, const char *value)
{
	(void)value;
	o->version = 1;
	return 0;
}

static int set_help(struct bmc_options *o, const char *value)
{
	(void)value;
	o->help = 1;
	return 0;
}

static const struct row rows[] = {
	{ 'i', "iface", "NAME", set_iface,
	  "interface at which to answer; may be given more than once" },
	{ 'p', "port", "PORT", set_port,
	  "memcached's port, TCP and UDP (default: 11211); may be given more than once" },
	{ 'm', "memory", "SIZE", set_memory,
	  "memory for everything, at least 16M, with suffix K, M or G (default: 256M)" },
	{ 'M', "mode", "MODE", set_mode,
	  "XDP mode: auto, native or skb (default: auto, native if the driver supports it)" },
	{ 'T', "tc", "HOW", set_tc,
	  "TC egress: auto or clsact (default: auto, a tcx link from Linux 6.6 on, else clsact)" },
	{ 'c', "cgroup", "DIR", set_cgroup,
	  "cgroup2 directory to watch (default: the root of cgroup2)" },
	{ 'u', "user", "USER", set_user,
	  "user that memcached runs as (default: that of the running memcached)" },
	{ 'C', "connections", "N", set_connections,
	  "connections to expect (default: memcached's maxconns)" },
	{ 'n', "name", "NAME", set_name,
	  "name of the instance (default: \"default\"; of status: all instances)" },
	{ 'a', "max-age", "TIME", set_max_age,
	  "how long an item of unknown expiry is served: 0 to 1 hour, in ms, s or m (default: "
	  "1s)" },
	{ 'l', "learn", NULL, set_learn,
	  "ask memcached when the items that it has expire, and serve them until then" },
	{ 'w', "wait", NULL, set_wait, "start even if memcached is not running yet; needs --user" },
	{ 's', "strict", NULL, set_strict,
	  "do not follow connections older than start, whether idle or not" },
	{ 'f', "force", NULL, set_force,
	  "UNSAFE: start although memcached cannot be watched; items may be wrong" },
	{ 'R', "reset-connections", NULL, set_reset,
	  "close connections older than start; memcached's clients reconnect" },
	{ 'j', "json", NULL, set_json, "print JSON" },
	{ 'P', "prometheus", NULL, set_prometheus,
	  "print metrics in the text format of Prometheus" },
	{ 'v', "verbose", NULL, set_verbose,
	  "show the messages of libbpf and of the kernel's verifier" },
	{ 'h', "help", NULL, set_help, "print this text" },
	{ 'h', "version", NULL, set_version, "print the version" },
};

void bmc_options_default(struct bmc_options *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->memory = 256ULL << 20;
	ret->max_age_ns = 1000000000ULL;
	strcpy(ret->name, BMC_NAME_DEFAULT);
}

const char *bmc_name_option(const char *name, char *buf)
{
	int is_default = !strcmp(name, BMC_NAME_DEFAULT);

	snprintf(buf, BMC_NAME_OPTION, "%s%s", is_default ? "" : " --name ",
		 is_default ? "" : name);
	return buf;
}

/* The row of "--name" or "--name=value", if the command has it. */
static const struct row *find_row(const struct bmc_command *command, const char *arg,
				  const char **ret_value)
{
	size_t len = strcspn(arg + 2, "=");

	*ret_value = arg[2 + len] ? arg + 2 + len + 1 : NULL;
	for (size_t i = 0; i < BMC_ARRAY_SIZE(rows); i++) {
		if (strlen(rows[i].name) == len && !strncmp(rows[i].name, arg + 2, len) &&
		    (rows[i].key == 'h' || strchr(command->options, rows[i].key)))
			return &rows[i];
	}
	return NULL;
}

static int parse_one(const struct bmc_command *command, char *const argv[], int argc, int *at,
		     struct bmc_options *o)
{
	const char *arg = argv[*at], *value = NULL;
	const struct row *row = NULL;

	if (!strcmp(arg, "-h"))
		arg = "--help";
	if (!strncmp(arg, "--", 2))
		row = find_row(command, arg, &value);
	if (!row)
		return bmc_usage("%s: unknown %s '%s'", command->name,
				 *arg == '-' ? "option" : "argument", arg);
	if (row->argument && !value) {
		if (*at + 1 >= argc)
			return bmc_usage("--%s needs %s", row->name, row->argument);
		value = argv[++*at];
	} else if (!row->argument && value) {
		return bmc_usage("--%s takes no value", row->name);
	}
	return row->set(o, value);
}

int bmc_options_parse(const struct bmc_command *command, int argc, char *const argv[],
		      struct bmc_options *ret)
{
	for (int i = 0; i < argc; i++) {
		int code = parse_one(command, argv, argc, &i, ret);

		if (code || ret->help || ret->version)
			return code;
	}
	if (!ret->n_ports)
		ret->port[ret->n_ports++] = 11211;
	return 0;
}

void bmc_options_help(const struct bmc_command *command)
{
	char left[48];

	printf("Usage: bmcctl %s [OPTION]...\n%s\n\n", command->name, command->what);
	for (size_t i = 0; i < BMC_ARRAY_SIZE(rows); i++) {
		if (rows[i].key != 'h' && !strchr(command->options, rows[i].key))
			continue;
		snprintf(left, sizeof(left), "--%s%s%s", rows[i].name, rows[i].argument ? " " : "",
			 rows[i].argument ? rows[i].argument : "");
		printf("  %-20s %s\n", left, rows[i].what);
	}
}
