/* SPDX-License-Identifier: LGPL-2.1-only */
/* Progress on stderr of what takes longer than a moment: one line rewritten on a terminal, else a line now and then. */
#ifndef BMC_PROGRESS_H
#define BMC_PROGRESS_H

#include <stddef.h>

/* `n` of `total` of `what`. */
typedef void (*bmc_progress_fn)(const char *what, size_t n, size_t total);

void bmc_progress_show(const char *what, size_t n, size_t total);

/* Ends the line, if one was begun. Before anything else is said. */
void bmc_progress_end(void);

#endif
