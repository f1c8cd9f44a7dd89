/* SPDX-License-Identifier: MIT */
#include "volume/lvm.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "util/run.h"
#include "util/str.h"
#include "volume/lvm-internal.h"

static const uint64_t SECTOR = 512;
/* a group of many volumes over a slow line takes its time */
static const int64_t LIMIT_MS = 180 * 1000;

/* A descriptor that we have the children inherit is no leak; lvm(8). */
static const char *const environment[] = {"LVM_SUPPRESS_FD_WARNINGS=1", NULL};

enum { MAX_ARGUMENTS = 24 };

char *lvm_new_name(const char *tag, unsigned number)
{
    return str_printf("azilr-%s-vg%u", tag, number);
}

bool lvm_name_is_ours(const char *name)
{
    return lvm_name_is_valid(name) && str_starts_with(name, "azilr-") && strstr(name, "-vg");
}

static void double_dashes(struct buffer *into, const char *name)
{
    for (; *name; name++) {
        buffer_append(into, name, 1);
        if (*name == '-')
            buffer_append(into, name, 1);
    }
}

char *lvm_mapped_name(const char *group, const char *volume)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT((size_t)4 * LVM_NAME_MAX + 2);

    double_dashes(&text, group);
    buffer_append(&text, "-", 1);
    double_dashes(&text, volume);
    return steal(text.data);
}

char *lvm_alias(const struct lvm_group *group, const struct lvm_lv *lv)
{
    _cleanup_free_ char *name = lvm_mapped_name(group->name, lv->name);

    return str_printf("mapper/%s", name);
}

int lvm_run(const char *command, const char *config, const char *const arguments[], const char *const more[],
            size_t more_count, int lock_fd, struct wait *wait, struct run_result *result, struct error **err)
{
    struct run_options options = RUN_OPTIONS_INIT;
    size_t count = 0;
    _cleanup_free_ const char **argv = xcalloc(MAX_ARGUMENTS + more_count + 4, sizeof(*argv));

    options.environment = environment;
    options.inherit_fd = lock_fd == LVM_READS ? -1 : lock_fd;
    options.guard_inherited = 1;
    options.interruptible = lock_fd == LVM_READS;
    options.timeout_ms = LIMIT_MS;
    argv[count++] = command;
    argv[count++] = "--config";
    argv[count++] = config;
    for (size_t i = 0; i < MAX_ARGUMENTS && arguments[i]; i++)
        argv[count++] = arguments[i];
    for (size_t i = 0; i < more_count; i++)
        argv[count++] = more[i];
    if (run(argv, &options, wait, result, err) == 0)
        return 0;
    if (err && *err && (*err)->code == EXIT_HOST)
        error_hint(err, "volume groups need lvm2: install the package lvm2");
    return -1;
}

int lvm_run_checked(const char *command, const char *config, const char *const arguments[], const char *const more[],
                    size_t more_count, int lock_fd, struct wait *wait, struct error **err)
{
    _cleanup_run_result_ struct run_result result = {0};

    if (lvm_run(command, config, arguments, more, more_count, lock_fd, wait, &result, err) < 0)
        return -1;
    if (result.exit_code == 0)
        return 0;
    _cleanup_free_ char *words = run_last_words(&result);
    return error_set(err, EXIT_FAILED, "%s ended with exit code %d: %s", command, result.exit_code, words);
}

/* --- a stand-in for what is missing --- */

char *lvm_stand_in_table(const struct lvm_pv *pv)
{
    /* behind the extents, so that those who look for signatures at the end of a device get an answer */
    static const uint64_t tail = 8192;
    static const uint64_t max_start = 2048 * 1024, max_size = UINT64_C(1) << 50;
    uint64_t start = pv->data_start / SECTOR, size = pv->size / SECTOR, end = start + size;

    /* room for the label (sector 1) and the smallest metadata area */
    if (start < 16 || start > max_start || size == 0 || size > max_size)
        return NULL;
    return str_printf("0 %ju zero\n%ju %ju error\n%ju %ju zero\n", (uintmax_t)start, (uintmax_t)start, (uintmax_t)size,
                      (uintmax_t)end, (uintmax_t)tail);
}

