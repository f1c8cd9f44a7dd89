/* SPDX-License-Identifier: MIT */
/* The arrays of a backup: put together read-only, on overlays only where there is no other way. */
#include <stdlib.h>
#include <string.h>

#include "cmd/mount_stack.h"
#include "cmd/stack_members.h"
#include "cmd/teardown.h"
#include "util/json.h"
#include "util/str.h"
#include "volume/md.h"

static bool is_member(const struct volume *volume)
{
    return !volume->is_tried &&
           (str_equal(volume->type, "linux_raid_member") || str_equal(volume->type, "ddf_raid_member") ||
            str_equal(volume->type, "isw_raid_member"));
}

/* What a person knows it by: "md-data". The caller frees it. */
static char *shown_name(const struct md_array *array)
{
    _cleanup_free_ char *name = md_short_name(array);

    return name ? str_printf("md-%s", name) : str_printf("md-%.8s", array->uuid ? array->uuid : "");
}

/* The caller frees the array, and not the paths in it. */
static const char **devices_of(const struct md_array *array)
{
    const char **devices = xcalloc(array->member_count + 1, sizeof(*devices));

    for (size_t i = 0; i < array->member_count; i++)
        devices[i] = array->members[i].device;
    return devices;
}

/* "disk2, disk3": the volumes that it lies on. The caller frees it. */
static char *names_of_members(const struct mount_run *run, const struct md_array *array)
{
    char *names = str_dup("");

    for (size_t i = 0; i < array->member_count; i++) {
        const struct volume *volume = stack_volume_of(run, array->members[i].device);
        _cleanup_free_ char *before = names;

        names = str_printf("%s%s%s", before, *before && volume ? ", " : "", volume ? volume->name : "");
    }
    return names;
}

/* The verdict on all members. */
static void judge_members(struct mount_run *run, const struct md_array *array, enum volume_state state,
                          const char *problem)
{
    static const char left_out[] = "left out: older than the others";
    _cleanup_free_ char *name = shown_name(array);

    for (size_t i = 0; i < array->member_count; i++) {
        struct volume *volume = stack_volume_of(run, array->members[i].device);
        const char *more = problem ? problem : array->members[i].stale ? left_out : NULL;

        if (!volume)
            continue;
        volume->is_tried = true;
        volume_set_reason(volume, state, "member of the array %s (%s)%s%s", name, array->level ? array->level : "RAID",
                          more ? ": " : "", more ? more : "");
    }
}

static int enter(struct mount_run *run, const char *kernel_name, struct error **err)
{
    cJSON *change = json_new_object();

    json_set_string(change, "name", kernel_name);
    return session_will(run->session, CHANGE_ARRAY, change, false, err);
}

static int assemble_on_overlays(struct mount_run *run, const struct md_array *array, const struct md_place *bare,
                                struct error **problem, struct error **err)
{
    _cleanup_free_ const char **devices = devices_of(array);
    _cleanup_stack_ground_ struct stack_ground ground = {0};
    struct md_place place = *bare;

    if (stack_overlay_members(run, devices, array->member_count, "array", &ground, problem, err) < 0)
        return -1;
    place.devices = ground.paths;
    /* the array's undo stands before those of its overlays, so it is entered once more, to be stopped first */
    if (enter(run, place.kernel_name, err) < 0)
        return -1;
    return md_assemble(array, &place, &run->wait, problem);
}

/* 0 where it runs; -1 with problem set where it cannot be put together, with err set where the mount must end. */
static int assemble(struct mount_run *run, const struct md_array *array, const char *name, struct error **problem,
                    struct error **err)
{
    struct md_place place = {
        .kernel_name = name, .directory = run->session->directory, .lock_fd = run->session->lock_fd};
    int result;

    if (enter(run, name, err) < 0)
        return -1;
    result = md_assemble(array, &place, &run->wait, problem);
    if (result > 0)
        result = assemble_on_overlays(run, array, &place, problem, err);
    return result;
}

