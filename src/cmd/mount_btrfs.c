/* SPDX-License-Identifier: MIT */
#include "cmd/mount_btrfs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/mount_overlay.h"
#include "cmd/teardown.h"
#include "util/json.h"
#include "util/pool.h"
#include "util/str.h"
#include "volume/btrfs.h"

/* The volumes that hold a btrfs, side by side with what was found out of each. */
struct candidates {
    size_t *volumes; /* by their place in run->volumes */
    struct btrfs_member *members;
    size_t *groups;
    enum btrfs_fit *fits;
    struct overlay_wish *overlays;
    size_t count;
};

static void candidates_clear(struct candidates *all)
{
    overlay_wishes_clear(all->overlays, all->count);
    free(all->volumes);
    free(all->members);
    free(all->groups);
    free(all->fits);
    free(all->overlays);
}

/* Of which volumes the superblocks are read, side by side with what came of it. */
struct readings {
    const struct mount_run *run;
    size_t *volumes;
    struct btrfs_member *members;
    struct error **problems;
};

/* In a thread of its own, which touches nothing of the run but by reading it. */
static void read_member(void *argument, size_t i, struct wait *wait)
{
    const struct readings *readings = argument;

    (void)wait;
    btrfs_read_member(readings->run->volumes.items[readings->volumes[i]].device, &readings->members[i],
                      &readings->problems[i]);
}

/* The verdicts on those that could not be read; the others become candidates. */
static void take_readings(struct mount_run *run, struct readings *readings, size_t count, struct candidates *all)
{
    for (size_t i = 0; i < count; i++) {
        struct volume *volume = &run->volumes.items[readings->volumes[i]];

        if (readings->problems[i]) {
            volume_set_reason(volume, VOLUME_FAILED, "%s", readings->problems[i]->message);
            error_free(steal(readings->problems[i]));
            continue;
        }
        all->overlays[all->count] = (struct overlay_wish){.origin = volume->device, .volume = volume->name};
        all->members[all->count] = readings->members[i];
        all->volumes[all->count++] = readings->volumes[i];
    }
    btrfs_group(all->members, all->count, all->groups, all->fits);
}

static int find(struct mount_run *run, struct candidates *all, struct error **err)
{
    const size_t most = run->volumes.count + 1;
    _cleanup_free_ size_t *volumes = xcalloc(most, sizeof(*volumes));
    _cleanup_free_ struct btrfs_member *members = xcalloc(most, sizeof(*members));
    _cleanup_free_ struct error **problems = xcalloc(most, sizeof(struct error *));
    struct readings readings = {.run = run, .volumes = volumes, .members = members, .problems = problems};
    size_t count = 0;
    int result;

    *all = (struct candidates){.volumes = xcalloc(most, sizeof(*all->volumes)),
                               .members = xcalloc(most, sizeof(*all->members)),
                               .groups = xcalloc(most, sizeof(*all->groups)),
                               .fits = xcalloc(most, sizeof(*all->fits)),
                               .overlays = xcalloc(most, sizeof(*all->overlays))};
    for (size_t i = 0; i < run->volumes.count; i++)
        if (run->volumes.items[i].state == VOLUME_FOUND && str_equal(run->volumes.items[i].type, "btrfs"))
            volumes[count++] = i;
    result = pool_run(count, read_member, &readings, &run->wait, err);
    if (result == 0)
        take_readings(run, &readings, count, all);
    for (size_t i = 0; i < count; i++)
        error_free(problems[i]);
    return result;
}

static size_t collect_group(const struct candidates *all, size_t first, size_t *members)
{
    size_t count = 0;

    for (size_t i = 0; i < all->count; i++)
        if (all->groups[i] == first)
            members[count++] = i;
    return count;
}

/* The kernel is made to forget these devices once they are unmounted. */
static void enter(struct mount_run *run, const char *const *paths, size_t count)
{
    cJSON *change = json_new_object();
    cJSON *list = json_set_array(change, "devices");

    for (size_t i = 0; i < count; i++)
        json_append(list, cJSON_CreateString(paths[i]));
    session_enter(run->session, CHANGE_BTRFS, change, false);
}

static void fail_all(struct mount_run *run, const struct candidates *all, const size_t *members, size_t count,
                     const char *reason)
{
    for (size_t i = 0; i < count; i++)
        volume_set_reason(&run->volumes.items[all->volumes[members[i]]], VOLUME_FAILED, "%s", reason);
}

/* "disk2, disk3": the volumes of these members. The caller frees it. */
static char *names_of(const struct mount_run *run, const struct candidates *all, const size_t *members, size_t count)
{
    char *names = str_dup("");

    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *before = names;

        names = str_printf("%s%s%s", before, *before ? ", " : "", run->volumes.items[all->volumes[members[i]]].name);
    }
    return names;
}

/* Returns whether it was one that can't be opened, for want of knowing what belongs to it. */
static bool refuse(struct mount_run *run, const struct candidates *all, const size_t *members, size_t count)
{
    _cleanup_free_ char *names = names_of(run, all, members, count), *reason = NULL;

    if (all->fits[members[0]] == BTRFS_DOUBTFUL)
        reason = str_printf("the backup has several copies of this btrfs, all of the same state, and which of its "
                            "devices (%s) belong together cannot be told; a recovery point in which only one of them "
                            "is attached can be opened",
                            names);
    else if (all->fits[members[0]] == BTRFS_LEFT_OVER)
        reason = str_printf("there is a newer or fuller copy of this btrfs in the backup, and of this one only %zu of "
                            "%" PRIu64 " devices (%s): one that was replaced perhaps",
                            count, all->members[members[0]].device_count, names);
    if (reason)
        fail_all(run, all, members, count, reason);
    return reason != NULL;
}

