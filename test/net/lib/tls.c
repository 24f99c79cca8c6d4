// SPDX-License-Identifier: LGPL-2.1-only
#include "tls.h"

#include <stdio.h>
#include <unistd.h>

#include "child.h"
#include "memcached.h"

static void tls_folder(char *ret, size_t size)
{
	snprintf(ret, size, "/tmp/bmc-tls-%d", getpid());
}

void tls_launch(struct memcached *m, const struct ns *ns, int port)
{
	char folder[60], options[300];

	tls_folder(folder, sizeof(folder));
	child_sh(ns,
		 "mkdir -p %s && cd %s && openssl req -x509 -newkey ec -pkeyopt "
		 "ec_paramgen_curve:prime256v1 -nodes -keyout key -out cert -subj /CN=x -days 2 "
		 "2>openssl.log && chmod 755 . && chmod 644 *",
		 folder, folder);
	snprintf(options, sizeof(options), "-Z -o ssl_chain_cert=%s/cert,ssl_key=%s/key", folder,
		 folder);
	memcached_launch(m, ns, port, options);
}

void tls_say(const struct ns *ns, const char *address, int port, const char *commands,
	     const char *answer)
{
	child_sh(ns,
		 "printf '%squit\\r\\n' | timeout 10 openssl s_client -quiet -connect %s:%d "
		 "2>/dev/null | grep -q '%s'",
		 commands, address, port, answer);
}

void tls_forget(void)
{
	char folder[60];

	tls_folder(folder, sizeof(folder));
	child_sh(NULL, "rm -rf %s", folder);
}
