/* SPDX-License-Identifier: MIT */
/* Looking up a name without waiting for as long as the system's resolver would. */
#ifndef AZILR_UTIL_RESOLVE_H
#define AZILR_UTIL_RESOLVE_H

#include <stdint.h>

#include "util/error.h"
#include "util/wait.h"

/*
 * Looks up the addresses of a host, for at most timeout_ms. *address is the first of them as text, which the caller
 * frees. EXIT_NETWORK says what the resolver said; wait's own errors too. A look-up that takes longer is left to a
 * thread of its own, which ends when the resolver does, or with the process.
 */
int resolve_host(const char *host, int64_t timeout_ms, struct wait *wait, char **address, struct error **err);

#endif
