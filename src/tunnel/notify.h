/* SPDX-License-Identifier: MIT */
/* systemd's side of the listening socket: it keeps a copy while the tunnel restarts, so that nobody else gets the port.
 */
#ifndef AZILR_TUNNEL_NOTIFY_H
#define AZILR_TUNNEL_NOTIFY_H

#include "util/error.h"

/*
 * The socket that systemd has kept for this process (sd_listen_fds(3)), or -1 if there is none. Close-on-exec and
 * non-blocking from now on; owned by the caller.
 */
int notify_take_socket(void);

/*
 * Hands systemd a copy of fd to keep (sd_pid_notify_with_fds(3)), and a sentence for `systemctl status`. EXIT_HOST if
 * it cannot be told.
 */
int notify_keep_socket(int fd, const char *status, struct error **err);

#endif
