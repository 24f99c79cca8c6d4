/* SPDX-License-Identifier: LGPL-2.1-only */
/* SipHash-c-d as its paper has it, byte by byte: to compare with. */
#ifndef BMC_TEST_SIPHASH_H
#define BMC_TEST_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t siphash(int c, int d, uint64_t k0, uint64_t k1, const uint8_t *data, size_t len);

#endif
