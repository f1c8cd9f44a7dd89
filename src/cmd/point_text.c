/* SPDX-License-Identifier: MIT */
#include "cmd/point_text.h"

#include "util/str.h"

char *point_age(time_t taken, time_t now)
{
    time_t seconds = now > taken ? now - taken : 0;

    if (seconds < 2 * 60 * 60)
        return str_printf("%lld minutes old", (long long)(seconds / 60));
    if (seconds < 2 * 24 * 60 * 60)
        return str_printf("%lld hours old", (long long)(seconds / 60 / 60));
    return str_printf("%lld days old", (long long)(seconds / 60 / 60 / 24));
}

const char *point_obstacle(const struct recovery_point *point)
{
    return point->encrypted ? "encrypted source" : point->archived ? "archive tier" : NULL;
}

int point_check_openable(const struct recovery_point *point, struct error **err)
{
    if (point->encrypted) {
        error_set(err, EXIT_FAILED,
                  "the VM was encrypted with Azure Disk Encryption, and such a recovery point cannot "
                  "be opened");
        return error_hint(err, "restore the whole VM or its disks instead");
    }
    if (point->archived) {
        error_set(err, EXIT_FAILED, "the recovery point is in the archive tier and cannot be opened");
        return error_hint(err, "rehydrate it to the vault tier first, or choose another one (`azilr list points %s`)",
                          point->id.vm_name);
    }
    return 0;
}
