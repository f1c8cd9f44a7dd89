/* SPDX-License-Identifier: MIT */
/*
 * Whether this host has a volume group or a physical volume of the backup too, because it is the VM that was backed up
 * or one made of it. Its LVM then refuses to change or to activate that group for as long as it sees both. No disk is
 * read for this, and no command of LVM's is run.
 */
#ifndef AZILR_VOLUME_LVM_HOST_H
#define AZILR_VOLUME_LVM_HOST_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Whether a device is a volume of the group with that UUID, by device-mapper's UUID of it, which begins with the
 * group's, without its dashes (lvm2, lib/activate/dev_manager.c, build_dm_uuid()).
 */
bool lvm_host_is_volume_of(const char *device_uuid, const char *group_uuid);

/*
 * Whether a device, by device-mapper's name and UUID of it, is a thin pool of the host's own, which dmeventd may have
 * to extend: its UUID ends so (lvm2, lib/thin/thin.c); the names of azilr's begin with "azilr-".
 */
bool lvm_host_is_thin_pool(const char *device_name, const char *device_uuid);

/*
 * Whether LVM has kept a copy of the metadata of a group of that UUID, or of one with a physical volume of that UUID
 * (lvm.conf(5), backup): it has one of each group of this host's, active or not, but where that was switched off.
 * *name is the group's, for the caller to free; NULL otherwise. Below /etc/lvm unless `etc` is another place, for
 * tests.
 */
bool lvm_host_remembers(const char *etc, const char *uuid, char **name);

/*
 * The device with the physical volume of that UUID by lvm2's link in /dev/disk/by-id, which azilr's rules make for none
 * of a backup's. Returns whether there is one. Below `dev`, for tests.
 */
bool lvm_host_device(const char *dev, const char *pv_uuid, dev_t *device);

/*
 * Whether all of the host's LVM is kept from a backup's disks: there is a devices file (lvmdevices(8)), or lvm.conf has
 * a global_filter that names azilr's links or rejects what it does not name. `filter` alone is not enough, since what
 * runs by itself does not heed it (lvm.conf(5)). Below /etc/lvm unless `etc` is another place, for tests.
 */
bool lvm_host_is_filtered(const char *etc);

#endif
