/* SPDX-License-Identifier: MIT */
/* From members to arrays, and what can be done with them. */
#include <stdlib.h>
#include <string.h>

#include "util/str.h"
#include "volume/copies.h"
#include "volume/md-internal.h"

/* Of an array with redundancy the kernel marks the members before it writes, unless they are marked already. */
static bool is_settled(const struct md_superblock *superblock)
{
    return !superblock->dirty && !str_equal(superblock->level, "raid0") && !str_equal(superblock->level, "linear");
}

static bool is_member_of(const struct md_superblock *superblock, const char *uuid)
{
    return superblock->role != MD_SPARE && str_equal(superblock->uuid, uuid);
}

/* Those of one array. */
static void divide(struct md_superblock *superblocks, size_t count, const char *uuid)
{
    struct copy *copies = xcalloc(count + 1, sizeof(*copies));
    size_t found = 0;
    int places = 0;

    for (size_t i = 0; i < count; i++) {
        const struct md_superblock *one = &superblocks[i];

        if (!is_member_of(one, uuid))
            continue;
        copies[found++] = (struct copy){
            .place = (uint64_t)one->role, .counter = one->events, .time = one->updated, .is_settled = is_settled(one)};
        places = one->raid_devices > places ? one->raid_devices : places;
    }
    /* a member that had dropped out is told by its events where nothing is there twice */
    if (copies_are_there(copies, found))
        copies_divide(copies, found, (uint64_t)places);
    found = 0;
    for (size_t i = 0; i < count; i++) {
        if (!is_member_of(&superblocks[i], uuid))
            continue;
        superblocks[i].set = copies[found].set;
        superblocks[i].is_doubtful = copies[found++].is_doubtful;
    }
    free(copies);
}

void md_divide(struct md_superblock *superblocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool is_first = true;

        for (size_t j = 0; j < i; j++)
            is_first = is_first && !str_equal(superblocks[j].uuid, superblocks[i].uuid);
        if (is_first)
            divide(superblocks, count, superblocks[i].uuid);
    }
}

static char *printable(const char *text)
{
    return str_printable(text, strlen(text), 32);
}

void md_add(struct md_arrays *arrays, const char *device, struct md_superblock *superblock)
{
    struct md_array *array = NULL;

    for (size_t i = 0; i < arrays->count; i++)
        if (str_equal(arrays->items[i].uuid, superblock->uuid) && arrays->items[i].set == superblock->set)
            array = &arrays->items[i];
    if (!array) {
        arrays->items = xgrow(arrays->items, arrays->count, sizeof(*arrays->items));
        array = &arrays->items[arrays->count++];
        *array = (struct md_array){.uuid = superblock->uuid, .set = superblock->set};
        superblock->uuid = NULL;
    }
    /* the most recently written superblock is the one that knows */
    if (!array->level || superblock->events > array->events) {
        free(array->level);
        free(array->metadata);
        free(array->name);
        array->level = printable(superblock->level);
        array->metadata = printable(superblock->metadata);
        array->name = steal(superblock->name);
        array->raid_devices = superblock->raid_devices;
        array->events = superblock->events;
        array->updated = superblock->updated;
        memcpy(array->recorded, superblock->state, sizeof(array->recorded));
    }
    if (superblock->is_doubtful)
        array->state = MD_DOUBTFUL;
    array->members = xgrow(array->members, array->member_count, sizeof(*array->members));
    array->members[array->member_count++] = (struct md_member){
        .device = str_dup(device), .role = superblock->role, .events = superblock->events, .dirty = superblock->dirty};
    md_superblock_clear(superblock);
}

/* How many members may be missing, at most; md(4). Of raid10 that is one of each pair, which only the kernel can tell.
 */
static int spare_members(const struct md_array *array)
{
    if (str_equal(array->level, "raid1"))
        return array->raid_devices - 1;
    if (str_equal(array->level, "raid4") || str_equal(array->level, "raid5"))
        return 1;
    if (str_equal(array->level, "raid6"))
        return 2;
    return str_equal(array->level, "raid10") ? array->raid_devices / 2 : 0;
}

