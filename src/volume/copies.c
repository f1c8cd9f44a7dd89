/* SPDX-License-Identifier: MIT */
#include "volume/copies.h"

#include <stdlib.h>

#include "util/cleanup.h"
#include "util/str.h"

/* Indices of members. */
struct list {
    size_t *items;
    size_t count;
};

bool copies_are_there(const struct copy *copies, size_t count)
{
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            if (copies[i].place == copies[j].place)
                return true;
    return false;
}

static bool agree(const struct copy *one, const struct copy *other)
{
    return one->counter == other->counter && one->time == other->time;
}

/* How many of the list's members from `from` to before `to` have the place. */
static size_t count_place(const struct copy *copies, const struct list *list, size_t from, size_t to, uint64_t place)
{
    size_t count = 0;

    for (size_t i = from; i < to; i++)
        count += copies[list->items[i]].place == place;
    return count;
}

/* How long the runs are that the list consists of, each with the same places once but the last, which may lack some; 0
 * if it does not. */
static size_t run_length(const struct copy *copies, const struct list *list)
{
    size_t length = 0;

    while (length < list->count && count_place(copies, list, 0, length, copies[list->items[length]].place) == 0)
        length++;
    for (size_t i = length; i < list->count; i++) {
        const size_t start = i - i % length;
        const uint64_t place = copies[list->items[i]].place;

        if (count_place(copies, list, 0, length, place) != 1 || count_place(copies, list, start, i, place) != 0)
            return 0;
    }
    return length;
}

static bool all_settled(const struct copy *copies, const struct list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (!copies[list->items[i]].is_settled)
            return false;
    return true;
}

/* Divides those that agree. Returns how many sets that makes, the first of which is `set`. */
static size_t divide_equal(struct copy *copies, const struct list *list, size_t set)
{
    const size_t length = run_length(copies, list);
    const bool settled = all_settled(copies, list);
    size_t made = 1;

    for (size_t i = 0; i < list->count; i++) {
        struct copy *copy = &copies[list->items[i]];
        size_t nth = 0;

        if (length)
            nth = i / length;
        else if (settled)
            nth = count_place(copies, list, 0, i, copy->place);
        else
            copy->is_doubtful = true;
        copy->set = set + nth;
        made = nth + 1 > made ? nth + 1 : made;
    }
    return made;
}

/* The members of a set. The caller frees the items. */
static void list_set(const struct copy *copies, size_t count, size_t set, struct list *list)
{
    *list = (struct list){.items = xcalloc(count + 1, sizeof(*list->items))};
    for (size_t i = 0; i < count; i++)
        if (copies[i].set == set)
            list->items[list->count++] = i;
}

/* Whether two sets can be one that was caught in the middle of a write. */
static bool complete_each_other(const struct copy *copies, size_t count, size_t one, size_t other, uint64_t places)
{
    _cleanup_free_ size_t *first = NULL, *second = NULL;
    struct list a, b;
    bool fit;

    list_set(copies, count, one, &a);
    list_set(copies, count, other, &b);
    first = a.items;
    second = b.items;
    fit = a.count && b.count && a.count + b.count <= places && !copies[first[0]].is_doubtful &&
          !copies[second[0]].is_doubtful;
    if (fit) {
        const uint64_t low = copies[first[0]].counter, high = copies[second[0]].counter;

        fit = (low > high ? low - high : high - low) <= 1;
    }
    for (size_t i = 0; fit && i < a.count; i++)
        fit = count_place(copies, &b, 0, b.count, copies[first[i]].place) == 0;
    return fit;
}

enum { NONE = -1, SEVERAL = -2 };

/* The one other set that completes it. */
static long partner_of(const struct copy *copies, size_t count, size_t sets, size_t set, uint64_t places)
{
    long found = NONE;

    for (size_t other = 0; other < sets; other++) {
        if (other == set || !complete_each_other(copies, count, set, other, places))
            continue;
        if (found != NONE)
            return SEVERAL;
        found = (long)other;
    }
    return found;
}

static void join(struct copy *copies, size_t count, size_t sets, uint64_t places)
{
    for (size_t set = 0; set < sets; set++) {
        const long other = partner_of(copies, count, sets, set, places);

        if (other < 0 || partner_of(copies, count, sets, (size_t)other, places) != (long)set)
            continue;
        for (size_t i = 0; i < count; i++)
            if (copies[i].set == (size_t)other)
                copies[i].set = set;
    }
}

void copies_divide(struct copy *copies, size_t count, uint64_t places)
{
    bool *done = xcalloc(count + 1, sizeof(*done));
    struct list equal = {.items = xcalloc(count + 1, sizeof(*equal.items))};
    size_t sets = 0;

    for (size_t i = 0; i < count; i++) {
        if (done[i])
            continue;
        equal.count = 0;
        for (size_t j = i; j < count; j++)
            if (!done[j] && agree(&copies[i], &copies[j])) {
                equal.items[equal.count++] = j;
                done[j] = true;
            }
        sets += divide_equal(copies, &equal, sets);
    }
    join(copies, count, sets, places);
    free(equal.items);
    free(done);
}
