/* SPDX-License-Identifier: MIT */
/* Between the parts of LVM support, and for their tests. */
#ifndef AZILR_VOLUME_LVM_INTERNAL_H
#define AZILR_VOLUME_LVM_INTERNAL_H

#include "util/json.h"
#include "util/run.h"
#include "volume/lvm.h"

/* The columns that lvm_report_pvs() and lvm_report_lvs() want, for -o. */
#define LVM_PV_COLUMNS                                                                                                 \
    "pv_name,pv_uuid,pv_missing,pv_in_use,pv_size,pe_start,vg_name,vg_uuid,vg_seqno,vg_exported,vg_systemid,vg_lock_"  \
    "type"
#define LVM_LV_COLUMNS "vg_uuid,lv_name,lv_size,lv_layout,lv_role,devices,metadata_devices,pool_lv,origin"

struct lvm_activation {
    const char *name; /* of the group */
    const struct lvm_lv *lvs;
    size_t lv_count; /* at most LVM_BATCH, so that all of them have room in one argument */
};

enum { LVM_BATCH = 384 };

/*
 * The value of --config for one call: these devices and no others, and nothing of the host's own settings that would
 * make LVM write, start or wait for something. group: the one group that may be activated (its name and its volumes,
 * which then are read-only); NULL keeps LVM from speaking to device-mapper at all. system_id: one whose groups may be
 * touched, or NULL. Returns NULL with err set if a device's path is not one that can be put into a filter. The caller
 * frees it.
 */
char *lvm_config(const char *const devices[], size_t count, const struct lvm_activation *activation,
                 const char *system_id, struct error **err);

/* In place of a descriptor to inherit: the command changes nothing, and may be interrupted. */
enum { LVM_READS = -2 };

/*
 * Runs an LVM command: --config CONFIG, the arguments (NULL-terminated, at most 24) and more_count more of them. As
 * run(), with a hint where lvm2 is not installed.
 */
int lvm_run(const char *command, const char *config, const char *const arguments[], const char *const more[],
            size_t more_count, int lock_fd, struct wait *wait, struct run_result *result, struct error **err);

/* The same, where only exit code 0 will do. */
int lvm_run_checked(const char *command, const char *config, const char *const arguments[], const char *const more[],
                    size_t more_count, int lock_fd, struct wait *wait, struct error **err);

/*
 * The answer of `pvs --reportformat json` with LVM_PV_COLUMNS, as groups without LVs. A row that makes no sense is left
 * out, its device unusable. Returns 0, or -1 if it is no such answer.
 */
int lvm_report_pvs(const char *text, size_t length, struct lvm_groups *groups, struct error **err);

/*
 * The answer of `lvs -a --reportformat json` with LVM_LV_COLUMNS: adds its LVs to the groups that they belong to by
 * UUID, and says of each what is missing. A row that makes no sense is left out with a warning. Returns 0, or -1 if it
 * is no such answer.
 */
int lvm_report_lvs(const char *text, size_t length, struct lvm_groups *groups, struct error **err);

/* As lvm_read(), of one device alone, and without the logical volumes. */
int lvm_read_pvs(const char *device, struct lvm_groups *groups, struct wait *wait, struct error **err);

/* Adds a device to those that are unusable. */
void lvm_add_unusable(struct lvm_groups *groups, const char *device, const char *reason);

/*
 * Gives each physical volume the path that its device was given by, whatever name LVM has for it; one that is none of
 * the devices becomes unusable, and is taken out of its group.
 */
void lvm_name_devices(struct lvm_groups *groups, const char *const devices[], size_t count);

/* One physical volume of those that lvm_divide() has to divide. */
struct lvm_copy {
    const char *uuid; /* NULL if not known, as the other two */
    char *vg_uuid;
    uint64_t seqno;
    size_t set;
    bool is_doubtful;
};

/*
 * What lvm_divide() does once it knows the groups: sets `set` and is_doubtful of each. Returns how many sets there are.
 */
size_t lvm_divide_copies(struct lvm_copy *copies, size_t count);

/* Whether a comma-separated list, such as a layout, has this word. */
bool lvm_has_word(const char *list, const char *word);

/* The rows of the one report in an answer, an array named `kind`; NULL with err set if there is none. */
const cJSON *lvm_report_rows(const cJSON *document, const char *kind, struct error **err);

/* Whether LVM would take it as a name of a group or volume (lvm(8), VALID NAMES). */
bool lvm_name_is_valid(const char *name);

#endif
