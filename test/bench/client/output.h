/* SPDX-License-Identifier: LGPL-2.1-only */
/* The result of one load on stdout, for programs and for people. */
#ifndef BENCH_CLIENT_OUTPUT_H
#define BENCH_CLIENT_OUTPUT_H

#include "client.h"

void bench_client_print_json(const struct bench_client_result *r);
void bench_client_print_text(const struct bench_client_result *r);

#endif
