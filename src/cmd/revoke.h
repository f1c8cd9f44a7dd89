/* SPDX-License-Identifier: MIT */
/* Ending the access of a session: what its state tells of how the access was opened, for ilr_revoke(). */
#ifndef AZILR_CMD_REVOKE_H
#define AZILR_CMD_REVOKE_H

#include <time.h>

#include "azure/ilr.h"

/* state: of the session (session.h), as open_azure.c wrote it. point: the id of the recovery point. 0, or 1 if
 * there was nothing to end (any more); errors as of ilr_revoke(). */
int revoke_session(struct arm *arm, const cJSON *state, const char *point, struct error **err);

/* What the state tells, which stays its owner. now: time(NULL). Pure. */
struct ilr_opening revoke_opening(const cJSON *state, time_t now);

#endif
