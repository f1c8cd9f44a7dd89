/* SPDX-License-Identifier: MIT */
/* The volume groups of a backup: each on overlays, under a name and with ids of its own. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "block/dm.h"
#include "cmd/mount_stack.h"
#include "cmd/stack_lvm_host.h"
#include "cmd/stack_members.h"
#include "cmd/teardown.h"
#include "util/json.h"
#include "util/log.h"
#include "util/pool.h"
#include "util/str.h"
#include "volume/lvm.h"

static const int POLL_MS = 20;

/* The physical volumes that have not been tried, side by side: paths, ids, and which can be read together. */
struct members {
    const char **devices;
    const char **uuids;
    size_t *sets;
    size_t count;
};

static void members_clear(struct members *members)
{
    free(members->devices);
    free(members->uuids);
    free(members->sets);
}

static void find_members(const struct mount_run *run, struct members *members)
{
    *members = (struct members){.devices = xcalloc(run->volumes.count + 1, sizeof(*members->devices)),
                                .uuids = xcalloc(run->volumes.count + 1, sizeof(*members->uuids)),
                                .sets = xcalloc(run->volumes.count + 1, sizeof(*members->sets))};
    for (size_t i = 0; i < run->volumes.count; i++) {
        const struct volume *volume = &run->volumes.items[i];

        if (volume->is_tried || !str_equal(volume->type, "LVM2_member"))
            continue;
        members->devices[members->count] = volume->device;
        members->uuids[members->count++] = volume->uuid;
    }
}

/* The verdict on one physical volume, which is not tried again. */
static void judge_member(const struct mount_run *run, const char *device, enum volume_state state, const char *reason)
{
    struct volume *volume = stack_volume_of(run, device);

    if (!volume)
        return;
    volume->is_tried = true;
    volume_set_reason(volume, state, "%s", reason);
}

/* The verdict on all physical volumes of a group. */
static void judge_members(const struct mount_run *run, const struct lvm_group *group, enum volume_state state,
                          const char *problem)
{
    _cleanup_free_ char *reason = str_printf("physical volume of the volume group %s%s%s", group->name,
                                             problem ? ": " : "", problem ? problem : "");

    for (size_t i = 0; i < group->pv_count; i++)
        judge_member(run, group->pvs[i].device, state, reason);
}

/* A group that is being opened. */
struct opening {
    struct lvm_group *group;
    char **origins; /* its physical volumes, or what stands in for them */
    size_t origin_count;
    struct stack_ground ground; /* on the origins */
    char *name;
    struct error *problem; /* why it cannot be opened */
};

struct openings {
    struct mount_run *run;
    struct opening *items;
    size_t count;
    atomic_flag importing;
};

static void openings_clear(struct openings *openings)
{
    for (size_t i = 0; i < openings->count; i++) {
        struct opening *opening = &openings->items[i];

        for (size_t j = 0; j < opening->origin_count; j++)
            free(opening->origins[j]);
        free(opening->origins);
        stack_ground_clear(&opening->ground);
        free(opening->name);
        error_free(opening->problem);
    }
    free(openings->items);
}

/* Something for the volumes to lie on that are on a physical volume that is in no backup. The caller frees *path. */
static int stand_in(struct mount_run *run, const struct lvm_pv *pv, char **path, struct error **problem,
                    struct error **err)
{
    _cleanup_free_ char *name = mount_stacked_name(run);
    _cleanup_free_ char *table = lvm_stand_in_table(pv);
    const struct dm_request request = {
        .name = name, .uuid = name, .table = table, .read_only = true, .lock_fd = run->session->lock_fd};
    struct dm_device made = {0};
    cJSON *change;

    if (!table)
        return error_set(problem, EXIT_FAILED, "the sizes in its metadata make no sense");
    change = json_new_object();
    json_set_string(change, "name", name);
    if (session_will(run->session, CHANGE_DM_DEVICE, change, false, err) < 0 ||
        dm_create(&request, &run->wait, &made, problem) < 0)
        return -1;
    *path = steal(made.path);
    dm_device_clear(&made);
    return 0;
}

/* Only what must end the whole mount is an error. */
static int find_origins(struct mount_run *run, struct opening *opening, struct error **err)
{
    const struct lvm_group *group = opening->group;

    opening->origins = xcalloc(group->pv_count + 1, sizeof(*opening->origins));
    opening->origin_count = group->pv_count;
    for (size_t i = 0; i < group->pv_count && !opening->problem; i++) {
        const struct lvm_pv *pv = &group->pvs[i];

        if (pv->device)
            opening->origins[i] = str_dup(pv->device);
        else if (stand_in(run, pv, &opening->origins[i], &opening->problem, err) < 0 && !opening->problem)
            return -1;
    }
    if (!opening->problem)
        stack_ground_plan(run, (const char *const *)opening->origins, opening->origin_count, group->name,
                          &opening->ground);
    return 0;
}

