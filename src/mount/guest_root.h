/* SPDX-License-Identifier: MIT */
/* Whether a mounted volume holds the root file system of a Linux guest, and which one that is. */
#ifndef AZILR_MOUNT_GUEST_ROOT_H
#define AZILR_MOUNT_GUEST_ROOT_H

#include <stdbool.h>

#include "mount/crypttab.h"
#include "mount/fstab.h"
#include "util/error.h"

struct guest_root {
    char *path;     /* where in the volume: "/", or of a btrfs a subvolume's path such as "/@" */
    char *os;       /* "Debian GNU/Linux 12 (bookworm)", printable; NULL if it does not say */
    char *hostname; /* printable; NULL if it does not say */
};

/*
 * Looks at a mounted volume, of which `tree` is the top. A root has an etc with os-release or fstab, and programs in
 * usr or bin. Of a btrfs the default subvolume is looked at first, then its top, then the subvolumes that distributions
 * install to. Returns whether there is one; the caller clears *root.
 */
bool guest_root_find(int tree, bool is_btrfs, struct guest_root *root);

/*
 * Reads os and hostname out of a guest's tree, those that are not known yet. To be called once more when its fstab has
 * been applied: /usr may be a volume of its own.
 */
void guest_root_describe(int tree, struct guest_root *root);

/* Reads its fstab; one that is not there is an empty one. The caller clears *fstab. */
int guest_root_read_fstab(int tree, struct fstab *fstab, struct error **err);

/* Reads its crypttab; one that cannot be read is an empty one. The caller clears *crypttab. */
void guest_root_read_crypttab(int tree, struct crypttab *crypttab);

/* The value of PRETTY_NAME in the text of an os-release(5), printable; NULL if there is none. The caller frees it. */
char *guest_root_pretty_name(const char *text);

void guest_root_clear(struct guest_root *root);
#define _cleanup_guest_root_ _cleanup_(guest_root_clear)

#endif
