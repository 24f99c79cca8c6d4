// SPDX-License-Identifier: LGPL-2.1-only
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "output.h"

#define TEXT 128

struct machine {
	char cpu[TEXT];
	char kernel[TEXT];
	char memcached[TEXT];
	long cpus;
};

/* The first line of a file that begins with `name`: what is behind its colon. */
static void read_field(const char *path, const char *name, char *ret)
{
	FILE *file = fopen(path, "re");
	char line[512];

	snprintf(ret, TEXT, "unknown");
	while (file && fgets(line, sizeof(line), file)) {
		const char *colon = strchr(line, ':');

		if (strncmp(line, name, strlen(name)) != 0 || !colon)
			continue;
		snprintf(ret, TEXT, "%.100s", colon + 1 + (colon[1] == ' '));
		ret[strcspn(ret, "\n")] = 0;
		break;
	}
	if (file)
		fclose(file);
}

static void read_memcached(char *ret)
{
	FILE *pipe = popen("memcached --version 2>/dev/null", "re"); // NOLINT(cert-env33-c)

	if (!pipe || !fgets(ret, TEXT, pipe))
		snprintf(ret, TEXT, "unknown");
	ret[strcspn(ret, "\n")] = 0;
	if (pipe)
		pclose(pipe);
}

static void look(struct machine *m)
{
	struct utsname name = {};

	uname(&name);
	snprintf(m->kernel, TEXT, "%.40s %.40s %.40s", name.sysname, name.release, name.machine);
	read_field("/proc/cpuinfo", "model name", m->cpu);
	read_memcached(m->memcached);
	m->cpus = sysconf(_SC_NPROCESSORS_ONLN);
}

struct json_object *bench_machine_json(const struct bench_options *options)
{
	struct json_object *o = json_object_new_object();
	struct machine m;
	char seconds[32];

	look(&m);
	json_object_object_add(o, "cpu", json_object_new_string(m.cpu));
	json_object_object_add(o, "cpus", json_object_new_int64(m.cpus));
	json_object_object_add(o, "kernel", json_object_new_string(m.kernel));
	json_object_object_add(o, "memcached", json_object_new_string(m.memcached));
	json_object_object_add(o, "command", json_object_new_string(options->command));
	json_object_object_add(o, "awake", json_object_new_boolean(options->is_awake));
	json_object_object_add(o, "rounds", json_object_new_int(options->rounds));
	snprintf(seconds, sizeof(seconds), "%g", options->seconds);
	json_object_object_add(o, "seconds", json_object_new_double_s(options->seconds, seconds));
	return o;
}

void bench_print_machine(const struct bench_options *options)
{
	struct machine m;

	look(&m);
	printf("%ld x %s, %s, %s; %d rounds of %g s%s%s; medians (quartiles)\n", m.cpus, m.cpu,
	       m.kernel, m.memcached, options->rounds, options->seconds,
	       options->is_awake ? ", CPUs kept awake" : "",
	       options->is_without_bmc ? ", bmc in none" : "");
}
