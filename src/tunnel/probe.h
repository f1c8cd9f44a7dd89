/* SPDX-License-Identifier: MIT */
/* How far this host gets with a portal, step by step, and what certificate it shows. */
#ifndef AZILR_TUNNEL_PROBE_H
#define AZILR_TUNNEL_PROBE_H

#include <time.h>

#include "util/error.h"
#include "util/wait.h"

enum portal_reached { PORTAL_REACHED_NOTHING, PORTAL_REACHED_ADDRESS, PORTAL_REACHED_PORT, PORTAL_REACHED_TLS };

/* All strings are owned and printable; NULL where it did not come to that. */
struct portal_facts {
    enum portal_reached reached;
    char *address;      /* the first that its name has */
    char *protocol;     /* "TLSv1.3" */
    char *names;        /* of the certificate, "a, b, and 3 others" */
    char *issuer;       /* its common name or organisation */
    time_t last_moment; /* of the certificate; 0 if unknown */
};

/*
 * Looks up the portal's name, connects and makes the verified handshake that the tunnel makes, and closes: no byte of
 * iSCSI is sent. Each step is bounded, all of it by about 40 s. EXIT_NETWORK says what was wrong at the step behind the
 * one that was reached; EXIT_USAGE if ca_file (NULL for none) cannot be used. The caller clears *facts in any case.
 */
int portal_probe(const char *host, int port, const char *ca_file, struct wait *wait, struct portal_facts *facts,
                 struct error **err);

void portal_facts_clear(struct portal_facts *facts);
#define _cleanup_portal_facts_ _cleanup_(portal_facts_clear)

#endif
