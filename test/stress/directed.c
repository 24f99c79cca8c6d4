// SPDX-License-Identifier: LGPL-2.1-only
#include "directed.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "instance.h"

#define MAX_AGE_NS 60000000000ULL
#define ROWS_MAX 16
#define PROCESS_S 100
#define TRIES 4

int directed_is_value(const struct text *t, const char *value)
{
	return t->data && strstr(t->data, value) != NULL;
}

/* ---- one schedule ---- */
static void start_memcached(struct world *w, const struct directed *d)
{
	if (!d->slow) {
		memcached_start(&w->memcached, &w->server, WORLD_PORT, "-t 4");
		return;
	}
	setenv("BMC_SLOW_AFTER", d->after, 1);
	memcached_start_slow(&w->memcached, &w->server, WORLD_PORT, "-t 4",
			     (int)strtol(d->slow, NULL, 10));
	unsetenv("BMC_SLOW_AFTER");
}

static int run_one(void **state, const struct directed *d, uint64_t mutants)
{
	const struct instance_settings settings = {
		.mutants = mutants,
		.writers = d->writers,
		.max_age_ns = d->max_age_ns ? d->max_age_ns : MAX_AGE_NS,
		.learning = d->learning,
	};
	struct world *w;
	int wrong;

	world_setup_empty(state);
	w = *state;
	start_memcached(w, d);
	if (d->begin)
		d->begin(w);
	instance_start(w, &settings);
	world_open_clients(w);
	wrong = d->wrong(w);
	world_teardown(state);
	*state = (void *)d;
	return wrong;
}

/* Without the guard the schedule may miss its moment; with it nothing may ever be wrong. */
static void directed(void **state)
{
	const struct directed *d = *state;
	int wrong = 0;

	for (int i = 0; i < TRIES && wrong <= 0; i++)
		wrong = run_one(state, d, d->mutants);
	if (wrong <= 0)
		fail_msg("%s: nothing is wrong without the guard", d->name);
	wrong = -1;
	for (int i = 0; i < TRIES && wrong < 0; i++)
		wrong = run_one(state, d, 0);
	if (wrong)
		fail_msg("%s: %s with the guard", d->name, wrong < 0 ? "never ready" : "wrong");
}

static int run_here(const struct directed *rows, size_t n)
{
	struct CMUnitTest tests[ROWS_MAX];

	for (size_t i = 0; i < n; i++)
		tests[i] = (struct CMUnitTest){ .name = rows[i].name,
						.test_func = directed,
						.initial_state = (void *)&rows[i] };
	return _cmocka_run_group_tests("schedules", tests, n, NULL, NULL);
}

/* ---- several at a time ---- */
struct process {
	const struct directed *row;
	FILE *said;
	pid_t pid;
};

static void start_process(struct process *p, const struct directed *row)
{
	p->row = row;
	p->said = tmpfile();
	assert_non_null(p->said);
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (p->pid)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(fileno(p->said), STDOUT_FILENO);
	dup2(fileno(p->said), STDERR_FILENO);
	setenv("BMC_TEST_FILTER", row->name, 1);
	execl("/proc/self/exe", row->name, NULL);
	_exit(127);
}

static void show(FILE *said)
{
	char line[1024];

	rewind(said);
	while (fgets(line, sizeof(line), said))
		print_error("%s", line);
}

/* -> whether it ended well, in its time */
static int end_process(struct process *p, double until)
{
	int status = 0, ended;

	while (!(ended = waitpid(p->pid, &status, WNOHANG)) && test_now() < until)
		test_sleep(0.01);
	if (!ended) {
		kill(p->pid, SIGKILL);
		waitpid(p->pid, &status, 0);
	}
	if (status)
		show(p->said);
	fclose(p->said);
	return !status;
}

struct batch {
	const struct directed *rows;
	size_t n;
};

static void all_at_once(void **state)
{
	double until = test_now() + test_patience(PROCESS_S);
	const struct batch *batch = *state;
	struct process p[ROWS_MAX];
	size_t failed = 0;

	for (size_t i = 0; i < batch->n; i++)
		start_process(&p[i], &batch->rows[i]);
	for (size_t i = 0; i < batch->n; i++)
		failed += !end_process(&p[i], until);
	assert_int_equal(failed, 0);
}

int directed_main(const struct directed *rows, size_t n, size_t at_once)
{
	struct CMUnitTest tests[ROWS_MAX];
	struct batch batch[ROWS_MAX];
	static char name[ROWS_MAX][256];
	size_t n_tests = 0;

	if (getenv("BMC_TEST_FILTER"))
		cmocka_set_test_filter(getenv("BMC_TEST_FILTER"));
	if (getenv("BMC_TEST_FILTER") || at_once == 1)
		return run_here(rows, n);
	for (size_t i = 0; i < n; i += at_once) {
		struct batch *b = &batch[n_tests];

		*b = (struct batch){ .rows = rows + i, .n = n - i < at_once ? n - i : at_once };
		for (size_t k = 0; k < b->n; k++)
			snprintf(name[n_tests] + strlen(name[n_tests]),
				 sizeof(name[0]) - strlen(name[n_tests]), "%s%s", k ? ", " : "",
				 b->rows[k].name);
		tests[n_tests] = (struct CMUnitTest){ .name = name[n_tests],
						      .test_func = all_at_once,
						      .initial_state = b };
		n_tests++;
	}
	return _cmocka_run_group_tests("schedules", tests, n_tests, NULL, NULL);
}
