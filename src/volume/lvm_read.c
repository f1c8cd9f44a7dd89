/* SPDX-License-Identifier: MIT */
/* Volume groups as LVM shows them, told which devices there are. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "util/log.h"
#include "util/run.h"
#include "util/str.h"
#include "volume/lvm-internal.h"

typedef int report_reader(const char *text, size_t length, struct lvm_groups *groups, struct error **err);

/*
 * LVM ends with 5 where some of what it reports on is damaged, and reports the rest; so what counts is whether there is
 * a report.
 */
static int report(const char *command, const char *columns, const char *config, report_reader *reader,
                  struct lvm_groups *groups, struct wait *wait, struct error **err)
{
    /* --foreign and --shared: what is another system's or a cluster's is looked at too (lvmreport(7)) */
    const char *const arguments[] = {"-a", "--foreign",  "--shared", "--reportformat", "json", "--units",
                                     "b",  "--nosuffix", "-o",       columns,          NULL};
    _cleanup_run_result_ struct run_result result = {0};

    if (lvm_run(command, config, arguments, NULL, 0, LVM_READS, wait, &result, err) < 0)
        return -1;
    if (reader(buffer_text(&result.output), result.output.length, groups, err) == 0)
        return 0;
    if (result.exit_code != 0) {
        _cleanup_free_ char *words = run_last_words(&result);

        return error_wrap(err, "%s ended with exit code %d (%s)", command, result.exit_code, words);
    }
    return -1;
}

static int read_together(const char *const devices[], size_t count, bool with_lvs, struct lvm_groups *groups,
                         struct wait *wait, struct error **err)
{
    _cleanup_lvm_groups_ struct lvm_groups found = {0};
    _cleanup_free_ char *config = NULL;

    *groups = (struct lvm_groups){0};
    if (count == 0)
        return 0;
    config = lvm_config(devices, count, NULL, NULL, err);
    if (!config || report("pvs", LVM_PV_COLUMNS, config, lvm_report_pvs, &found, wait, err) < 0 ||
        (with_lvs && found.count && report("lvs", LVM_LV_COLUMNS, config, lvm_report_lvs, &found, wait, err) < 0))
        return error_wrap(err, "cannot read the volume groups");
    lvm_name_devices(&found, devices, count);
    *groups = found;
    found = (struct lvm_groups){0};
    return 0;
}

/* Sorts the devices by whether LVM can read them alone. */
static int try_each(const char *const devices[], size_t count, bool with_lvs, const char **good, size_t *good_count,
                    struct lvm_groups *bad, struct wait *wait, struct error **err)
{
    *good_count = 0;
    for (size_t i = 0; i < count; i++) {
        _cleanup_lvm_groups_ struct lvm_groups alone = {0};
        _cleanup_error_ struct error *why = NULL;

        if (read_together(&devices[i], 1, with_lvs, &alone, wait, &why) == 0)
            good[(*good_count)++] = devices[i];
        else if (why->code != EXIT_FAILED)
            return error_move(err, &why);
        else
            lvm_add_unusable(bad, devices[i], why->message);
    }
    return 0;
}

/*
 * One that makes LVM fail must not hide the others: it is found out by showing each to LVM alone, first without the
 * logical volumes, which takes half the time. Returns 1 if there is none to be found.
 */
static int read_without_the_bad(const char *const devices[], size_t count, struct lvm_groups *groups, struct wait *wait,
                                struct error **err)
{
    _cleanup_lvm_groups_ struct lvm_groups found = {0}, bad = {0};
    _cleanup_free_ const char **good = xcalloc(count, sizeof(*good));
    size_t good_count = 0;

    for (int with_lvs = 0; with_lvs < 2 && bad.unusable_count == 0; with_lvs++)
        if (try_each(devices, count, with_lvs, good, &good_count, &bad, wait, err) < 0)
            return -1;
    if (good_count == 0 || good_count == count)
        return 1;
    if (read_together(good, good_count, true, &found, wait, err) < 0)
        return -1;
    for (size_t i = 0; i < bad.unusable_count; i++)
        lvm_add_unusable(&found, bad.unusable[i].device, bad.unusable[i].reason);
    *groups = found;
    found = (struct lvm_groups){0};
    return 0;
}

