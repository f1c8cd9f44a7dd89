/* SPDX-License-Identifier: MIT */
/* Whether this host's own LVM would be hindered by a backup that has the same volume groups. */
#include <unistd.h>

#include "block/dm.h"
#include "cmd/doctor.h"
#include "util/str.h"
#include "volume/lvm_host.h"

static bool has_thin_pool(void)
{
    _cleanup_dm_devices_ struct dm_devices all = {0};

    if (dm_list("", &all, NULL) < 0)
        return false;
    for (size_t i = 0; i < all.count; i++)
        if (lvm_host_is_thin_pool(all.items[i].name, all.items[i].uuid))
            return true;
    return false;
}

void doctor_lvm(struct doctor *doctor, struct doctor_findings *findings, struct wait *wait)
{
    (void)doctor;
    (void)wait;
    if (geteuid() != 0)
        doctor_skip(findings, "lvm", NULL, "only root can see whether this host has thin pools");
    else if (!has_thin_pool())
        doctor_ok(findings, "lvm", NULL, "this host has no thin pool that LVM might have to extend");
    else if (lvm_host_is_filtered("/etc/lvm"))
        doctor_ok(findings, "lvm", NULL, "this host's LVM is kept from seeing a backup's disks");
    else
        doctor_warn(findings, "lvm", NULL,
                    str_dup("in the section devices of /etc/lvm/lvm.conf: global_filter = [ "
                            "\"r|^/dev/disk/by-azilr/|\" ]"),
                    "this host has thin pools, which LVM does not extend by itself while a backup of this very host "
                    "is open");
}
