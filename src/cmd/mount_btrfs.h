/* SPDX-License-Identifier: MIT */
/* The btrfs file systems of a backup, made fit to be mounted beside the ones that they are copies of. */
#ifndef AZILR_CMD_MOUNT_BTRFS_H
#define AZILR_CMD_MOUNT_BTRFS_H

#include "cmd/mount_run.h"

/*
 * Puts every btrfs onto overlays and gives it an id of its own. Of one with several devices the first volume becomes
 * the one to be mounted, with the others as its companions. What cannot be done is the volume's reason.
 */
int mount_btrfs_prepare(struct mount_run *run, struct error **err);

#endif
