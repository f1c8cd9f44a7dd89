/* SPDX-License-Identifier: MIT */
/* Which subvolumes a mounted btrfs has, asked of the kernel; nothing is mounted or run for it. */
#ifndef AZILR_MOUNT_BTRFS_TREE_H
#define AZILR_MOUNT_BTRFS_TREE_H

#include <stdint.h>

#include "util/error.h"

/* The number of the subvolume that is the top of every btrfs (BTRFS_FS_TREE_OBJECTID). */
#define BTRFS_TOP ((uint64_t)5)

/* The subvolume that a directory, open for reading, is in. */
int btrfs_subvolume_of(int directory, uint64_t *id, struct error **err);

/* The one that a mount shows which names none: `btrfs subvolume set-default`. */
int btrfs_default_subvolume(int directory, uint64_t *id, struct error **err);

/*
 * The path of a subvolume from the top of the file system: "/@/.snapshots/1/snapshot", "/" for the top itself. NULL
 * with err set if there is none by that number. The caller frees it.
 */
char *btrfs_subvolume_path(int directory, uint64_t id, struct error **err);

#endif
