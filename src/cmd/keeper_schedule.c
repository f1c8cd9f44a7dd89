/* SPDX-License-Identifier: MIT */
#include "cmd/keeper_schedule.h"

#include "util/str.h"

/* Half of what Azure gives: there is time for many attempts, and for a person, before anything is lost. */
static const time_t RENEW_BEFORE_S = (time_t)6 * 60 * 60;

static const time_t warnings[] = {(time_t)30 * 60, (time_t)5 * 60};

static time_t later(time_t one, time_t other)
{
    return one > other ? one : other;
}

/* The newest warning that is due and was not given, or the next one to come; 0 for none. */
static time_t next_warning(const struct keeper_schedule *schedule, time_t now)
{
    time_t due = 0;

    for (size_t i = 0; i < sizeof(warnings) / sizeof(warnings[0]); i++) {
        time_t at = schedule->expires - warnings[i];

        if (at <= schedule->warned_at)
            continue;
        if (at > now)
            return due ? due : at;
        due = at;
    }
    return due;
}

enum keeper_event keeper_next(const struct keeper_schedule *schedule, time_t now, time_t *when)
{
    time_t end = later(schedule->expires - KEEPER_END_MARGIN_S, schedule->end_again);
    time_t renew = later(schedule->expires - RENEW_BEFORE_S, schedule->renew_again);
    time_t warning = next_warning(schedule, now);
    enum keeper_event event = KEEPER_END;

    *when = end;
    if (!schedule->expires)
        return KEEPER_NOTHING;
    if (end <= now)
        return event;
    if (warning && warning < *when) {
        *when = warning;
        event = KEEPER_WARN;
    }
    /* before a warning that is due at the same time, which it may make needless */
    if (schedule->renews && (renew <= *when || renew <= now) && renew < end) {
        *when = renew;
        event = KEEPER_RENEW;
    }
    return event;
}

time_t keeper_pause(unsigned failures)
{
    static const time_t longest = (time_t)30 * 60;
    time_t pause = 60;

    for (unsigned i = 1; i < failures && pause < longest; i++)
        pause *= 2;
    return pause < longest ? pause : longest;
}

char *keeper_duration(time_t seconds)
{
    long long minutes = (long long)seconds / 60;

    if (minutes < 1)
        return str_dup("under a minute");
    if (minutes < 60)
        return str_printf("%lld min", minutes);
    return str_printf("%lld h %lld min", minutes / 60, minutes % 60);
}
