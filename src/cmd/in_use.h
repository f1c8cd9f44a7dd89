/* SPDX-License-Identifier: MIT */
/* Who uses what a session has brought to this host: looked for before anything of it is taken down. */
#ifndef AZILR_CMD_IN_USE_H
#define AZILR_CMD_IN_USE_H

#include <cjson/cJSON.h>
#include <stdint.h>

#include "session/session.h"
#include "util/error.h"
#include "util/wait.h"

/*
 * Appends the users (mount/users.h) of the session's disks, of what is stacked on them, and of all that is or was
 * mounted from these. Takes some seconds at most, even if the disks do not answer. Returns 0, or -1 with err set.
 */
int in_use_find(const cJSON *state, struct wait *wait, cJSON *users, struct error **err);

/*
 * The same, where nobody may use it: EXIT_BUSY names the users, one a line, the first ten of them. Whoever just has a
 * look is given a second to end it, and udev, as long as it is at work, ten more.
 */
int in_use_check(const cJSON *state, struct wait *wait, cJSON *users, struct error **err);

/* Waits up to wait_ms, or to the wait's time limit, for the last user to end; then EXIT_BUSY names those that are left.
 */
int in_use_wait(const cJSON *state, int64_t wait_ms, struct wait *wait, struct error **err);

/* The users for a person: a line each, ten at most, and how many more there are. The caller frees it. */
char *in_use_describe(const cJSON *users);

#endif
