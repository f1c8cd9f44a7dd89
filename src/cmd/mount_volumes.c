/* SPDX-License-Identifier: MIT */
/* From disks to mounted volumes: what is on the disks, and then each of it as it can be mounted. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmd/mount_batch.h"
#include "cmd/mount_btrfs.h"
#include "cmd/mount_overlay.h"
#include "cmd/mount_run.h"
#include "cmd/mount_stack.h"
#include "util/json.h"
#include "util/pool.h"
#include "util/str.h"

static bool is_found(const struct volume *volume)
{
    return volume->state == VOLUME_FOUND;
}

static bool is_replayable(const struct volume *volume)
{
    return volume->state == VOLUME_FOUND && volume->is_overlaid;
}

/* The volume is on its overlay from now on, or, where it has none, told why. */
static void take_overlay(struct volume *volume, struct overlay_wish *wish)
{
    if (wish->path) {
        free(volume->device);
        volume->device = steal(wish->path);
        volume->device_number = wish->device;
        volume->is_overlaid = true;
        return;
    }
    free(volume->note);
    volume->note = str_printf("its journal was not replayed (the VM was running when it was backed up): what was "
                              "written in the last moments before may be missing or torn; an overlay to replay it in "
                              "could not be made: %s",
                              wish->problem ? wish->problem->message : "interrupted");
}

/* What has a journal to replay is mounted from an overlay, or without the replay where that cannot be had. */
static int mount_dirty(struct mount_run *run, const char *volumes_directory, struct error **err)
{
    struct overlay_wish *wishes = xcalloc(run->volumes.count + 1, sizeof(*wishes));
    size_t *volumes = xcalloc(run->volumes.count + 1, sizeof(*volumes));
    size_t count = 0;
    int result;

    for (size_t i = 0; i < run->volumes.count; i++) {
        const struct volume *volume = &run->volumes.items[i];

        if (!is_found(volume))
            continue;
        wishes[count] = (struct overlay_wish){.origin = volume->device, .volume = volume->name};
        volumes[count++] = i;
    }
    result = mount_overlays(run, wishes, count, err);
    for (size_t i = 0; i < count && result == 0; i++)
        take_overlay(&run->volumes.items[volumes[i]], &wishes[i]);
    overlay_wishes_clear(wishes, count);
    free(wishes);
    free(volumes);
    if (result < 0 || mount_batch(run, volumes_directory, MOUNT_REPLAYED, is_replayable, err) < 0)
        return -1;
    return mount_batch(run, volumes_directory, MOUNT_UNREPLAYED, is_found, err);
}

/*
 * The disk that Azure gives a VM for as long as it runs on one machine is in no backup of today, but copies of it are
 * on other disks. Azure's agents leave this file on it (WALinuxAgent, azurelinuxagent/daemon/resourcedisk; on Windows
 * too).
 */
static void note_temporary_disk(void *argument, size_t i, struct wait *wait)
{
    struct volume *volume = &((struct volumes *)argument)->items[i];
    _cleanup_free_ char *mark = NULL;

    (void)wait;
    if (volume->state != VOLUME_MOUNTED)
        return;
    mark = str_printf("%s/DATALOSS_WARNING_README.txt", volume->mount_point);
    if (faccessat(AT_FDCWD, mark, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        volume_add_note(volume, "Azure's temporary disk, whose files were never meant to be kept");
}

static void sum_up(struct mount_run *run)
{
    size_t mounted = 0, failed = 0;

    for (size_t i = 0; i < run->volumes.count; i++) {
        mounted += run->volumes.items[i].state == VOLUME_MOUNTED;
        failed += run->volumes.items[i].state == VOLUME_FAILED;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(run->session->state, "volumes");
    cJSON_AddItemToObject(run->session->state, "volumes", volumes_to_json(&run->volumes));
    if (failed)
        progress_end(&run->progress, "%zu mounted read-only, %zu could not be", mounted, failed);
    else
        progress_end(&run->progress, "%zu mounted read-only", mounted);
}

int mount_volumes(struct mount_run *run, struct error **err)
{
    _cleanup_free_ char *volumes_directory = NULL;

    progress_begin(&run->progress, "Looking at what is on them");
    if (mount_stack(run, err) < 0)
        return -1;
    progress_end(&run->progress, "%zu volumes", run->volumes.count);
    progress_begin(&run->progress, "Mounting the volumes");
    if (mount_tree_begin(run, &volumes_directory, err) < 0 || mount_btrfs_prepare(run, err) < 0 ||
        mount_batch(run, volumes_directory, MOUNT_AS_IT_IS, is_found, err) < 0 ||
        mount_dirty(run, volumes_directory, err) < 0 ||
        pool_run(run->volumes.count, note_temporary_disk, &run->volumes, &run->wait, err) < 0)
        return -1;
    sum_up(run);
    return mount_roots(run, err);
}
