/* SPDX-License-Identifier: MIT */
/*
 * The keeper of a session: a process beside the tunnel that warns before the access ends, takes the session down in
 * time, and when the host shuts down. A transient service where systemd is process 1, else a daemon.
 */
#ifndef AZILR_CMD_KEEPER_SERVICE_H
#define AZILR_CMD_KEEPER_SERVICE_H

#include <stdbool.h>

#include "cmd/options.h"
#include "util/error.h"

struct keeper_place {
    const char *directory; /* the session's; holds a daemon's keeper.pid */
    const char *unit;      /* systemd's name for it; NULL for a daemon */
};

/* NULL where systemd is not process 1. The caller frees it. */
char *keeper_unit_name(const char *session_id);

/*
 * Starts it. It is given the ways to sign in that `options` name, and from the environment what is no secret. The
 * caller has entered the place in its undo list.
 */
int keeper_start(const struct keeper_place *place, const char *session_id, const struct options *options,
                 struct error **err);

/* Ends it, unless it is this very process. Returns 1 if it ran, 0 if not, -1 with err set. */
int keeper_stop(const struct keeper_place *place, struct error **err);

bool keeper_is_running(const struct keeper_place *place);

#endif
