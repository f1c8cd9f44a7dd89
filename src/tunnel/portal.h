/* SPDX-License-Identifier: MIT */
/* Reaching the portal: name, address, TCP, TLS. */
#ifndef AZILR_TUNNEL_PORTAL_H
#define AZILR_TUNNEL_PORTAL_H

#include <openssl/ssl.h>

#include "util/error.h"
#include "util/wait.h"

struct portal {
    const char *host;
    int port;
    const char *certificate_name; /* to verify, and for SNI */
    SSL_CTX *context;
};

/*
 * Makes a connection: the name is looked up anew, and each of its addresses is tried. *fd is non-blocking, with
 * TCP_NODELAY and keep-alive. EXIT_NETWORK names host and reason. The caller frees *ssl and closes *fd.
 */
int portal_connect(const struct portal *portal, struct wait *wait, int *fd, SSL **ssl, struct error **err);

/* The part of that below TLS; `certificate_name` and `context` are not looked at. */
int portal_connect_tcp(const struct portal *portal, struct wait *wait, int *fd, struct error **err);

/* Sets what every connection of the tunnel has: no delay of small segments, and a dead peer noticed in two minutes. */
void portal_tune_socket(int fd);

#endif
