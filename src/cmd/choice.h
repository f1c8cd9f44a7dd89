/* SPDX-License-Identifier: MIT */
/* Which of this host's sessions a person means. */
#ifndef AZILR_CMD_CHOICE_H
#define AZILR_CMD_CHOICE_H

#include <stddef.h>

#include "util/error.h"

/* A killed azilr's iscsiadm may be at work for that long, holding a session's lock: a login with all its tries. */
#define CHOICE_LOCK_WAIT_MS (90 * 1000)

/*
 * The ids of the sessions that name means: a session's name, a VM's, or a directory (or one below it); all sessions if
 * name is NULL. Free them with session_list_free().
 */
int choice_list(const char *name, char ***ids, size_t *count, struct error **err);

/* Says why a list of none or several is not one session; hint is what to do about several. Returns -1. */
int choice_explain(char **ids, size_t count, const char *name, const char *hint, struct error **err);

#endif
