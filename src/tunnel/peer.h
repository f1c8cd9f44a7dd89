/* SPDX-License-Identifier: MIT */
/*
 * Whose the other end of a loopback connection is. The relay gives whoever reaches it a connection to the backup, and
 * any user of the host can reach a loopback port.
 */
#ifndef AZILR_TUNNEL_PEER_H
#define AZILR_TUNNEL_PEER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "util/error.h"

/*
 * The user who owns the socket at the other end of an accepted TCP connection within this host: asked of the kernel
 * (sock_diag(7)), or where it has no answer read from /proc/net/tcp or tcp6. Never blocks. EXIT_AUTH if it has no owner
 * any more: a socket that its process has closed counts as root's with the kernel, so it is nobody's here.
 */
int peer_owner(int fd, uid_t *owner, struct error **err);

/*
 * The same out of the text of /proc/net/tcp (proc(5)); `peer` and `local` are as the accepting side sees them. Returns
 * 0, or -1 if the table does not have it, or not with an owner. Pure.
 */
int peer_find_in_table(const char *table, const struct sockaddr_storage *peer, const struct sockaddr_storage *local,
                       uid_t *owner);

#endif
