/* SPDX-License-Identifier: MIT */
/*
 * Messages to a person, on standard error. The logger is the program's only global state. Never given a
 * secret; untrusted text goes through str_printable() first.
 */
#ifndef AZILR_UTIL_LOG_H
#define AZILR_UTIL_LOG_H

#include <stdbool.h>

#include "util/error.h"

enum log_level { LOG_LEVEL_QUIET, LOG_LEVEL_NORMAL, LOG_LEVEL_VERBOSE };

void log_set_level(enum log_level level);
enum log_level log_get_level(void);

/* Whether the person asked for JSON on standard output, so that a failure is told there too, by main. */
void log_set_json(bool wanted);
bool log_wants_json(void);

/* Called before each line, so that a live progress line can get out of the way. NULL for none. */
void log_set_before(void (*before)(void *), void *argument);

void log_verbose(const char *format, ...) __attribute__((format(printf, 1, 2))); /* only with --verbose */
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));    /* not with --quiet */
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2))); /* always */

/* What a person is asked to do, always shown. */
void log_prompt(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The message and the hint of an error, as "azilr: …" and "hint: …". */
void log_error(const struct error *err);

#endif
