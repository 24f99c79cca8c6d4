/* SPDX-License-Identifier: LGPL-2.1-only */
/* What an instance notes of itself. */
#ifndef BMC_TEST_NOTES_H
#define BMC_TEST_NOTES_H

/* From now on they are those of another version of bmcctl. */
void notes_of_another_version(const char *instance);

#endif
