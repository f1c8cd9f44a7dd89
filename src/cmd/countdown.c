/* SPDX-License-Identifier: MIT */
#include "cmd/countdown.h"

#include "util/clock.h"

int countdown_sleep(struct progress *progress, struct wait *wait, const char *what, int64_t seconds, int64_t end_ms,
                    struct error **err)
{
    const int64_t again_ms = clock_monotonic_ms() + seconds * 1000;

    for (;;) {
        int64_t now = clock_monotonic_ms();

        if (now >= again_ms || now >= end_ms)
            return 0;
        progress_rename(progress, "%s (asking again in %lld s)", what, (long long)((again_ms - now + 999) / 1000));
        if (wait_sleep(wait, again_ms - now < 1000 ? again_ms - now : 1000, err) < 0)
            return -1;
    }
}
