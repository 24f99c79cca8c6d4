/* SPDX-License-Identifier: LGPL-2.1-only */
/* A shell line with bmcctl in it, and whether it says what it should. */
#ifndef BMC_TEST_SAID_H
#define BMC_TEST_SAID_H

#include "child.h"

struct world;

/* What the last line said. */
extern struct child_result said;

/* A shell line in the server's namespace; `bmcctl` is one of its words. -> exit code */
int sh(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* `bmcctl status` of the world's instance says so, or does not. */
void status_says(struct world *w, const char *text);
void status_says_not(struct world *w, const char *text);

/* text: said.out or said.err. */
void assert_says(const char *text, const char *what);
void assert_says_not(const char *text, const char *what);

/* Both, and in this order. */
void assert_says_before(const char *text, const char *first, const char *then);

#endif
