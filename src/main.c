// SPDX-License-Identifier: LGPL-2.1-only
/* bmcctl: finds the command and runs it. */
#include "cmd.h"
#include "log.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <stdio.h>
#include <string.h>

static const struct bmc_command commands[] = {
	{ "start", "Attach to interfaces and answer memcached's UDP gets in the kernel.",
	  "ipmMTcuCnalwsRfv", bmc_cmd_start, 1 },
	{ "stats", "Show what an instance holds, and its counters.", "njP", bmc_cmd_stats, 0 },
	{ "status",
	  "Show interfaces, memory, servers, connections, and the reason if nothing is cached.",
	  "nj", bmc_cmd_status, 0 },
	{ "flush", "Discard every cached item.", "n", bmc_cmd_flush, 1 },
	{ "reset", "Close the connections that cannot be followed.", "n", bmc_cmd_reset, 1 },
	{ "stop", "Remove what an instance attached, and nothing else.", "nv", bmc_cmd_stop, 1 },
};

static void help(void)
{
	printf("Usage: bmcctl COMMAND [OPTION]...\nAn in-kernel cache in front of memcached.\n\n");
	for (size_t i = 0; i < BMC_ARRAY_SIZE(commands); i++)
		printf("  %-8s %s\n", commands[i].name, commands[i].what);
	printf("\n'bmcctl COMMAND --help' lists a command's options, 'bmcctl --version' prints "
	       "the version.\n");
}

static const struct bmc_command *find(const char *name)
{
	for (size_t i = 0; i < BMC_ARRAY_SIZE(commands); i++) {
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	}
	return NULL;
}

/* `help COMMAND` is `COMMAND --help`. */
static int help_of(const char *name)
{
	const struct bmc_command *command = find(name);

	if (!command)
		return bmc_usage("unknown command '%s'", name);
	bmc_options_help(command);
	return BMC_DONE_OK;
}

static int version(void)
{
	printf("bmcctl %s\n", BMC_VERSION);
	return BMC_DONE_OK;
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

/* No map or socket gets the number of a closed stdout; who reads no further, or has no room, ends no start half-way; what is made is root's alone. */
static void prepare(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	umask(S_IRWXG | S_IRWXO);
	raise_files();
}

/* *ret_done: the command that was carried out. */
static int run(int argc, char *argv[], const struct bmc_command **ret_done)
{
	static struct bmc_options options;
	const struct bmc_command *command;
	int code;

	if (argc < 2) {
		help();
		return BMC_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
		if (argc > 2)
			return help_of(argv[2]);
		help();
		return BMC_DONE_OK;
	}
	if (!strcmp(argv[1], "--version"))
		return version();
	command = find(argv[1]);
	if (!command)
		return bmc_usage("unknown command '%s'", argv[1]);
	bmc_log_command(command->name);
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
	*ret_done = command;
	return command->run(&options);
}

/* The result did not get out. What was done is no failure for that: `start` that fails leaves nothing, who tries again would fail. */
static int untold(int code, const struct bmc_command *done, int err)
{
	if (!done || !done->acts || code)
		return bmc_fail("cannot write the result: %s", strerror(err));
	bmc_note("the output cannot be written (%s), but '%s' was carried out: 'bmcctl status' "
		 "shows what is running",
		 strerror(err), done->name);
	return code;
}

int main(int argc, char *argv[])
{
	const struct bmc_command *done = NULL;
	int code, err;

	prepare();
	code = run(argc, argv, &done);
	err = bmc_log_flush();
	if (err && err != EPIPE) /* 'head' has what it wanted */
		return untold(code, done, err);
	return code;
}
