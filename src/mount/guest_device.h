/* SPDX-License-Identifier: MIT */
/*
 * Which volume of the backup a VM meant by a name in its fstab. Pure.
 *
 * A name is certain where it is written on the volume (UUID=, LABEL=, PARTUUID=, PARTLABEL=, the links of udev to
 * these, names of logical volumes and arrays). It is a guess where only the running VM knew: the letters of disks,
 * which Linux gives in the order in which they answer, and Azure's LUNs of data disks, which a recovery point does not
 * tell.
 *
 * Azure's links below /dev/disk/azure are made by udev rules of WALinuxAgent (config/66-azure-storage.rules),
 * cloud-init (66-azure-ephemeral.rules: /dev/disk/cloud) and azure-vm-utils (udev/80-azure-disk.rules):
 * "root" or "os" is the OS disk, as is LUN 0 of the controller "scsi0"; "resource", and LUN 1 of "scsi0", the temporary
 * disk of the VM's host, which is in no backup; "scsi1/lunN", "data/by-lun/N" and "datadisks/lunN" are data disks.
 */
#ifndef AZILR_MOUNT_GUEST_DEVICE_H
#define AZILR_MOUNT_GUEST_DEVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "mount/crypttab.h"

/* A volume as far as an fstab can speak of it; borrowed texts, NULL where there is none. */
struct guest_volume {
    const char *name; /* what a person knows it by */
    const char *type; /* libblkid's name */
    const char *label, *uuid;
    const char *part_uuid, *part_name;
    /*
     * What the VM called it, below /dev, several of them one a line: "mapper/vgdata-lvhome" (device-mapper's name, in
     * which a dash of a group's or volume's own name is doubled), "md/data" or "md0". What was unlocked has
     * "mapper/luks-UUID", with the UUID of the encrypted volume, as systemd names it; the VM's crypttab may have
     * another name for it.
     */
    const char *aliases;
    int disk;      /* which disk of the backup it is on, or begins on, from 0; -1 if that is not known */
    int partition; /* from 1; 0 for the whole disk; -1 for neither */
    bool mounted;
};

struct guest_volumes {
    const struct guest_volume *items;
    size_t count;
    size_t root;                     /* the volume with the guest's root file system */
    const struct crypttab *crypttab; /* the guest's; NULL if it has none */
    const char *root_source;         /* what its fstab calls that one, NULL if it does not say */
};

enum guest_device_verdict {
    GUEST_DEVICE_FOUND,
    GUEST_DEVICE_GUESSED,
    GUEST_DEVICE_NOT_BACKED_UP, /* it is known that no backup holds it */
    GUEST_DEVICE_UNKNOWN,
};

struct guest_device {
    enum guest_device_verdict verdict;
    size_t volume; /* where one is found or guessed */
    char *why;     /* a sentence: why not, or what to know of the choice; NULL where there is nothing to say */
};

/*
 * `type` is the file system that the fstab names, which a guess must have. The caller clears *device.
 */
void guest_device_find(const struct guest_volumes *volumes, const char *source, const char *type,
                       struct guest_device *device);

void guest_device_clear(struct guest_device *device);
#define _cleanup_guest_device_ _cleanup_(guest_device_clear)

#endif
