/* SPDX-License-Identifier: MIT */
/* Several physical volumes of one UUID: which of them belong together. */
#include <stdlib.h>

#include "util/log.h"
#include "util/str.h"
#include "volume/copies.h"
#include "volume/lvm-internal.h"

static bool same(const char *one, const char *other)
{
    return one && other && str_equal(one, other);
}

static bool has_copy(const struct lvm_copy *copies, size_t count, size_t of)
{
    for (size_t i = 0; i < count; i++)
        if (i != of && same(copies[i].uuid, copies[of].uuid))
            return true;
    return false;
}

/* Whether there is a copy of any physical volume of the group that this one is of. */
static bool is_concerned(const struct lvm_copy *copies, size_t count, size_t of)
{
    if (has_copy(copies, count, of))
        return true;
    for (size_t i = 0; i < count; i++)
        if (same(copies[i].vg_uuid, copies[of].vg_uuid) && has_copy(copies, count, i))
            return true;
    return false;
}

enum fit {
    NO_FIT,    /* one of that UUID is in the set, or its group in another state */
    FREE,      /* nothing speaks for it or against it */
    GOOD_MATCH /* its group is in the set, in the very same state */
};

static enum fit fit_in(const struct lvm_copy *copies, size_t before, const struct lvm_copy *copy, size_t set)
{
    enum fit fit = FREE;

    for (size_t i = 0; i < before; i++) {
        if (copies[i].set != set)
            continue;
        if (same(copies[i].uuid, copy->uuid))
            return NO_FIT;
        if (!same(copies[i].vg_uuid, copy->vg_uuid))
            continue;
        if (copies[i].seqno != copy->seqno)
            return NO_FIT;
        fit = GOOD_MATCH;
    }
    return fit;
}

/* The first set that has its group in the same state, or else the first that it can be in, or else a new one. */
static size_t choose(const struct lvm_copy *copies, size_t before, const struct lvm_copy *copy, size_t sets)
{
    size_t chosen = sets;

    for (size_t set = sets; set > 0; set--)
        if (fit_in(copies, before, copy, set - 1) != NO_FIT)
            chosen = set - 1;
    for (size_t set = sets; set > 0; set--)
        if (fit_in(copies, before, copy, set - 1) == GOOD_MATCH)
            chosen = set - 1;
    return chosen;
}

/* Those of one group, whose first is `first`. */
static void find_doubt(struct lvm_copy *copies, size_t count, size_t first)
{
    struct copy *members = xcalloc(count + 1, sizeof(*members));
    size_t *indices = xcalloc(count + 1, sizeof(*indices));
    size_t found = 0, places = 0;

    for (size_t i = first; i < count; i++) {
        size_t place = first;

        if (!same(copies[i].vg_uuid, copies[first].vg_uuid))
            continue;
        while (!same(copies[place].uuid, copies[i].uuid) && place < i)
            place++;
        places += place == i;
        members[found] = (struct copy){.place = place, .counter = copies[i].seqno};
        indices[found++] = i;
    }
    if (copies_are_there(members, found))
        copies_divide(members, found, places);
    for (size_t i = 0; i < found; i++)
        copies[indices[i]].is_doubtful = members[i].is_doubtful;
    free(members);
    free(indices);
}

static bool is_first_of_group(const struct lvm_copy *copies, size_t of)
{
    for (size_t i = 0; i < of; i++)
        if (same(copies[i].vg_uuid, copies[of].vg_uuid))
            return false;
    return copies[of].vg_uuid != NULL;
}

size_t lvm_divide_copies(struct lvm_copy *copies, size_t count)
{
    size_t sets = 1;

    for (size_t i = 0; i < count; i++) {
        copies[i].set = is_concerned(copies, count, i) ? choose(copies, i, &copies[i], sets) : 0;
        if (copies[i].set == sets)
            sets++;
    }
    for (size_t i = 0; i < count; i++)
        if (is_first_of_group(copies, i))
            find_doubt(copies, count, i);
    return sets;
}

/* What the device alone tells of its group; nothing if it has no metadata, or none that can be read. */
static int read_alone(const char *device, struct lvm_copy *copy, struct wait *wait, struct error **err)
{
    _cleanup_lvm_groups_ struct lvm_groups groups = {0};
    _cleanup_error_ struct error *why = NULL;

    if (lvm_read_pvs(device, &groups, wait, &why) < 0) {
        if (why->code != EXIT_FAILED)
            return error_move(err, &why);
        log_verbose("%s: %s", device, why->message);
        return 0;
    }
    if (groups.count) {
        copy->vg_uuid = steal(groups.items[0].uuid);
        copy->seqno = groups.items[0].seqno;
    }
    return 0;
}

int lvm_divide(const char *const devices[], const char *const uuids[], size_t count, size_t sets[], struct wait *wait,
               struct error **err)
{
    struct lvm_copy *copies = xcalloc(count + 1, sizeof(*copies));
    bool any = false;
    size_t made = 1;
    int result = 0;

    for (size_t i = 0; i < count; i++)
        copies[i].uuid = uuids[i];
    for (size_t i = 0; i < count && !any; i++)
        any = has_copy(copies, count, i);
    for (size_t i = 0; i < count && any && result == 0; i++)
        result = read_alone(devices[i], &copies[i], wait, err);
    if (any && result == 0)
        made = lvm_divide_copies(copies, count);
    for (size_t i = 0; i < count; i++) {
        sets[i] = copies[i].is_doubtful ? LVM_DOUBTFUL : copies[i].set;
        free(copies[i].vg_uuid);
    }
    free(copies);
    return result < 0 ? -1 : (int)made;
}