/* What all of them are opened on, each group's name in the undo list behind it. */
static int prepare(struct openings *openings, struct error **err)
{
    struct mount_run *run = openings->run;
    _cleanup_free_ struct stack_ground **grounds = xcalloc(openings->count + 1, sizeof(struct stack_ground *));

    for (size_t i = 0; i < openings->count; i++) {
        if (find_origins(run, &openings->items[i], err) < 0)
            return -1;
        grounds[i] = &openings->items[i].ground;
    }
    if (stack_grounds_make(run, grounds, openings->count, err) < 0)
        return -1;
    for (size_t i = 0; i < openings->count; i++) {
        struct opening *opening = &openings->items[i];
        cJSON *change = json_new_object();

        if (!opening->problem)
            opening->problem = steal(opening->ground.problem);
        opening->name = lvm_new_name(mount_tag(run), run->stacked++);
        json_set_string(change, "name", opening->name);
        session_enter(run->session, CHANGE_VOLUME_GROUP, change, false);
    }
    return session_save(run->session, err);
}

/*
 * In a thread of its own, which touches nothing of the run but by reading it. LVM changes one group at a time
 * (vgimportclone takes its lock of the whole host, lvm2's tools/vgimportclone.c), so the others wait here, where none
 * of LVM's commands runs out of time; what is activated is locked by its name alone.
 */
static void open_group(void *argument, size_t i, struct wait *wait)
{
    struct openings *openings = argument;
    struct opening *opening = &openings->items[i];
    const struct session *session = openings->run->session;
    const struct lvm_place place = {.name = opening->name,
                                    .directory = session->directory,
                                    .lock_fd = session->lock_fd,
                                    .devices = opening->ground.paths,
                                    .count = opening->ground.count};
    int result;

    if (opening->problem)
        return;
    while (atomic_flag_test_and_set(&openings->importing))
        if (wait_sleep(wait, POLL_MS, &opening->problem) < 0)
            return;
    result = lvm_import(opening->group, &place, wait, &opening->problem);
    atomic_flag_clear(&openings->importing);
    if (result == 0)
        lvm_activate(opening->group, &place, wait, &opening->problem);
}

static void add_volume(struct mount_run *run, const struct lvm_group *group, const struct lvm_lv *lv, int disk,
                       const char *note)
{
    _cleanup_free_ char *name = str_printf("%s-%s", group->name, lv->name);
    _cleanup_error_ struct error *problem = NULL;
    struct volume *volume = lv->path ? stack_add(run, name, lv->path, disk, &problem) : NULL;

    if (!volume) {
        volume = stack_add_unopened(run, name, lv->size);
        volume_set_reason(volume, VOLUME_FAILED, "%s",
                          problem      ? problem->message
                          : lv->reason ? lv->reason
                                       : "LVM did not activate it");
    } else {
        if (lv->reason)
            volume_add_note(volume, "%s", lv->reason);
        if (note)
            volume_add_note(volume, "%s", note);
    }
    volume->alias = lvm_alias(group, lv);
}

static bool has_copy(const struct mount_run *run, const struct lvm_group *group)
{
    for (size_t i = 0; i < group->pv_count; i++) {
        size_t count = 0;

        for (size_t j = 0; j < run->volumes.count; j++)
            count += str_equal(run->volumes.items[j].type, "LVM2_member") &&
                     str_equal(run->volumes.items[j].uuid, group->pvs[i].uuid);
        if (count > 1)
            return true;
    }
    return false;
}

/* Where there are copies, which ones a group was put together from. NULL if there are none. The caller frees it. */
static char *which_copy(const struct mount_run *run, const struct lvm_group *group)
{
    _cleanup_free_ char *names = str_dup("");

    if (!has_copy(run, group))
        return NULL;
    for (size_t i = 0; i < group->pv_count; i++) {
        const struct volume *volume = stack_volume_of(run, group->pvs[i].device);
        _cleanup_free_ char *before = steal(names);

        names = str_printf("%s%s%s", before, *before && volume ? ", " : "", volume ? volume->name : "");
    }
    return str_printf("the backup has several copies of its volume group: this is the one on %s", names);
}

static void take_opened(struct mount_run *run, struct opening *opening)
{
    const struct lvm_group *group = opening->group;
    _cleanup_free_ char *note = which_copy(run, group);
    int disk;

    if (opening->problem) {
        error_fold_hint(opening->problem);
        judge_members(run, group, VOLUME_FAILED, opening->problem->message);
        return;
    }
    judge_members(run, group, VOLUME_MEMBER, NULL);
    disk = stack_disk_of(run, (const char *const *)opening->origins, opening->origin_count);
    for (size_t i = 0; i < group->lv_count; i++)
        add_volume(run, group, &group->lvs[i], disk, note);
}

