/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "util/json.h"
#include "util/log.h"
#include "util/run.h"
#include "util/str.h"
#include "volume/lvm-internal.h"

/* Volumes whose failure to come up is looked into one by one; a damaged pool may have hundreds of them. */
enum { MAX_EXPLAINED = 16 };

static const char columns[] = "lv_name,lv_layout,lv_active,lv_dm_path";

/* --- before: nothing must begin to copy by itself --- */

/*
 * A mirror of the old kind, whose log is lost or says so, is copied from one leg to the others as soon as it is active,
 * which would read all of it from the backup into the overlay. One leg has all there is; a leg that is missing goes
 * first.
 */
static int take_one_leg(const struct lvm_group *group, const struct lvm_place *place, const char *config,
                        const char *volume, struct wait *wait, struct error **err)
{
    const char *const arguments[] = {"-y", "-m0", volume, NULL};
    size_t there = group->pv_count - group->missing;
    _cleanup_error_ struct error *first = NULL;

    if (group->missing && lvm_run_checked("lvconvert", config, arguments, place->devices + there, group->missing,
                                          place->lock_fd, wait, &first) == 0)
        return 0;
    return lvm_run_checked("lvconvert", config, arguments, NULL, 0, place->lock_fd, wait, err);
}

/* What is to be set in the metadata, so that the kernel gets it with the table: there is no moment in between. */
static int prepare(const struct lvm_group *group, const struct lvm_lv *lv, const struct lvm_place *place,
                   const char *config, struct wait *wait, struct error **err)
{
    _cleanup_free_ char *volume = str_printf("%s/%s", place->name, lv->name);
    /* in KiB a second: as good as nothing until stand_still() */
    const char *const slow[] = {"-y", "--minrecoveryrate", "1k", "--maxrecoveryrate", "1k", volume, NULL};
    /* nothing is written back from the cache to what is behind it, or the other way */
    const char *const keep[] = {"-y", "--cachesettings", "migration_threshold=0", volume, NULL};

    if (lvm_has_word(lv->layout, "mirror"))
        return take_one_leg(group, place, config, volume, wait, err);
    if (lvm_has_word(lv->layout, "raid") && !lvm_has_word(lv->layout, "raid0"))
        return lvm_run_checked("lvchange", config, slow, NULL, 0, place->lock_fd, wait, err);
    if (lvm_has_word(lv->layout, "cache"))
        return lvm_run_checked("lvchange", config, keep, NULL, 0, place->lock_fd, wait, err);
    return 0;
}

static int prepare_all(struct lvm_group *group, const struct lvm_place *place, struct wait *wait, struct error **err)
{
    _cleanup_free_ char *config = lvm_config(place->devices, place->count, NULL, group->system_id, err);

    if (!config)
        return -1;
    for (size_t i = 0; i < group->lv_count; i++) {
        _cleanup_error_ struct error *why = NULL;

        if (prepare(group, &group->lvs[i], place, config, wait, &why) == 0)
            continue;
        if (why->code == EXIT_HOST)
            return error_move(err, &why);
        /* most likely of a kind that this lvm2 knows no such setting for: the overlay takes what is written */
        log_verbose("%s/%s: %s", place->name, group->lvs[i].name, why->message);
    }
    return 0;
}

/* --- after --- */

/* A raid volume that was not in sync when the backup was made is not to be brought in sync now; dm-raid's own way. */
static void stand_still(const char *dm_path, const struct lvm_place *place, struct wait *wait)
{
    const char *const argv[] = {"dmsetup", "message", dm_path, "0", "frozen", NULL};
    struct run_options options = RUN_OPTIONS_INIT;
    _cleanup_error_ struct error *err = NULL;

    options.inherit_fd = place->lock_fd;
    if (run_checked(argv, &options, wait, &err) < 0)
        log_verbose("%s: %s", dm_path, err->message);
}

static bool is_dm_path(const char *path)
{
    return path && str_starts_with(path, "/dev/mapper/azilr-") && strlen(path) < 200 && !strstr(path, "..");
}

/* Whoever opens it to write is refused by the kernel; a change would be on the overlay, and harm nobody. */
static void make_read_only(const char *path)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    const int on = 1;

    if (fd < 0 || ioctl(fd, BLKROSET, &on) < 0)
        log_verbose("cannot make %s read-only: %s", path, strerror(errno));
}

static void note_active(struct lvm_group *group, const char *name, const char *path)
{
    for (size_t i = 0; i < group->lv_count; i++) {
        struct lvm_lv *lv = &group->lvs[i];

        if (!str_equal(lv->name, name))
            continue;
        free(lv->path);
        lv->path = str_dup(path);
        make_read_only(path);
    }
}

/* The configuration with which the volumes from this one on, up to LVM_BATCH of them, are activated. */
static char *batch_config(const struct lvm_group *group, const struct lvm_place *place, size_t first,
                          struct error **err)
{
    const size_t left = group->lv_count - first;
    const struct lvm_activation activation = {
        .name = place->name, .lvs = group->lvs + first, .lv_count = left < LVM_BATCH ? left : LVM_BATCH};

