/* SPDX-License-Identifier: LGPL-2.1-only */
/* Network namespaces joined by veth pairs. Only the network changes: /sys and bpffs stay those of
 * the machine. */
#ifndef BMC_TEST_NS_H
#define BMC_TEST_NS_H

struct ns {
	char name[40];
	int fd; /* -1: not made */
};

/* A namespace with a name of our own: "<prefix>-<pid>-<what>"; loopback is up. The test fails if it
 * cannot be made. */
void ns_make(struct ns *ns, const char *what);
/* The name goes; the namespace goes when its last process and socket are gone. */
void ns_remove(struct ns *ns);

/* This thread moves there, and back to where the program began. 0 or -errno */
int ns_enter(const struct ns *ns);
int ns_leave(void);

/* socket(2) there. The test fails if it cannot be made. */
int ns_socket(const struct ns *ns, int family, int type);

unsigned long long ns_cookie(const struct ns *ns);
unsigned int ns_ifindex(const struct ns *ns, const char *name);

/*
 * A veth pair with 10.<net>.0.1/24 and fd77:<net>::1/64 at `a`, .2 and ::2 at `b`. Checksums are
 * real: neither end leaves them to the other one. (veth does by default, and a request without a
 * checksum is not bmc's to answer.)
 */
void ns_join(const struct ns *a, const char *a_if, const struct ns *b, const char *b_if, int net);

/* A pass-through XDP program, so that XDP_TX of the other end arrives. It goes with the interface.
 */
void ns_pass_through(const struct ns *ns, const char *ifname);

/* The same by a link, whose fd is returned: it goes with that. */
int ns_pass_by_link(const struct ns *ns, const char *ifname);

#endif
