/* SPDX-License-Identifier: MIT */
/* What a state is good for on this machine and in this boot. */
#ifndef AZILR_SESSION_SESSION_INTERNAL_H
#define AZILR_SESSION_SESSION_INTERNAL_H

#include "session/session.h"

/* Leaves of the undo list only what a boot does not undo. */
void session_keep_lasting(cJSON *state);

/* The same if the state is of another boot: a /run that was copied, or outlived one. */
void session_forget_other_boot(cJSON *state);

/* Writes down which machine and which boot this is. */
void session_note_machine(cJSON *state);

#endif
