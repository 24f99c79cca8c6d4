/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * What a memcached that comes after `start` was started with: nobody asks it what it is. It has no file of settings (main()
 * of memcached.c), so what makes it one that cannot be watched stands in its command line: "-o proxy_config=", "-B ascii",
 * "-l proto[ascii]:". (TLS is told by a connection's first byte.) So does whether it begins with another one's items.
 */
#ifndef BMC_CMDLINE_BPF_H
#define BMC_CMDLINE_BPF_H

#include "bmc_abi.h"
#include "compat.bpf.h"

#define BMC_CMDLINE_STEPS 4096 /* of 8 bytes; a longer line cannot be told */

/* Six bytes in the order of a line, the last one in the low byte. */
#define BMC_CMDLINE_WORD(a, b, c, d, e, f)                                                         \
	((__u64)(a) << 40 | (__u64)(b) << 32 | (__u64)(c) << 24 | (__u64)(d) << 16 |               \
	 (__u64)(e) << 8 | (__u64)(f))
#define BMC_CMDLINE_WORD_MASK 0xffffffffffffULL

struct bmc_cmdline {
	unsigned long at; /* in the process's memory, as are */
	unsigned long end;
	__u64 last; /* the bytes before `at` */
	__u64 found; /* enum bmc_off, BMC_CMDLINE_KEEPS */
	__u64 options; /* in a word that begins with a single minus */
};

#define BMC_CMDLINE_KEEPS                                                                          \
	(1ULL << 63) /* -e, --memory-file: it takes over the items of the one before it */

struct mm_struct___cmdline {
	unsigned long arg_start;
	unsigned long arg_end;
} __attribute__((preserve_access_index));

static __always_inline __u64 bmc_cmdline_find(__u64 last)
{
	switch (last & BMC_CMDLINE_WORD_MASK) {
	case BMC_CMDLINE_WORD('p', 'r', 'o', 'x', 'y', '_'):
		return BMC_OFF_PROXY;
	case BMC_CMDLINE_WORD('a', 's', 'c', 'i', 'i', 0):
	case BMC_CMDLINE_WORD('a', 's', 'c', 'i', 'i', ']'):
		return BMC_OFF_TEXT_ONLY;
	case BMC_CMDLINE_WORD('m', 'o', 'r', 'y', '-', 'f'):
		return BMC_CMDLINE_KEEPS;
	default:
		return 0;
	}
}

/* -e may stand behind other options, "-ve"; what else has an e there, "-lserver", is taken for it. */
__noinline int bmc_cmdline_byte(struct bmc_cmdline *line, __u32 byte)
{
	__u64 begins;

	if (!line)
		return 0;
	byte &= 0xff;
	line->last = line->last << 8 | byte;
	begins = (line->last & 0xffff00) == '-' << 8;
	line->options = byte && (line->options | (begins & (byte != '-')));
	line->found |= (line->options & (byte == 'e')) * BMC_CMDLINE_KEEPS;
	line->found |= bmc_cmdline_find(line->last);
	return 0;
}

/* What is behind the end, in the last step, is the environment's. */
static long bmc_cmdline_next(__u32 step, void *arg)
{
	struct bmc_cmdline *line = arg;
	__u8 bytes[8];

	if (bpf_probe_read_user(bytes, sizeof(bytes), (const void *)line->at)) {
		line->found |= BMC_OFF_UNTOLD;
		return bmc_loop_stop(1);
	}
	for (__u32 i = 0; i < sizeof(bytes); i++) {
		if (line->at + i >= line->end)
			break;
		bmc_cmdline_byte(line, bytes[i]);
	}
	line->at += sizeof(bytes);
	return bmc_loop_stop(line->at >= line->end);
}

/*
 * Why a memcached that this process is cannot be watched, enum bmc_off (0: nothing is known against it), and
 * BMC_CMDLINE_KEEPS.
 */
__noinline __u64 bmc_cmdline_look(void)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	struct bmc_cmdline line = {};
	struct mm_struct___cmdline *mm = NULL;

	if (bpf_probe_read_kernel(&mm, sizeof(mm), &task->mm) ||
	    bpf_probe_read_kernel(&line.at, sizeof(line.at), &mm->arg_start) ||
	    bpf_probe_read_kernel(&line.end, sizeof(line.end), &mm->arg_end))
		return BMC_OFF_UNTOLD;
	bpf_loop(BMC_CMDLINE_STEPS, bmc_cmdline_next, &line, 0);
	return line.at < line.end ? line.found | BMC_OFF_UNTOLD : line.found;
}

#endif
