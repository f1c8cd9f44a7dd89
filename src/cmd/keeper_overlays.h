/* SPDX-License-Identifier: MIT */
/* Overlays that have run full while a session is open: nobody else would tell until somebody asks for the status. */
#ifndef AZILR_CMD_KEEPER_OVERLAYS_H
#define AZILR_CMD_KEEPER_OVERLAYS_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <time.h>

#include "block/overlay.h"

/* How often they are looked at. */
#define KEEPER_OVERLAYS_S ((time_t)30)

struct keeper_overlays {
    char **told; /* the names of those that somebody has been told of */
    size_t told_count;
    time_t again; /* when to look next; 0 for never, where there are none that could still run full */
};

/* As overlay_usage(). */
typedef int keeper_usage(const char *name, struct wait *wait, struct overlay_usage *usage, struct error **err);

/*
 * Looks at the overlays of a session that is mounted, if it is time to. Returns a text on those that are found full
 * (which the caller frees), once for each, or NULL.
 */
char *keeper_overlays_look(struct keeper_overlays *overlays, const cJSON *state, time_t now, keeper_usage *usage);

void keeper_overlays_clear(struct keeper_overlays *overlays);

#endif
