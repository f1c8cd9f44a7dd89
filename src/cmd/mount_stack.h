/* SPDX-License-Identifier: MIT */
/*
 * What lies on a backup's disks in layers: arrays, volume groups, encrypted volumes, partition tables, each of which
 * brings block devices that may hold another. mount_stack() goes on until a round brings nothing new; its parts, below,
 * each handle one kind.
 */
#ifndef AZILR_CMD_MOUNT_STACK_H
#define AZILR_CMD_MOUNT_STACK_H

#include "cmd/mount_run.h"

/* Whether what lacks some of its members is opened too, which is only done once there is no way to get more of them. */
enum stack_members {
    STACK_WHOLE,
    STACK_PARTIAL,
};

/* From disks to all volumes on them, looked at, none mounted. What cannot be opened has its reason in run->volumes. */
int mount_stack(struct mount_run *run, struct error **err);

/*
 * Assembles what arrays there are among the volumes that are members of one and have not been tried yet; their devices
 * become volumes that are still to be looked at.
 */
int stack_assemble_arrays(struct mount_run *run, enum stack_members members, struct error **err);

/* The same with volume groups: activated under a name of their own, beside whatever the host has. */
int stack_activate_groups(struct mount_run *run, enum stack_members members, struct error **err);

/* The same with partition tables, on what is no disk. */
int stack_open_partitions(struct mount_run *run, struct error **err);

/* The same with encrypted volumes, for which there is a key. */
int stack_unlock(struct mount_run *run, struct error **err);

/* Reads the files of --key-file, so that what is wrong with them is told before anything is done. */
int stack_read_keys(struct mount_run *run, struct error **err);

/*
 * Adds a device that was opened as a volume still to be looked at, on this disk of the backup (struct volume); its name
 * becomes unique. NULL, with the reason in
 * `problem`, if it cannot be looked at.
 */
struct volume *stack_add(struct mount_run *run, const char *name, const char *device, int disk, struct error **problem);

/* Adds one that could not be opened, whose reason the caller sets. */
struct volume *stack_add_unopened(struct mount_run *run, const char *name, uint64_t size);

#endif
