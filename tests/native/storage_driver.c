/* SPDX-License-Identifier: MIT */
/*
 * Drives src/volume's LVM and md support by itself, for the lab's lvm-md-tools.sh, which makes the overlays by hand:
 *
 *   storage_driver vg-read DEVICE…                        one JSON document
 *   storage_driver vg-open NAME DIR GROUP DEVICE=OVERLAY…  imports and activates; for a missing one UUID=OVERLAY
 *   storage_driver vg-close NAME [IGNORED…]
 *   storage_driver md-read DEVICE…
 *   storage_driver md-open NAME DIR UUID DEVICE[=OVERLAY]…
 *   storage_driver md-stop NAME
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "block/dm.h"
#include "util/json.h"
#include "util/log.h"
#include "util/str.h"
#include "volume/lvm.h"
#include "volume/md.h"

struct pairs {
    char **left, **right; /* right is NULL where there is no "=" */
    size_t count;
};

static struct pairs split(char **arguments, int count)
{
    struct pairs pairs = {.left = xcalloc((size_t)count + 1, sizeof(char *)),
                          .right = xcalloc((size_t)count + 1, sizeof(char *)),
                          .count = (size_t)count};

    for (int i = 0; i < count; i++) {
        char *at = strchr(arguments[i], '=');

        pairs.left[i] = arguments[i];
        pairs.right[i] = at ? at + 1 : NULL;
        if (at)
            *at = '\0';
    }
    return pairs;
}

static const char *overlay_of(const struct pairs *pairs, const char *device)
{
    for (size_t i = 0; i < pairs->count; i++)
        if (str_equal(pairs->left[i], device))
            return pairs->right[i];
    return NULL;
}

/* Only the devices that are there can be read: a UUID is none. */
static size_t readable(struct pairs *pairs, const char **devices)
{
    size_t count = 0;

    for (size_t i = 0; i < pairs->count; i++)
        if (str_starts_with(pairs->left[i], "/dev/"))
            devices[count++] = pairs->left[i];
    return count;
}

static void print(const cJSON *document)
{
    _cleanup_free_ char *text = json_text(document, true);

    puts(text);
}

static cJSON *group_to_json(const struct lvm_group *group)
{
    cJSON *object = json_new_object();
    cJSON *pvs, *lvs;

    json_set_string(object, "name", group->name);
    json_set_string(object, "uuid", group->uuid);
    json_set_bool(object, "exported", group->exported);
    json_set_string(object, "system_id", group->system_id);
    json_set_string(object, "lock_type", group->lock_type);
    pvs = json_set_array(object, "pvs");
    for (size_t i = 0; i < group->pv_count; i++) {
        _cleanup_free_ char *table = lvm_stand_in_table(&group->pvs[i]);
        cJSON *pv = json_new_object();

        json_set_string(pv, "uuid", group->pvs[i].uuid);
        json_set_string(pv, "device", group->pvs[i].device);
        json_set_string(pv, "stand_in", table);
        json_append(pvs, pv);
    }
    lvs = json_set_array(object, "lvs");
    for (size_t i = 0; i < group->lv_count; i++) {
        cJSON *lv = json_new_object();

        json_set_string(lv, "name", group->lvs[i].name);
        json_set_string(lv, "layout", group->lvs[i].layout);
        json_set_number(lv, "size", (double)group->lvs[i].size);
        json_set_bool(lv, "incomplete", group->lvs[i].incomplete);
        json_set_bool(lv, "degraded", group->lvs[i].degraded);
        json_set_string(lv, "path", group->lvs[i].path);
        json_set_string(lv, "reason", group->lvs[i].reason);
        json_append(lvs, lv);
    }
    return object;
}

static int vg_read(char **arguments, int count, struct error **err)
{
    _cleanup_lvm_groups_ struct lvm_groups groups = {0};
    _cleanup_json_ cJSON *document = json_new_array();

    if (lvm_read((const char *const *)arguments, (size_t)count, &groups, NULL, err) < 0)
        return -1;
    for (size_t i = 0; i < groups.count; i++)
        json_append(document, group_to_json(&groups.items[i]));
    print(document);
    return 0;
}

static int with_group(struct lvm_group *group, const struct pairs *pairs, char **arguments, struct error **err)
{
    _cleanup_free_ const char **devices = xcalloc(group->pv_count, sizeof(char *));
    struct lvm_place place = {
        .devices = devices, .count = group->pv_count, .name = arguments[0], .directory = arguments[1], .lock_fd = -1};
    _cleanup_json_ cJSON *document = NULL;

    for (size_t i = 0; i < group->pv_count; i++) {
        const struct lvm_pv *pv = &group->pvs[i];

        devices[i] = overlay_of(pairs, pv->device ? pv->device : pv->uuid);
        if (!devices[i])
            return error_set(err, EXIT_USAGE, "no overlay for %s", pv->device ? pv->device : pv->uuid);
    }
    if (lvm_import(group, &place, NULL, err) < 0 || lvm_activate(group, &place, NULL, err) < 0)
        return -1;
    document = group_to_json(group);
    print(document);
    return 0;
}

