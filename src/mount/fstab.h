/* SPDX-License-Identifier: MIT */
/* A guest's fstab as it stands there. Pure: text in, a list out; the text is somebody else's and may be anything. */
#ifndef AZILR_MOUNT_FSTAB_H
#define AZILR_MOUNT_FSTAB_H

#include <stddef.h>

#include "util/error.h"

#define FSTAB_MAX_BYTES ((size_t)256 * 1024)
#define FSTAB_MAX_LINE 4096   /* bytes; a longer one is left out */
#define FSTAB_MAX_ENTRIES 128 /* those after it are left out */

/* fstab(5): escapes are resolved, and any byte but NUL may be in any of them. */
struct fstab_entry {
    char *source; /* "UUID=…", "/dev/…", "tmpfs"; tags without quotes */
    char *target;
    char *type;
    char *options; /* "" if none */
};

struct fstab {
    struct fstab_entry *items;
    size_t count;
    size_t left_out; /* lines that are no entries, or too long or too many */
};

/* Fails (EXIT_FAILED) only for what is larger than FSTAB_MAX_BYTES. The caller clears *fstab. */
int fstab_parse(const char *text, size_t length, struct fstab *fstab, struct error **err);

/*
 * The value of an option, of its last mention: "@home" of "subvol=@home", "" for one without a value, NULL if it is not
 * there. The caller frees it.
 */
char *fstab_option(const struct fstab_entry *entry, const char *name);

void fstab_clear(struct fstab *fstab);
#define _cleanup_fstab_ _cleanup_(fstab_clear)

#endif