/* All at once. Only what must end the whole mount is an error. */
static int activate(struct mount_run *run, const struct lvm_groups *groups, enum stack_members members,
                    struct error **err)
{
    _cleanup_(openings_clear) struct openings openings = {.run = run,
                                                          .items = xcalloc(groups->count + 1, sizeof(*openings.items))};

    atomic_flag_clear(&openings.importing);
    for (size_t i = 0; i < groups->count; i++)
        if (members == STACK_PARTIAL || groups->items[i].missing == 0) {
            openings.items[openings.count++].group = &groups->items[i];
            stack_tell_of_group(run, &groups->items[i]);
        }
    if (openings.count == 0)
        return 0;
    if (prepare(&openings, err) < 0 || pool_run(openings.count, open_group, &openings, &run->wait, err) < 0)
        return -1;
    for (size_t i = 0; i < openings.count; i++)
        take_opened(run, &openings.items[i]);
    return 0;
}

static bool is_in_a_group(const struct lvm_groups *groups, const char *device)
{
    for (size_t i = 0; i < groups->count; i++)
        for (size_t j = 0; j < groups->items[i].pv_count; j++)
            if (str_equal(groups->items[i].pvs[j].device, device))
                return true;
    return false;
}

/* The verdict on those of a set that are in no group. */
static void judge_others(const struct mount_run *run, const char *const devices[], size_t count,
                         const struct lvm_groups *groups, enum stack_members members)
{
    for (size_t i = 0; i < groups->unusable_count; i++) {
        _cleanup_free_ char *reason = str_printf("LVM physical volume: %s", groups->unusable[i].reason);

        if (groups->unusable[i].lacks_others && members != STACK_PARTIAL)
            continue;
        judge_member(run, groups->unusable[i].device, VOLUME_FAILED, reason);
        stack_tell_of_members(run, (const char *const *)&groups->unusable[i].device, 1);
    }
    for (size_t i = 0; i < count && members == STACK_PARTIAL; i++)
        if (!is_in_a_group(groups, devices[i]) && !stack_volume_of(run, devices[i])->is_tried)
            judge_member(run, devices[i], VOLUME_SKIPPED, "LVM physical volume of no volume group");
}

/* What came out of one reading; it can be opened whatever becomes of the others. */
static int activate_set(struct mount_run *run, const struct members *found, size_t set, enum stack_members members,
                        struct error **err)
{
    _cleanup_free_ const char **devices = xcalloc(found->count + 1, sizeof(*devices));
    _cleanup_lvm_groups_ struct lvm_groups groups = {0};
    _cleanup_error_ struct error *problem = NULL;
    size_t count = 0;

    for (size_t i = 0; i < found->count; i++)
        if (found->sets[i] == set)
            devices[count++] = found->devices[i];
    if (lvm_read(devices, count, &groups, &run->wait, &problem) < 0) {
        _cleanup_free_ char *reason = NULL;

        error_fold_hint(problem);
        reason = str_printf("LVM physical volume: %s", problem->message);
        for (size_t i = 0; i < count; i++)
            judge_member(run, devices[i], VOLUME_FAILED, reason);
        stack_tell_of_members(run, devices, count);
        return 0;
    }
    judge_others(run, devices, count, &groups, members);
    return activate(run, &groups, members, err);
}

/* Physical volumes of which none is put together with another, lest it be one of another copy. */
static void refuse_doubtful(const struct mount_run *run, const struct members *found)
{
    _cleanup_free_ const char **devices = xcalloc(found->count + 1, sizeof(*devices));
    _cleanup_free_ char *names = str_dup(""), *reason = NULL;
    size_t count = 0;

    for (size_t i = 0; i < found->count; i++) {
        _cleanup_free_ char *before = NULL;

        if (found->sets[i] != LVM_DOUBTFUL)
            continue;
        devices[count++] = found->devices[i];
        before = steal(names);
        names = str_printf("%s%s%s", before, *before ? ", " : "", stack_volume_of(run, found->devices[i])->name);
    }
    reason =
        str_printf("LVM physical volume: the backup has several copies of its volume group, all of the same state, "
                   "and which of %s belong together cannot be told; a recovery point in which only one of them is "
                   "attached can be opened",
                   names);
    for (size_t i = 0; i < count; i++)
        judge_member(run, devices[i], VOLUME_FAILED, reason);
    stack_tell_of_members(run, devices, count);
}

int stack_activate_groups(struct mount_run *run, enum stack_members members, struct error **err)
{
    _cleanup_(members_clear) struct members found = {0};
    _cleanup_error_ struct error *problem = NULL;
    int result = 0, sets;

    find_members(run, &found);
    if (found.count == 0)
        return 0;
    sets = lvm_divide(found.devices, found.uuids, found.count, found.sets, &run->wait, &problem);
    refuse_doubtful(run, &found);
    /* without LVM there is nothing to divide: the reading says so of each */
    for (int set = 0; set < (sets < 1 ? 1 : sets) && result == 0; set++)
        result = activate_set(run, &found, (size_t)set, members, err);
    return result;
}
