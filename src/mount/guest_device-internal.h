/* SPDX-License-Identifier: MIT */
/* What guest_device.c, for names that are written on a volume, and guest_device_guess.c, for others, share. */
#ifndef AZILR_MOUNT_GUEST_DEVICE_INTERNAL_H
#define AZILR_MOUNT_GUEST_DEVICE_INTERNAL_H

#include "mount/guest_device.h"

/* One name that is looked for. */
struct guest_search {
    const struct guest_volumes *volumes;
    const char *type;
    struct guest_device *device;
};

/* Records a verdict; printf-like. */
void guest_search_decide(struct guest_search *search, enum guest_device_verdict verdict, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Records a volume that is found or guessed. */
void guest_search_take(struct guest_search *search, size_t volume, enum guest_device_verdict verdict);

static inline bool guest_volume_is_on(const struct guest_volume *volume, int disk)
{
    return disk >= 0 && volume->disk == disk;
}

/* The rest of a name in /dev/disk/azure: "root-part1", "scsi1/lun0". Always decides. */
void guest_search_azure(struct guest_search *search, const char *text);

/*
 * Names of disks that only the running VM knew, below /dev: the kernel's ("sda1"), a disk's serial number or place
 * ("disk/by-id/scsi-36002…-part1", "disk/by-path/…"). Always decides.
 */
void guest_search_disk_name(struct guest_search *search, const char *text);

#endif
