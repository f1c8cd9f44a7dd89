/* SPDX-License-Identifier: MIT */
/* Time: a clock that only goes forward for measuring, and dates as text for people and for Azure. All dates
 * are UTC. */
#ifndef AZILR_UTIL_CLOCK_H
#define AZILR_UTIL_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "util/error.h"

/* Milliseconds since some fixed moment; not changed by the wall clock being set. */
int64_t clock_monotonic_ms(void);

#define CLOCK_TEXT_SIZE sizeof("2026-11-20T03:00:00Z")

/* "2026-11-20T03:00:00Z" into text, which has room for CLOCK_TEXT_SIZE bytes. Returns text. */
char *clock_format(time_t when, char *text);

/* "20261120T030000Z", for names. text has room for CLOCK_TEXT_SIZE bytes. Returns text. */
char *clock_format_compact(time_t when, char *text);

/*
 * Reads an RFC 3339 date and time: a fraction of a second is dropped, "Z" or "+hh:mm" is honoured, and a
 * missing zone means UTC (Azure leaves it out now and then). Returns 0, or -1 if text is anything else.
 */
int clock_parse(const char *text, time_t *when);

#endif
