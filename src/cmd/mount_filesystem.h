/* SPDX-License-Identifier: MIT */
/* Mounting a file system of the table (volume/filesystem.h) with what this host has for it. */
#ifndef AZILR_CMD_MOUNT_FILESYSTEM_H
#define AZILR_CMD_MOUNT_FILESYSTEM_H

#include <stdbool.h>

#include "util/error.h"
#include "util/wait.h"
#include "volume/filesystem.h"

/* What is to be mounted where. All is borrowed. */
struct mount_wish {
    const struct filesystem *filesystem; /* of a type that can be mounted */
    const char *device;
    const char *below;             /* what that is a loop device of; or NULL */
    const char *const *companions; /* further devices of a btrfs, NULL-terminated; or NULL */
    const char *options;           /* beside the common ones and those of the driver; or NULL */
    const char *directory;
    int lock_fd;     /* the session's; -1 for none */
    bool unreplayed; /* without replaying its journal; for a driver that has a way to do without */
};

/*
 * Mounts it with the first of its drivers that this host has. Returns 0, or -1 with err set; *errnum is then the
 * system call's: EROFS where it has a journal to replay and the device is read-only.
 */
int mount_filesystem(const struct mount_wish *wish, struct wait *wait, int *errnum, struct error **err);

#endif
