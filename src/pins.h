/* SPDX-License-Identifier: LGPL-2.1-only */
/* What keeps an instance alive: one folder of bpffs with its maps and links, and a lock while it is changed. */
#ifndef BMC_PINS_H
#define BMC_PINS_H

#include "bmc_abi.h"

#include <stddef.h>
#include <sys/types.h>

#define BMC_PINS_PATH 256
#define BMC_BPFFS "/sys/fs/bpf"
#define BMC_PINS_ROOT BMC_BPFFS "/bmc"
#define BMC_PINS_LOCK "/run/bmcctl.lock"

/* Who has the lock, when that takes longer than a moment; pid 0: it cannot be seen. */
typedef void (*bmc_pins_wait_fn)(pid_t pid);

/* Keeps other bmcctl away until this process ends. 0; -EBUSY: another one is at work (after half a minute); -errno. */
int bmc_pins_lock(bmc_pins_wait_fn waiting);

/* Whether another process holds that lock now. */
int bmc_pins_locked(void);

#define BMC_PINS_OTHER_VERSION                                                                     \
	"instance '%s' was started by another version of bmcctl: 'bmcctl stop --name %s', then "   \
	"start it again"

#define BMC_PINS_LOCKED                                                                            \
	"instance '%s' is not complete: another bmcctl starts or stops it just now; ask again "    \
	"when that has ended"

/*
 * Why instances can be neither read nor changed here, in words; NULL: they can. Either the machine's bpffs cannot be seen
 * (this is another mount namespace, and one mounted here would end with it), or it is mounted read-only.
 */
const char *bmc_pins_unusable(void);

/* Mounts bpffs if it is not; *ret_mounted says whether it did. 0 or -errno. */
int bmc_pins_mount(int *ret_mounted);

/* The path of an instance's folder, or of what it has: kind "maps" or "links", `what` a name. Returns buf. */
const char *bmc_pins_path(const char *instance, const char *kind, const char *what, char *buf);

/* Whether an instance's folder is there. */
int bmc_pins_exist(const char *instance);

/* Makes an instance's folders. 0 or -errno. */
int bmc_pins_make(const char *instance);

/* Removes one pin (kind, what): *ret_gone: it was there. 0 or -errno. */
int bmc_pins_remove(const char *instance, const char *kind, const char *what, int *ret_gone);

/* Calls fn with the name of each pin of a kind; fn may remove it. 0, -errno, or fn's first result that is not 0. */
int bmc_pins_each(const char *instance, const char *kind, int (*fn)(const char *what, void *arg),
		  void *arg);

/* Removes all maps' pins and the instance's folders. 0 or -errno. */
int bmc_pins_clear(const char *instance);

/* Calls fn with the name of each instance. 0, or fn's first result that is not. */
int bmc_pins_instances(int (*fn)(const char *instance, void *arg), void *arg);

/*
 * A pinned map's fd, or -errno (-EPROTO: its values have another size: another version of bmcctl made it, and what the
 * kernel copies would not fit). value_size 0: whatever they have.
 */
int bmc_pins_map(const char *instance, const char *map, size_t value_size);

/* What `start` noted. 0 or -errno (-EPROTO: another version of bmcctl made it). */
int bmc_pins_instance(const char *instance, struct bmc_instance *ret);

#endif
