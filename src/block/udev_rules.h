/* SPDX-License-Identifier: MIT */
/*
 * What keeps the rest of the host away from a backup's disks: the rules in udev/56-azilr.rules, and the mark
 * of an iSCSI session that they look for.
 */
#ifndef AZILR_BLOCK_UDEV_RULES_H
#define AZILR_BLOCK_UDEV_RULES_H

#include <stdbool.h>

#include "util/error.h"
#include "util/wait.h"

/* Whether udev runs on this host. Where it does not, nobody acts on new disks, and there is nothing to keep
 * away. */
bool udev_is_running(void);

/* Whether the rules are installed for good. */
bool udev_rules_are_installed(void);

/* Puts a copy of the rules under /run/udev/rules.d, for hosts where they are not installed, and has udev read
 * it. */
int udev_rules_place(struct wait *wait, struct error **err);

/* Where that copy is. A constant. */
const char *udev_rules_path(void);

/* Takes that copy away again. Returns 1 if it was there. */
int udev_rules_remove(struct wait *wait, struct error **err);

/* Marks an iSCSI session, by its number, as azilr's: from then on its new disks fall under the rules. */
int udev_mark_session(int session, struct error **err);

/* Takes the mark off. */
int udev_unmark_session(int session, struct error **err);

/* Takes away the marks of sessions that are not there any more. */
int udev_sweep_marks(struct error **err);

#endif
