/* SPDX-License-Identifier: MIT */
/* The volume groups of a backup: each on overlays, under a name and with ids of its own. */
#include <stdlib.h>

#include "block/dm.h"
#include "cmd/mount_overlay.h"
#include "cmd/mount_stack.h"
#include "cmd/teardown.h"
#include "util/json.h"
#include "util/str.h"
#include "volume/lvm.h"

/* The physical volumes that have not been tried, side by side with their paths. */
struct members {
    size_t *volumes; /* by their place in run->volumes */
    const char **devices;
    size_t count;
};

static void members_clear(struct members *members)
{
    free(members->volumes);
    free(members->devices);
}

static void find_members(const struct mount_run *run, struct members *members)
{
    *members = (struct members){.volumes = xcalloc(run->volumes.count + 1, sizeof(*members->volumes)),
                                .devices = xcalloc(run->volumes.count + 1, sizeof(*members->devices))};
    for (size_t i = 0; i < run->volumes.count; i++) {
        const struct volume *volume = &run->volumes.items[i];

        if (volume->is_tried || !str_equal(volume->type, "LVM2_member"))
            continue;
        members->volumes[members->count] = i;
        members->devices[members->count++] = volume->device;
    }
}

static struct volume *volume_of(struct mount_run *run, const struct members *members, const char *device)
{
    for (size_t i = 0; i < members->count; i++)
        if (str_equal(members->devices[i], device))
            return &run->volumes.items[members->volumes[i]];
    return NULL;
}

/* The verdict on all physical volumes of a group. */
static void judge_members(struct mount_run *run, const struct members *members, const struct lvm_group *group,
                          enum volume_state state, const char *problem)
{
    for (size_t i = 0; i < group->pv_count; i++) {
        struct volume *volume = group->pvs[i].device ? volume_of(run, members, group->pvs[i].device) : NULL;

        if (!volume)
            continue;
        volume->is_tried = true;
        volume_set_reason(volume, state, "physical volume of the volume group %s%s%s", group->name, problem ? ": " : "",
                          problem ? problem : "");
    }
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

/* What a group is imported on: one overlay for each physical volume, in their order. */
struct ground {
    struct overlay_wish *overlays;
    char **origins; /* of the stand-ins, which are ours to free */
    const char **paths;
    size_t count;
};

static void ground_clear(struct ground *ground)
{
    overlay_wishes_clear(ground->overlays, ground->count);
    for (size_t i = 0; i < ground->count; i++)
        free(ground->origins[i]);
    free(ground->overlays);
    free(ground->origins);
    free(ground->paths);
}

/* -1 with err set where the whole mount must end, or with problem set where only this group cannot be opened. */
static int prepare_ground(struct mount_run *run, const struct members *members, const struct lvm_group *group,
                          struct ground *ground, struct error **problem, struct error **err)
{
    const size_t count = group->pv_count;

