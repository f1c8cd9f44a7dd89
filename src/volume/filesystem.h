/* SPDX-License-Identifier: MIT */
/* What can be done with each thing that a disk or partition may hold. A table; no I/O. */
#ifndef AZILR_VOLUME_FILESYSTEM_H
#define AZILR_VOLUME_FILESYSTEM_H

#include <stdbool.h>
#include <stddef.h>

/* When a file system is mounted from an overlay, which takes the writes that the backup's disk must not see. */
enum filesystem_overlay {
    FILESYSTEM_OVERLAY_NEVER,    /* a read-only device is all that it needs */
    FILESYSTEM_OVERLAY_IF_DIRTY, /* once mounting from the read-only device has failed with EROFS: it has a journal
                                    to replay */
    FILESYSTEM_OVERLAY_ALWAYS,   /* it cannot be mounted as it is beside another copy of itself */
};

struct filesystem_driver {
    const char *type;    /* the kernel's name for it */
    const char *program; /* the helper that is the driver, for one in user space (FUSE); NULL for the kernel's own */
    const char *options; /* mount options beside the common ones, or NULL */
    /*
     * Options for a second try where the journal can't be replayed because there is no overlay to do it in: the files
     * are then seen as of the last write-back. NULL if there is no such way.
     */
    const char *unreplayed_options;
};

#define FILESYSTEM_MAX_DRIVERS ((size_t)2)

struct filesystem {
    const char *type; /* libblkid's name for it */
    /* to be tried in this order, the next one where this host has not the one before; the first has a NULL type for
       what can't be mounted */
    struct filesystem_driver drivers[FILESYSTEM_MAX_DRIVERS];
    enum filesystem_overlay overlay;
    const char *reason; /* why it can't be mounted; NULL for what can */
    bool harmless;      /* holds no files of anybody, so that nothing is missing when it isn't mounted */
};

/* Given on every mount, whatever the type. */
#define FILESYSTEM_COMMON_OPTIONS "ro,nosuid,nodev,noexec"

/* What is known of a type by libblkid's name; NULL if nothing is. A constant. */
const struct filesystem *filesystem_by_type(const char *type);

#endif
