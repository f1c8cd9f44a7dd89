/* SPDX-License-Identifier: MIT */
/* What the files of a guest's plan share. */
#ifndef AZILR_MOUNT_GUEST_PLAN_INTERNAL_H
#define AZILR_MOUNT_GUEST_PLAN_INTERNAL_H

#include "mount/guest_plan.h"

/* Whether `path` is `above` or below it; both as guest_mount.target is. */
bool guest_plan_is_at_or_below(const char *path, const char *above);

/*
 * Adds what is planned below the source of each recursive bind, as a bind in its place below that bind's target; what
 * the fstab has there itself goes first. Adds `room` at most, for which the items have room; a bind for which that is
 * not enough says so.
 */
void guest_plan_follow_recursive(struct guest_plan *plan, size_t room);

#endif
