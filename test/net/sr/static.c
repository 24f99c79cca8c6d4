// SPDX-License-Identifier: LGPL-2.1-only
/* A static "memcached": no library is ever loaded into it. */
#include <stdio.h>

int main(void)
{
	puts("it runs");
	return 0;
}
