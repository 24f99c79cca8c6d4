/* SPDX-License-Identifier: LGPL-2.1-only */
/* The code of bpf/requests.bpf.h and bpf/answers.bpf.h, fed from buffers: one connection. twin_seen notes what it reports. */
#ifndef BMC_TWIN_FOLLOW_H
#define BMC_TWIN_FOLLOW_H

#include <stddef.h>
#include <stdint.h>

#include "bmc_conn.h"
#include "seen.h"

extern struct bmc_conn follow_conn;

/* The version of memcached that reads; before anything else. */
void follow_version(uint32_t version);
/* The hash of a key, as it is reported. */
uint64_t follow_hash(const void *key, size_t len);
/* A new connection; nothing was reported. */
void follow_begin(void);
/* The next segment of requests, and of answers. */
void follow_requests(const unsigned char *bytes, size_t len);
void follow_answers(const unsigned char *bytes, size_t len);
/* Whether this version's lines are known to be read as mc_line.h says. */
int follow_is_classic(void);

/* The answer that bytes begin with: its kind, enum mc_answer_kind; *ret_len its line and block, which may go beyond them. */
int follow_answer_kind(const unsigned char *bytes, size_t len, int binary, size_t *ret_len);
/* Answers in what memcached sent; *ret_errors of them are errors. -1: they end in the middle of one. */
long follow_count(const unsigned char *bytes, size_t len, int binary, long *ret_errors);

#endif