int lvm_read(const char *const devices[], size_t count, struct lvm_groups *groups, struct wait *wait,
             struct error **err)
{
    _cleanup_error_ struct error *first = NULL;
    int result;

    if (read_together(devices, count, true, groups, wait, &first) == 0)
        return 0;
    if (first->code != EXIT_FAILED || count < 2)
        return error_move(err, &first);
    log_verbose("%s; each physical volume is looked at by itself", first->message);
    result = read_without_the_bad(devices, count, groups, wait, err);
    return result > 0 ? error_move(err, &first) : result;
}

int lvm_read_pvs(const char *device, struct lvm_groups *groups, struct wait *wait, struct error **err)
{
    return read_together(&device, 1, false, groups, wait, err);
}

void lvm_add_unusable(struct lvm_groups *groups, const char *device, const char *reason)
{
    groups->unusable = xgrow(groups->unusable, groups->unusable_count, sizeof(*groups->unusable));
    groups->unusable[groups->unusable_count++] =
        (struct lvm_unusable){.device = str_dup(device), .reason = str_dup(reason)};
}

/* Which of the devices it is, NULL if none. */
static const char *given_name(const char *name, const char *const devices[], size_t count)
{
    struct stat one, other;

    for (size_t i = 0; i < count; i++)
        if (str_equal(devices[i], name))
            return devices[i];
    if (stat(name, &one) < 0)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (devices[i] && stat(devices[i], &other) == 0 && (one.st_mode & S_IFMT) == (other.st_mode & S_IFMT) &&
            one.st_rdev == other.st_rdev)
            return devices[i];
    return NULL;
}

static void take_out_pv(struct lvm_group *group, size_t at)
{
    free(group->pvs[at].uuid);
    free(group->pvs[at].device);
    group->pv_count--;
    memmove(&group->pvs[at], &group->pvs[at + 1], (group->pv_count - at) * sizeof(*group->pvs));
}

void lvm_name_devices(struct lvm_groups *groups, const char *const devices[], size_t count)
{
    for (size_t i = 0; i < groups->unusable_count; i++) {
        const char *given = given_name(groups->unusable[i].device, devices, count);

        free(groups->unusable[i].device);
        groups->unusable[i].device = str_dup(given ? given : "");
    }
    for (size_t i = 0; i < groups->count; i++) {
        struct lvm_group *group = &groups->items[i];

        for (size_t j = group->pv_count - group->missing; j > 0; j--) {
            struct lvm_pv *pv = &group->pvs[j - 1];
            const char *given = given_name(pv->device, devices, count);

            if (!given) {
                lvm_add_unusable(groups, pv->device, "LVM has it under a name that is none of the backup's devices");
                take_out_pv(group, j - 1);
                continue;
            }
            free(pv->device);
            pv->device = str_dup(given);
        }
    }
}

void lvm_groups_clear(struct lvm_groups *groups)
{
    for (size_t i = 0; i < groups->count; i++) {
        struct lvm_group *group = &groups->items[i];

        for (size_t j = 0; j < group->pv_count; j++) {
            free(group->pvs[j].uuid);
            free(group->pvs[j].device);
        }
        for (size_t j = 0; j < group->lv_count; j++) {
            free(group->lvs[j].name);
            free(group->lvs[j].layout);
            free(group->lvs[j].path);
            free(group->lvs[j].reason);
        }
        free(group->pvs);
        free(group->lvs);
        free(group->name);
        free(group->uuid);
        free(group->system_id);
        free(group->lock_type);
    }
    for (size_t i = 0; i < groups->unusable_count; i++) {
        free(groups->unusable[i].device);
        free(groups->unusable[i].reason);
    }
    free(groups->items);
    free(groups->unusable);
    *groups = (struct lvm_groups){0};
}
