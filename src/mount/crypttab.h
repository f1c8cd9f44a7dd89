/* SPDX-License-Identifier: MIT */
/*
 * A guest's crypttab(5): what it calls the encrypted volumes that it opens. Pure; the text is somebody else's. Lines
 * that are too long, have a NUL, or are too many are passed over.
 */
#ifndef AZILR_MOUNT_CRYPTTAB_H
#define AZILR_MOUNT_CRYPTTAB_H

#include <stddef.h>

#define CRYPTTAB_MAX_BYTES ((size_t)64 * 1024)
#define CRYPTTAB_MAX_LINE 1024
#define CRYPTTAB_MAX_ENTRIES 64

struct crypttab_entry {
    char *name;   /* below /dev/mapper */
    char *source; /* the encrypted volume, as an fstab would name it */
};

struct crypttab {
    struct crypttab_entry *items;
    size_t count;
};

/* The caller clears *crypttab. */
void crypttab_parse(const char *text, size_t length, struct crypttab *crypttab);

/* What is behind a name; NULL if it is not there. Owned by the table. */
const char *crypttab_source(const struct crypttab *crypttab, const char *name);

void crypttab_clear(struct crypttab *crypttab);
#define _cleanup_crypttab_ _cleanup_(crypttab_clear)

#endif
