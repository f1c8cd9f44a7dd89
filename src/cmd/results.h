/* SPDX-License-Identifier: MIT */
/* How an open session is shown, by mount and by status alike. The JSON members are documented in azilr(8). */
#ifndef AZILR_CMD_RESULTS_H
#define AZILR_CMD_RESULTS_H

#include <cjson/cJSON.h>
#include <stdbool.h>

/*
 * Prints a session's state for a person: what it is, then a table of its volumes, then what could not be
 * mounted and why; then the same of the guest's own trees.
 */
void results_print(const cJSON *state);

/* The part of that with the guest's own trees: which is which, and what of their fstabs is not in its place. */
void results_print_roots(const cJSON *roots);

/* The state as a document for --json: valid whatever is in it, and without the undo list, which is our own business.
 * The caller deletes it. */
cJSON *results_to_json(const cJSON *state);

#endif
