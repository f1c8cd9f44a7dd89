/* SPDX-License-Identifier: MIT */
#include "cmd/mount_batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "block/overlay.h"
#include "cmd/mount_filesystem.h"
#include "cmd/teardown.h"
#include "mount/mounts.h"
#include "util/file.h"
#include "util/json.h"
#include "util/pool.h"
#include "util/str.h"
#include "volume/xfs_log.h"

/* By their place in run->volumes. */
struct batch {
    struct mount_run *run;
    enum mount_way way;
    size_t *volumes;
    char **directories;
    size_t count;
};

static void batch_clear(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++)
        free(batch->directories[i]);
    free(batch->directories);
    free(batch->volumes);
}

static bool may_go_unreplayed(const struct volume *volume)
{
    return volume->filesystem->overlay == FILESYSTEM_OVERLAY_IF_DIRTY;
}

/* Of an overlay that ran full the kernel says no more than that there was an I/O error. */
static void explain(const struct volume *volume, struct wait *wait, struct error **reason)
{
    const char *slash = volume->is_overlaid ? strrchr(volume->device, '/') : NULL;
    struct overlay_usage usage = {0};

    if (slash && overlay_usage(slash + 1, wait, &usage, NULL) == 0 && usage.state != OVERLAY_GOOD)
        error_hint(reason,
                   "its overlay is %s: unmount, and mount again with a larger --overlay-size or another --overlay-dir",
                   usage.state == OVERLAY_FULL ? "full" : "out of room on its disk");
    error_fold_hint(*reason);
}

/* The kernel would say in the host's log that the mount has failed, which it says of true failures as well. */
static bool is_known_to_be_dirty(const struct batch *batch, const struct volume *volume)
{
    return batch->way == MOUNT_AS_IT_IS && !volume->is_overlaid && may_go_unreplayed(volume) &&
           str_equal(volume->type, "xfs") && xfs_log_is_dirty(volume->device);
}

static void mount_one(void *argument, size_t i, struct wait *wait)
{
    struct batch *batch = argument;
    struct volume *volume = &batch->run->volumes.items[batch->volumes[i]];
    const struct mount_wish wish = {.filesystem = volume->filesystem,
                                    .device = volume->device,
                                    .companions = (const char *const *)volume->companions,
                                    .options = volume->options,
                                    .directory = batch->directories[i],
                                    .lock_fd = batch->run->session->lock_fd,
                                    .unreplayed = batch->way == MOUNT_UNREPLAYED || volume->has_outside_journal};
    _cleanup_error_ struct error *reason = NULL;
    int errnum = 0;

    if (is_known_to_be_dirty(batch, volume))
        return;
    if (wait_check(wait, &reason) == 0 && file_make_private_dir(wish.directory, NULL, &reason) == 0 &&
        mount_filesystem(&wish, wait, &errnum, &reason) == 0) {
        volume->state = VOLUME_MOUNTED;
        volume->mount_point = str_dup(wish.directory);
        return;
    }
    /* an empty directory would look like an empty volume */
    remove_empty_directory(wish.directory, NULL);
    if (batch->way == MOUNT_AS_IT_IS && errnum == EROFS && may_go_unreplayed(volume))
        return;
    explain(volume, wait, &reason);
    if (batch->way == MOUNT_REPLAYED && may_go_unreplayed(volume)) {
        free(volume->note);
        volume->note = str_printf("its journal could not be replayed, so that what was written in the last moments "
                                  "before the backup may be missing or torn: %s",
                                  reason->message);
        return;
    }
    volume_set_reason(volume, VOLUME_FAILED, "%s", reason->message);
}

static void enter_directory(struct session *session, const char *path)
{
    cJSON *change = json_new_object();

    json_set_string(change, "path", path);
    session_enter(session, CHANGE_DIRECTORY, change, true);
}

static void enter_mount(struct session *session, const struct volume *volume, const char *directory)
{
    cJSON *change = json_new_object();

    json_set_string(change, "directory", directory);
    json_set_number(change, "major", major(volume->device_number));
    json_set_number(change, "minor", minor(volume->device_number));
    if (volume->companion_count) {
        cJSON *more = json_set_array(change, "companions");

        for (size_t i = 0; i < volume->companion_count; i++) {
            cJSON *number = json_new_object();

            json_set_number(number, "major", major(volume->companion_numbers[i]));
            json_set_number(number, "minor", minor(volume->companion_numbers[i]));
            json_append(more, number);
        }
    }
    session_enter(session, CHANGE_MOUNT, change, false);
}

int mount_batch(struct mount_run *run, const char *volumes_directory, enum mount_way way,
                bool (*wanted)(const struct volume *volume), struct error **err)
{
    _cleanup_(batch_clear) struct batch batch = {.run = run, .way = way};

    batch.volumes = xcalloc(run->volumes.count + 1, sizeof(*batch.volumes));
    batch.directories = xcalloc(run->volumes.count + 1, sizeof(*batch.directories));
    for (size_t i = 0; i < run->volumes.count; i++) {
        if (!wanted(&run->volumes.items[i]))
            continue;
        /* names come from the backup; mount_stack() has made them fit, and a path outside must not hang on that alone
         */
        if (strchr(run->volumes.items[i].name, '/') || run->volumes.items[i].name[0] == '.') {
            volume_set_reason(&run->volumes.items[i], VOLUME_FAILED, "its name cannot be that of a directory");
            continue;
        }
        batch.volumes[batch.count] = i;
        batch.directories[batch.count++] = str_printf("%s/%s", volumes_directory, run->volumes.items[i].name);
    }
    if (batch.count == 0)
        return 0;
    for (size_t i = 0; i < batch.count; i++)
        enter_directory(run->session, batch.directories[i]);
    for (size_t i = 0; i < batch.count; i++)
        enter_mount(run->session, &run->volumes.items[batch.volumes[i]], batch.directories[i]);
    if (session_save(run->session, err) < 0)
        return -1;
    return pool_run(batch.count, mount_one, &batch, &run->wait, err);
}
