/* SPDX-License-Identifier: MIT */
/* The tunnel as a transient service of systemd. */
#ifndef AZILR_TUNNEL_UNIT_H
#define AZILR_TUNNEL_UNIT_H

#include <stdbool.h>

#include "util/error.h"

struct unit_options {
    const char *name;
    const char *const *command;     /* of this program: "tunnel", … */
    const char *const *environment; /* "NAME=value", …; NULL-terminated */
    const char *state_path;
    int inherit_lock_fd;
};

/*
 * Has systemd start it, confined, and does not wait until it runs: systemd.exec(5) has what the properties mean. It is
 * started again whenever it crashes, as long as nobody stops the unit.
 */
int unit_start(const struct unit_options *options, struct error **err);

/* Stops it and waits for its end. Returns 1 if there was such a unit, 0 if not, -1 with err set. */
int unit_stop(const char *name, struct error **err);

/*
 * Whether systemd has a job for it that waits for something else, as the stop of what the keeper needs waits in a
 * shutdown for the keeper's: who waits for that job in turn, being the keeper, waits for ever.
 */
bool unit_waits_to_stop(const char *name);

/* Whether it runs, or is about to. False too if systemd does not answer within a few seconds. */
bool unit_is_alive(const char *name);

#endif
