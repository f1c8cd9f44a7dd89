/* SPDX-License-Identifier: MIT */
/* What is said of a recovery point to a person, by mount and by list alike. */
#ifndef AZILR_CMD_POINT_TEXT_H
#define AZILR_CMD_POINT_TEXT_H

#include <time.h>

#include "azure/backup.h"

/* "9 hours old", the way a person would tell it. A point of the future, by this clock, is 0 minutes old. Caller frees.
 */
char *point_age(time_t taken, time_t now);

/* Why it cannot be opened, in a few words ("archive tier"), or NULL if it can. */
const char *point_obstacle(const struct recovery_point *point);

/* EXIT_FAILED, with what to do instead, if it cannot be opened. */
int point_check_openable(const struct recovery_point *point, struct error **err);

#endif
