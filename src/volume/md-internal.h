/* SPDX-License-Identifier: MIT */
/* Between the parts of md support, and for their tests. */
#ifndef AZILR_VOLUME_MD_INTERNAL_H
#define AZILR_VOLUME_MD_INTERNAL_H

#include "util/run.h"
#include "volume/md.h"

/* What one device's superblock says. */
struct md_superblock {
    char *uuid, *name, *level, *metadata;
    int raid_devices;
    int role;
    uint64_t events, updated; /* the latter in seconds; 0 if not known */
    bool dirty;
    size_t set;                     /* of md_divide() */
    bool is_doubtful;               /* the same */
    char state[MD_MAX_DEVICES + 1]; /* of each member as this one knows it: 'A', '.' or 'R'; "" if it does not say */
};

/* In place of a descriptor to inherit: the command changes nothing, and may be interrupted. */
enum { MD_READS = -2 };

/*
 * Runs mdadm, which inherits lock_fd (util/run.h) or is told to read only, without the host's systemd. As run(), with
 * the advice to install mdadm where there is none.
 */
int md_run(const char *const argv[], int lock_fd, struct wait *wait, struct run_result *result, struct error **err);

/*
 * The answers of `mdadm --examine --export DEVICE` and `mdadm --examine DEVICE` for a device that has a superblock.
 * Returns 0, or -1 if they do not make sense. The caller clears *superblock.
 */
int md_parse(const char *exported, const char *examined, struct md_superblock *superblock, struct error **err);

/*
 * Where members of an array are there several times, says which belong together. In the order of their disks; to be
 * called before md_add().
 */
void md_divide(struct md_superblock *superblocks, size_t count);

/* Adds a device to the array, or copy of one, that it belongs to. Takes what superblock holds. */
void md_add(struct md_arrays *arrays, const char *device, struct md_superblock *superblock);

/* Once all devices are there: which members or copies are stale, what is missing, and what can be done with it. */
void md_judge(struct md_arrays *arrays);

/*
 * Starts an array under this kernel name (with "md_" in front), read-only, with nothing but the kernel's own interface
 * in sysfs, which takes all else from the superblocks. md_mod must be loaded. Returns 0, or -1 with nothing left
 * behind.
 */
int md_kernel_start(const char *name, const char *metadata, const char *const devices[], size_t count,
                    struct error **err);

/* Whether it is one that is put together here: "raid1". */
bool md_is_level(const char *level);

void md_superblock_clear(struct md_superblock *superblock);

#endif
