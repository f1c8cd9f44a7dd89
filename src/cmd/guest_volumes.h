/* SPDX-License-Identifier: MIT */
/* The volumes of a backup as those of the machine that they were on. */
#ifndef AZILR_CMD_GUEST_VOLUMES_H
#define AZILR_CMD_GUEST_VOLUMES_H

#include <stddef.h>

#include "mount/guest_device.h"
#include "volume/volumes.h"

/* One for each volume, in their order, which borrows from it. The caller frees the list. */
struct guest_volume *guest_volumes_describe(const struct volumes *volumes);

/*
 * Indices of so many, in the order of their disks: the OS disk is the first, which has the lowest LUN of the first
 * target. The caller frees the list.
 */
size_t *guest_volumes_in_order(const struct guest_volume *described, size_t count);

#endif
