/* SPDX-License-Identifier: MIT */
/*
 * The block devices that an iSCSI session brought, found below the session in sysfs and never by guessing at
 * letters, and kept read-only.
 */
#ifndef AZILR_BLOCK_DISKS_H
#define AZILR_BLOCK_DISKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/error.h"
#include "util/wait.h"

struct partition {
    char *path; /* "/dev/sdc1" */
    dev_t device;
    int number;    /* as in the partition table, from 1 */
    uint64_t size; /* bytes */
};

struct disk {
    char *path; /* "/dev/sdc" */
    char *vendor, *model;
    dev_t device;
    int lun;
    uint64_t size;                /* bytes */
    struct partition *partitions; /* by number */
    size_t partition_count;
};

struct disks {
    struct disk *items; /* by LUN; those of several sessions one session after the other */
    size_t count;
};

struct disk_watch;

/* Begins to listen for new disks; to be called before the scan that brings them. Closed with
 * disk_watch_close(). */
int disk_watch_open(struct disk_watch **watch, struct error **err);
void disk_watch_close(struct disk_watch *watch);

/*
 * Waits until every disk below the session (its path in sysfs) and every partition of them is there and udev
 * is done with it, at most timeout_ms, making each read-only as soon as it is seen, and appends them to *disks.
 * Returns 0 when all are there, 1 if the time was up before that, -1 with EXIT_NETWORK if no disk came. The caller
 * clears *disks.
 */
int disk_watch_collect(struct disk_watch *watch, const char *session_path, int timeout_ms, struct wait *wait,
                       struct disks *disks, struct error **err);

/* What is below the session at this moment, without waiting and without changing anything. */
int disks_list(const char *session_path, struct disks *disks, struct error **err);

/*
 * Whether somebody holds the disk or a partition of it: a mount in any mount namespace, device-mapper, md. A disk that
 * does not answer within some seconds counts as held by nobody.
 */
bool disk_is_claimed(const char *path, struct wait *wait);

/*
 * Whether udev has events of any device still to handle (udev_queue_get_queue_is_empty(3)), and so may have a disk open
 * that it looks at. Without udev, never.
 */
bool disks_udev_is_at_work(void);

/* Makes a block device read-only for everybody on this host, and checks that it is. */
int disk_set_read_only(const char *path, struct error **err);

void disks_clear(struct disks *disks);
#define _cleanup_disks_ _cleanup_(disks_clear)

DEFINE_CLEANUP(cleanup_disk_watch_ptr, struct disk_watch *, disk_watch_close);
#define _cleanup_disk_watch_ _cleanup_(cleanup_disk_watch_ptr)

#endif
