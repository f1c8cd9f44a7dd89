/* SPDX-License-Identifier: MIT */
/* The host's iscsid: whether it runs, and starting it the way the distribution does. */
#ifndef AZILR_ISCSI_ISCSID_H
#define AZILR_ISCSI_ISCSID_H

#include <stdbool.h>

#include "util/error.h"
#include "util/wait.h"

/*
 * Whether root answers where iscsiadm looks for iscsid: the daemon itself, or systemd on its behalf. 1 or 0; EXIT_HOST
 * if it is somebody else, who would be told the passwords of targets (unix(7), SO_PEERCRED: whose call of listen(2) it
 * was).
 */
int iscsid_is_reachable(struct error **err);

/*
 * The same without connecting, which would have systemd start iscsid where its socket waits for that: whether the
 * kernel has a socket of that name that somebody listens on.
 */
bool iscsid_is_listened_for(void);

/*
 * The systemd unit that iscsid_start() would start: "iscsid.socket" or "iscsid.service", whichever the host
 * has first; NULL where there is none. A constant.
 */
const char *iscsid_unit(struct wait *wait);

/* Whether a unit, as iscsid_unit() gives it, is masked, so that it cannot be started. */
bool iscsid_unit_is_masked(const char *unit, struct wait *wait);

/* Whether systemd is about to start or stop a unit, as iscsid_unit() gives it, or its service, for somebody else. */
bool iscsid_unit_has_job(const char *unit, struct wait *wait);

/*
 * Starts iscsid: the unit from iscsid_unit(), or the distribution's service script where unit is NULL. What does it
 * keeps lock_fd, the session's, open until it is through.
 * EXIT_HOST if that does not help, with what was tried.
 */
int iscsid_start(const char *unit, int lock_fd, struct wait *wait, struct error **err);

/*
 * Undoes iscsid_start() for a unit, however far that came, unless any iSCSI session is left on the host that now
 * depends on it. Returns 1 if it was stopped, 0 if it was left alone or not running, -1 with err set, also if the time
 * was up before it was known.
 */
int iscsid_stop(const char *unit, int lock_fd, struct wait *wait, struct error **err);

#endif