static int vg_open(char **arguments, int count, struct error **err)
{
    _cleanup_lvm_groups_ struct lvm_groups groups = {0};
    struct pairs pairs = split(arguments + 3, count - 3);
    _cleanup_free_ char **left = pairs.left;
    _cleanup_free_ char **right = pairs.right;
    _cleanup_free_ const char **devices = xcalloc(pairs.count + 1, sizeof(char *));
    size_t device_count = readable(&pairs, devices);

    (void)left;
    (void)right;
    if (lvm_read(devices, device_count, &groups, NULL, err) < 0)
        return -1;
    for (size_t i = 0; i < groups.count; i++)
        if (str_equal(groups.items[i].name, arguments[2]))
            return with_group(&groups.items[i], &pairs, arguments, err);
    return error_set(err, EXIT_NOT_FOUND, "no volume group %s", arguments[2]);
}

/* As teardown does it. */
static int vg_close(const char *name, struct error **err)
{
    _cleanup_free_ char *prefix = lvm_mapped_name(name, "");

    return dm_remove_all(prefix, -1, NULL, err);
}

static int md_show(char **arguments, int count, struct error **err)
{
    static const char *const states[] = {"whole", "degraded", "incomplete", "unsupported"};
    _cleanup_md_answers_ struct md_answers known = {0};
    _cleanup_md_arrays_ struct md_arrays arrays = {0};
    _cleanup_json_ cJSON *document = json_new_array();

    if (md_read((const char *const *)arguments, (size_t)count, &known, &arrays, NULL, err) < 0)
        return -1;
    for (size_t i = 0; i < arrays.count; i++) {
        const struct md_array *array = &arrays.items[i];
        cJSON *object = json_new_object();

        json_set_string(object, "uuid", array->uuid);
        json_set_string(object, "name", array->name);
        json_set_string(object, "level", array->level);
        json_set_string(object, "metadata", array->metadata);
        json_set_number(object, "raid_devices", array->raid_devices);
        json_set_number(object, "missing", array->missing);
        json_set_string(object, "state", states[array->state]);
        json_set_string(object, "reason", array->reason);
        json_set_bool(object, "needs_force", array->needs_force);
        json_set_number(object, "members", (double)array->member_count);
        json_append(document, object);
    }
    print(document);
    return 0;
}

/* Exit code 6 where overlays are needed and there are none. */
static int md_open(char **arguments, int count, struct error **err)
{
    _cleanup_md_answers_ struct md_answers known = {0};
    _cleanup_md_arrays_ struct md_arrays arrays = {0};
    struct pairs pairs = split(arguments + 3, count - 3);
    _cleanup_free_ char **left = pairs.left;
    _cleanup_free_ char **right = pairs.right;
    struct md_place place = {.kernel_name = arguments[0], .directory = arguments[1], .lock_fd = -1};

    if (md_read((const char *const *)left, pairs.count, &known, &arrays, NULL, err) < 0)
        return -1;
    for (size_t i = 0; i < arrays.count; i++) {
        const struct md_array *array = &arrays.items[i];
        _cleanup_free_ const char **devices = xcalloc(array->member_count, sizeof(char *));

        if (!str_equal(array->uuid, arguments[2]))
            continue;
        for (size_t j = 0; j < array->member_count; j++)
            devices[j] = overlay_of(&pairs, array->members[j].device);
        place.devices = right[0] ? devices : NULL;
        return md_assemble(array, &place, NULL, err) > 0 ? error_set(err, EXIT_PARTIAL, "the array needs overlays")
                                                         : (err && *err ? -1 : 0);
    }
    return error_set(err, EXIT_NOT_FOUND, "no array %s", arguments[2]);
}

static int drive(int argc, char **argv, struct error **err)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (str_equal(what, "vg-read"))
        return vg_read(argv + 2, argc - 2, err);
    if (str_equal(what, "vg-open") && argc > 5)
        return vg_open(argv + 2, argc - 2, err);
    if (str_equal(what, "vg-close") && argc > 2)
        return vg_close(argv[2], err);
    if (str_equal(what, "md-read"))
        return md_show(argv + 2, argc - 2, err);
    if (str_equal(what, "md-open") && argc > 5)
        return md_open(argv + 2, argc - 2, err);
    if (str_equal(what, "md-stop") && argc == 3)
        return md_stop(argv[2], NULL, err);
    return error_set(err, EXIT_USAGE, "usage: see the source");
}

int main(int argc, char **argv)
{
    _cleanup_error_ struct error *err = NULL;

    log_set_level(LOG_LEVEL_VERBOSE);
    if (drive(argc, argv, &err) >= 0)
        return 0;
    log_error(err);
    return (int)err->code;
}
