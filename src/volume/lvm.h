/* SPDX-License-Identifier: MIT */
/*
 * LVM on a backup's devices, through lvm2's own commands, which are told for each call which devices there are: the
 * host's volume groups are not read, its /etc/lvm, devices file, hints and daemons are neither used nor changed, and
 * its locks are taken as by any other LVM command (lvm.conf(5), lvmdevices(8), lvmsystemid(7)).
 *
 * The way of a volume group: lvm_read() on the read-only devices; an overlay that can be written to for each physical
 * volume, a missing one on top of lvm_stand_in_table(); lvm_import(), which gives it a name and UUIDs of its own, so
 * that it can live beside the same volume group of the host; lvm_activate(). Whatever is on a backup's disk may be
 * hostile: names and sizes are checked here, and what does not pass is an error or left out.
 */
#ifndef AZILR_VOLUME_LVM_H
#define AZILR_VOLUME_LVM_H

#include <stdbool.h>
#include <stdint.h>

#include "util/error.h"
#include "util/wait.h"

struct lvm_pv {
    char *uuid;          /* "jG8F1H-c1lt-JZNc-2UjL-Kc26-UNo8-PmOFCd" */
    char *device;        /* as it was given to lvm_read(); NULL for one that is missing */
    uint64_t size;       /* bytes of extents */
    uint64_t data_start; /* byte at which the extents begin */
};

struct lvm_lv {
    char *name;
    char *layout;    /* LVM's word for it: "linear", "thin,sparse", "raid,raid1" */
    uint64_t size;   /* bytes */
    bool incomplete; /* some of it is on a physical volume that is missing: reading that gives an I/O error */
    bool degraded;   /* a mirror or parity makes up for what is missing */
    char *path;      /* "/dev/mapper/…" from lvm_activate() on; NULL if it is not active */
    char *reason;    /* why it is incomplete, degraded or not active; NULL if it is none of these */
};

struct lvm_group {
    char *name; /* as in the backup; never longer than LVM_NAME_MAX */
    char *uuid;
    uint64_t seqno; /* how often its metadata was changed; 0 if not known */
    bool exported;
    char *system_id;    /* whose it is by lvmsystemid(7); NULL if nobody's */
    char *lock_type;    /* of a shared one: "sanlock", "dlm"; NULL otherwise */
    struct lvm_pv *pvs; /* those that are there first */
    size_t pv_count;
    size_t missing;     /* how many of them are missing */
    struct lvm_lv *lvs; /* those that may hold something a person wants; not the parts they are made of */
    size_t lv_count;
};

/* A physical volume that LVM cannot be shown, or of which it tells what makes no sense. */
struct lvm_unusable {
    char *device; /* as it was given to lvm_read() */
    char *reason;
    bool lacks_others; /* it may be of use together with a device that was not there to be read */
};

struct lvm_groups {
    struct lvm_group *items;
    size_t count;
    struct lvm_unusable *unusable; /* they are in no group here, and keep nothing else from being read */
    size_t unusable_count;
};

#define LVM_DOUBTFUL SIZE_MAX /* in place of a set: which physical volumes belong together cannot be told */

#define LVM_NAME_MAX 127 /* bytes, as in lvm(8) */

/* What lvm_import() and what follows work on. All borrowed. */
struct lvm_place {
    const char *const *devices; /* one that can be written to for each physical volume, in the order of lvm_group.pvs */
    size_t count;
    const char *name;      /* the new name, from lvm_new_name() */
    const char *directory; /* a private directory of ours, for a copy of the metadata while it is needed */
    int lock_fd;           /* a descriptor for the children to inherit, or -1 (util/run.h) */
};

/* "azilr-TAG-vgN". The caller frees it. */
char *lvm_new_name(const char *tag, unsigned number);

/*
 * Device-mapper's name for a volume of a group, in which each dash of a name's own is doubled: "vg--a-lvhome". With an
 * empty volume, what the names of all the group's devices begin with. The caller frees it.
 */
char *lvm_mapped_name(const char *group, const char *volume);

/*
 * What a volume is called in the VM, below /dev: "mapper/vgdata-lv--home" (the name of its device, in which LVM doubles
 * the dashes of both names). The caller frees it.
 */
char *lvm_alias(const struct lvm_group *group, const struct lvm_lv *lv);

/*
 * What the physical volumes among exactly these devices (full paths below /dev) belong to; those that belong to no
 * group are passed over. Reads nothing but them, and writes nothing. Returns 0, with no group if there is none, and
 * with the reason of each device that cannot be read; -1 with EXIT_HOST if lvm2 is not installed, EXIT_FAILED if none
 * of them can be read. The caller clears *groups.
 */
int lvm_read(const char *const devices[], size_t count, struct lvm_groups *groups, struct wait *wait,
             struct error **err);

/*
 * LVM takes no more than one of several physical volumes of one UUID, of which a backup has two where the VM had a copy
 * of another disk of its own attached, or of another VM's. Divides the devices into sets that can each be given to
 * lvm_read(): sets[i] is that of devices[i], from 0. What belongs to one group is kept together by how often its
 * metadata was changed, and where that is the same by the order of the devices, in which each copy must be a run of its
 * own: else sets[i] is LVM_DOUBTFUL. uuids: of the physical volumes, NULL
 * for one that is not known. Reads the devices only where there are such copies. Returns the number of sets, or -1 with
 * EXIT_HOST or EXIT_INTERRUPTED.
 */
int lvm_divide(const char *const devices[], const char *const uuids[], size_t count, size_t sets[], struct wait *wait,
               struct error **err);

/*
 * A device-mapper table for a device that can stand in for a missing physical volume once there is an overlay on it:
 * room for a label and metadata, which the overlay keeps, and then nothing but read errors. NULL if the group's
 * metadata has sizes that make no sense. The caller frees it.
 */
char *lvm_stand_in_table(const struct lvm_pv *pv);

/*
 * Makes the group on these devices one of its own: the new name, new UUIDs, not exported, nobody's system id, no lock
 * type; and whole, where devices stand in for physical volumes that are missing. Activates nothing. The volumes of an
 * exported group, which LVM does not show before, are filled in. Returns 0 or -1.
 */
int lvm_import(struct lvm_group *group, const struct lvm_place *place, struct wait *wait, struct error **err);

/*
 * Activates all of an imported group's volumes that it can, read-only and without any resynchronisation, conversion or
 * monitoring, and gives each its path, or a reason. Returns 0 even if some or all cannot be activated; -1 if LVM could
 * not be asked.
 */
int lvm_activate(struct lvm_group *group, const struct lvm_place *place, struct wait *wait, struct error **err);

/* Whether it is one that lvm_new_name() gives: nothing else is ever undone. */
bool lvm_name_is_ours(const char *name);

/*
 * Removes the copies of an imported group's metadata that the host's own LVM commands, run by whoever, make of any
 * group that they come to see (lvm.conf(5), backup and archive). Below /etc/lvm unless `etc` is another place, for
 * tests. Only names of ours are touched. Returns 0, or -1 if one cannot be removed.
 */
int lvm_remove_copies(const char *etc, const char *name, struct error **err);

/*
 * Removes the links /dev/GROUP/VOLUME of an imported group, and their directory, which LVM makes and nobody removes
 * where there is no udev. Below `dev`, for tests. Only names of ours are touched.
 */
void lvm_remove_links(const char *dev, const char *name);

void lvm_groups_clear(struct lvm_groups *groups);
#define _cleanup_lvm_groups_ _cleanup_(lvm_groups_clear)

#endif
