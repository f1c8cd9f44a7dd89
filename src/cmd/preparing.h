/* SPDX-License-Identifier: MIT */
/*
 * Sessions of mounts that ended early while Azure was preparing the disks. What they were given is still good, and to
 * ask for it again would begin the preparation anew (public documentation), so the next mount takes them up.
 */
#ifndef AZILR_CMD_PREPARING_H
#define AZILR_CMD_PREPARING_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "session/session.h"

/* What a session's status says while Azure prepares the disks and another mount may go on waiting for that. */
#define STATUS_PREPARING "preparing"

struct preparing {
    char *session; /* its id */
    char *point;   /* the recovery point's ARM id */
    bool locked;   /* another azilr is at work on it */
};

/*
 * Whether a mount in this state may leave its access for another one: it was given by an operation that can be asked
 * for the script once more, and the state says to whom. One that may not gives the access back when it ends early.
 * Pure.
 */
bool preparing_is_possible(const cJSON *state);

/* Whether this is the state of a mount of the point that another mount can take up. Pure. */
bool preparing_is_of(const cJSON *state, const char *point);

/*
 * Finds the session of any recovery point of the item (its ARM id) that can be taken up: of several, that of the newest
 * point. One whose access has ended is none. Returns whether there is one; the caller clears *found in any case.
 */
bool preparing_find(const struct session_places *places, const char *item, struct preparing *found);

void preparing_clear(struct preparing *found);
#define _cleanup_preparing_ _cleanup_(preparing_clear)

#endif