/* Labels the devices that stand in for missing physical volumes, as the metadata in `file` has them. */
static int label(const struct lvm_group *group, const struct lvm_place *place, const char *config, const char *file,
                 struct wait *wait, struct error **err)
{
    for (size_t i = group->pv_count - group->missing; i < group->pv_count; i++) {
        const char *const make[] = {"-y", "--uuid", group->pvs[i].uuid, "--restorefile", file, place->devices[i], NULL};
        const char *const found[] = {"--restoremissing", group->name, place->devices[i], NULL};

        if (lvm_run_checked("pvcreate", config, make, NULL, 0, place->lock_fd, wait, err) < 0)
            return -1;
        /* it fails where the group's metadata does not yet know that one was missing, which is just as well */
        lvm_run_checked("vgextend", config, found, NULL, 0, place->lock_fd, wait, NULL);
    }
    return 0;
}

/*
 * What is on the other physical volumes tells how the missing one looked. With its label and the metadata back on the
 * stand-in, the group is whole again for LVM, and can be changed. The metadata is taken twice: while a physical volume
 * is missing it says so, and is not accepted back.
 */
static int fill_in(const struct lvm_group *group, const struct lvm_place *place, const char *config, struct wait *wait,
                   struct error **err)
{
    _cleanup_free_ char *file = str_printf("%s/%s", place->directory, place->name);
    const char *const save[] = {"-f", file, group->name, NULL};
    const char *const restore[] = {"-y", "--force", "-f", file, group->name, NULL};
    int result = lvm_run_checked("vgcfgbackup", config, save, NULL, 0, place->lock_fd, wait, err);

    if (result == 0)
        result = label(group, place, config, file, wait, err);
    if (result == 0)
        result = lvm_run_checked("vgcfgbackup", config, save, NULL, 0, place->lock_fd, wait, err);
    if (result == 0)
        result = lvm_run_checked("vgcfgrestore", config, restore, NULL, 0, place->lock_fd, wait, err);
    unlink(file);
    return result;
}

/* --- a group of our own --- */

/* LVM lists no volumes of an exported group; now that it is none any more, it does. */
static int take_volumes(struct lvm_group *group, const struct lvm_place *place, struct wait *wait, struct error **err)
{
    _cleanup_lvm_groups_ struct lvm_groups groups = {0};

    if (lvm_read(place->devices, place->count, &groups, wait, err) < 0)
        return -1;
    if (groups.count != 1 || !str_equal(groups.items[0].name, place->name) || group->lvs)
        return error_set(err, EXIT_FAILED, "volume group %s is not there under its new name", group->name);
    group->lvs = steal(groups.items[0].lvs);
    group->lv_count = groups.items[0].lv_count;
    groups.items[0].lv_count = 0;
    return 0;
}

int lvm_import(struct lvm_group *group, const struct lvm_place *place, struct wait *wait, struct error **err)
{
    _cleanup_free_ char *config = NULL;
    const char *const unlock[] = {"-y", "--lock-type", "none", "--lock-opt", "force", group->name, NULL};
    const char *const clone[] = {"-n", place->name, "-i", NULL};

    if (place->count != group->pv_count)
        return error_set(err, EXIT_FAILED, "volume group %s has %zu physical volumes, not %zu", group->name,
                         group->pv_count, place->count);
    if (!lvm_name_is_valid(place->name))
        return error_set(err, EXIT_FAILED, "%s is not a name for a volume group", place->name);
    config = lvm_config(place->devices, place->count, NULL, group->system_id, err);
    if (!config)
        return -1;
    /* first, for nothing else is allowed with locks that are not there */
    if (group->lock_type && lvm_run_checked("vgchange", config, unlock, NULL, 0, place->lock_fd, wait, err) < 0)
        return error_wrap(err, "cannot take volume group %s off its locks", group->name);
    if (group->missing && fill_in(group, place, config, wait, err) < 0)
        return error_wrap(err, "cannot do without the missing disks of volume group %s", group->name);
    if (lvm_run_checked("vgimportclone", config, clone, place->devices, place->count, place->lock_fd, wait, err) < 0)
        return error_wrap(err, "cannot give volume group %s a name of its own here", group->name);
    return group->exported ? take_volumes(group, place, wait, err) : 0;
}
