/* SPDX-License-Identifier: MIT */
/* One relayed connection: plain TCP on one side, TLS on the other, bytes both ways. */
#ifndef AZILR_TUNNEL_RELAY_H
#define AZILR_TUNNEL_RELAY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <openssl/ssl.h>

#include "util/error.h"

/* Other threads may look while the connection lasts. */
struct relay_result {
    _Atomic uint64_t to_portal;   /* bytes */
    _Atomic uint64_t from_portal; /* bytes */
    /* a failure was the client's doing: iscsiadm and the kernel end connections by a reset as a matter of course */
    bool by_client;
};

/*
 * Relays until both sides have ended, or stop_fd becomes readable. Both sockets must be non-blocking. An end of one
 * side is handed on as such (FIN there, close_notify here) once all bytes before it are through, while the other
 * direction goes on; a portal that then ends both ways is heard out. At most 256 KiB of each direction are held: a side
 * that does not read stops the other from being read. Returns 0, or -1 with err set (EXIT_NETWORK) if a side was reset
 * or cut off without TLS's own end. Unless both sides have ended, the client's socket is set to be reset when closed,
 * so that nobody takes half a stream for a whole one.
 */
int relay(int client, SSL *ssl, int stop_fd, struct relay_result *result, struct error **err);

#endif
