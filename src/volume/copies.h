/* SPDX-License-Identifier: MIT */
/*
 * A backup may have the members of one thing, an array or a file system on several devices, more than once: the VM had
 * copies of its own disks attached, or of another VM's. A copy has the ids of what it is a copy of, so which members
 * belong together must be told from something else; and members of different copies put together give files of neither.
 */
#ifndef AZILR_VOLUME_COPIES_H
#define AZILR_VOLUME_COPIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct copy {
    uint64_t place;   /* which member it says it is */
    uint64_t counter; /* how often the whole was written to, as this one knows it: all members of one copy agree, but
                         for one that a backup in the middle of a write has caught a step behind */
    uint64_t time;    /* when, in any unit; 0 where that is not told */
    bool is_settled;  /* nothing was written since then, so that copies of one counter and time are the same */
    /* what comes out of it: */
    size_t set;
    bool is_doubtful; /* its set is none: which of its members belong together cannot be told */
};

/* Whether any place is taken twice. */
bool copies_are_there(const struct copy *copies, size_t count);

/*
 * Divides the members of one thing, which has so many places, given in the order of their disks. No set has a place
 * twice, or members whose counters are more than one apart. Of those that agree in all, each run in the order of the
 * disks is a set; where there are no such runs they are doubtful, unless they are all settled. Sets are numbered
 * from 0 in the order of their first members, perhaps with gaps.
 */
void copies_divide(struct copy *copies, size_t count, uint64_t places);

#endif
