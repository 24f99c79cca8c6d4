// SPDX-License-Identifier: LGPL-2.1-only
#include "leaks.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bmc_abi.h"
#include "bmc.skel.h"
#include "test.h"

#define MAPS_MAX 32

void leaks_pins_path(const char *instance, char *ret, unsigned long size)
{
	snprintf(ret, size, "/sys/fs/bpf/bmc/%s", instance);
}

/* Is this map bmc's settings, and whose namespace do they name? 0: not */
static unsigned long long leaks_map_cookie(unsigned int id)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info), zero = 0;
	unsigned long long cookie = 0;
	void *value;
	int fd = bpf_map_get_fd_by_id(id);

	if (fd < 0)
		return 0;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len) && strstr(info.name, ".rodata") &&
	    info.value_size >= sizeof(*((struct bmc_bpf *)0)->rodata)) {
		value = calloc(1, info.value_size);
		if (value && !bpf_map_lookup_elem(fd, &zero, value))
			cookie = ((typeof(((struct bmc_bpf *)0)->rodata))value)
					 ->bmc_config.netns_cookie;
		free(value);
	}
	close(fd);
	return cookie;
}

static int leaks_is_ours(unsigned int prog_id, unsigned long long cookie, char *name)
{
	unsigned int maps[MAPS_MAX];
	struct bpf_prog_info info = { .map_ids = (uintptr_t)maps, .nr_map_ids = MAPS_MAX };
	__u32 len = sizeof(info);
	int ours = 0, fd = bpf_prog_get_fd_by_id(prog_id);

	if (fd < 0)
		return 0;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len) && !strncmp(info.name, "bmc_", 4))
		for (unsigned int i = 0; i < info.nr_map_ids && i < MAPS_MAX && !ours; i++)
			ours = leaks_map_cookie(maps[i]) == cookie;
	snprintf(name, BPF_OBJ_NAME_LEN, "%s", info.name);
	close(fd);
	return ours;
}

/* -> what was found, or NULL */
static const char *leaks_find(unsigned long long cookie, const char *instance)
{
	static char text[1200];
	char path[300], name[BPF_OBJ_NAME_LEN];
	unsigned int id = 0;

	leaks_pins_path(instance, path, sizeof(path));
	if (!access(path, F_OK)) {
		snprintf(text, sizeof(text), "the folder %s", path);
		return text;
	}
	while (!bpf_prog_get_next_id(id, &id)) {
		if (leaks_is_ours(id, cookie, name)) {
			snprintf(text, sizeof(text), "program %u %s", id, name);
			return text;
		}
	}
	return NULL;
}

void leaks_check(unsigned long long netns_cookie, const char *instance)
{
	double until = test_now() + test_patience(TEST_ANSWER_S);
	const char *found;

	while ((found = leaks_find(netns_cookie, instance)) && test_now() < until)
		test_sleep(0.02);
	if (found)
		fail_msg("left behind: %s", found);
}
