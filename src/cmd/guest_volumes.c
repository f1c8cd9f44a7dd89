/* SPDX-License-Identifier: MIT */
#include "cmd/guest_volumes.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "util/str.h"

/* A whole text as a number of at most four digits; -1 for anything else. */
static int small_number(const char *text, size_t length)
{
    _cleanup_free_ char *copy = str_ndup(text, length);
    long number;

    return length <= 4 && str_to_long(copy, 0, 9999, &number) == 0 ? (int)number : -1;
}

/* Of a volume of a disk its number in the partition table, "disk0p1", or 0 for the whole of it; else -1. */
static int partition_of(const char *name)
{
    static const char PREFIX[] = "disk";
    const char *digits = str_starts_with(name, PREFIX) ? name + strlen(PREFIX) : "";
    size_t length = strcspn(digits, "p");

    if (small_number(digits, length) < 0)
        return -1;
    return digits[length] ? small_number(digits + length + 1, strlen(digits + length + 1)) : 0;
}

struct guest_volume *guest_volumes_describe(const struct volumes *volumes)
{
    struct guest_volume *list = xcalloc(volumes->count ? volumes->count : 1, sizeof(*list));

    for (size_t i = 0; i < volumes->count; i++) {
        const struct volume *volume = &volumes->items[i];

        list[i] = (struct guest_volume){.name = volume->name,
                                        .type = volume->type,
                                        .label = volume->label,
                                        .uuid = volume->uuid,
                                        .part_uuid = volume->part_uuid,
                                        .part_name = volume->part_name,
                                        .aliases = volume->alias,
                                        .disk = volume->disk,
                                        .partition = partition_of(volume->name),
                                        .mounted = volume->state == VOLUME_MOUNTED};
    }
    return list;
}

static int place_in_order(const struct guest_volume *volume)
{
    return volume->disk < 0 ? INT_MAX : volume->disk;
}

size_t *guest_volumes_in_order(const struct guest_volume *described, size_t count)
{
    size_t *order = xcalloc(count ? count : 1, sizeof(*order));

    for (size_t i = 0; i < count; i++) {
        size_t at = i;

        while (at > 0 && place_in_order(&described[order[at - 1]]) > place_in_order(&described[i])) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = i;
    }
    return order;
}
