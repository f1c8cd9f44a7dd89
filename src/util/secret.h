/* SPDX-License-Identifier: MIT */
/* Passwords and tokens: strings that are wiped when let go of, and ways to get one from a person or a file.
 */
#ifndef AZILR_UTIL_SECRET_H
#define AZILR_UTIL_SECRET_H

#include <stddef.h>

#include "util/buffer.h"
#include "util/cleanup.h"
#include "util/error.h"

/* Wipes and frees a NUL-terminated string. NULL is fine. */
void secret_free(char *secret);

DEFINE_CLEANUP(cleanup_secret_ptr, char *, secret_free);
#define _cleanup_secret_ _cleanup_(cleanup_secret_ptr)

/* Who else may be able to read a secret's file. */
enum secret_mode {
    SECRET_OWNER_ONLY, /* nobody: a secret that others can read is none (EXIT_USAGE) */
    SECRET_ANY_MODE,   /* whoever its keeper, another program, lets */
};

/*
 * Reads a whole file or pipe into an empty buffer, which becomes secret; its max is the most that the file may hold
 * (EXIT_USAGE). EXIT_NOT_FOUND if there is none. A pipe is waited for as file_await_data() does.
 */
int secret_read(const char *path, enum secret_mode mode, struct buffer *text, struct error **err);

/*
 * Reads a secret of at most max bytes from a file; one trailing line end is dropped. The file must be a
 * regular file or a pipe that only its owner can read, since a secret that others can read is none
 * (EXIT_USAGE). The caller frees *secret.
 */
int secret_from_file(const char *path, size_t max, char **secret, struct error **err);

/*
 * Asks on the controlling terminal, with echo off. EXIT_USAGE if there is no terminal; EXIT_FAILED for an answer of
 * more than max bytes; EXIT_INTERRUPTED if the person gives up (end of file, or a signal that is blocked in this thread
 * and pending). The caller frees *secret, which is "" for an empty answer.
 */
int secret_from_terminal(const char *prompt, size_t max, char **secret, struct error **err);

/*
 * Moves a variable's value out of the block that /proc/PID/environ shows, to where getenv() still finds it. For the
 * beginning of the process: no thread may be reading the environment. Nothing happens if it is not set.
 */
void secret_hide_variable(const char *name);

/* Wipes a variable's value, wherever it is, and unsets it. Under the same condition. */
void secret_forget_variable(const char *name);

/* Keeps this process's memory out of core dumps, its children's too, and out of reach of other processes' debuggers. */
void secret_protect_process(void);

/*
 * Keeps this process's memory out of swap, which a disk would keep, if it may. Not for a process that gives up its
 * privileges later: what it allocates after that would count against its limit.
 */
void secret_lock_memory(void);

#endif
