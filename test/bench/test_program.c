// SPDX-License-Identifier: LGPL-2.1-only
#include "test_program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

char output[OUTPUT_MAX];

int bench_line(const char *line)
{
	FILE *pipe = popen(line, "re"); // NOLINT(cert-env33-c): words of our own
	size_t n;
	int status;

	assert_non_null(pipe);
	n = fread(output, 1, sizeof(output) - 1, pipe);
	output[n] = 0;
	status = pclose(pipe);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

int bench(const char *words)
{
	char line[640];

	snprintf(line, sizeof(line), "timeout 200 %s %s", BENCH_PROGRAM, words);
	return bench_line(line);
}

const char *own_file(const char *what)
{
	static char path[64];

	snprintf(path, sizeof(path), "/tmp/bmc-bench-test-%d-%s", getpid(), what);
	return path;
}

void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

const char figures_json[] =
	"{\"machine\":{\"cpu\":\"A&B\",\"cpus\":2,\"kernel\":\"K\",\"memcached\":\"M\",\"command\":"
	"\"C\","
	"\"rounds\":1,\"seconds\":0.5},\"results\":["
	"{\"measure\":\"peers\",\"what\":\"W\",\"figures\":["
	"{\"case\":\"all hits\",\"arm\":\"bmc\",\"metric\":\"rate\",\"unit\":\"replies/s\","
	"\"median\":1234567,\"low\":1200000,\"high\":1300000},"
	"{\"case\":\"all "
	"hits\",\"arm\":\"bmc\",\"metric\":\"share\",\"unit\":\"share\",\"median\":null}],"
	"\"targets\":[{\"case\":\"all hits\",\"metric\":\"rate\",\"arm\":\"bmc\",\"over\":\"echo\","
	"\"bound\":\"at least\",\"limit\":0.9,\"median\":0.95,\"met\":true}]},"
	"{\"measure\":\"latency\",\"figures\":[{\"case\":\"gets\",\"arm\":\"bmc\",\"metric\":"
	"\"p50\","
	"\"unit\":\"us\",\"median\":12}],\"distributions\":[{\"case\":\"gets\",\"arm\":\"bmc\","
	"\"points\":"
	"[[0,5],[0.5,12],[0.99,120],[1,2000]]}]}]}";
