/* SPDX-License-Identifier: MIT */
/* Telling everybody who is logged in, as wall(1) does. */
#ifndef AZILR_UTIL_TERMINALS_H
#define AZILR_UTIL_TERMINALS_H

/*
 * Writes the text, made printable, with a bell and on lines of its own, to each terminal that utmp(5) has a user on.
 * Never waits for a terminal: one that is stopped misses it. Returns how many have got it.
 */
int terminals_tell(const char *text);

/* The same to the terminal by that name below /dev, as utmp has it; 0, or -1 if it is no terminal or takes nothing. */
int terminals_tell_one(const char *line, const char *text);

#endif
