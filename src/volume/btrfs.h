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
    bool is_seed;                                 /* others may be built on it, and keep its id in them */
};

/* What can be done with a device in the light of the others. */
enum btrfs_fit {
    BTRFS_FITS,
    BTRFS_LEFT_OVER, /* of an older or second copy of the file system, of which not all devices are there */
    BTRFS_DOUBTFUL,  /* of several copies, and which of their devices belong together cannot be told */
};

/* Reads and checks a device's superblock, without any other I/O. EXIT_FAILED if it is damaged. */
int btrfs_read_member(const char *device, struct btrfs_member *member, struct error **err);

/*
 * Says which devices, given in the order of their disks, belong together: groups[i] is the index of the first member of
 * i's file system, i itself for the first; and fits[i] whether that can be opened. Devices of different generations,
 * and one that is there twice (two recovery points, or a disk and its copy), are not of one group.
 */
void btrfs_group(const struct btrfs_member *members, size_t count, size_t *groups, enum btrfs_fit *fits);

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
