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
    VOLUME_MEMBER,  /* part of something that has been opened, or unlocked: see the reason */
    VOLUME_SKIPPED, /* holds no files: nothing is missing */
    VOLUME_FAILED,  /* may hold files that the person does not get */
};

struct volume {
    char *name;   /* "disk0p1": the order of the LUNs and the number in the partition table; "disk0" if
                     unpartitioned */
    char *device; /* "/dev/sdc1" */
    dev_t device_number;
    int lun;
    int disk; /* the backup's disk that it is on, or the first of them: 0 for "disk0"; -1 if on none */
    bool is_whole_disk;
    bool has_outside_journal; /* an ext file system whose journal is on another device: never to be loaded */
    bool is_tried;            /* of what is no file system: opening it, or what it is part of, has been tried */
    uint64_t size;            /* bytes */
    char *type;               /* libblkid's name, NULL if unknown */
    char *label;              /* printable, NULL if none */
    char *uuid;               /* printable, NULL if none */
    char *table;              /* of one that holds a partition table and nothing else: its kind, "gpt"; else NULL */
    char *part_type;          /* of a partition that the kernel knows nothing of: its type; else NULL */
    char *part_uuid;          /* of a partition: its own id in the table, NULL if unknown */
    char *part_name;          /* of a GPT partition: its name, NULL if none */
    char *alias; /* what it was called in the VM, below /dev: "mapper/vgdata-lvhome" (device-mapper's name),
                    "md/data", "md0", "mapper/luks-UUID" with the UUID of what was unlocked; several of them
                    one a line; NULL if only the VM knows */
    const struct filesystem *filesystem; /* how to mount it, for VOLUME_FOUND and VOLUME_MOUNTED */
    enum volume_state state;
    bool is_overlaid;    /* `device` is an overlay, which can be written to */
    const char *options; /* mount options that it needs beside those of its type; a constant, or NULL */
    /* of a file system on several devices, the others: NULL-terminated paths, or NULL; and their numbers */
    char **companions;
    dev_t *companion_numbers;
    size_t companion_count;
    char *mount_point; /* where, once mounted */
    char *loop;        /* the loop device that it is mounted from, to read ahead; NULL if from `device` itself */
    char *reason;      /* why it is skipped or has failed */
    char *note;        /* what a person should know of one that is mounted */
};

/* Far more than any VM has. A backup that claims more would have its session's state grow past what is saved. */
#define VOLUMES_MAX ((size_t)1024)

struct volumes {
    struct volume *items;
    size_t count;
    size_t left_out;       /* so many were added when there were VOLUMES_MAX already */
    struct volume *excess; /* the latest of these, which is not among the items; NULL if there is none */
};

/*
 * Adds a block device that has not been looked at yet, and returns it; good until the next one is added.
 * is_whole_disk: of its partitions the kernel shows none. With VOLUMES_MAX
 * of them it is counted as left out, and what is returned can be written to all the same.
 */
struct volume *volumes_add(struct volumes *volumes, const char *name, const char *device, dev_t device_number, int lun,
                           uint64_t size, bool is_whole_disk);

/* Where some were left out, one failed volume more says so. Once all have been added. */
void volumes_tell_left_out(struct volumes *volumes);

/*
 * A name that a backup gives, as that of a volume and of its directory: printable, one component of a path, not hidden,
 * of at most NAME_MAX bytes. A number above 1, for a name that is taken already, stands behind it ("data-2"). The
 * caller frees it.
 */
char *volume_fit_name(const char *wanted, int number);

/*
 * Looks at what the device holds, and judges it. One that cannot be read becomes a failed volume, not an error.
 * Several volumes may be looked at by several threads at once.
 */
void volume_probe(struct volume *volume);

/* Records a verdict; printf-like. `state` is VOLUME_SKIPPED or VOLUME_FAILED. */
void volume_set_reason(struct volume *volume, enum volume_state state, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds to what a person should know of the volume, behind what it has already; printf-like. */
void volume_add_note(struct volume *volume, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "found", "mounted", "member", "skipped" or "failed". A constant. */
const char *volume_state_name(enum volume_state state);

/* An array with one object a volume; its members are documented in azilr(8). The caller deletes it. */
cJSON *volumes_to_json(const struct volumes *volumes);

void volumes_clear(struct volumes *volumes);
#define _cleanup_volumes_ _cleanup_(volumes_clear)

#endif