static bool is_copied(const struct candidates *all, size_t member)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->groups[i] != all->groups[member] &&
            memcmp(all->members[i].fsid, all->members[member].fsid, BTRFS_ID_LENGTH) == 0)
            return true;
    return false;
}

/* What a person should know of one on several devices. NULL if nothing. The caller frees it. */
static char *note_of(const struct mount_run *run, const struct candidates *all, const size_t *members, size_t count)
{
    const struct btrfs_member *first = &all->members[members[0]];
    _cleanup_free_ char *names = names_of(run, all, members, count);
    const char *seed = NULL;

    for (size_t i = 0; i < all->count && !seed; i++)
        if (all->members[i].is_seed)
            seed = run->volumes.items[all->volumes[i]].name;
    if (count < first->device_count)
        return str_printf("%zu of its %" PRIu64
                          " devices are in the backup: what had no copy on these is missing%s%s%s",
                          count, first->device_count, seed ? ", as is all of the seed that it may be built on (" : "",
                          seed ? seed : "", seed ? "), which azilr opens only by itself" : "");
    return count > 1 && is_copied(all, members[0])
               ? str_printf("the backup has several copies of this btrfs: this is the one on %s", names)
               : NULL;
}

/* From here on the first volume stands for all of them. */
static void join(struct mount_run *run, struct candidates *all, const size_t *members, size_t count)
{
    struct volume *first = &run->volumes.items[all->volumes[members[0]]];
    _cleanup_free_ char *note = NULL;

    free(first->device);
    first->device = steal(all->overlays[members[0]].path);
    first->device_number = all->overlays[members[0]].device;
    first->is_overlaid = true;
    first->options = btrfs_options(&all->members[members[0]], count);
    first->companions = xcalloc(count, sizeof(*first->companions));
    first->companion_numbers = xcalloc(count, sizeof(*first->companion_numbers));
    first->companion_count = count - 1;
    for (size_t i = 1; i < count; i++) {
        first->companions[i - 1] = steal(all->overlays[members[i]].path);
        first->companion_numbers[i - 1] = all->overlays[members[i]].device;
        volume_set_reason(&run->volumes.items[all->volumes[members[i]]], VOLUME_MEMBER,
                          "part of the btrfs that is shown as %s", first->name);
    }
    note = note_of(run, all, members, count);
    if (note && first->note) {
        _cleanup_free_ char *before = steal(first->note);

        first->note = str_printf("%s; %s", before, note);
    } else if (note) {
        first->note = steal(note);
    }
}

/* A file system that is given its new id. */
struct group {
    size_t *members; /* by their place among the candidates */
    const char **paths;
    size_t count;
    struct error *problem; /* why it cannot be opened */
};

struct groups {
    struct group *items;
    size_t count;
};

static void groups_clear(struct groups *groups)
{
    for (size_t i = 0; i < groups->count; i++) {
        free(groups->items[i].members);
        free(groups->items[i].paths);
        error_free(groups->items[i].problem);
    }
    free(groups->items);
}

/* All that can be opened, each with its undo. */
static void divide(struct mount_run *run, const struct candidates *all, struct groups *groups)
{
    _cleanup_free_ size_t *members = xcalloc(all->count + 1, sizeof(*members));

    for (size_t i = 0; i < all->count; i++) {
        size_t count = all->groups[i] == i ? collect_group(all, i, members) : 0;
        struct group *group = &groups->items[groups->count];

        if (count == 0 || refuse(run, all, members, count))
            continue;
        *group = (struct group){.members = steal(members), .paths = xcalloc(count, sizeof(char *)), .count = count};
        members = xcalloc(all->count + 1, sizeof(*members));
        groups->count++;
        for (size_t j = 0; j < count && !group->problem; j++) {
            const struct overlay_wish *overlay = &all->overlays[group->members[j]];

            group->paths[j] = overlay->path;
            if (!overlay->path)
                error_set(&group->problem, EXIT_FAILED,
                          "btrfs is only opened on an overlay, which could not be made: %s",
                          overlay->problem ? overlay->problem->message : "interrupted");
        }
        if (!group->problem)
            enter(run, group->paths, count);
    }
}

/* In a thread of its own, which touches nothing of the run. */
static void change_id(void *argument, size_t i, struct wait *wait)
{
    struct group *group = &((struct groups *)argument)->items[i];

    (void)wait;
    if (!group->problem)
        btrfs_change_id(group->paths, group->count, &group->problem);
}

int mount_btrfs_prepare(struct mount_run *run, struct error **err)
{
    _cleanup_(candidates_clear) struct candidates all = {0};
    _cleanup_(groups_clear) struct groups groups = {0};

    if (find(run, &all, err) < 0 || mount_overlays(run, all.overlays, all.count, err) < 0)
        return -1;
    groups.items = xcalloc(all.count + 1, sizeof(*groups.items));
    divide(run, &all, &groups);
    if (groups.count == 0)
        return wait_check(&run->wait, err);
    if (session_save(run->session, err) < 0 || pool_run(groups.count, change_id, &groups, &run->wait, err) < 0)
        return -1;
    for (size_t i = 0; i < groups.count; i++) {
        const struct group *group = &groups.items[i];

        if (group->problem)
            fail_all(run, &all, group->members, group->count, group->problem->message);
        else
            join(run, &all, group->members, group->count);
    }
    return 0;
}
