/* SPDX-License-Identifier: MIT */
#ifndef AZILR_SESSION_INTERNAL_H
#define AZILR_SESSION_INTERNAL_H

/*
 * Removes the places that this was the last session in, given its directory and its lasting state file; with others
 * there they are not empty, and stay.
 */
void session_remove_places(const char *directory, const char *var_file);

#endif