/*
 * As the kernel does when it starts an array (super_1_validate() in drivers/md/md.c): one behind is what a backup taken
 * in the middle of an update of the superblocks gives, more is a member that had dropped out.
 */
static bool is_stale(const struct md_array *array, const struct md_member *member)
{
    size_t recorded = strlen(array->recorded);

    if (member->role == MD_SPARE)
        return false;
    return member->role >= array->raid_devices || member->events + 1 < array->events ||
           ((size_t)member->role < recorded && array->recorded[member->role] == '.');
}

static int count_fresh(struct md_array *array, bool *dirty)
{
    bool taken[MD_MAX_DEVICES] = {false};
    int fresh = 0;

    for (size_t i = 0; i < array->member_count; i++) {
        struct md_member *member = &array->members[i];

        member->stale = is_stale(array, member);
        if (member->stale || member->role == MD_SPARE)
            continue;
        /* two that say they are the same one */
        member->stale = taken[member->role];
        fresh += !member->stale;
        *dirty = *dirty || (!member->stale && member->dirty);
        taken[member->role] = true;
    }
    return fresh;
}

static void judge(struct md_array *array)
{
    const bool is_doubtful = array->state == MD_DOUBTFUL;
    bool dirty = false;
    int fresh = count_fresh(array, &dirty);
    bool has_parity =
        str_equal(array->level, "raid4") || str_equal(array->level, "raid5") || str_equal(array->level, "raid6");

    array->missing = array->raid_devices - fresh;
    if (is_doubtful) {
        array->reason = str_dup("there are several copies of it, of the same state: which members belong together "
                                "cannot be told");
    } else if (!md_is_level(array->level) || array->raid_devices < 1) {
        bool container = str_equal(array->level, "container");

        array->state = MD_UNSUPPORTED;
        array->reason = container ? str_printf("firmware RAID (%s)", array->metadata)
                                  : str_printf("md of the kind %s", array->level);
    } else if (array->missing == 0) {
        array->state = MD_WHOLE;
    } else if (fresh == 0 || array->missing > spare_members(array)) {
        array->state = MD_INCOMPLETE;
        array->reason = str_printf("%d of its %d members are missing", array->missing, array->raid_devices);
    } else {
        array->state = MD_DEGRADED;
        array->reason = str_printf("%d of its %d members missing, which the others make up for", array->missing,
                                   array->raid_devices);
        array->needs_force = dirty && has_parity;
    }
}

static bool is_newer(const struct md_array *one, const struct md_array *other)
{
    return one->events != other->events ? one->events > other->events : one->updated > other->updated;
}

/* Beside the newest copy of an array only whole ones count: the others may be members that were replaced. */
static void judge_copies(struct md_arrays *arrays)
{
    for (size_t i = 0; i < arrays->count; i++) {
        struct md_array *array = &arrays->items[i];
        bool is_newest = true;

        for (size_t j = 0; j < arrays->count; j++) {
            if (j == i || !str_equal(array->uuid, arrays->items[j].uuid))
                continue;
            array->is_copy = true;
            if (j < i ? !is_newer(array, &arrays->items[j]) : is_newer(&arrays->items[j], array))
                is_newest = false;
        }
        if (is_newest || (array->state != MD_DEGRADED && array->state != MD_INCOMPLETE))
            continue;
        array->state = MD_LEFT_OVER;
        free(array->reason);
        array->reason = str_dup("there is a newer or fuller copy of it, and this is no whole one: a member that was "
                                "replaced perhaps");
    }
}

void md_judge(struct md_arrays *arrays)
{
    for (size_t i = 0; i < arrays->count; i++)
        judge(&arrays->items[i]);
    judge_copies(arrays);
}

void md_arrays_clear(struct md_arrays *arrays)
{
    for (size_t i = 0; i < arrays->count; i++) {
        struct md_array *array = &arrays->items[i];

        for (size_t j = 0; j < array->member_count; j++)
            free(array->members[j].device);
        free(array->members);
        free(array->uuid);
        free(array->name);
        free(array->level);
        free(array->metadata);
        free(array->reason);
    }
    free(arrays->items);
    *arrays = (struct md_arrays){0};
}
