/* SPDX-License-Identifier: MIT */
/* iSCSI sessions as the kernel shows them under /sys/class/iscsi_session. */
#ifndef AZILR_ISCSI_SYSFS_H
#define AZILR_ISCSI_SYSFS_H

#include <stdbool.h>

#include "util/error.h"

struct iscsi_session {
    int number;    /* N of sessionN, which is iscsiadm's SID */
    int host;      /* H of hostH, the SCSI host made for this session */
    char *syspath; /* /sys/devices/…/hostH/sessionN: the parent of all its disks */
};

/*
 * Finds the session to `target` made through our iface. Returns 1 and fills *session (the caller clears it),
 * 0 if there is none, -1 on error.
 */
int iscsi_find_session(const char *target, const char *iface, struct iscsi_session *session, struct error **err);

/* Whether session `number` is there and was made through that iface. */
bool iscsi_session_is_of(int number, const char *iface);

/* Whether its connection is up, so that its disks answer. */
bool iscsi_session_is_logged_in(int number);

/*
 * Has what waits for a broken connection of session `number` fail after a second, rather than after the time that
 * node.session.timeo.replacement_timeout gave it (open-iscsi's README, "iSCSI settings"). For a connection that breaks
 * from now on: one that is broken already keeps the time it had. Best effort.
 */
void iscsi_session_fail_soon(int number);

/* Whether this host has any iSCSI session at all. */
bool iscsi_any_session(void);

void iscsi_session_clear(struct iscsi_session *session);
#define _cleanup_iscsi_session_ _cleanup_(iscsi_session_clear)

#endif
