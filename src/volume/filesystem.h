/* SPDX-License-Identifier: MIT */
/* What can be done with each thing that a disk or partition may hold. A table; no I/O. */
#ifndef AZILR_VOLUME_FILESYSTEM_H
#define AZILR_VOLUME_FILESYSTEM_H

#include <stdbool.h>

struct filesystem {
    const char *type;    /* libblkid's name for it */
    const char *options; /* mount options beside the common ones, or NULL; for what can be mounted */
    /*
     * Options for a second try where the file system has a journal to replay, which a read-only device does
     * not let it do: its files are then seen as of the last write-back. NULL if there is no such way.
     */
    const char *unreplayed_options;
    const char *reason; /* why it can't be mounted; NULL for what can */
    bool harmless;      /* holds no files of anybody, so that nothing is missing when it isn't mounted */
};

/* Given on every mount, whatever the type. */
#define FILESYSTEM_COMMON_OPTIONS "ro,nosuid,nodev,noexec"

/* What is known of a type by libblkid's name; NULL if nothing is. A constant. */
const struct filesystem *filesystem_by_type(const char *type);

#endif
