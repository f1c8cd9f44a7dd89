/* SPDX-License-Identifier: MIT */
/*
 * Whether an NTFS was at rest when it was backed up: what its journal ($LogFile) and its volume information say. Linux
 * mounts one that was not without a word, and does not replay its journal from a read-only device.
 */
#ifndef AZILR_VOLUME_NTFS_H
#define AZILR_VOLUME_NTFS_H

#include <stdbool.h>

#include "util/error.h"

enum ntfs_journal {
    NTFS_JOURNAL_CLEAN, /* empty, or closed */
    NTFS_JOURNAL_LIVE,  /* the file system was mounted: what is in it may not be in its place yet */
    NTFS_JOURNAL_UNREADABLE,
};

struct ntfs_state {
    enum ntfs_journal journal;
    bool wants_check; /* marked for chkdsk */
};

/*
 * Reads the journal's two restart pages and the volume's flags, a few KiB in all, and writes nothing. A journal that
 * makes no sense is NTFS_JOURNAL_UNREADABLE; EXIT_FAILED is for what is no NTFS, or cannot be read at all.
 */
int ntfs_read_state(const char *device, struct ntfs_state *state, struct error **err);

/* What a person should know of one in this state that is mounted as it is; NULL if nothing. The caller frees it. */
char *ntfs_note(const struct ntfs_state *state);

#endif
