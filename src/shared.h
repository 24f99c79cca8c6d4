/* SPDX-License-Identifier: LGPL-2.1-only */
/*
 * The words that programs and user space share (struct bmc_shared), changed by exchange as the rules of
 * bpf/COHERENCE.md have it.
 */
#ifndef BMC_SHARED_H
#define BMC_SHARED_H

#include "bmc_abi.h"

/* Maps a pinned instance's shared words; unmap with bmc_shared_close. 0 or -errno. */
int bmc_shared_open(const char *instance, struct bmc_shared **ret);
void bmc_shared_close(struct bmc_shared *shared);

/* MARK: sockets++. Returns the life that the exchange gave. */
__u16 bmc_shared_socket_up(struct bmc_server *server);

/* The process that has the server in this life, unless one is known already. */
void bmc_shared_owner(struct bmc_server *server, __u16 life, __u32 process);

/* Takes a bmc_shared_socket_up back: at 0 sockets the life is over. */
void bmc_shared_socket_undo(struct bmc_server *server);

/* How many of its sockets are marked. */
__u16 bmc_shared_sockets(const struct bmc_server *server);

/* The life that its sockets have now. */
__u16 bmc_shared_life(const struct bmc_server *server);

/* holds += delta, only while the life is `life`. Whether it was done. */
int bmc_shared_holds_add(struct bmc_server *server, __u16 life, int delta);

/* UNKNOWN over UDP, of a command that is out for good: fills are held until this life is over. */
void bmc_shared_udp_for_good(struct bmc_server *server);

/* t_quiet = now, if that is later: no fill whose request is older. */
void bmc_shared_quiet_now(struct bmc_server *server);

/* no_fill_until = until, if that is later, and the life still is `life`. */
void bmc_shared_no_fill_until(struct bmc_server *server, __u16 life, __u64 until);

/* UNREAD, and back to none unless another one came since `seen`. */
void bmc_shared_unread_add(struct bmc_server *server);
void bmc_shared_unread_clear(struct bmc_server *server, __u64 seen);

/* UDP sockets of other users at its port: one more (1) or one less (-1). */
void bmc_shared_others_add(struct bmc_server *server, int is_loopback, int delta);

/* How many datagrams nobody has read that sockets without marks had, so far; from now on they are read. */
__u64 bmc_shared_missed(const struct bmc_server *server);
void bmc_shared_missed_end(struct bmc_server *server);

/* Forgets everything that was filled. */
void bmc_shared_epoch_up(struct bmc_server *server);

/* The server is off, enum bmc_off; or no longer for one of these reasons. */
void bmc_shared_off(struct bmc_server *server, __u64 why);
void bmc_shared_off_clear(struct bmc_server *server, enum bmc_off why);

#endif
