/* SPDX-License-Identifier: MIT */
/* The arrays of a backup: put together read-only, on overlays only where there is no other way. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/mount_stack.h"
#include "cmd/stack_members.h"
#include "cmd/teardown.h"
#include "util/json.h"
#include "util/pool.h"
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

/* An array that is being put together. */
struct opening {
    const struct md_array *array;
    char *name;
    struct stack_ground ground; /* on which there is no other way */
    int outcome;                /* md_assemble()'s */
    struct error *problem;      /* why it cannot be put together */
};

struct openings {
    struct mount_run *run;
    struct opening *items;
    size_t count;
};

static void openings_clear(struct openings *openings)
{
    for (size_t i = 0; i < openings->count; i++) {
        free(openings->items[i].name);
        stack_ground_clear(&openings->items[i].ground);
        error_free(openings->items[i].problem);
    }
    free(openings->items);
}

static void enter(const struct openings *openings, const struct opening *opening)
{
    cJSON *change = json_new_object();

    json_set_string(change, "name", opening->name);
    session_enter(openings->run->session, CHANGE_ARRAY, change, false);
}

static bool needs_ground(const struct opening *opening)
{
    return opening->outcome > 0;
}

/* In a thread of its own, which touches nothing of the run but by reading it. */
static void assemble(void *argument, size_t i, struct wait *wait)
{
    struct openings *openings = argument;
    struct opening *opening = &openings->items[i];
    const struct session *session = openings->run->session;
    const struct md_place place = {.kernel_name = opening->name,
                                   .directory = session->directory,
                                   .lock_fd = session->lock_fd,
                                   .devices = needs_ground(opening) ? opening->ground.paths : NULL};

    /*
     * As it is, to be compared later: stored as `md_assemble() > 0`, by a setg to memory, 1 was seen to come out as 0
     * on the processor that QEMU 7.2 emulates for the lab (same-machine.sh then fails).
     */
    opening->outcome = md_assemble(opening->array, &place, wait, &opening->problem);
}

static void assemble_on_ground(void *argument, size_t i, struct wait *wait)
{
    const struct openings *openings = argument;

    if (needs_ground(&openings->items[i]) && !openings->items[i].problem)
        assemble(argument, i, wait);
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

/* Those that the host has too, or that must be forced. */
static int prepare_ground(struct openings *openings, struct error **err)
{
    _cleanup_free_ struct stack_ground **grounds = xcalloc(openings->count + 1, sizeof(struct stack_ground *));
    size_t count = 0;

    for (size_t i = 0; i < openings->count; i++) {
        struct opening *opening = &openings->items[i];
        _cleanup_free_ const char **devices = devices_of(opening->array);

        if (!needs_ground(opening))
            continue;
        stack_ground_plan(openings->run, devices, opening->array->member_count, "array", &opening->ground);
        grounds[count++] = &opening->ground;
    }
    if (stack_grounds_make(openings->run, grounds, count, err) < 0)
        return -1;
    for (size_t i = 0; i < openings->count; i++) {
        struct opening *opening = &openings->items[i];

        if (!needs_ground(opening))
            continue;
        opening->problem = steal(opening->ground.problem);
        /* the array's undo stands before those of its overlays, so it is entered once more, to be stopped first */
        enter(openings, opening);
    }
    return count ? session_save(openings->run->session, err) : 0;
}

static void take_opened(struct mount_run *run, struct opening *opening)
{
    const struct md_array *array = opening->array;
    _cleanup_free_ char *path = str_printf("/dev/%s", opening->name);
    _cleanup_free_ char *shown = shown_name(array);
    _cleanup_free_ const char **devices = devices_of(array);
    _cleanup_error_ struct error *problem = NULL;
    const int disk = stack_disk_of(run, devices, array->member_count);
    struct volume *volume;

    if (opening->problem) {
        error_fold_hint(opening->problem);
        judge_members(run, array, VOLUME_FAILED, opening->problem->message);
        return;
    }
    judge_members(run, array, VOLUME_MEMBER, NULL);
    volume = stack_add(run, shown, path, disk, &problem);
    if (!volume) {
        volume_set_reason(stack_add_unopened(run, shown, 0), VOLUME_FAILED, "%s", problem->message);
        return;
    }
    volume->alias = md_alias(array);
    volume->note = note_of(run, array);
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

/* All at once. Only what must end the whole mount is an error. */
static int open_arrays(struct mount_run *run, const struct md_arrays *arrays, enum stack_members members,
                       struct error **err)
{
    _cleanup_(openings_clear) struct openings openings = {.run = run,
                                                          .items = xcalloc(arrays->count + 1, sizeof(*openings.items))};

    for (size_t i = 0; i < arrays->count; i++) {
        const struct md_array *array = &arrays->items[i];
        struct opening *opening = &openings.items[openings.count];

        if (!is_due(arrays, array, members))
            continue;
        if (array->state != MD_WHOLE && array->state != MD_DEGRADED) {
            refuse(run, array);
            continue;
        }
        opening->array = array;
        opening->name = md_kernel_name(mount_tag(run), run->stacked++);
        enter(&openings, opening);
        openings.count++;
    }
    if (openings.count == 0)
        return 0;
    if (session_save(run->session, err) < 0 || pool_run(openings.count, assemble, &openings, &run->wait, err) < 0 ||
        prepare_ground(&openings, err) < 0 ||
        pool_run(openings.count, assemble_on_ground, &openings, &run->wait, err) < 0)
        return -1;
    for (size_t i = 0; i < openings.count; i++)
        take_opened(run, &openings.items[i]);
    return 0;
}

int stack_assemble_arrays(struct mount_run *run, enum stack_members members, struct error **err)
{
    const char **devices = xcalloc(run->volumes.count + 1, sizeof(*devices));
    _cleanup_md_arrays_ struct md_arrays arrays = {0};
    _cleanup_error_ struct error *problem = NULL;
    size_t count = 0;
    int result;

    for (size_t i = 0; i < run->volumes.count; i++)
        if (is_member(&run->volumes.items[i]))
            devices[count++] = run->volumes.items[i].device;
    if (count && md_read(devices, count, &run->md_answers, &arrays, &run->wait, &problem) < 0) {
        error_fold_hint(problem);
        for (size_t i = 0; i < count; i++) {
            struct volume *volume = stack_volume_of(run, devices[i]);

            volume->is_tried = true;
            volume_set_reason(volume, VOLUME_FAILED, "member of a Linux software RAID: %s", problem->message);
        }
    }
    result = open_arrays(run, &arrays, members, err);
    free(devices);
    return result;
}
