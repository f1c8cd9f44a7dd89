/* SPDX-License-Identifier: MIT */
#include "util/progress.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "util/clock.h"
#include "util/log.h"
#include "util/str.h"

void progress_open(struct progress *progress, bool silent)
{
    *progress = (struct progress){.silent = silent, .live = !silent && isatty(STDERR_FILENO)};
    log_set_before(progress_clear_line, progress);
}

void progress_clear_line(void *argument)
{
    struct progress *progress = argument;

    if (progress->shown)
        fputs("\r\033[K", stderr);
    progress->shown = false;
}

static double elapsed(const struct progress *progress)
{
    return (double)(clock_monotonic_ms() - progress->started_ms) / 1000.0;
}

void progress_tick(void *argument)
{
    struct progress *progress = argument;

    if (!progress->live || !progress->stage)
        return;
    flockfile(stderr);
    fprintf(stderr, "\r\033[K%6.1f s  %s …", elapsed(progress), progress->stage);
    fflush(stderr);
    progress->shown = true;
    funlockfile(stderr);
}

static void finish(struct progress *progress, const char *text)
{
    if (!progress->stage)
        return;
    progress_clear_line(progress);
    if (!progress->silent)
        fprintf(stderr, "%6.1f s  %s: %s\n", elapsed(progress), progress->stage, text);
    free(progress->stage);
    progress->stage = NULL;
}

void progress_begin(struct progress *progress, const char *format, ...)
{
    va_list args;

    finish(progress, "done");
    va_start(args, format);
    progress->stage = str_vprintf(format, args);
    va_end(args);
    progress->started_ms = clock_monotonic_ms();
    progress_tick(progress);
}

void progress_rename(struct progress *progress, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    free(progress->stage);
    progress->stage = str_vprintf(format, args);
    va_end(args);
    progress_tick(progress);
}

void progress_end(struct progress *progress, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = str_vprintf(format, args);
    va_end(args);
    finish(progress, text);
    free(text);
}

void progress_fail(struct progress *progress)
{
    finish(progress, "failed");
}

void progress_close(struct progress *progress)
{
    finish(progress, "done");
    log_set_before(NULL, NULL);
}
