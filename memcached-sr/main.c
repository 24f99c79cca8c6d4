// SPDX-License-Identifier: BSD-3-Clause
/* memcached-sr: starts the distribution's memcached with a UDP socket for each worker. */
#include "check.h"
#include "options.h"
#include "sr.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct launch {
	char **argv; /* memcached's */
	int argc;
	const char *memcached;
	char library[PATH_MAX];
	char preload[PATH_MAX + 256];
	int steer;
};

__attribute__((format(printf, 1, 2))) static void say(const char *fmt, ...)
{
	va_list args;

	fputs("memcached-sr: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
}

static void help(void)
{
	puts("Usage: memcached-sr [--steer=cpu] [OPTION OF MEMCACHED]...\n"
	     "       memcached-sr --check [HOST[:PORT]]\n"
	     "Starts memcached with a UDP socket for each of its workers.\n\n"
	     "  --steer=cpu        a request goes to the worker pinned to the CPU that received "
	     "it;\n"
	     "                     good only where network queues, CPUs and workers (-t) are as "
	     "many\n"
	     "  --check [HOST[:PORT]]\n"
	     "                     whether each worker of a running memcached has its own "
	     "socket\n\n"
	     "The environment's " SR_ENV_MEMCACHED
	     " names another memcached than that of the PATH;\n" SR_ENV_WARN
	     "=1 goes on where a worker has no socket of its own.\n\nmemcached's options:\n");
	fflush(stdout);
}

/* ---- --check [HOST[:PORT]], --check=HOST[:PORT] ---- */
static int check(char *argv[])
{
	char *where = argv[0][7] ? argv[0] + 8 : argv[1];
	int code;

	if (where && (where == argv[1] ? argv[2] : argv[1])) {
		say("--check takes one address, and no other option");
		return SR_EXIT_USAGE;
	}
	code = sr_check(where);
	if (!fflush(stdout) && !ferror(stdout))
		return code;
	say("cannot write the result: %s", strerror(errno));
	return code ? code : SR_EXIT_FAILED;
}

/* ---- our own options: they come out of memcached's argv. An exit code, or -1: go on ---- */
static int take_own(struct launch *l, int argc, char *argv[])
{
	l->argv[l->argc++] = argv[0];
	for (int i = 1; i < argc; i++) {
		if (!strcmp(argv[i], "--check") || !strncmp(argv[i], "--check=", 8))
			return check(&argv[i]);
		if (!strcmp(argv[i], "--steer=cpu")) {
			l->steer = 1;
		} else if (!strncmp(argv[i], "--steer", 7)) {
			say("'%s': the only way to steer is --steer=cpu", argv[i]);
			return SR_EXIT_USAGE;
		} else {
			l->argv[l->argc++] = argv[i];
		}
	}
	return -1;
}

/* ---- files ---- */
static int is_there(struct launch *l, const char *dir, const char *rest)
{
	return snprintf(l->library, sizeof(l->library), "%s/%s", dir, rest) <
		       (int)sizeof(l->library) &&
	       !access(l->library, R_OK);
}

/* Beside this program in the build tree, else where it is installed, even if the whole was moved. */
static int find_library(struct launch *l)
{
	char dir[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", dir, sizeof(dir) - 1);
	char *slash;

	if (len < 0)
		return -1;
	dir[len] = 0;
	slash = strrchr(dir, '/');
	if (!slash)
		return -1;
	*slash = 0;
	return is_there(l, dir, SR_LIBRARY) || is_there(l, dir, SR_LIBRARY_FROM_BIN) ? 0 : -1;
}

/* What is preloaded already stays, and comes first. */
static void set_preload(struct launch *l)
{
	const char *before = getenv("LD_PRELOAD");

	snprintf(l->preload, sizeof(l->preload), "%.255s%s%s", before ? before : "",
		 before && *before ? ":" : "", l->library);
	setenv("LD_PRELOAD", l->preload, 1);
}

/* ---- the proof that the library comes into this memcached ---- */
static void prove_in_child(const struct launch *l, int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char number[12];

	if (null >= 0) {
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
	}
	snprintf(number, sizeof(number), "%d", fd);
	setenv(SR_ENV_PROOF, number, 1);
	execlp(l->memcached, l->memcached, "-V", NULL);
	_exit(SR_EXIT_NO_MEMCACHED);
}

/* SR_EXIT_OK, SR_EXIT_NO_MEMCACHED, SR_EXIT_NOT_LOADED */
static int prove(const struct launch *l)
{
	char got[sizeof(SR_PROOF)] = "";
	int ends[2], status = 0;
	ssize_t len;
	pid_t pid;

	if (pipe(ends))
		return SR_EXIT_NOT_LOADED;
	pid = fork();
	if (!pid) {
		close(ends[0]);
		prove_in_child(l, ends[1]);
	}
	close(ends[1]);
	len = pid < 0 ? -1 : read(ends[0], got, sizeof(got));
	close(ends[0]);
	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return SR_EXIT_NOT_LOADED;
	if (len == sizeof(got) && !memcmp(got, SR_PROOF, sizeof(got)))
		return SR_EXIT_OK;
	return WIFEXITED(status) && WEXITSTATUS(status) == SR_EXIT_NO_MEMCACHED ?
		       SR_EXIT_NO_MEMCACHED :
		       SR_EXIT_NOT_LOADED;
}

static int complain(const struct launch *l, int code)
{
	if (code == SR_EXIT_NO_MEMCACHED)
		say("cannot run '%s': is memcached installed? " SR_ENV_MEMCACHED " can name it",
		    l->memcached);
	else
		say("the library %s does not load into '%s': a static or setuid program cannot "
		    "have "
		    "it",
		    l->library, l->memcached);
	return code;
}

/* ---- what is to be said before ---- */
static void tell(const struct sr_options *o)
{
	if (o->unix_socket)
		say("with -s memcached has no UDP: it runs as it would without memcached-sr");
	else if (!o->udp)
		say("without -U memcached has no UDP: it runs as it would without memcached-sr");
	else if (o->address_list)
		say("with several addresses memcached serves the UDP of each by one worker");
}

static int run(struct launch *l)
{
	struct sr_options options;
	int code;

	sr_options_read(l->argc, l->argv, &options);
	if (find_library(l)) {
		say("the library " SR_LIBRARY " is not where it was installed");
		return SR_EXIT_NOT_LOADED;
	}
	if (options.informs) {
		execvp(l->memcached, l->argv);
		return complain(l, SR_EXIT_NO_MEMCACHED);
	}
	set_preload(l);
	code = prove(l);
	if (code)
		return complain(l, code);
	tell(&options);
	setenv(SR_ENV_ON, "1", 1);
	if (l->steer)
		setenv(SR_ENV_STEER, "cpu", 1);
	execvp(l->memcached, l->argv);
	say("cannot run '%s': %s", l->memcached, strerror(errno));
	return SR_EXIT_NO_MEMCACHED;
}

int main(int argc, char *argv[])
{
	struct launch l = { .memcached = getenv(SR_ENV_MEMCACHED) };
	int code;

	l.argv = calloc((size_t)argc + 1, sizeof(*l.argv));
	if (!l.argv)
		return SR_EXIT_FAILED;
	if (!l.memcached || !*l.memcached)
		l.memcached = "memcached";
	if (argc == 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		help();
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		puts("memcached-sr " SR_VERSION);
		fflush(stdout);
	}
	code = take_own(&l, argc, argv);
	if (code < 0)
		code = run(&l);
	free(l.argv);
	return code;
}
