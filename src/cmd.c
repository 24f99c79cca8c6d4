// SPDX-License-Identifier: LGPL-2.1-only
/* What the commands share: rights, the lock, the instance of a name. */
#include "cmd.h"

#include "log.h"
#include "pins.h"
#include "process.h"
#include "util.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>

#define READS_MAX 10 /* while others come and go */

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
	if (bmc_has_own_users())
		return bmc_fail("root of a user namespace has not the rights: run bmcctl outside "
				"of the container");
	return 0;
}

static void say_who_is_waited_for(pid_t pid)
{
	char command[128];

	if (pid)
		bmc_note("waiting for another bmcctl to end: pid %d, '%s'", (int)pid,
			 bmc_process_command(pid, command, sizeof(command)));
	else
		bmc_note("waiting for another bmcctl to end, whose process cannot be seen here");
}

int bmc_cmd_lock(void)
{
	int err = bmc_pins_lock(say_who_is_waited_for);

	if (err == -EBUSY)
		return bmc_fail("another bmcctl starts or stops an instance and does not end: look "
				"for it with 'pgrep "
				"-a bmcctl'");
	if (err)
		return bmc_fail("cannot take the lock %s: %s", BMC_PINS_LOCK, strerror(-err));
	return 0;
}

/* Adds a name: 'a', 'b'. What has no room is told by dots. */
static int add_name(const char *instance, void *arg)
{
	struct bmc_others *o = arg;
	size_t len = strlen(o->names);

	if (len + strlen(instance) + sizeof(", '', ...") > sizeof(o->names)) {
		strcat(o->names, ", ...");
		return 1;
	}
	snprintf(o->names + len, sizeof(o->names) - len, "%s'%s'", len ? ", " : "", instance);
	o->n++;
	return 0;
}

void bmc_cmd_others(struct bmc_others *ret)
{
	*ret = (struct bmc_others){ 0 };
	bmc_pins_instances(add_name, ret);
}

int bmc_cmd_fail_not_there(const char *name)
{
	struct bmc_others others;

	bmc_cmd_others(&others);
	if (others.n)
		return bmc_fail("no instance '%s' is running, but %s %s: say which with --name",
				name, others.names, others.n == 1 ? "is" : "are");
	return bmc_fail("no instance '%s' is running; 'bmcctl start --iface NAME' starts one",
			name);
}

int bmc_cmd_read(const char *name, int (*read)(const char *name, void *ret), void *ret)
{
	int err, was_locked, quiet = 0;

	for (int tries = 0; tries < READS_MAX; tries++) {
		was_locked = bmc_pins_locked();
		err = read(name, ret);
		if (!err || err == -EPROTO || !bmc_pins_exist(name))
			return err;
		if (bmc_pins_locked())
			return -EBUSY;
		if (!was_locked && quiet++)
			return err;
	}
	return -EBUSY;
}

static int read_instance(const char *name, void *ret)
{
	return bmc_pins_instance(name, ret);
}

int bmc_cmd_open(const char *name, struct bmc_instance *ret)
{
	int err;

	if (bmc_pins_unusable())
		return bmc_fail("%s", bmc_pins_unusable());
	if (!bmc_pins_exist(name))
		return bmc_cmd_fail_not_there(name);
	err = bmc_cmd_read(name, read_instance, ret);
	if (err && !bmc_pins_exist(name))
		return bmc_cmd_fail_not_there(name);
	if (err == -EPROTO)
		return bmc_fail(BMC_PINS_OTHER_VERSION, name, name);
	if (err == -EBUSY)
		return bmc_fail(BMC_PINS_LOCKED, name);
	if (err)
		return bmc_fail(
			"instance '%s' is damaged (its notes: %s): run 'bmcctl stop --name %s'",
			name, strerror(-err), name);
	return 0;
}
