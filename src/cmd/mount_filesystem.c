/* SPDX-License-Identifier: MIT */
#include "cmd/mount_filesystem.h"

#include <errno.h>
#include <stdlib.h>

#include "mount/mounts.h"
#include "util/str.h"

/* The common options with those of the driver and of the wish. The caller frees them. */
static char *join_options(const struct mount_wish *wish, const struct filesystem_driver *driver)
{
    const char *own = wish->unreplayed ? driver->unreplayed_options : driver->options;

    return str_printf("%s%s%s%s%s", FILESYSTEM_COMMON_OPTIONS, own ? "," : "", own ? own : "", wish->options ? "," : "",
                      wish->options ? wish->options : "");
}

int mount_filesystem(const struct mount_wish *wish, struct wait *wait, int *errnum, struct error **err)
{
    _cleanup_free_ char *missing = NULL;

    for (size_t i = 0; i < FILESYSTEM_MAX_DRIVERS && wish->filesystem->drivers[i].type; i++) {
        const struct filesystem_driver *driver = &wish->filesystem->drivers[i];
        _cleanup_free_ char *options = join_options(wish, driver), *before = NULL;
        _cleanup_error_ struct error *problem = NULL;
        const struct mount_request request = {.device = wish->device,
                                              .below = wish->below,
                                              .companions = wish->companions,
                                              .directory = wish->directory,
                                              .type = driver->type,
                                              .program = driver->program,
                                              .options = options,
                                              .lock_fd = wish->lock_fd};

        if (mount_device(&request, wait, errnum, &problem) == 0)
            return 0;
        if (*errnum != ENODEV)
            return error_move(err, &problem);
        before = steal(missing);
        missing = str_printf("%s%s%s", before ? before : "", before ? "; " : "", problem->message);
    }
    *errnum = ENODEV;
    return error_set(err, EXIT_HOST, "this host has no driver for %s: %s", wish->filesystem->type, missing);
}
