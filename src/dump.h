/* SPDX-License-Identifier: LGPL-2.1-only */
/* The lines of memcached's `lru_crawler metadump` (doc/protocol.txt, "LRU_Crawler"). */
#ifndef BMC_DUMP_H
#define BMC_DUMP_H

#include "bmc_abi.h"

#include <stddef.h>

enum bmc_dump {
	BMC_DUMP_ITEM, /* key and expires of `ret` are set */
	BMC_DUMP_ODD, /* an item of which not both can be told */
	BMC_DUMP_BEGIN, /* newer ones than 1.6.38 */
	BMC_DUMP_END,
	BMC_DUMP_BUSY, /* its crawler is at work for somebody else */
	BMC_DUMP_REFUSED, /* ERROR and whatever else is no dump: switched off, locked, not known */
};

/*
 * Reads one line, which has neither \n nor, in a C string's way, an end: `len` bytes. Sets key, len and expires of
 * `ret` only, and only for an item. memcached writes each byte of a key but letters, digits and -._~ as %XX.
 */
enum bmc_dump bmc_dump_line(const char *line, size_t len, struct bmc_learn *ret);

#endif
