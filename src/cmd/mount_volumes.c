/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "cmd/mount_run.h"
#include "cmd/teardown.h"
#include "mount/mounts.h"
#include "util/file.h"
#include "util/json.h"
#include "util/str.h"

static const char BASE[] = "/mnt/azilr";

/*
 * Enters a directory in the undo list and makes it. One that is there already must be fit, and is left afterwards
 * unless another session of ours has made it.
 */
static int make_directory(struct mount_run *run, const char *path, struct error **err)
{
    if (access(path, F_OK) < 0 ||
        session_is_shared(&session_host_places, run->session, CHANGE_DIRECTORY, "path", path)) {
        cJSON *change = json_new_object();

        json_set_string(change, "path", path);
        if (session_will(run->session, CHANGE_DIRECTORY, change, true, err) < 0)
            return -1;
    }
    return file_make_private_dir(path, NULL, err);
}

/* --dir as an absolute path without symbolic links in its parent, which must be there. */
static char *resolve_directory(const char *given, struct error **err)
{
    _cleanup_free_ char *copy = str_dup(given);
    _cleanup_free_ char *parent = NULL;
    const char *name;
    char *slash;

    for (size_t length = strlen(copy); length > 1 && copy[length - 1] == '/'; length--)
        copy[length - 1] = '\0';
    slash = strrchr(copy, '/');
    name = slash ? slash + 1 : copy;
    if (*name == '\0' || str_equal(name, ".") || str_equal(name, "..")) {
        error_set(err, EXIT_USAGE, "--dir %s: name the directory itself", given);
        return NULL;
    }
    if (slash && slash != copy)
        *slash = '\0';
    parent = realpath(slash == copy ? "/" : slash ? copy : ".", NULL);
    if (!parent) {
        error_set_errno(err, EXIT_USAGE, errno, "--dir %s: the directory above it", given);
        return NULL;
    }
    return str_printf("%s/%s", str_equal(parent, "/") ? "" : parent, name);
}

/* Mounts are made by path. */
static int check_ancestors(const char *path, struct error **err)
{
    if (file_check_ancestors(path, err) == 0)
        return 0;
    return error_hint(err, "choose a place with --dir that only root can change");
}

static int check_empty(const char *path, struct error **err)
{
    _cleanup_closedir_ DIR *dir = opendir(path);
    struct dirent *entry;

    if (!dir)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot list %s", path);
    while ((entry = readdir(dir)))
        if (!str_equal(entry->d_name, ".") && !str_equal(entry->d_name, "..")) {
            error_set(err, EXIT_BUSY, "%s is not empty", path);
            return error_hint(err, "choose another place with --dir, or unmount what is there");
        }
    return 0;
}

static int make_tree(struct mount_run *run, char **volumes_directory, struct error **err)
{
    /* without symbolic links (/mnt is one on some systems), so that the path is what the mount table says */
    _cleanup_free_ char *given = resolve_directory(run->options->dir ? run->options->dir : BASE, err);

    if (!given || check_ancestors(given, err) < 0)
        return -1;
    if (run->options->dir) {
        run->directory = steal(given);
    } else {
        if (make_directory(run, given, err) < 0)
            return -1;
        run->directory = str_printf("%s/%s", given, run->session->id);
    }
    mount_run_note(run, "directory", run->directory);
    if (make_directory(run, run->directory, err) < 0 || check_empty(run->directory, err) < 0)
        return -1;
    *volumes_directory = str_printf("%s/volumes", run->directory);
    return make_directory(run, *volumes_directory, err);
}

static void list_volumes(struct mount_run *run)
{
    for (size_t i = 0; i < run->disks.count; i++) {
        const struct disk *disk = &run->disks.items[i];
        _cleanup_free_ char *disk_name = str_printf("disk%zu", i);

        if (disk->partition_count == 0)
            volumes_add_device(&run->volumes, disk_name, disk->path, disk->device, disk->lun, disk->size, true);
        for (size_t j = 0; j < disk->partition_count; j++) {
            const struct partition *partition = &disk->partitions[j];
            _cleanup_free_ char *name = str_printf("%sp%d", disk_name, partition->number);

            volumes_add_device(&run->volumes, name, partition->path, partition->device, disk->lun, partition->size,
                               false);
        }
    }
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

static int mount_one(struct mount_run *run, struct volume *volume, const char *volumes_directory, struct error **err)
{
    _cleanup_free_ char *directory = str_printf("%s/%s", volumes_directory, volume->name);
    _cleanup_error_ struct error *reason = NULL;
    cJSON *change;

    if (make_directory(run, directory, err) < 0)
        return -1;
    change = json_new_object();
    json_set_string(change, "directory", directory);
    json_set_number(change, "major", major(volume->device_number));
    json_set_number(change, "minor", minor(volume->device_number));
    if (session_will(run->session, CHANGE_MOUNT, change, false, err) < 0)
        return -1;
    if (try_mount(volume, directory, &reason) < 0) {
        volume_set_reason(volume, VOLUME_FAILED, "%s", reason->message);
        /* an empty directory would look like an empty volume */
        return remove_empty_directory(directory, err) < 0 ? -1 : 0;
    }
    volume->state = VOLUME_MOUNTED;
    volume->mount_point = steal(directory);
    return 0;
}

int mount_volumes(struct mount_run *run, struct error **err)
{
    _cleanup_free_ char *volumes_directory = NULL;
    size_t mounted = 0, failed = 0;

    progress_begin(&run->progress, "Mounting the volumes");
    list_volumes(run);
    if (make_tree(run, &volumes_directory, err) < 0)
        return -1;
    for (size_t i = 0; i < run->volumes.count; i++) {
        struct volume *volume = &run->volumes.items[i];

        if (wait_check(&run->wait, err) < 0)
            return -1;
        if (volume->state == VOLUME_FOUND && mount_one(run, volume, volumes_directory, err) < 0)
            return -1;
        mounted += volume->state == VOLUME_MOUNTED;
        failed += volume->state == VOLUME_FAILED;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(run->session->state, "volumes");
    cJSON_AddItemToObject(run->session->state, "volumes", volumes_to_json(&run->volumes));
    if (failed)
        progress_end(&run->progress, "%zu mounted read-only, %zu could not be", mounted, failed);
    else
        progress_end(&run->progress, "%zu mounted read-only", mounted);
    return 0;
}
