/* SPDX-License-Identifier: LGPL-2.1-only */
/* A memcached that speaks TLS, and a client of it (openssl). */
#ifndef BMC_TEST_TLS_H
#define BMC_TEST_TLS_H

struct memcached;
struct ns;

/* memcached_launch() with -Z. Its key is this process's. */
void tls_launch(struct memcached *m, const struct ns *ns, int port);
/* A connection that sends this (as printf of the shell has it) and quit; `answer` must be in what comes. */
void tls_say(const struct ns *ns, const char *address, int port, const char *commands,
	     const char *answer);
/* The key goes. */
void tls_forget(void);

#endif
