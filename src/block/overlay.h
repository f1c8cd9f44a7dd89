/* SPDX-License-Identifier: MIT */
/*
 * A writable view of a read-only block device: what is written to it goes to a store on this host, and the device below
 * is only read. For what must be written to be readable: a journal to replay, a volume group to give another identity.
 *
 * It is a device-mapper snapshot (Linux, Documentation/admin-guide/device-mapper/snapshot.rst) with a persistent store
 * in a sparse file that has no name any more once the overlay is there: neither a crash nor a power cut leaves it
 * behind. The store takes the room that is written; all stores of a file system together never come to need more than
 * it has free (block/overlay_room.h).
 */
#ifndef AZILR_BLOCK_OVERLAY_H
#define AZILR_BLOCK_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "util/error.h"
#include "util/wait.h"

/* Where stores are unless somebody says otherwise. */
#define OVERLAY_DIRECTORY "/var/lib/azilr/overlays"

struct overlay_request {
    const char *name;        /* "azilr-0123abcd-0": of the device, and what its store is called while it has a name */
    const char *origin;      /* path of the block device, which must be read-only */
    const char *directory;   /* that is there, and that only root can change; nothing is left in it */
    uint64_t store_size;     /* bytes, at most; 0 for what the whole origin needs, at most 1 GiB */
    _Atomic size_t *to_come; /* so many are about to be made, perhaps by several threads, this one among them, and share
                                the room of the directory; one fewer once this one's turn has come. NULL for it alone */
    int lock_fd;             /* as in struct run_options */
};

struct overlay {
    char *path; /* "/dev/mapper/azilr-0123abcd-0" */
    dev_t device;
    uint64_t store_size; /* bytes */
    bool is_short;       /* fewer than there should be, for lack of room */
};

enum overlay_state {
    OVERLAY_GOOD,
    OVERLAY_FULL,   /* writes fail; what was written before, and the origin, can be read */
    OVERLAY_BROKEN, /* the store could not be written, for lack of room on its file system perhaps: nothing can be read
                     */
};

struct overlay_usage {
    enum overlay_state state;
    uint64_t used, total; /* bytes of the store; 0 unless it is good */
};

/*
 * Makes an overlay. EXIT_USAGE if the directory is not fit, EXIT_HOST if the kernel, dmsetup or room on the file system
 * is lacking, EXIT_BUSY if there is a device of that name. On failure nothing is left. The caller clears *made with
 * overlay_clear().
 */
int overlay_create(const struct overlay_request *request, struct wait *wait, struct overlay *made, struct error **err);

/*
 * Opens a directory for stores, if nobody but root can change what is in it or put another one in its place, and it can
 * be written to: else EXIT_USAGE. *path, which the caller frees, is its real one. Returns the descriptor, or -1.
 */
int overlay_open_directory(const char *given, char **path, struct error **err);

/* Removes the overlay and with it its store. As dm_remove(). */
int overlay_remove(const char *name, int lock_fd, struct wait *wait, struct error **err);

/* Whether a path is one that a store has for the moment in which it has a name: what may be removed as a leftover. */
bool overlay_is_store(const char *path);

/* "good", "full" or "broken". A constant. */
const char *overlay_state_name(enum overlay_state state);

/* How full it is. Does not touch the disks. */
int overlay_usage(const char *name, struct wait *wait, struct overlay_usage *usage, struct error **err);

/* --- what the two above are made of, for tests --- */

/* Bytes of store for an origin of so many bytes that is written to everywhere. */
uint64_t overlay_full_store_size(uint64_t origin_size);

/* Reads what the kernel tells of a snapshot's state: "16/2048 16", "Overflow", "Invalid". */
int overlay_parse_status(const char *status, struct overlay_usage *usage, struct error **err);

void overlay_clear(struct overlay *overlay);
#define _cleanup_overlay_ _cleanup_(overlay_clear)

#endif
