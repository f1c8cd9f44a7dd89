/* SPDX-License-Identifier: MIT */
/* Whether this host's kernel and tools can do iSCSI at all. */
#ifndef AZILR_ISCSI_KERNEL_H
#define AZILR_ISCSI_KERNEL_H

#include "util/error.h"
#include "util/wait.h"

/*
 * Makes sure that iscsiadm is installed and that the kernel has iSCSI over TCP and SCSI disks, loading the
 * modules iscsi_tcp and sd_mod if they are not there yet. EXIT_HOST otherwise, naming what is missing. Loaded
 * modules stay.
 */
int iscsi_check_host(struct wait *wait, struct error **err);

#endif
