/* SPDX-License-Identifier: MIT */
/*
 * Linux software RAID (md) on a backup's devices: looked at with mdadm, told for each call which devices there are, and
 * put together under a kernel name of ours, read-only, so that nothing is resynchronised or rebuilt. The host's
 * mdadm.conf and its arrays are neither read nor changed. Superblocks may be hostile: what does not pass is left out.
 */
#ifndef AZILR_VOLUME_MD_H
#define AZILR_VOLUME_MD_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"
#include "util/wait.h"

struct md_member {
    char *device;    /* as it was given to md_read() */
    int role;        /* its place in the array, from 0; MD_SPARE for a spare, or one that is no part of it any more */
    uint64_t events; /* how up to date it is */
    bool dirty;      /* written to at the moment of the backup */
    bool stale;      /* dropped out of the array long before the backup: left out when it is put together */
};

#define MD_SPARE (-1)

enum { MD_MAX_DEVICES = 512 }; /* more than any VM has disks */

enum md_state {
    MD_WHOLE,      /* all members are there */
    MD_DEGRADED,   /* enough are there: redundancy makes up for the rest */
    MD_INCOMPLETE, /* too few are there */
    MD_LEFT_OVER,  /* an older or second copy of an array, of which not all members are there */
    MD_DOUBTFUL,   /* several copies of an array, and which members belong together cannot be told */
    MD_UNSUPPORTED /* metadata of a firmware RAID, or a level that is none */
};

struct md_array {
    char *uuid;     /* "a08b684e:303025f0:f0701555:9cb087ea" */
    char *name;     /* "web01:data"; of 0.90 metadata the number it had; printable; NULL if none */
    char *level;    /* "raid1", "raid0", "linear", … */
    char *metadata; /* "0.90", "1.0", "1.1", "1.2", "ddf", "imsm" */
    int raid_devices;
    int missing; /* members that are not there or are stale */
    enum md_state state;
    char *reason;     /* why it is not whole; NULL if it is */
    bool needs_force; /* written to at the moment of the backup, and degraded: its parity is taken as it is */
    struct md_member *members;
    size_t member_count;
    uint64_t events, updated;          /* of the most recent of its members: how often, and when (seconds) */
    size_t set;                        /* which of several copies it is, all of one UUID */
    bool is_copy;                      /* there are others of its UUID among the arrays */
    char recorded[MD_MAX_DEVICES + 1]; /* the state of each member as that one knows it; for md_judge() */
};

struct md_arrays {
    struct md_array *items;
    size_t count;
};

/* "md_azilr_TAG_N", which is both the kernel's name and what is below /dev. The caller frees it. */
char *md_kernel_name(const char *tag, unsigned number);

/* "data" of the name "web01:data"; NULL if it has none. Any printable text. The caller frees it. */
char *md_short_name(const struct md_array *array);

/*
 * What an array is called in the VM, below /dev: "md/data". NULL if that is not known or no name for a device. The
 * caller frees it.
 */
char *md_alias(const struct md_array *array);

/* What mdadm has said of a device: its superblock does not change for as long as the backup is open. */
struct md_answer {
    char *device;
    char *exported, *examined; /* NULL if it has no superblock */
    struct error *problem;     /* why it could not be asked; NULL if it could */
};

struct md_answers {
    struct md_answer *items;
    size_t count;
};

/*
 * Which arrays exactly these devices (full paths below /dev, in the order of their disks) are members of. Those without
 * md metadata are passed over. Of an array that is there several times, each copy is an array.
 * Reads nothing but them, all at once, and of them only those of which *known has no answer yet; it has one afterwards.
 * Returns 0 or -1 (EXIT_HOST if mdadm is not installed). The caller clears *arrays, and *known after the last call.
 */
int md_read(const char *const devices[], size_t count, struct md_answers *known, struct md_arrays *arrays,
            struct wait *wait, struct error **err);

/* All borrowed. */
struct md_place {
    /*
     * An overlay that can be written to for each member, in the order of md_array.members: the array is then given a
     * UUID of its own, so that it can live beside the same array of the host, and can be forced if it must. NULL for
     * the members themselves, which are only read.
     */
    const char *const *devices;
    const char *kernel_name; /* from md_kernel_name() */
    const char *directory;   /* a private directory of ours, for mdadm's configuration while it is needed */
    int lock_fd;             /* a descriptor for the children to inherit, or -1 (util/run.h) */
};

/*
 * Puts the array together, read-only, as /dev/KERNEL_NAME, of what is fresh of its members. Returns 0 when it runs; 1,
 * with nothing changed, where that takes overlays and there are none (it must be forced, or the host runs an array of
 * that UUID); -1 with EXIT_FAILED if it cannot be done. An array whose name is a number only, which all of 0.90
 * metadata are, is started by the kernel alone: it keeps its UUID, needs no overlays, and cannot be forced.
 */
int md_assemble(const struct md_array *array, const struct md_place *place, struct wait *wait, struct error **err);

/*
 * Takes an array of ours down again; tries for a few seconds while something has it open. Returns 1 if it was there, 0
 * if not, -1 if it is in use or the name is not one of ours.
 */
int md_stop(const char *kernel_name, struct wait *wait, struct error **err);

void md_answers_clear(struct md_answers *answers);
#define _cleanup_md_answers_ _cleanup_(md_answers_clear)

void md_arrays_clear(struct md_arrays *arrays);
#define _cleanup_md_arrays_ _cleanup_(md_arrays_clear)

#endif
