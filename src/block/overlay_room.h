/* SPDX-License-Identifier: MIT */
/*
 * The room that overlays' stores share. Stores are sparse, so what is free on their file system is promised away by
 * those that are there already, of this session or another, and counts as gone: together they never come to need more
 * than there is.
 */
#ifndef AZILR_BLOCK_OVERLAY_ROOM_H
#define AZILR_BLOCK_OVERLAY_ROOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/error.h"

/* Of one file system, in bytes. */
struct overlay_room {
    uint64_t available; /* free for whoever asks */
    /* the sizes of the stores that are there: what they have taken already is in neither, and so counted twice, which
     * errs on the safe side */
    uint64_t promised;
};

/*
 * Asks the file system of the directory, and the kernel for the loop devices that hold stores on it. To be called under
 * host_lock(), so that it holds until the store that is made of it is attached.
 */
int overlay_room_look(int directory_fd, struct overlay_room *room, struct error **err);

/*
 * How large one more store may be, for an overlay that needs `whole` bytes if it is written to everywhere. `asked`: at
 * most so many; 0 for the default. `others`: so many are to be made right after it, which share what is left with it;
 * some is left for those of later too, more of it where no size was asked for. 0 if there is too little for any, which
 * is then *least. *is_short: it is smaller than it should be. Pure.
 */
uint64_t overlay_room_share(const struct overlay_room *room, uint64_t whole, uint64_t asked, size_t others,
                            uint64_t *least, bool *is_short);

/* What is left to the file system that stores are on. */
#define OVERLAY_RESERVE (UINT64_C(16) << 20)

#endif
