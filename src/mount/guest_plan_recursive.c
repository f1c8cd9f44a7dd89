/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "mount/guest_path.h"
#include "mount/guest_plan-internal.h"
#include "util/str.h"

static bool is_planned_at(const struct guest_plan *plan, const char *target)
{
    for (size_t i = 0; i < plan->count; i++)
        if (plan->items[i].state == GUEST_MOUNT_PLANNED && str_equal(plan->items[i].target, target))
            return true;
    return false;
}

/* Where `mount` shows up once more below the bind's target; NULL if nowhere. The caller frees it. */
static char *place_below(const struct guest_mount *bind, const struct guest_mount *mount)
{
    const char *rest = mount->target + (str_equal(bind->path, "/") ? 0 : strlen(bind->path));

    /* what is mounted in the copy itself is not copied into it again */
    if (mount == bind || mount->state != GUEST_MOUNT_PLANNED || str_equal(mount->target, bind->path) ||
        !guest_plan_is_at_or_below(mount->target, bind->path) || guest_plan_is_at_or_below(mount->target, bind->target))
        return NULL;
    return str_printf("%s%s", bind->target, rest);
}

/* Returns whether anything was added. */
static bool follow(struct guest_plan *plan, struct guest_mount *bind, size_t *room)
{
    const size_t count = plan->count;

    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *place = place_below(bind, &plan->items[i]);

        if (!place || strlen(place) > GUEST_PATH_MAX || is_planned_at(plan, place))
            continue;
        if (*room == 0) {
            guest_mount_decide(bind, GUEST_MOUNT_PLANNED, "not all that is mounted below %s is shown in it: too many",
                               bind->path);
            break;
        }
        --*room;
        plan->items[plan->count++] =
            (struct guest_mount){.kind = GUEST_MOUNT_BIND,
                                 .target = steal(place),
                                 .source = str_dup(bind->source),
                                 .volume = GUEST_NO_VOLUME,
                                 .path = str_dup(plan->items[i].target),
                                 .why = str_printf("with the recursive bind of %s", bind->source)};
    }
    return plan->count > count;
}

void guest_plan_follow_recursive(struct guest_plan *plan, size_t room)
{
    bool has_more = true;

    /* one may bind what another brings, whichever is the first */
    while (has_more) {
        has_more = false;
        for (size_t i = 0; i < plan->count; i++)
            if (plan->items[i].is_recursive && plan->items[i].state == GUEST_MOUNT_PLANNED)
                has_more = follow(plan, &plan->items[i], &room) || has_more;
    }
}
