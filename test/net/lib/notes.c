// SPDX-License-Identifier: LGPL-2.1-only
#include "notes.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "bmc_abi.h"
#include "leaks.h"
#include "test.h"

void notes_of_another_version(const char *instance)
{
	static struct bmc_instance notes;
	char path[300], pin[340];
	__u32 zero = 0;
	int fd;

	leaks_pins_path(instance, path, sizeof(path));
	snprintf(pin, sizeof(pin), "%s/maps/bmc_instance", path);
	fd = bpf_obj_get(pin);
	assert_return_code(fd, errno);
	assert_int_equal(bpf_map_lookup_elem(fd, &zero, &notes), 0);
	notes.abi++;
	assert_int_equal(bpf_map_update_elem(fd, &zero, &notes, BPF_ANY), 0);
	close(fd);
}
