/* SPDX-License-Identifier: MIT */
#include "cmd/mount_batch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "block/overlay.h"
#include "block/read_loop.h"
#include "block/reads.h"
#include "cmd/mount_filesystem.h"
#include "cmd/teardown.h"
#include "mount/mounts.h"
#include "util/file.h"
#include "util/json.h"
#include "util/log.h"
#include "util/pool.h"
#include "util/str.h"
#include "volume/xfs_log.h"

/* One volume, by its place in run->volumes. */
struct entry {
    size_t volume;
    char *directory;
    struct read_loop loop; /* what it is mounted from; empty for the volume's own device */
    bool is_known_to_be_dirty;
};

struct batch {
    struct mount_run *run;
    enum mount_way way;
    struct entry *entries;
    size_t count;
};

static void batch_clear(struct batch *batch)
{
    for (size_t i = 0; i < batch->count; i++) {
        read_loop_hand_over(&batch->entries[i].loop);
        free(batch->entries[i].directory);
    }
    free(batch->entries);
}

int mount_batch_check(struct mount_run *run, struct error **err)
{
    const char *how = run->options->read_ahead;

    run->reads_by_file = str_equal(how, "file");
    if (how && !run->reads_by_file && !str_equal(how, "volume"))
        return error_set(err, EXIT_USAGE, "--read-ahead is \"volume\" or \"file\"");
    return 0;
}

