/* SPDX-License-Identifier: MIT */
/* The sessions of this host as they are now, for the subcommands that show them. */
#ifndef AZILR_CMD_STATUS_H
#define AZILR_CMD_STATUS_H

#include <cjson/cJSON.h>

#include "util/error.h"

/* Appends each session, as azilr(8) documents it, to an array. Needs root. */
int status_collect(cJSON *sessions, struct error **err);

#endif
