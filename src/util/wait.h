/* SPDX-License-Identifier: MIT */
/*
 * How a long wait ends early: on a signal that asks the program to stop, or at the time limit the person
 * gave. Every function that may take long is handed a `struct wait`; NULL means a wait that nothing ends.
 */
#ifndef AZILR_UTIL_WAIT_H
#define AZILR_UTIL_WAIT_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"

struct wait {
    int signal_fd;        /* from wait_catch_signals(); -1 for none */
    int signal;           /* the signal that came, 0 before */
    int stop_fd;          /* readable once it is time to stop, for threads; -1 for none */
    int64_t deadline_ms;  /* clock_monotonic_ms() at which time is up; 0 for none */
    void (*tick)(void *); /* called a few times a second while waiting; may be NULL */
    void *tick_argument;
};

#define WAIT_INIT ((struct wait){.signal_fd = -1, .stop_fd = -1})

/*
 * Blocks SIGINT, SIGTERM and SIGHUP and has them delivered to this wait, for the rest of the process's life:
 * after the first one the taking down must not be cut short by a second. SIGPIPE is ignored.
 */
int wait_catch_signals(struct wait *wait, struct error **err);

void wait_close(struct wait *wait);

/* Whether a signal that asks to stop is blocked in this thread and pending: for waits that are handed no `struct wait`.
 */
bool wait_stop_is_pending(void);

/* 0 to go on; -1 with EXIT_INTERRUPTED (a signal came, or stop_fd) or EXIT_NETWORK (the time limit is over). */
int wait_check(struct wait *wait, struct error **err);

/*
 * poll(2) that also ends by wait_check()'s reasons. timeout_ms < 0 waits for ever. Returns the number of
 * ready descriptors, 0 at the time-out, or -1 with err set.
 */
int wait_poll(struct wait *wait, struct pollfd *fds, nfds_t count, int64_t timeout_ms, struct error **err);

/* Sleeps for that many milliseconds. Returns 0, or -1 with err set. */
int wait_sleep(struct wait *wait, int64_t ms, struct error **err);

#endif
