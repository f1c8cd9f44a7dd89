/* SPDX-License-Identifier: MIT */
/* Whether this host's own LVM would be hindered by a backup that has the same volume groups. */
#include <unistd.h>

#include "cmd/doctor.h"
#include "util/str.h"
#include "volume/lvm_host.h"

void doctor_lvm(struct doctor *doctor, struct doctor_findings *findings, struct wait *wait)
{
    _cleanup_dm_devices_ struct dm_devices all = {0};

    (void)doctor;
    (void)wait;
    if (geteuid() != 0)
        doctor_skip(findings, "lvm", NULL, "only root can see whether this host has thin pools");
    else if (dm_list("", &all, NULL) < 0 || !lvm_host_has_thin_pool(&all))
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
