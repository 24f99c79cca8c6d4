/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * Values that tell who wrote them: a number that is written once, alone or with a filling that follows from it, so that
 * a value that never was (torn, or of another key's) is recognized. The filling looks like commands and answers.
 *
 *     <id>   <id>' '<filling>   <old>+<id> after an append   <id>=<old> after a prepend
 */
#ifndef BMC_STRESS_VALUE_H
#define BMC_STRESS_VALUE_H

#include <stddef.h>
#include <stdint.h>

#define VALUE_MAX 4096
#define VALUE_DIGITS 24

/* The value of this id, with its filling. -> length, at most VALUE_MAX */
size_t value_text(uint64_t id, char *ret);

/* The id of a value; 0: it is none that was ever written. */
uint64_t value_id(const char *data, size_t len);

#endif
