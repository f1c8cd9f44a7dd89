/* SPDX-License-Identifier: MIT */
/* Mounting many volumes at once, each on a directory of its own, all entered in the undo list before the first. */
#ifndef AZILR_CMD_MOUNT_BATCH_H
#define AZILR_CMD_MOUNT_BATCH_H

#include "cmd/mount_run.h"

/* Which way is tried. */
enum mount_way {
    MOUNT_AS_IT_IS,   /* a volume with a journal to replay, on a read-only device, is left in the state VOLUME_FOUND */
    MOUNT_REPLAYED,   /* on a device that can be written to; a volume whose journal is damaged is left VOLUME_FOUND */
    MOUNT_UNREPLAYED, /* without replaying its journal */
};

/* Reads --read-ahead, before anything is asked of anybody. EXIT_USAGE. */
int mount_batch_check(struct mount_run *run, struct error **err);

/*
 * Mounts every volume for which `wanted` says so, below that directory; what came of each is in the volume. Only what
 * must end the whole mount is an error.
 */
int mount_batch(struct mount_run *run, const char *volumes_directory, enum mount_way way,
                bool (*wanted)(const struct volume *volume), struct error **err);

#endif
