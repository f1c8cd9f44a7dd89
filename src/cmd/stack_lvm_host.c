/* SPDX-License-Identifier: MIT */
#include "cmd/stack_lvm_host.h"

#include <stdlib.h>

#include "block/dm.h"
#include "cmd/stack_members.h"
#include "util/log.h"
#include "util/str.h"
#include "volume/lvm_host.h"

/* Without azilr's rules a link of udev's could lead to the backup's own disk. */
static bool is_of_backup(const struct mount_run *run, dev_t device)
{
    for (size_t i = 0; i < run->volumes.count; i++)
        if (run->volumes.items[i].device_number == device)
            return true;
    return false;
}

/* *name: of the group, where LVM's own copy of its metadata tells it. */
static bool host_has_member(const struct mount_run *run, const char *uuid, char **name)
{
    dev_t device;

    return lvm_host_remembers("/etc/lvm", uuid, name) ||
           (lvm_host_device("/dev", uuid, &device) && !is_of_backup(run, device));
}

/* Whether volumes of that group are active here. */
static bool is_active(const struct lvm_group *group)
{
    _cleanup_dm_devices_ struct dm_devices all = {0};

    if (dm_list("", &all, NULL) < 0)
        return false;
    for (size_t i = 0; i < all.count; i++)
        if (lvm_host_is_volume_of(all.items[i].uuid, group->uuid))
            return true;
    return false;
}

static bool host_has_group(const struct mount_run *run, const struct lvm_group *group)
{
    _cleanup_free_ char *name = NULL;

    if (is_active(group) || lvm_host_remembers("/etc/lvm", group->uuid, &name))
        return true;
    for (size_t i = 0; i < group->pv_count; i++) {
        _cleanup_free_ char *same = NULL;

        if (host_has_member(run, group->pvs[i].uuid, &same))
            return true;
    }
    return false;
}

/*
 * Both refusals are lvm2's for a group of which a physical volume is there twice; dmeventd, which extends thin pools
 * and snapshots by itself, runs the same commands and takes no option for one of them.
 */
static void warn(const char *what, const char *name)
{
    log_warning("this host has %s %s too: while the backup is open, this host's LVM refuses to change or to activate "
                "that group, and dmeventd to extend its thin pools and snapshots, unless they are kept from seeing the "
                "backup's disks; azilr(8) has a filter that does so",
                what, name);
}

void stack_tell_of_group(const struct mount_run *run, const struct lvm_group *group)
{
    if (host_has_group(run, group))
        warn("the volume group", group->name);
}

void stack_tell_of_members(const struct mount_run *run, const char *const devices[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct volume *volume = stack_volume_of(run, devices[i]);
        _cleanup_free_ char *name = NULL;

        if (!volume || !host_has_member(run, volume->uuid, &name))
            continue;
        if (name)
            warn("the volume group", name);
        else
            warn("the physical volume of", volume->name);
        return;
    }
}
