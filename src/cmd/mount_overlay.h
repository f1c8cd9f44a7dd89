/* SPDX-License-Identifier: MIT */
/* The overlays of one run of `azilr mount`: named, entered in the undo list, and made several at once. */
#ifndef AZILR_CMD_MOUNT_OVERLAY_H
#define AZILR_CMD_MOUNT_OVERLAY_H

#include <stddef.h>
#include <sys/types.h>

#include "cmd/mount_run.h"

/* One that is wanted, and what came of it. */
struct overlay_wish {
    const char *origin; /* path of a read-only block device; borrowed */
    const char *volume; /* the name of the volume that it is for, which `status` shows; borrowed */
    char *name;         /* of the overlay */
    char *path;         /* NULL if there is none */
    dev_t device;
    uint64_t size;         /* the most that it may take, in bytes */
    bool is_short;         /* less than it should be, for lack of room */
    struct error *problem; /* why there is none, its hint in its message */
};

/* Reads --overlay-size, and looks whether --overlay-dir is fit, before anything is asked of anybody. EXIT_USAGE. */
int mount_overlay_check(struct mount_run *run, struct error **err);

/*
 * Makes all of them. One that cannot be made has its reason in its wish, as all have where there is no directory for
 * them; only what must end the whole mount is an error. The caller clears each wish.
 */
int mount_overlays(struct mount_run *run, struct overlay_wish *wishes, size_t count, struct error **err);

/*
 * Gives the session a tag, "0123abcd", which the names of all devices that are made on its disks have, and tells udev's
 * rules of it. To be called before the first is made.
 */
int mount_tag_begin(struct mount_run *run, struct error **err);

/* That tag. Owned by the session. */
const char *mount_tag(const struct mount_run *run);

/* A name for one more device that is made on the backup's disks: "azilr-0123abcd-7". The caller frees it. */
char *mount_stacked_name(struct mount_run *run);

void overlay_wishes_clear(struct overlay_wish *wishes, size_t count);

#endif
