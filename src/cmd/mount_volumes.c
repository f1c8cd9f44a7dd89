/* SPDX-License-Identifier: MIT */
/* From disks to mounted volumes: all are looked at, and then mounted, at once. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "cmd/mount_run.h"
#include "cmd/teardown.h"
#include "mount/mounts.h"
#include "util/file.h"
#include "util/json.h"
#include "util/pool.h"
#include "util/str.h"

/* The volumes that are being mounted by several threads, and where; by their place in run->volumes. */
struct batch {
    struct mount_run *run;
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

static void list_volumes(struct mount_run *run)
{
    for (size_t i = 0; i < run->disks.count; i++) {
        const struct disk *disk = &run->disks.items[i];
        _cleanup_free_ char *disk_name = str_printf("disk%zu", i);

        if (disk->partition_count == 0)
            volumes_add(&run->volumes, disk_name, disk->path, disk->device, disk->lun, disk->size, true);
        for (size_t j = 0; j < disk->partition_count; j++) {
            const struct partition *partition = &disk->partitions[j];
            _cleanup_free_ char *name = str_printf("%sp%d", disk_name, partition->number);

            volumes_add(&run->volumes, name, partition->path, partition->device, disk->lun, partition->size, false);
        }
    }
}

static void probe(void *argument, size_t i, struct wait *wait)
{
    struct mount_run *run = argument;

    (void)wait;
    volume_probe(&run->volumes.items[i]);
}

/* A common option list with a type's own behind it. The caller frees it. */
static char *join_options(const char *own)
{
    return own ? str_printf("%s,%s", FILESYSTEM_COMMON_OPTIONS, own) : str_dup(FILESYSTEM_COMMON_OPTIONS);
}

/*
 * Mounts one volume, a second time without replaying its journal if it has one that a read-only device cannot
 * replay: ext4 and xfs report that as EROFS.
 */
static int try_mount(struct volume *volume, const char *directory, struct error **err)
{
    const struct filesystem *filesystem = volume->filesystem;
    _cleanup_free_ char *options = join_options(filesystem->options);
    _cleanup_free_ char *unreplayed = join_options(filesystem->unreplayed_options);
    _cleanup_error_ struct error *first = NULL;
    int errnum = 0;

    if (mount_device(volume->device, directory, filesystem->type, options, &errnum, &first) == 0)
        return 0;
    if (errnum != EROFS || !filesystem->unreplayed_options)
        return error_move(err, &first);
    if (mount_device(volume->device, directory, filesystem->type, unreplayed, &errnum, err) < 0)
        return -1;
    volume->note = str_printf("its journal was not replayed (the VM was running when it was backed up): what was "
                              "written in the last moments before may be missing or torn");
    return 0;
}

static void mount_one(void *argument, size_t i, struct wait *wait)
{
    struct batch *batch = argument;
    struct volume *volume = &batch->run->volumes.items[batch->volumes[i]];
    const char *directory = batch->directories[i];
    _cleanup_error_ struct error *reason = NULL;

    if (wait_check(wait, &reason) < 0 || file_make_private_dir(directory, NULL, &reason) < 0 ||
        try_mount(volume, directory, &reason) < 0) {
        volume_set_reason(volume, VOLUME_FAILED, "%s", reason->message);
        /* an empty directory would look like an empty volume */
        remove_empty_directory(directory, NULL);
        return;
    }
    volume->state = VOLUME_MOUNTED;
    volume->mount_point = str_dup(directory);
}

/* Enters what is about to be made for all volumes: first the directories, then the mounts on them. */
static int enter_changes(struct batch *batch, struct error **err)
{
    struct session *session = batch->run->session;

    for (size_t i = 0; i < batch->count; i++) {
        cJSON *change = json_new_object();

        json_set_string(change, "path", batch->directories[i]);
        session_enter(session, CHANGE_DIRECTORY, change, true);
    }
    for (size_t i = 0; i < batch->count; i++) {
        dev_t device = batch->run->volumes.items[batch->volumes[i]].device_number;
        cJSON *change = json_new_object();

        json_set_string(change, "directory", batch->directories[i]);
        json_set_number(change, "major", major(device));
        json_set_number(change, "minor", minor(device));
        session_enter(session, CHANGE_MOUNT, change, false);
    }
    return session_save(session, err);
}

static int mount_all(struct mount_run *run, const char *volumes_directory, struct error **err)
{
    _cleanup_(batch_clear) struct batch batch = {.run = run};

    batch.volumes = xcalloc(run->volumes.count + 1, sizeof(*batch.volumes));
    batch.directories = xcalloc(run->volumes.count + 1, sizeof(*batch.directories));
    for (size_t i = 0; i < run->volumes.count; i++) {
        if (run->volumes.items[i].state != VOLUME_FOUND)
            continue;
        batch.volumes[batch.count] = i;
        batch.directories[batch.count++] = str_printf("%s/%s", volumes_directory, run->volumes.items[i].name);
    }
    if (enter_changes(&batch, err) < 0)
        return -1;
    return pool_run(batch.count, mount_one, &batch, &run->wait, err);
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

    progress_begin(&run->progress, "Mounting the volumes");
    list_volumes(run);
    if (pool_run(run->volumes.count, probe, run, &run->wait, err) < 0 ||
        mount_tree_begin(run, &volumes_directory, err) < 0 || mount_all(run, volumes_directory, err) < 0)
        return -1;
    sum_up(run);
    return 0;
}
