/* SPDX-License-Identifier: MIT */
/* What the volumes of a backup have in common that are members of one thing: of a volume group, of an array. */
#ifndef AZILR_CMD_STACK_MEMBERS_H
#define AZILR_CMD_STACK_MEMBERS_H

#include "cmd/mount_overlay.h"
#include "cmd/mount_run.h"

/* The volume on this device (its path); NULL if there is none, or device is NULL. Good until one is added. */
struct volume *stack_volume_of(const struct mount_run *run, const char *device);

/* Where something on several devices counts as lying: the first disk of theirs, or -1. They may be NULL. */
int stack_disk_of(const struct mount_run *run, const char *const devices[], size_t count);

/* What one group or array is opened on: an overlay for each member, in their order. */
struct stack_ground {
    struct overlay_wish *overlays;
    const char **paths;
    size_t count;
    struct error *problem; /* why not all of them are there */
};

/* Plans an overlay on each of the devices; where one is no volume's, `name` is what it is called. All borrowed. */
void stack_ground_plan(const struct mount_run *run, const char *const devices[], size_t count, const char *name,
                       struct stack_ground *ground);

/*
 * Makes the overlays of all of them at once. What cannot be had is in the problem of the one that wants it; only what
 * must end the whole mount is an error. The caller clears each.
 */
int stack_grounds_make(struct mount_run *run, struct stack_ground *const grounds[], size_t count, struct error **err);

void stack_ground_clear(struct stack_ground *ground);
#define _cleanup_stack_ground_ _cleanup_(stack_ground_clear)

#endif
