/* SPDX-License-Identifier: MIT */
/* The host's iscsid: whether it runs, and starting it the way the distribution does. */
#ifndef AZILR_ISCSI_ISCSID_H
#define AZILR_ISCSI_ISCSID_H

#include <stdbool.h>

#include "util/error.h"
#include "util/wait.h"

/* Whether something answers where iscsiadm looks for iscsid: the daemon itself, or systemd on its behalf. */
bool iscsid_is_reachable(void);

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

/*
 * Starts iscsid: the unit from iscsid_unit(), or the distribution's service script where unit is NULL.
 * EXIT_HOST if that does not help, with what was tried.
 */
int iscsid_start(const char *unit, struct wait *wait, struct error **err);

/*
 * Undoes iscsid_start() for a unit, unless any iSCSI session is left on the host that now depends on it.
 * Returns 1 if it was stopped, 0 if it was left alone or not running.
 */
int iscsid_stop(const char *unit, struct wait *wait, struct error **err);

#endif