    return lvm_config(place->devices, place->count, &activation, group->system_id, err);
}

static int see_what_is_active(struct lvm_group *group, const struct lvm_place *place, struct wait *wait,
                              struct error **err)
{
    _cleanup_free_ char *config = batch_config(group, place, 0, err);
    const char *const arguments[] = {"-a", "--reportformat", "json", "-o", columns, place->name, NULL};
    _cleanup_run_result_ struct run_result result = {0};
    _cleanup_json_ cJSON *document = NULL;
    const cJSON *rows, *row;

    if (!config || lvm_run("lvs", config, arguments, NULL, 0, place->lock_fd, wait, &result, err) < 0)
        return -1;
    document = json_parse(buffer_text(&result.output), result.output.length, "LVM's report", err);
    rows = document ? lvm_report_rows(document, "lv", err) : NULL;
    if (!rows)
        return -1;
    cJSON_ArrayForEach(row, rows)
    {
        const char *layout = json_string(row, "lv_layout");
        const char *path = json_string(row, "lv_dm_path");

        if (!is_dm_path(path) || !str_equal(json_string(row, "lv_active"), "active"))
            continue;
        if (layout && lvm_has_word(layout, "raid") && !lvm_has_word(layout, "raid0"))
            stand_still(path, place, wait);
        note_active(group, json_string(row, "lv_name"), path);
    }
    return 0;
}

/* -K: volumes that are marked to be skipped too, which thin snapshots are by default. */
static int bring_up(const char *config, const char *const volumes[], size_t count, const struct lvm_place *place,
                    struct wait *wait, struct run_result *result, struct error **err)
{
    const char *const arguments[] = {"-y", "-ay", "-K", "--poll", "n", "--monitor", "n", NULL};

    return lvm_run("lvchange", config, arguments, volumes, count, place->lock_fd, wait, result, err);
}

/* Returns whether LVM says that it has done it; if not, the volume has the reason. */
static bool bring_up_one(struct lvm_group *group, size_t i, const struct lvm_place *place, struct wait *wait)
{
    struct lvm_lv *lv = &group->lvs[i];
    _cleanup_free_ char *volume = str_printf("%s/%s", place->name, lv->name);
    const char *const volumes[] = {volume};
    _cleanup_run_result_ struct run_result result = {0};
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *config = batch_config(group, place, i, &err), *words = NULL;

    if (config && bring_up(config, volumes, 1, place, wait, &result, &err) == 0 && result.exit_code == 0)
        return true;
    words = err ? str_dup(err->message) : run_last_words(&result);
    free(lv->reason);
    lv->reason = str_printf("LVM cannot activate it: %s", words);
    return false;
}

/* What did not come up with the others is tried by itself: it may come up now, and if not, LVM says why. */
static int bring_up_the_rest(struct lvm_group *group, const struct lvm_place *place, struct wait *wait,
                             struct error **err)
{
    int tried = 0, done = 0;

    for (size_t i = 0; i < group->lv_count; i++) {
        struct lvm_lv *lv = &group->lvs[i];

        if (lv->path || lv->incomplete)
            continue;
        if (tried++ < MAX_EXPLAINED) {
            done += bring_up_one(group, i, place, wait);
        } else {
            free(lv->reason);
            lv->reason = str_dup("LVM cannot activate it");
        }
    }
    return done ? see_what_is_active(group, place, wait, err) : 0;
}

/* The volumes from this one on, up to LVM_BATCH of them, in one call. */
static int bring_up_batch(const struct lvm_group *group, size_t first, const struct lvm_place *place, struct wait *wait,
                          struct error **err)
{
    _cleanup_free_ char *config = batch_config(group, place, first, err);
    _cleanup_run_result_ struct run_result result = {0};
    char *volumes[LVM_BATCH];
    size_t count = 0;
    int ran;

    if (!config)
        return -1;
    for (size_t i = first; i < group->lv_count && count < LVM_BATCH; i++)
        volumes[count++] = str_printf("%s/%s", place->name, group->lvs[i].name);
    ran = bring_up(config, (const char *const *)volumes, count, place, wait, &result, err);
    for (size_t i = 0; i < count; i++)
        free(volumes[i]);
    return ran;
}

int lvm_activate(struct lvm_group *group, const struct lvm_place *place, struct wait *wait, struct error **err)
{
    int result;

    if (group->lv_count == 0)
        return 0;
    if (prepare_all(group, place, wait, err) < 0)
        return -1;
    result = 0;
    for (size_t first = 0; first < group->lv_count && result == 0; first += LVM_BATCH)
        result = bring_up_batch(group, first, place, wait, err);
    if (result < 0 || see_what_is_active(group, place, wait, err) < 0 || bring_up_the_rest(group, place, wait, err) < 0)
        return error_wrap(err, "cannot activate volume group %s", group->name);
    return 0;
}
