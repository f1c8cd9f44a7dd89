/* SPDX-License-Identifier: MIT */
/* What the files of azure/backup.h share. */
#ifndef AZILR_AZURE_BACKUP_INTERNAL_H
#define AZILR_AZURE_BACKUP_INTERNAL_H

#include "azure/backup.h"

/* A printable copy of a member's text, or NULL if there is none. The caller frees it. */
char *backup_copy_string(const cJSON *object, const char *name);

/* Whether a place that fails so may be left out: it is forbidden, or went away since it was listed. */
bool backup_may_pass_over(const struct error *err);

#endif
