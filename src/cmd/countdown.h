/* SPDX-License-Identifier: MIT */
/* A pause of which a person sees how long it still takes. */
#ifndef AZILR_CMD_COUNTDOWN_H
#define AZILR_CMD_COUNTDOWN_H

#include <stdint.h>

#include "util/progress.h"
#include "util/wait.h"

/*
 * Sleeps for so many seconds, or until end_ms (clock_monotonic_ms()) if that comes first. The stage is called "WHAT
 * (asking again in N s)" meanwhile, and goes on. Returns 0, or -1 with wait's own error.
 */
int countdown_sleep(struct progress *progress, struct wait *wait, const char *what, int64_t seconds, int64_t end_ms,
                    struct error **err);

#endif
