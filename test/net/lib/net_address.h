/* SPDX-License-Identifier: LGPL-2.1-only */
#ifndef BMC_TEST_NET_ADDRESS_H
#define BMC_TEST_NET_ADDRESS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

/* "10.0.0.1", "fd00::1" or "fe80::1%7" (by interface 7) and a port as a socket address. -> its length */
static inline socklen_t net_address(const char *text, int port, struct sockaddr_storage *ret)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	char address[INET6_ADDRSTRLEN];

	memset(ret, 0, sizeof(*ret));
	if (strchr(text, ':')) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons((uint16_t)port);
		if (strchr(text, '%'))
			v6->sin6_scope_id = (uint32_t)strtoul(strchr(text, '%') + 1, NULL, 10);
		snprintf(address, sizeof(address), "%.*s", (int)strcspn(text, "%"), text);
		assert_int_equal(inet_pton(AF_INET6, address, &v6->sin6_addr), 1);
		return sizeof(*v6);
	}
	v4->sin_family = AF_INET;
	v4->sin_port = htons((uint16_t)port);
	assert_int_equal(inet_pton(AF_INET, text, &v4->sin_addr), 1);
	return sizeof(*v4);
}

#endif
