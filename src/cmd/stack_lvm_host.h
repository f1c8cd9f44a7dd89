/* SPDX-License-Identifier: MIT */
/* Telling that this host has volume groups of the backup too. */
#ifndef AZILR_CMD_STACK_LVM_HOST_H
#define AZILR_CMD_STACK_LVM_HOST_H

#include <stddef.h>

#include "cmd/mount_run.h"
#include "volume/lvm.h"

/* Warns if the host has that group, or a physical volume of it, whether it is active here or not. */
void stack_tell_of_group(const struct mount_run *run, const struct lvm_group *group);

/* The same for physical volumes of the backup (paths of devices) that cannot be read as a group: by their UUIDs. */
void stack_tell_of_members(const struct mount_run *run, const char *const devices[], size_t count);

#endif
