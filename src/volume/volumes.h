/* SPDX-License-Identifier: MIT */
/*
 * Volumes: everything on a backup's disks that could be mounted by itself, each with a name that a person can
 * tell from the others, and a verdict.
 */
#ifndef AZILR_VOLUME_VOLUMES_H
#define AZILR_VOLUME_VOLUMES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/error.h"
#include "util/json.h"
#include "volume/filesystem.h"

enum volume_state {
    VOLUME_FOUND, /* can be mounted, not tried yet */
    VOLUME_MOUNTED,
    VOLUME_SKIPPED, /* holds no files: nothing is missing */
    VOLUME_FAILED,  /* may hold files that the person does not get */
};

struct volume {
    char *name;   /* "disk0p1": the order of the LUNs and the number in the partition table; "disk0" if
                     unpartitioned */
    char *device; /* "/dev/sdc1" */
    dev_t device_number;
    int lun;
    uint64_t size;   /* bytes */
    char *type;      /* libblkid's name, NULL if unknown */
    char *label;     /* printable, NULL if none */
    char *uuid;      /* printable, NULL if none */
    char *part_uuid; /* of a partition: its own id in the table, NULL if unknown */
    char *part_name; /* of a GPT partition: its name, NULL if none */
    char *alias;     /* what it was called in the VM, below /dev: "mapper/vgdata-lvhome" (device-mapper's name),
                        "md/data", "md0", "mapper/luks-UUID" with the UUID of what was unlocked; several of them
                        one a line; NULL if only the VM knows */
    const struct filesystem *filesystem; /* how to mount it, for VOLUME_FOUND and VOLUME_MOUNTED */
    enum volume_state state;
    char *mount_point; /* where, once mounted */
    char *reason;      /* why it is skipped or has failed */
    char *note;        /* what a person should know of one that is mounted */
};

struct volumes {
    struct volume *items;
    size_t count;
};

/*
 * Looks at one block device and adds it. A device that cannot be read becomes a failed volume, not an error.
 * is_whole_disk: a partition table on it is then skipped, since its partitions are volumes of their own.
 */
void volumes_add_device(struct volumes *volumes, const char *name, const char *device, dev_t device_number, int lun,
                        uint64_t size, bool is_whole_disk);

/* Records a verdict; printf-like. `state` is VOLUME_SKIPPED or VOLUME_FAILED. */
void volume_set_reason(struct volume *volume, enum volume_state state, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "found", "mounted", "skipped" or "failed". A constant. */
const char *volume_state_name(enum volume_state state);

/* An array with one object a volume; its members are documented in azilr(8). The caller deletes it. */
cJSON *volumes_to_json(const struct volumes *volumes);

void volumes_clear(struct volumes *volumes);
#define _cleanup_volumes_ _cleanup_(volumes_clear)

#endif
