/* SPDX-License-Identifier: MIT */
/*
 * Moments as a person writes them. Pure but for the time zone, which is the C library's (TZ, /etc/localtime).
 *
 *   RFC 3339           2026-11-20T03:00:00Z, 2026-11-20 04:00:00.5+01:00 (also +0100, and a blank before the zone)
 *   local date, time   2026-11-20 03:00, 2026-11-20T03:00:30
 *   a day alone        2026-11-20, today, yesterday: its very end, local
 *   a day and a time   yesterday 14:00
 *   so long ago        now, 1 hour ago, 30 minutes ago, 2 days ago, 3 weeks ago
 *
 * Words are taken in any case. Days and weeks ago are of 24 hours and of 7 times that.
 */
#ifndef AZILR_UTIL_WHEN_H
#define AZILR_UTIL_WHEN_H

#include <time.h>

#include "util/error.h"

/*
 * Reads text, taken at the moment `now`, into *when: seconds since 1970, never negative. EXIT_USAGE says what is
 * wrong. A local time that was skipped when the clocks went forward is refused; of one that came twice, when they
 * went back, the earlier is meant (which of the two it is, the moment is not after what was asked for).
 */
int when_parse(const char *text, time_t now, time_t *when, struct error **err);

/* "2026-11-20 04:00:00 +0100", local, which when_parse() reads back; text has room for WHEN_TEXT_SIZE. Returns text. */
#define WHEN_TEXT_SIZE sizeof("2026-11-20 04:00:00 +0100")
char *when_format_local(time_t when, char *text);

#endif
