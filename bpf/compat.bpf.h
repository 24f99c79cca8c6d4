/* SPDX-License-Identifier: LGPL-2.1-only */
/* The only includer of vmlinux.h and libbpf's helpers; the constants that BTF does not carry. */
#ifndef BMC_COMPAT_BPF_H
#define BMC_COMPAT_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* include/uapi/linux/if_ether.h, in.h, ip.h, socket.h */
#define ETH_P_IP 0x0800
#define ETH_P_IPV6 0x86dd
#define ETH_P_8021Q 0x8100
#define ETH_P_8021AD 0x88a8
#define AF_INET 2
#define AF_INET6 10
#define IP_DF 0x4000
#define IP_MF 0x2000
#define IP_OFFSET 0x1fff
#define TC_ACT_UNSPEC (-1) /* go on with the next filter: others may have theirs */

/* A barrier for the compiler: what was known about `x` is forgotten, its value is not. */
#define bmc_hide(x) asm volatile("" : "+r"(x))

/*
 * What a function that bpf_loop calls returns: 0: go on, 1: stop. clang 22 knows of a function that it gives 0 or 1, and
 * leaves the comparison out; the verifier, which checks the two apart, does not.
 */
static __always_inline long bmc_loop_stop(int stop)
{
	bmc_hide(stop);
	return stop != 0;
}

/*
 * `x`, or 0 if it is more than `max`, a constant: in one piece, so that the verifier learns it of the very register that
 * is used, and not of another copy of what the compiler has put aside (6.1 does not connect the two).
 */
#define bmc_clamp(x, max)                                                                          \
	asm volatile("if %0 <= %1 goto +1\n\t%0 = 0" : "+r"(x) : "i"((__u64)(max)))

#define BMC_READ_ONCE(x) (*(const volatile typeof(x) *)&(x))
#define BMC_WRITE_ONCE(x, v) (*(volatile typeof(x) *)&(x) = (v))

/*
 * Whether *len is 1 to max (4,096 at the most), in a form from which the verifier learns it: 6.1 learns nothing from a
 * comparison of len - 1, nor from `if (!len)`.
 */
static __always_inline int bmc_len_within(__u64 *len, __u64 max)
{
	__u64 n = *len, mask = max & (max - 1) ? 4095 : max - 1;

	if (n - 1 >= max)
		return 0;
	bmc_hide(n);
	n = ((n - 1) & mask) + 1;
	bmc_hide(n);
	if (mask >= max && n > max)
		return 0;
	*len = n;
	return 1;
}

/*
 * An atomic operation, __sync_*, that orders what is before it with what is behind it. Its result is used: where that of
 * an addition is not, clang 14 takes the operation that has none, and that one orders nothing on arm64.
 */
#define bmc_ordered(operation)                                                                     \
	({                                                                                         \
		__u64 bmc_was = (__u64)(operation);                                                \
		asm volatile("" : : "r"(bmc_was) : "memory");                                      \
		bmc_was;                                                                           \
	})

/*
 * Orders the loads before it with the loads after it. x86 keeps loads in order; arm64 does not, and BPF has no
 * barrier of its own: an atomic operation with a result is a full one there.
 */
static __always_inline void bmc_rmb(void)
{
#if defined(__TARGET_ARCH_arm64)
	__u64 word = 0;

	bmc_ordered(__sync_fetch_and_add(&word, 0));
#endif
	asm volatile("" ::: "memory");
}

/* A full barrier: what was stored before it is there for all before anything behind it is loaded; on x86 too. */
static __always_inline void bmc_mb(void)
{
	__u64 word = 0;

	bmc_ordered(__sync_lock_test_and_set(&word, 0)); /* an exchange is one on every machine */
}

/* Orders stores, as bmc_rmb orders loads. */
static __always_inline void bmc_wmb(void)
{
	bmc_rmb();
}

/* Gives back a word that was taken by an exchange: who takes it next sees what was written before. */
static __always_inline void bmc_release(__u32 *word)
{
#if defined(__TARGET_ARCH_arm64)
	(void)__sync_lock_test_and_set(word, 0);
#else
	asm volatile("" ::: "memory"); /* x86 keeps stores in order, and behind earlier loads */
	BMC_WRITE_ONCE(*word, 0);
#endif
}

#endif
