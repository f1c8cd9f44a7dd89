/* SPDX-License-Identifier: MIT */
/* The loopback side: a listening socket, and a thread for each connection that it accepts. */
#ifndef AZILR_TUNNEL_LISTENER_H
#define AZILR_TUNNEL_LISTENER_H

#include <sys/types.h>

#include "tunnel/portal.h"
#include "tunnel/state.h"
#include "util/error.h"
#include "util/wait.h"

/* Connections at once. A session has one, and one more for a moment when it recovers; a recovery point has few targets.
 */
#define LISTENER_MAX_CONNECTIONS 64

/*
 * Listens on a loopback IPv4 or IPv6 address ("127.0.0.1", "::1"), on the first free port of first..last (0 for any).
 * *port is the one taken. EXIT_USAGE if the address is not loopback, EXIT_HOST if no port is free.
 */
int listener_open(const char *address, int first, int last, int *fd, int *port, struct error **err);

/* The port of a listening socket; 0 if fd is none. */
int listener_port(int fd);

struct listener_options {
    const struct portal *portal;
    uid_t owner; /* whose connections are relayed, beside root's */
    int log_fd;
    int state_fd; /* where to keep the report, and hear how long to go on (state.h); -1 for none */
};

/*
 * Accepts and relays until the wait is ended by a signal; then ends all connections and returns 0. A connection of
 * another user than root and the owner is reset before anything is done for it. Each other one gets a TLS connection of
 * its own, made when it is accepted; if that fails it is closed, and the initiator tries again. Once the time that the
 * state file tells is over, connections are ended and refused, but the port is kept: what would take it could be taken
 * for the portal. *report is gone on with. -1 with err set if accepting itself fails.
 */
int listener_run(int fd, const struct listener_options *options, struct tunnel_report *report, struct wait *wait,
                 struct error **err);

#endif
