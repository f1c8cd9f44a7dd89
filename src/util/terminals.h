/* SPDX-License-Identifier: MIT */
/* Telling everybody who is logged in, as wall(1) does. */
#ifndef AZILR_UTIL_TERMINALS_H
#define AZILR_UTIL_TERMINALS_H

#include <stddef.h>

#include "util/cleanup.h"

/* Terminals by their names below /dev, each once: "pts/0". Owns them. */
struct terminals {
    char **lines;
    size_t count;
};

void terminals_clear(struct terminals *terminals);

#define _cleanup_terminals_ _cleanup_(terminals_clear)

/*
 * Adds those that somebody's session is on who has logged in, by what `proc` ("/proc") has of the processes: hosts
 * without utmp know them no other way that holds for all of them, logind not of those of ssh.
 */
void terminals_of_logins(const char *proc, struct terminals *terminals);

/*
 * Writes the text, made printable, with a bell and on lines of its own, to each of those terminals and of those that
 * utmp(5) has a user on. Never waits for a terminal: one that is stopped misses it. Returns how many have got it.
 */
int terminals_tell(const char *text);

/* The same to the terminal by that name below /dev, as utmp has it; 0, or -1 if it is no terminal or takes nothing. */
int terminals_tell_one(const char *line, const char *text);

#endif
