// SPDX-License-Identifier: LGPL-2.1-only
#include "bmcctl.h"

#include <json-c/json.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "test.h"

#define WORDS_MAX 64
#define SECONDS 60

struct child_result bmcctl_result;

struct command {
	char words[4096];
	char *argv[WORDS_MAX + 2];
};

static void bmcctl_words(struct command *c, const char *format, va_list args)
{
	char *save = NULL;
	int n = 1;

	*c = (struct command){ .argv = { BMC_BMCCTL } };
	vsnprintf(c->words, sizeof(c->words), format, args);
	for (char *w = strtok_r(c->words, " ", &save); w && n < WORDS_MAX;
	     w = strtok_r(NULL, " ", &save))
		c->argv[n++] = w;
}

static int bmcctl_line(const struct ns *ns, const char *format, va_list args)
{
	struct command c;

	bmcctl_words(&c, format, args);
	child_run(ns, c.argv, SECONDS, &bmcctl_result);
	return bmcctl_result.code;
}

int bmcctl(const struct ns *ns, const char *format, ...)
{
	va_list args;
	int code;

	va_start(args, format);
	code = bmcctl_line(ns, format, args);
	va_end(args);
	return code;
}

int bmcctl_fault(const struct ns *ns, const char *fault, const char *format, ...)
{
	va_list args;
	int code;

	setenv("BMC_FAULT", fault, 1);
	va_start(args, format);
	code = bmcctl_line(ns, format, args);
	va_end(args);
	unsetenv("BMC_FAULT");
	return code;
}

pid_t bmcctl_paused(const struct ns *ns, const char *where, const char *format, ...)
{
	double until = test_now() + test_patience(SECONDS);
	struct command c;
	va_list args;
	int status;
	pid_t pid;

	va_start(args, format);
	bmcctl_words(&c, format, args);
	va_end(args);
	setenv("BMC_FAULT", where, 1);
	pid = child_start(ns, c.argv);
	unsetenv("BMC_FAULT");
	assert_true(pid > 0);
	while (waitpid(pid, &status, WUNTRACED | WNOHANG) != pid) {
		assert_true(test_now() < until);
		test_sleep(0.005);
	}
	assert_true(WIFSTOPPED(status));
	return pid;
}

int bmcctl_go_on(pid_t pid)
{
	double until = test_now() + test_patience(SECONDS);
	int status;

	assert_int_equal(kill(pid, SIGCONT), 0);
	while (waitpid(pid, &status, WNOHANG) != pid) {
		assert_true(test_now() < until);
		test_sleep(0.005);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Depth first: the first number under this name. */
static struct json_object *json_find(struct json_object *o, const char *name)
{
	struct json_object *found = NULL;

	if (json_object_is_type(o, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(o) && !found; i++)
			found = json_find(json_object_array_get_idx(o, i), name);
		return found;
	}
	if (!json_object_is_type(o, json_type_object))
		return NULL;
	json_object_object_foreach(o, key, value) {
		if (!strcmp(key, name) && json_object_is_type(value, json_type_int))
			return value;
		found = json_find(value, name);
		if (found)
			return found;
	}
	return NULL;
}

long long bmcctl_stat(const struct ns *ns, const char *instance, const char *counter)
{
	struct json_object *all, *one;
	long long value;

	if (bmcctl(ns, "stats --name %s --json", instance))
		fail_msg("bmcctl stats: exit %d: %s", bmcctl_result.code, bmcctl_result.err);
	all = json_tokener_parse(bmcctl_result.out);
	one = all ? json_find(all, counter) : NULL;
	if (!one)
		fail_msg("bmcctl stats --json has no \"%s\":\n%s", counter, bmcctl_result.out);
	value = json_object_get_int64(one);
	json_object_put(all);
	return value;
}
