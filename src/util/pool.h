/* SPDX-License-Identifier: MIT */
/* The same work on many things at once, by a few threads: for what mostly waits, on disks and on other programs. */
#ifndef AZILR_UTIL_POOL_H
#define AZILR_UTIL_POOL_H

#include <stddef.h>

#include "util/error.h"
#include "util/wait.h"

#define POOL_MAX_THREADS 32

/*
 * Calls work(argument, i, wait) for each i from 0 to count - 1, in up to POOL_MAX_THREADS threads, and returns when all
 * calls have returned. The wait that a call is handed ends when the caller's does, and has no tick. What a call finds
 * out, its errors too, it keeps by i in what argument points to.
 *
 * When the caller's wait ends early no further call is begun, those that run are waited for, and the result is -1 with
 * that wait's error. EXIT_FAILED if not even one thread can be started.
 */
int pool_run(size_t count, void (*work)(void *argument, size_t i, struct wait *wait), void *argument, struct wait *wait,
             struct error **err);

#endif
