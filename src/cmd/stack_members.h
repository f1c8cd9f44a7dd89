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

/* One overlay for each member, in their order. */
struct stack_ground {
    struct overlay_wish *overlays;
    const char **paths;
    size_t count;
};

/*
 * Makes an overlay on each of the devices; where one is no volume's, `name` is what it is called. Returns 0; -1 with
 * err set where the whole mount must end, or with problem set where only what lies on them cannot be opened. The
 * caller clears *ground.
 */
int stack_overlay_members(struct mount_run *run, const char *const devices[], size_t count, const char *name,
                          struct stack_ground *ground, struct error **problem, struct error **err);

void stack_ground_clear(struct stack_ground *ground);
#define _cleanup_stack_ground_ _cleanup_(stack_ground_clear)

#endif