static struct volume *volume_of(const struct batch *batch, size_t i)
{
    return &batch->run->volumes.items[batch->entries[i].volume];
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

/* A btrfs is known to the kernel by its devices, to which a loop device would be one more. */
static bool wants_loop(const struct batch *batch, size_t i)
{
    return !batch->run->reads_by_file && !batch->entries[i].is_known_to_be_dirty &&
           !str_equal(volume_of(batch, i)->type, "btrfs");
}

/* Without one the volume is only read slower. */
static void prepare(void *argument, size_t i, struct wait *wait)
{
    const struct batch *batch = argument;
    struct entry *entry = &batch->entries[i];
    const struct volume *volume = volume_of(batch, i);
    _cleanup_error_ struct error *problem = NULL;

    /* what is stacked on a disk has a read-ahead of its own */
    block_reads_ahead(volume->device);
    entry->is_known_to_be_dirty = is_known_to_be_dirty(batch, volume);
    if (wants_loop(batch, i) &&
        read_loop_attach(volume->device, batch->way == MOUNT_REPLAYED, wait, &entry->loop, &problem) < 0)
        log_verbose("%s is read without a loop device: %s", volume->name, problem->message);
}

/* Where none can be had at all, trying again for the next ways would only take time. */
static int prepare_all(struct batch *batch, struct error **err)
{
    size_t wanted = 0, got = 0;

    if (pool_run(batch->count, prepare, batch, &batch->run->wait, err) < 0)
        return -1;
    for (size_t i = 0; i < batch->count; i++) {
        wanted += wants_loop(batch, i);
        got += batch->entries[i].loop.path != NULL;
    }
    batch->run->reads_by_file |= wanted && !got;
    return 0;
}

/* Mounts it from its loop device, or from its own where it has none. */
static int try_mount(const struct batch *batch, size_t i, struct wait *wait, int *errnum, struct error **err)
{
    const struct entry *entry = &batch->entries[i];
    const struct volume *volume = volume_of(batch, i);
    const bool by_loop = entry->loop.path != NULL;
    const struct mount_wish wish = {.filesystem = volume->filesystem,
                                    .device = by_loop ? entry->loop.path : volume->device,
                                    .below = by_loop ? volume->device : NULL,
                                    .companions = (const char *const *)volume->companions,
                                    .options = volume->options,
                                    .directory = entry->directory,
                                    .lock_fd = batch->run->session->lock_fd,
                                    .unreplayed = batch->way == MOUNT_UNREPLAYED || volume->has_outside_journal};

    if (mount_filesystem(&wish, wait, errnum, err) < 0) {
        if (by_loop)
            read_loop_rename(&entry->loop, *err);
        return -1;
    }
    if (!by_loop || batch->way != MOUNT_REPLAYED || read_loop_flush(&entry->loop, err) == 0)
        return 0;
    *errnum = EIO;
    unmount_device(entry->directory, &entry->loop.device, 1, NULL);
    return -1;
}

static int mount_either_way(const struct batch *batch, size_t i, struct wait *wait, int *errnum, struct error **err)
{
    struct entry *entry = &batch->entries[i];
    _cleanup_error_ struct error *problem = NULL;

    if (try_mount(batch, i, wait, errnum, &problem) == 0)
        return 0;
    /* something has opened the loop device for writing, which some kernels (Linux 6.8) keep from being mounted then */
    if (entry->loop.path && *errnum == EBUSY) {
        read_loop_release(&entry->loop, wait);
        return try_mount(batch, i, wait, errnum, err);
    }
    return error_move(err, &problem);
}

static void mount_one(void *argument, size_t i, struct wait *wait)
{
    struct batch *batch = argument;
    struct entry *entry = &batch->entries[i];
    struct volume *volume = volume_of(batch, i);
    _cleanup_error_ struct error *reason = NULL;
    int errnum = 0;

    if (entry->is_known_to_be_dirty)
        return;
    if (wait_check(wait, &reason) == 0 && file_make_private_dir(entry->directory, NULL, &reason) == 0 &&
        mount_either_way(batch, i, wait, &errnum, &reason) == 0) {
        volume->state = VOLUME_MOUNTED;
        volume->mount_point = str_dup(entry->directory);
        volume->loop = entry->loop.path ? str_dup(entry->loop.path) : NULL;
        return;
    }
    /* an overlay may have to claim the device next */
    read_loop_release(&entry->loop, wait);
    /* an empty directory would look like an empty volume */
    remove_empty_directory(entry->directory, NULL);
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

static void add_number(cJSON *array, dev_t number)
{
    cJSON *object = json_new_object();

    json_set_device(object, number);
    json_append(array, object);
}

/* The loop device goes with the mount, and until there is one with azilr, so it needs no undoing of its own. */
static void enter_mount(struct session *session, const struct volume *volume, const struct entry *entry)
{
    cJSON *change = json_new_object(), *more = NULL;

    json_set_string(change, "directory", entry->directory);
    json_set_device(change, volume->device_number);
    if (entry->loop.path || volume->companion_count)
        more = json_set_array(change, "companions");
    if (entry->loop.path)
        add_number(more, entry->loop.device);
    for (size_t i = 0; i < volume->companion_count; i++)
        add_number(more, volume->companion_numbers[i]);
    session_enter(session, CHANGE_MOUNT, change, false);
}

int mount_batch(struct mount_run *run, const char *volumes_directory, enum mount_way way,
                bool (*wanted)(const struct volume *volume), struct error **err)
{
    _cleanup_(batch_clear) struct batch batch = {.run = run, .way = way};

    batch.entries = xcalloc(run->volumes.count + 1, sizeof(*batch.entries));
    for (size_t i = 0; i < run->volumes.count; i++) {
        if (!wanted(&run->volumes.items[i]))
            continue;
        /* names come from the backup; mount_stack() has made them fit, and a path outside must not hang on that alone
         */
        if (strchr(run->volumes.items[i].name, '/') || run->volumes.items[i].name[0] == '.') {
            volume_set_reason(&run->volumes.items[i], VOLUME_FAILED, "its name cannot be that of a directory");
            continue;
        }
        batch.entries[batch.count++] = (struct entry){
            .volume = i, .directory = str_printf("%s/%s", volumes_directory, run->volumes.items[i].name)};
    }
    if (batch.count == 0)
        return 0;
    if (prepare_all(&batch, err) < 0)
        return -1;
    for (size_t i = 0; i < batch.count; i++)
        enter_directory(run->session, batch.entries[i].directory);
    for (size_t i = 0; i < batch.count; i++)
        enter_mount(run->session, volume_of(&batch, i), &batch.entries[i]);
    if (session_save(run->session, err) < 0)
        return -1;
    return pool_run(batch.count, mount_one, &batch, &run->wait, err);
}
