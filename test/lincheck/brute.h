/* SPDX-License-Identifier: LGPL-2.1-only */
/* The same question as lin_check(), answered by trying every order. */
#ifndef BMC_LINCHECK_BRUTE_H
#define BMC_LINCHECK_BRUTE_H

#include "lincheck.h"

#define BRUTE_MAX 10

/* 1: linearizable. At most BRUTE_MAX operations, with values below 64. */
int brute_check(const struct lin_op *ops, size_t n);

#endif
