/* SPDX-License-Identifier: MIT */
/* When the keeper of a session has something to do, by how long its access still lasts. Pure. */
#ifndef AZILR_CMD_KEEPER_SCHEDULE_H
#define AZILR_CMD_KEEPER_SCHEDULE_H

#include <stdbool.h>
#include <time.h>

/* Everything is taken down so long before the end, while the disks still answer. */
#define KEEPER_END_MARGIN_S ((time_t)2 * 60)

struct keeper_schedule {
    time_t expires; /* 0 if nobody knows */
    bool renews;
    time_t renew_again; /* not before that, after a renewal that failed; 0 for none */
    time_t end_again;   /* the same of taking it down */
    time_t warned_at;   /* when the newest warning was due that has been given; 0 for none */
};

enum keeper_event { KEEPER_NOTHING, KEEPER_RENEW, KEEPER_WARN, KEEPER_END };

/*
 * What is next, and when: at *when, which has come already if it is not after `now`. Several warnings that were slept
 * through are one. KEEPER_NOTHING is for ever.
 */
enum keeper_event keeper_next(const struct keeper_schedule *schedule, time_t now, time_t *when);

/* How many seconds to wait after so many failures in a row, at least 1: a minute, twice that, up to half an hour. */
time_t keeper_pause(unsigned failures);

/* "3 h 12 min", "5 min", "under a minute"; of a negative number the last. The caller frees it. */
char *keeper_duration(time_t seconds);

#endif
