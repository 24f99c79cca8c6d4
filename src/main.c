// SPDX-License-Identifier: LGPL-2.1-only
/* bmcctl: finds the command and runs it. */
#include "cmd.h"
#include "log.h"
#include "pins.h"
#include "util.h"

#include <errno.h>
#include <linux/capability.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>
#include <stdio.h>
#include <string.h>

#define NAME_ROOM 256 /* of a file's name */

static const struct bmc_command commands[] = {
	{ "start", "Attach to interfaces and answer memcached's UDP gets in the kernel.",
	  "ipmMcuCnalwsRfv", bmc_cmd_start },
	{ "stats", "Show what an instance holds, and its counters.", "nj", bmc_cmd_stats },
	{ "status",
	  "Show instances: interfaces, memory, servers, connections, and why nothing is cached.",
	  "nj", bmc_cmd_status },
	{ "flush", "Forget every cached item at once.", "n", bmc_cmd_flush },
	{ "reset", "Close the connections that cannot be followed.", "n", bmc_cmd_reset },
	{ "stop", "Remove what an instance attached, and nothing else.", "nv", bmc_cmd_stop },
};

static void help(void)
{
	printf("Usage: bmcctl COMMAND [OPTION]...\nAn in-kernel cache in front of memcached.\n\n");
	for (size_t i = 0; i < BMC_ARRAY_SIZE(commands); i++)
		printf("  %-8s %s\n", commands[i].name, commands[i].what);
	printf("\n'bmcctl COMMAND --help' lists a command's options, 'bmcctl --version' the "
	       "version.\n");
}

static int version(void)
{
	printf("bmcctl %s\n", BMC_VERSION);
	return BMC_DONE_OK;
}

static const struct bmc_command *find(const char *name)
{
	for (size_t i = 0; i < BMC_ARRAY_SIZE(commands); i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	}
	return NULL;
}

int bmc_cmd_check_rights(void)
{
	static const struct {
		int cap;
		const char *name;
	} needed[] = {
		{ CAP_BPF, "CAP_BPF" },
		{ CAP_PERFMON, "CAP_PERFMON" },
		{ CAP_NET_ADMIN, "CAP_NET_ADMIN" },
		{ CAP_SYS_ADMIN, "CAP_SYS_ADMIN" },
	};

	for (size_t i = 0; i < BMC_ARRAY_SIZE(needed); i++) {
		if (!bmc_has_capability(needed[i].cap))
			return bmc_fail("this needs root: %s is missing; try sudo", needed[i].name);
	}
	return 0;
}

int bmc_cmd_lock(void)
{
	int err = bmc_pins_lock();

	if (err == -EBUSY)
		return bmc_fail("another bmcctl starts or stops an instance and does not end: look "
				"for it with 'pgrep "
				"-a bmcctl'");
	if (err)
		return bmc_fail("cannot take the lock %s: %s", BMC_PINS_LOCK, strerror(-err));
	return 0;
}

static int note_name(const char *instance, void *arg)
{
	snprintf(arg, NAME_ROOM, "%s", instance);
	return 1;
}

/* There is none of this name: another one, perhaps. */
static int fail_not_there(const char *name)
{
	char other[NAME_ROOM];

	if (bmc_pins_instances(note_name, other))
		return bmc_fail("no instance '%s' is running, but '%s' is: --name %s", name, other,
				other);
	return bmc_fail("no instance '%s' is running; 'bmcctl start --iface NAME' starts one",
			name);
}

int bmc_cmd_open(const char *name, struct bmc_instance *ret)
{
	int err;

	if (bmc_pins_hidden())
		return bmc_fail("%s", BMC_PINS_HIDDEN);
	if (!bmc_pins_exist(name))
		return fail_not_there(name);
	err = bmc_pins_instance(name, ret);
	if (err == -EPROTO)
		return bmc_fail(
			"instance '%s' was started by another version of bmcctl: stop and start it",
			name);
	if (err && bmc_pins_locked())
		return bmc_fail(BMC_PINS_LOCKED, name);
	if (err)
		return bmc_fail(
			"instance '%s' is damaged (its notes: %s): run 'bmcctl stop --name %s'",
			name, strerror(-err), name);
	return 0;
}

/* Maps, programs and their links are a file each: as many as may be. */
static void raise_files(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files))
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

/* No map or socket gets the number of a closed stdout; who reads no further ends no start half-way. */
static void prepare(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	signal(SIGPIPE, SIG_IGN);
	raise_files();
}

static int run(int argc, char *argv[])
{
	static struct bmc_options options;
	const struct bmc_command *command;
	int code;

	if (argc < 2) {
		help();
		return BMC_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		help();
		return BMC_DONE_OK;
	}
	if (!strcmp(argv[1], "--version"))
		return version();
	command = find(argv[1]);
	if (!command)
		return bmc_usage("unknown command '%s'", argv[1]);
	bmc_options_default(&options);
	code = bmc_options_parse(command, argc - 2, argv + 2, &options);
	if (code)
		return code;
	if (options.version)
		return version();
	if (options.help) {
		bmc_options_help(command);
		return BMC_DONE_OK;
	}
	bmc_log_libbpf(options.verbose);
	return command->run(&options);
}

int main(int argc, char *argv[])
{
	int code;

	prepare();
	code = run(argc, argv);
	if ((fflush(stdout) || ferror(stdout)) && errno != EPIPE) /* 'head' has what it wanted */
		return bmc_fail("cannot write the result: %s", strerror(errno));
	return code;
}
