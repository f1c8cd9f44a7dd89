/* SPDX-License-Identifier: MIT */
/*
 * What keeps the rest of the host away from a backup's disks and what is stacked on them: the rules in udev/, and the
 * marks that they look for. The rules make links for a person too: /dev/disk/by-azilr/ID/lun1, lun1-part2, and the
 * names of stacked devices, where ID is the id of a session of azilr's. They go with the devices.
 */
#ifndef AZILR_BLOCK_UDEV_RULES_H
#define AZILR_BLOCK_UDEV_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"
#include "util/wait.h"

/* Whether udev runs on this host. Where it does not, nobody acts on new disks, and there is nothing to keep
 * away. */
bool udev_is_running(void);

/* What is in force, the better first. */
enum udev_rules_state {
    UDEV_RULES_GOOD,
    UDEV_RULES_COPIED,     /* not installed, but a session's copy is there */
    UDEV_RULES_MISSING,    /* mount brings a copy */
    UDEV_RULES_OTHER,      /* of another version of azilr; mount's copy counts for more */
    UDEV_RULES_OVERRIDDEN, /* by a file that counts for more than mount's copy: a link to /dev/null, for example */
};

/*
 * Which of the rules udev reads, going by the places that it reads and their order (udev(7)), below `root`, which is ""
 * but for tests: the worst of all files. *path is the file that is other than it should be, or NULL; the caller frees
 * it.
 */
enum udev_rules_state udev_rules_examine(const char *root, char **path);

/* EXIT_HOST where the rules are overridden, so that a backup's disks would not be safe from this host. */
int udev_rules_check(struct error **err);

/* Puts a copy of the rules under /run/udev/rules.d, for hosts where they are not installed, and has udev read
 * it. */
int udev_rules_place(struct wait *wait, struct error **err);

/* Where the copy is, or one file of it, by which it is known. A constant. */
const char *udev_rules_path(void);

/* Takes that copy away again. Returns 1 if it was there. */
int udev_rules_remove(struct wait *wait, struct error **err);

/*
 * Marks an iSCSI session, by its number, as azilr's: from then on its new disks fall under the rules. `id` is the id of
 * azilr's session, for the links. Where that has several targets, whose disks may have the same LUN, `target` counts
 * them from 1, and the links are called target1-lun1, …; otherwise it is 0.
 */
int udev_mark_session(int session, const char *id, size_t target, struct error **err);

/* Takes the mark off. */
int udev_unmark_session(int session, struct error **err);

/*
 * Says to which session of azilr's the stacked devices with this tag belong (8 characters: "azilr-TAG-0", volume group
 * "azilr-TAG-vg", array "md_azilr_TAG_0"), for their links. The rules hold for them without that.
 */
int udev_mark_stack(const char *tag, const char *id, struct error **err);
int udev_unmark_stack(const char *tag, struct error **err);

/*
 * Takes away the marks of iSCSI sessions that are not there any more, those that were being written when azilr was
 * killed too, and their directory with the last one.
 */
int udev_sweep_marks(struct error **err);

#endif
