/* SPDX-License-Identifier: MIT */
/* What the files of azure/backup.h share. */
#ifndef AZILR_AZURE_BACKUP_INTERNAL_H
#define AZILR_AZURE_BACKUP_INTERNAL_H

#include "azure/backup.h"

/* A printable copy of a member's text, or NULL if there is none. The caller frees it. */
char *backup_copy_string(const cJSON *object, const char *name);

/*
 * Whether one of several places that fails so (err comes of the last call) may be left out: it is forbidden, went away
 * since it was listed, or the service has trouble with it. What would meet every other place as well ends the search:
 * no token, no connection, the end of the time.
 */
bool backup_may_pass_over(const struct arm *arm, const struct error *err);

#endif
