/* SPDX-License-Identifier: MIT */
/* The words of --at. The first byte chooses the zone, as they differ in how their clocks change. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "util/str.h"
#include "util/when.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const zones[] = {"UTC0", "CET-1CEST,M3.5.0,M10.5.0/3", "<-03>3<-02>,M10.3.0/0,M2.3.0/0",
                                        "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"};
    const time_t now = 1795602615;
    char shown[WHEN_TEXT_SIZE];
    _cleanup_free_ char *text = xcalloc(size + 1, 1);
    time_t when = -1, again = -1;

    memcpy(text, data, size);
    setenv("TZ", zones[size ? data[0] % 4 : 0], 1);
    tzset();
    if (when_parse(text, now, &when, NULL) < 0)
        return 0;
    /* whatever is taken is a moment that can be shown, and what is shown means the same moment */
    if (when < 0 || (strcasestr(text, "ago") && when > now))
        abort();
    if (!*when_format_local(when, shown))
        return 0; /* an offset has taken it past the year 9999 */
    if (when_parse(shown, now, &again, NULL) < 0 || again != when)
        abort();
    return 0;
}
