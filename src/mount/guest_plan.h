/* SPDX-License-Identifier: MIT */
/*
 * What a guest's fstab comes to with the volumes of a backup: which of them goes where, in which order, and what is
 * left out and why. Pure.
 *
 * Left out is what has no files of a disk (swap, proc, tmpfs), what is on the network, and what is in no backup.
 * Entries with "noauto" are taken: most such volumes are mounted on demand. Of several for one place the first is
 * taken.
 */
#ifndef AZILR_MOUNT_GUEST_PLAN_H
#define AZILR_MOUNT_GUEST_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "mount/fstab.h"
#include "mount/guest_device.h"

#define GUEST_PLAN_MAX_MOUNTS 64

enum guest_mount_state {
    GUEST_MOUNT_PLANNED,
    GUEST_MOUNT_MOUNTED,
    GUEST_MOUNT_SKIPPED, /* nothing of the backup is missing */
    GUEST_MOUNT_FAILED,  /* a volume is not in its place in the tree; it is in its own directory all the same */
};

enum guest_mount_kind {
    GUEST_MOUNT_VOLUME,
    GUEST_MOUNT_BIND, /* a directory of the tree, in a further place */
};

struct guest_mount {
    enum guest_mount_kind kind;
    enum guest_mount_state state;
    /*
     * Where it goes in the guest: begins with "/", printable, without ".", ".." and doubled slashes. Where it is
     * skipped or has failed it may be any printable text.
     */
    char *target;
    char *source;  /* as the fstab has it, printable */
    size_t volume; /* which one, or NO_VOLUME; of GUEST_MOUNT_VOLUME that is planned: one that is mounted */
    /*
     * Of a bind: the guest's directory to show. Of a btrfs volume: the subvolume's path from the top of the file
     * system, or NULL for what the number says, and if that is not there either, for the default one.
     */
    char *path;
    char *subvolume_id;
    char *where;       /* the directory on this host, once it is mounted */
    bool is_recursive; /* a bind that shows what is mounted below its directory too */
    bool is_guess;     /* the volume is likely to be the one that was meant, no more */
    char *why;         /* why not; or what should be known of one that is planned or mounted; or NULL */
};

#define GUEST_NO_VOLUME ((size_t)-1)

struct guest_plan {
    struct guest_mount *items; /* those that are planned first, in the order in which they are to be made */
    size_t count;
    char *note; /* what should be known of the root itself; or NULL */
};

/* volumes->root_source is set by this. The caller clears *plan. */
void guest_plan_make(const struct fstab *fstab, struct guest_volumes *volumes, struct guest_plan *plan);

/* Records a verdict; printf-like. */
void guest_mount_decide(struct guest_mount *mount, enum guest_mount_state state, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "planned", "mounted", "skipped" or "failed". A constant. */
const char *guest_mount_state_name(enum guest_mount_state state);

void guest_plan_clear(struct guest_plan *plan);
#define _cleanup_guest_plan_ _cleanup_(guest_plan_clear)

#endif
