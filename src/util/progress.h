/* SPDX-License-Identifier: MIT */
/*
 * What azilr is doing now, for a person, on standard error: one line a stage with the time it took. On a
 * terminal the line is live; elsewhere it is printed once, when the stage ends. Silent with --quiet.
 */
#ifndef AZILR_UTIL_PROGRESS_H
#define AZILR_UTIL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool live; /* standard error is a terminal */
    bool silent;
    int64_t started_ms;
    char *stage; /* what is being done; NULL between stages */
    bool shown;  /* a live line stands on the screen */
};

void progress_open(struct progress *progress, bool silent);

/* Begins a stage: "Signing in to Azure". A stage still open is ended as done. */
void progress_begin(struct progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Says in other words what the stage is doing; its time goes on. Shown on a terminal only. */
void progress_rename(struct progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Ends the stage and says what came of it: "signed in as …". */
void progress_end(struct progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Ends the stage as failed; the reason follows as the program's error message. */
void progress_fail(struct progress *progress);

/* Draws the live line again; has the type that struct wait's tick wants. argument is a struct progress. */
void progress_tick(void *argument);

/* Takes the live line off the screen, so that another line can be printed; for log_set_before(). */
void progress_clear_line(void *argument);

void progress_close(struct progress *progress);

#endif