    *ground = (struct ground){.overlays = xcalloc(count + 1, sizeof(*ground->overlays)),
                              .origins = xcalloc(count + 1, sizeof(*ground->origins)),
                              .paths = xcalloc(count + 1, sizeof(*ground->paths)),
                              .count = count};
    for (size_t i = 0; i < count; i++) {
        const struct lvm_pv *pv = &group->pvs[i];
        const struct volume *volume = pv->device ? volume_of(run, members, pv->device) : NULL;

        if (!pv->device && stand_in(run, pv, &ground->origins[i], problem, err) < 0)
            return -1;
        ground->overlays[i] = (struct overlay_wish){.origin = pv->device ? pv->device : ground->origins[i],
                                                    .volume = volume ? volume->name : group->name};
    }
    if (mount_overlays(run, ground->overlays, count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        ground->paths[i] = ground->overlays[i].path;
        if (!ground->paths[i])
            return error_set(problem, EXIT_FAILED, "an overlay to open it on could not be made: %s",
                             ground->overlays[i].problem ? ground->overlays[i].problem->message : "interrupted");
    }
    return 0;
}

/* Where a group counts as lying: on the first of its disks. */
static int lun_of(struct mount_run *run, const struct members *members, const struct lvm_group *group)
{
    int least = -1;

    for (size_t i = 0; i < group->pv_count; i++) {
        const struct volume *volume = group->pvs[i].device ? volume_of(run, members, group->pvs[i].device) : NULL;

        if (volume && volume->lun >= 0 && (least < 0 || volume->lun < least))
            least = volume->lun;
    }
    return least;
}

static void add_volume(struct mount_run *run, const struct lvm_group *group, const struct lvm_lv *lv, int lun)
{
    _cleanup_free_ char *name = str_printf("%s-%s", group->name, lv->name);
    _cleanup_error_ struct error *problem = NULL;
    struct volume *volume = lv->path ? stack_add(run, name, lv->path, lun, &problem) : NULL;

    if (!volume) {
        volume = stack_add_unopened(run, name, lv->size);
        volume_set_reason(volume, VOLUME_FAILED, "%s",
                          problem      ? problem->message
                          : lv->reason ? lv->reason
                                       : "LVM did not activate it");
    } else if (lv->reason) {
        volume->note = str_dup(lv->reason);
    }
    volume->alias = lvm_alias(group, lv);
}

/* Only what must end the whole mount is an error. */
static int activate(struct mount_run *run, const struct members *members, struct lvm_group *group, struct error **err)
{
    _cleanup_(ground_clear) struct ground ground = {0};
    _cleanup_error_ struct error *problem = NULL;
    _cleanup_free_ char *name = lvm_new_name(mount_tag(run), run->stacked++);
    _cleanup_free_ char *prefix = lvm_mapped_name(name, "");
    struct lvm_place place = {.name = name, .directory = run->session->directory, .lock_fd = run->session->lock_fd};
    cJSON *change;

    if (prepare_ground(run, members, group, &ground, &problem, err) < 0) {
        if (!problem)
            return -1;
        error_fold_hint(problem);
        judge_members(run, members, group, VOLUME_FAILED, problem->message);
        return 0;
    }
    place.devices = ground.paths;
    place.count = ground.count;
    change = json_new_object();
    json_set_string(change, "name", name);
    json_set_string(change, "prefix", prefix);
    if (session_will(run->session, CHANGE_VOLUME_GROUP, change, false, err) < 0)
        return -1;
    if (lvm_import(group, &place, &run->wait, &problem) < 0 || lvm_activate(group, &place, &run->wait, &problem) < 0) {
        error_fold_hint(problem);
        judge_members(run, members, group, VOLUME_FAILED, problem->message);
        return 0;
    }
    judge_members(run, members, group, VOLUME_MEMBER, NULL);
    for (size_t i = 0; i < group->lv_count; i++)
        add_volume(run, group, &group->lvs[i], lun_of(run, members, group));
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

int stack_activate_groups(struct mount_run *run, enum stack_members members, struct error **err)
{
    _cleanup_(members_clear) struct members found = {0};
    _cleanup_lvm_groups_ struct lvm_groups groups = {0};
    _cleanup_error_ struct error *problem = NULL;
    int result = 0;

    find_members(run, &found);
    if (found.count == 0)
        return 0;
    if (lvm_read(found.devices, found.count, &groups, &run->wait, &problem) < 0) {
        error_fold_hint(problem);
        for (size_t i = 0; i < found.count; i++) {
            run->volumes.items[found.volumes[i]].is_tried = true;
            volume_set_reason(&run->volumes.items[found.volumes[i]], VOLUME_FAILED, "LVM physical volume: %s",
                              problem->message);
        }
        return 0;
    }
    for (size_t i = 0; i < found.count; i++) {
        struct volume *volume = &run->volumes.items[found.volumes[i]];

        if (!is_in_a_group(&groups, volume->device) && members == STACK_PARTIAL) {
            volume->is_tried = true;
            volume_set_reason(volume, VOLUME_SKIPPED, "LVM physical volume of no volume group");
        }
    }
    for (size_t i = 0; i < groups.count && result == 0; i++)
        if (members == STACK_PARTIAL || groups.items[i].missing == 0)
            result = activate(run, &found, &groups.items[i], err);
    return result;
}
