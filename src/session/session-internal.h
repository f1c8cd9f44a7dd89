/* SPDX-License-Identifier: MIT */
/* What the session's own files share. */
#ifndef AZILR_SESSION_SESSION_INTERNAL_H
#define AZILR_SESSION_SESSION_INTERNAL_H

#include "session/session.h"

/*
 * Removes the places that this was the last session in, given its directory and its lasting state file; with others
 * there they are not empty, and stay.
 */
void session_remove_places(const char *directory, const char *var_file);

/* Leaves of the undo list only what a boot does not undo. */
void session_keep_lasting(cJSON *state);

/* The same if the state is of another boot: a /run that was copied, or outlived one. */
void session_forget_other_boot(cJSON *state);

/* Writes down which machine and which boot this is. */
void session_note_machine(cJSON *state);

#endif
