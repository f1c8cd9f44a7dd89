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

int stack_overlay_members(struct mount_run *run, const char *const devices[], size_t count, const char *name,
                          struct stack_ground *ground, struct error **problem, struct error **err)
{
    *ground = (struct stack_ground){.overlays = xcalloc(count + 1, sizeof(*ground->overlays)),
                                    .paths = xcalloc(count + 1, sizeof(*ground->paths)),
                                    .count = count};
    for (size_t i = 0; i < count; i++) {
        const struct volume *volume = stack_volume_of(run, devices[i]);

        ground->overlays[i] = (struct overlay_wish){.origin = devices[i], .volume = volume ? volume->name : name};
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

void stack_ground_clear(struct stack_ground *ground)
{
    overlay_wishes_clear(ground->overlays, ground->count);
    free(ground->overlays);
    free(ground->paths);
    *ground = (struct stack_ground){0};
}
