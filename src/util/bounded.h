/* SPDX-License-Identifier: MIT */
/*
 * A call that may wait in the kernel for as long as a disk, or somebody else's network file system, does not answer.
 * Nothing ends such a wait, not even SIGKILL, so it is made in a child process, which is left to itself if it takes too
 * long.
 */
#ifndef AZILR_UTIL_BOUNDED_H
#define AZILR_UTIL_BOUNDED_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"
#include "util/wait.h"

/*
 * What is called. It runs in a child of fork(), without any descriptor but the standard ones: what it changes in memory
 * is lost. *text, NULL before, may be set to text for the caller, which must be valid memory of malloc().
 */
typedef int bounded_function(void *argument, char **text, struct error **err);

/*
 * Calls it and hands on what it returns: its number, its text (at most 1 MiB; the caller frees it) and its error. If it
 * has not returned within limit_ms, which neither a signal nor the wait's time limit cut short, *stuck is true and -1
 * is returned with EXIT_NETWORK; the child is killed, which takes effect once the kernel lets go of it. text and wait
 * may be NULL. Not to be called while other threads run.
 */
int bounded_call(bounded_function *call, void *argument, int64_t limit_ms, struct wait *wait, char **text, bool *stuck,
                 struct error **err);

#endif