/* What is not put together, and may hold files. */
static void refuse(struct mount_run *run, const struct md_array *array)
{
    _cleanup_free_ char *names = names_of_members(run, array);
    _cleanup_free_ char *reason = NULL;

    if (array->state == MD_DOUBTFUL)
        reason = str_printf("%s (on %s); a recovery point in which only one of them is attached can be opened",
                            array->reason, names);
    judge_members(run, array, VOLUME_FAILED, reason ? reason : array->reason);
}

/* What should be known of one that runs. NULL if nothing. The caller frees it. */
static char *note_of(const struct mount_run *run, const struct md_array *array)
{
    _cleanup_free_ char *names = NULL;

    if (!array->is_copy)
        return array->reason ? str_dup(array->reason) : NULL;
    names = names_of_members(run, array);
    return str_printf("%s%sthe backup has several copies of this array: this is the one on %s",
                      array->reason ? array->reason : "", array->reason ? "; " : "", names);
}

static int open_array(struct mount_run *run, const struct md_array *array, struct error **err)
{
    _cleanup_free_ char *name = md_kernel_name(mount_tag(run), run->stacked++);
    _cleanup_free_ char *path = str_printf("/dev/%s", name);
    _cleanup_free_ char *shown = shown_name(array);
    _cleanup_free_ const char **devices = devices_of(array);
    _cleanup_error_ struct error *problem = NULL;
    const int disk = stack_disk_of(run, devices, array->member_count);
    struct volume *volume;

    if (array->state != MD_WHOLE && array->state != MD_DEGRADED) {
        refuse(run, array);
        return 0;
    }
    if (assemble(run, array, name, &problem, err) < 0 && !problem)
        return -1;
    if (problem) {
        error_fold_hint(problem);
        judge_members(run, array, VOLUME_FAILED, problem->message);
        return 0;
    }
    judge_members(run, array, VOLUME_MEMBER, NULL);
    volume = stack_add(run, shown, path, disk, &problem);
    if (!volume) {
        volume_set_reason(stack_add_unopened(run, shown, 0), VOLUME_FAILED, "%s", problem->message);
        return 0;
    }
    volume->alias = md_alias(array);
    volume->note = note_of(run, array);
    return 0;
}

/*
 * What is left over is judged together with what it is left over of: once that is opened, nothing would tell of it any
 * more.
 */
static bool is_due(const struct md_arrays *arrays, const struct md_array *array, enum stack_members members)
{
    bool has_whole_copy = false;

    for (size_t i = 0; i < arrays->count; i++)
        has_whole_copy =
            has_whole_copy || (arrays->items[i].state == MD_WHOLE && str_equal(arrays->items[i].uuid, array->uuid));
    return members == STACK_PARTIAL || array->state == MD_WHOLE || (array->state == MD_LEFT_OVER && has_whole_copy);
}

int stack_assemble_arrays(struct mount_run *run, enum stack_members members, struct error **err)
{
    const char **devices = xcalloc(run->volumes.count + 1, sizeof(*devices));
    _cleanup_md_arrays_ struct md_arrays arrays = {0};
    _cleanup_error_ struct error *problem = NULL;
    size_t count = 0;
    int result = 0;

    for (size_t i = 0; i < run->volumes.count; i++)
        if (is_member(&run->volumes.items[i]))
            devices[count++] = run->volumes.items[i].device;
    if (count && md_read(devices, count, &arrays, &run->wait, &problem) < 0) {
        error_fold_hint(problem);
        for (size_t i = 0; i < count; i++) {
            struct volume *volume = stack_volume_of(run, devices[i]);

            volume->is_tried = true;
            volume_set_reason(volume, VOLUME_FAILED, "member of a Linux software RAID: %s", problem->message);
        }
    }
    for (size_t i = 0; i < arrays.count && result == 0; i++)
        if (is_due(&arrays, &arrays.items[i], members))
            result = open_array(run, &arrays.items[i], err);
    free(devices);
    return result;
}
