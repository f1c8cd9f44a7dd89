/* SPDX-License-Identifier: MIT */
#include "cmd/stack_members.h"

#include <stdlib.h>

#include "util/str.h"

struct volume *stack_volume_of(const struct mount_run *run, const char *device)
{
    for (size_t i = 0; device && i < run->volumes.count; i++)
        if (str_equal(run->volumes.items[i].device, device))
            return &run->volumes.items[i];
    return NULL;
}

int stack_disk_of(const struct mount_run *run, const char *const devices[], size_t count)
{
    int least = -1;

    for (size_t i = 0; i < count; i++) {
        const struct volume *volume = stack_volume_of(run, devices[i]);

        if (volume && volume->disk >= 0 && (least < 0 || volume->disk < least))
            least = volume->disk;
    }
    return least;
}

void stack_ground_plan(const struct mount_run *run, const char *const devices[], size_t count, const char *name,
                       struct stack_ground *ground)
{
    *ground = (struct stack_ground){.overlays = xcalloc(count + 1, sizeof(*ground->overlays)),
                                    .paths = xcalloc(count + 1, sizeof(*ground->paths)),
                                    .count = count};
    for (size_t i = 0; i < count; i++) {
        const struct volume *volume = stack_volume_of(run, devices[i]);

        ground->overlays[i] = (struct overlay_wish){.origin = devices[i], .volume = volume ? volume->name : name};
    }
}

static void judge(struct stack_ground *ground)
{
    for (size_t i = 0; i < ground->count && !ground->problem; i++) {
        const struct error *why = ground->overlays[i].problem;

        ground->paths[i] = ground->overlays[i].path;
        if (!ground->paths[i])
            error_set(&ground->problem, EXIT_FAILED, "an overlay to open it on could not be made: %s",
                      why ? why->message : "interrupted");
    }
}

int stack_grounds_make(struct mount_run *run, struct stack_ground *const grounds[], size_t count, struct error **err)
{
    _cleanup_free_ struct overlay_wish *wishes = NULL;
    size_t total = 0, at = 0;
    int result;

    for (size_t i = 0; i < count; i++)
        total += grounds[i]->count;
    wishes = xcalloc(total + 1, sizeof(*wishes));
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < grounds[i]->count; j++)
            wishes[at++] = grounds[i]->overlays[j];
    result = mount_overlays(run, wishes, total, err);
    at = 0;
    /* they are the grounds' again, which are cleared whatever came of it */
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < grounds[i]->count; j++)
            grounds[i]->overlays[j] = wishes[at++];
        judge(grounds[i]);
    }
    return result;
}

void stack_ground_clear(struct stack_ground *ground)
{
    overlay_wishes_clear(ground->overlays, ground->count);
    free(ground->overlays);
    free(ground->paths);
    error_free(ground->problem);
    *ground = (struct stack_ground){0};
}
