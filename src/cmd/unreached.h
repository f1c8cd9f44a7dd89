/* SPDX-License-Identifier: MIT */
/* How long Azure is waited for when many sessions are taken down and it may not be in reach. */
#ifndef AZILR_CMD_UNREACHED_H
#define AZILR_CMD_UNREACHED_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

/* Places that have not answered; all zero before the first. */
struct unreached {
    cJSON *registrations; /* an array of the arguments of those that were asked for there */
};

/* For a place of which nothing bad is known, and for one that has not answered before, though it may have come back. */
#define UNREACHED_FIRST_MS ((int64_t)120 * 1000)
#define UNREACHED_AGAIN_MS ((int64_t)5 * 1000)

/* How long the place of a registration (CHANGE_REGISTRATION's arguments: endpoint and authority) is waited for. Pure.
 */
int64_t unreached_limit_ms(const struct unreached *unreached, const cJSON *registration);

/* Notes what has failed there, if that was for want of an answer: one that refuses has been reached. */
void unreached_note(struct unreached *unreached, const cJSON *registration, const struct error *failure);

void unreached_clear(struct unreached *unreached);

#endif
