/* SPDX-License-Identifier: MIT */
/*
 * btrfs beside a copy of itself. The kernel knows a btrfs and its devices by the file system's id alone, and this host
 * may be the very VM that was backed up: a copy with the same id would be taken for a device of the host's own file
 * system. So the copy gets a new id, on overlays, before the kernel is told of it.
 *
 * That changes three fields of the superblock and nothing else (the tree blocks go on carrying the old id, which the
 * superblock names as "metadata UUID", Linux 5.0), and leaves a log tree as it is, for the kernel to replay.
 * btrfstune -m would commit a transaction, behind which the log no longer fits, and would look at every device of
 * the host for members of the file system.
 */
#ifndef AZILR_VOLUME_BTRFS_H
#define AZILR_VOLUME_BTRFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

#define BTRFS_ID_LENGTH ((size_t)16)

/* What the superblock of one device says of it and of the file system that it is part of. */
struct btrfs_member {
    unsigned char fsid[BTRFS_ID_LENGTH];
    unsigned char metadata_uuid[BTRFS_ID_LENGTH]; /* the id in the tree blocks */
    uint64_t device_id;                           /* of this device within the file system */
    uint64_t device_count;                        /* devices that the file system has */
    uint64_t generation;                          /* of the last commit */
    bool has_log;                                 /* what was fsynced since is in a log, to be replayed */
};

/* Reads and checks a device's superblock, without any other I/O. EXIT_FAILED if it is damaged. */
int btrfs_read_member(const char *device, struct btrfs_member *member, struct error **err);

/*
 * Says which devices belong together: groups[i] is the index of the first member of i's file system, i itself for
 * the first. A device that is there twice (two recovery points, or a disk and its copy) begins a second one.
 */
void btrfs_group(const struct btrfs_member *members, size_t count, size_t *groups);

/*
 * Mount options that a file system needs of which so many members are there, beside those of filesystem.h: "degraded"
 * where some are missing; NULL if none. A constant.
 */
const char *btrfs_options(const struct btrfs_member *member, size_t found);

/*
 * Gives the file system on these devices, all of its members that there are, a new random id. They must be overlays:
 * this writes to them, and a change that is cut short leaves a file system that cannot be mounted. EXIT_FAILED with
 * the reason where it can't be done safely.
 */
int btrfs_change_id(const char *const *devices, size_t count, struct error **err);

/*
 * Makes the kernel forget an unmounted device that it has learnt of by a mount, so that nothing is kept of it once the
 * overlay is gone. Returns 1 if it knew it, 0 if not; -1 with EXIT_BUSY if it is mounted.
 */
int btrfs_forget(const char *device, struct error **err);

#endif
