/* SPDX-License-Identifier: MIT */
#include "block/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "block/dm.h"
#include "block/loop.h"
#include "block/overlay_room.h"
#include "session/host_lock.h"
#include "util/file.h"
#include "util/kernel_module.h"
#include "util/str.h"

static const struct kernel_feature FEATURE = {"dm_snapshot", "/sys/module/dm_snapshot", "device-mapper snapshots"};

#define SECTOR UINT64_C(512)
#define MIB (UINT64_C(1) << 20)

/*
 * What a file system writes at once is mostly 4 KiB, and a write of a whole chunk needs no reading of what was there:
 * with larger ones a replay would fetch much of the disk over the network. The first chunk holds the store's header
 * alone, which keeps anything of the origin out of the sectors that LVM looks for its label in.
 */
#define CHUNK_SECTORS UINT64_C(8)
#define CHUNK (CHUNK_SECTORS * SECTOR)

/* One chunk of the persistent store lists the 256 chunks after it, 16 bytes each (Linux, dm-snap-persistent.c). */
#define CHUNKS_PER_LIST (CHUNK / 16)

void overlay_clear(struct overlay *overlay)
{
    free(overlay->path);
    *overlay = (struct overlay){0};
}

uint64_t overlay_full_store_size(uint64_t origin_size)
{
    uint64_t chunks = origin_size / CHUNK + 1;

    /* the header, and a list that is begun even if the one before it is just full */
    return (1 + chunks + chunks / CHUNKS_PER_LIST + 2) * CHUNK;
}

/* Finds out how large the origin is, in sectors. */
static int check_origin(const char *path, uint64_t *sectors, struct error **err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int read_only = 0;
    uint64_t size = 0;

    if (fd < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot open %s", path);
    if (ioctl(fd, BLKROGET, &read_only) < 0 || ioctl(fd, BLKGETSIZE64, &size) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "%s is not a block device", path);
    if (!read_only)
        return error_set(err, EXIT_FAILED, "%s can be written to, which no disk of a backup may be", path);
    if (size < SECTOR)
        return error_set(err, EXIT_FAILED, "%s is empty", path);
    *sectors = size / SECTOR;
    return 0;
}

int overlay_open_directory(const char *given, char **path, struct error **err)
{
    _cleanup_free_ char *real = realpath(given, NULL);
    _cleanup_close_ int fd = -1;
    struct statvfs vfs;
    struct stat st;

    if (!real)
        return error_set_errno(err, EXIT_USAGE, errno, "the directory for overlays, %s", given);
    fd = open(real, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || fstatvfs(fd, &vfs) < 0)
        return error_set_errno(err, EXIT_USAGE, errno, "the directory for overlays, %s", real);
    if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH))) {
        error_set(err, EXIT_USAGE, "the directory for overlays, %s, can be changed by others than root", real);
        return error_hint(err, "make it root's, with mode 0700, or choose another one");
    }
    if (file_check_ancestors(real, err) < 0) {
        error_wrap(err, "the directory for overlays");
        return error_hint(err, "choose a place that only root can change");
    }
    if (vfs.f_flag & ST_RDONLY) {
        error_set(err, EXIT_USAGE, "the directory for overlays, %s, is on a file system that is mounted read-only",
                  real);
        return error_hint(err, "choose a place that can be written to");
    }
    *path = steal(real);
    return steal_fd(&fd);
}

/* Never so large that the stores together could take the last free room of their file system from others. */
static int decide_size(int directory_fd, const struct overlay_request *request, uint64_t origin_sectors, uint64_t *size,
                       bool *is_short, struct error **err)
{
    /* counted here, where only one is at a time, whatever the order that they come in */
    const size_t others = request->to_come ? atomic_fetch_sub(request->to_come, 1) - 1 : 0;
    struct overlay_room room;
    uint64_t least;

    if (overlay_room_look(directory_fd, &room, err) < 0)
        return -1;
    *size = overlay_room_share(&room, overlay_full_store_size(origin_sectors * SECTOR), request->store_size, others,
                               &least, is_short);
    if (*size)
        return 0;
    error_set(err, EXIT_HOST,
              "the file system of %s has %" PRIu64 " MiB free, of which other overlays may come to need %" PRIu64
              ", and one more needs %" PRIu64 " MiB",
              request->directory, room.available / MIB, room.promised / MIB, (OVERLAY_RESERVE + least + MIB - 1) / MIB);
    return error_hint(err, "make room there, or choose another directory for overlays with --overlay-dir");
}

/*
 * A new file without any blocks. Its name is gone at once: the kernel still shows it of the loop device that is made of
 * it, with " (deleted)" behind it, and the udev rules know the device by that.
 */
static int make_store(int directory_fd, const struct overlay_request *request, uint64_t size, struct error **err)
{
    _cleanup_free_ char *file = str_printf("%s.cow", request->name);
    _cleanup_close_ int fd = -1;

    /* a process that was killed between the two calls below has left one, which nobody uses */
    unlinkat(directory_fd, file, 0);
    fd = openat(directory_fd, file, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot make %s/%s", request->directory, file);
    if (unlinkat(directory_fd, file, 0) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot remove %s/%s", request->directory, file);
    if (ftruncate(fd, (off_t)size) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot make %s/%s %" PRIu64 " MiB large", request->directory,
                               file, size / MIB);
    return steal_fd(&fd);
}

/*
 * All others are kept out until the store is attached, and so counts as one that is there. Not by a lock of the
 * directory: whoever may read that could hold it, and keep azilr waiting.
 */
static int attach_store(const struct overlay_request *request, uint64_t origin_sectors, struct wait *wait,
                        struct overlay *made, char **loop, struct error **err)
{
    _cleanup_free_ char *path = NULL;
    _cleanup_close_ int directory_fd = overlay_open_directory(request->directory, &path, err);
    _cleanup_close_ int lock = directory_fd < 0 ? -1 : host_lock(&session_host_places, wait, err);
    _cleanup_close_ int store_fd = -1;

    if (lock < 0 || decide_size(directory_fd, request, origin_sectors, &made->store_size, &made->is_short, err) < 0)
        return -1;
    store_fd = make_store(directory_fd, request, made->store_size, err);
    if (store_fd < 0)
        return -1;
    return loop_attach(store_fd, request->name, true, wait, loop, err);
}

int overlay_create(const struct overlay_request *request, struct wait *wait, struct overlay *made, struct error **err)
{
    struct dm_request device = {.name = request->name, .lock_fd = request->lock_fd};
    _cleanup_dm_device_ struct dm_device snapshot = {0};
    _cleanup_close_ int loop_fd = -1;
    _cleanup_free_ char *loop = NULL, *uuid = NULL, *table = NULL;
    uint64_t sectors = 0;

    *made = (struct overlay){0};
    if (!dm_name_is_valid(request->name) || !str_starts_with(request->name, "azilr-"))
        return error_set(err, EXIT_FAILED, "an overlay cannot be called so");
    if (check_origin(request->origin, &sectors, err) < 0 || kernel_module_load(&FEATURE, wait, err) < 0)
        return -1;
    loop_fd = attach_store(request, sectors, wait, made, &loop, err);
    if (loop_fd < 0)
        return error_wrap(err, "cannot make an overlay of %s", request->origin);
    uuid = str_printf("AZILR-%s", request->name + strlen("azilr-"));
    /* P: persistent, O: a full store is told from a broken one (Linux 4.3) */
    table = str_printf("0 %" PRIu64 " snapshot %s %s PO %" PRIu64, sectors, request->origin, loop, CHUNK_SECTORS);
    device.uuid = uuid;
    device.table = table;
    if (dm_create(&device, wait, &snapshot, err) < 0)
        return error_wrap(err, "cannot make an overlay of %s", request->origin);
    made->device = snapshot.device;
    made->path = steal(snapshot.path);
    return 0;
}

int overlay_remove(const char *name, int lock_fd, struct wait *wait, struct error **err)
{
    return dm_remove(name, lock_fd, wait, err);
}

int overlay_parse_status(const char *status, struct overlay_usage *usage, struct error **err)
{
    _cleanup_free_ char *copy = str_dup(status);
    char *slash = strchr(copy, '/');
    long used = 0, total = 0;

    *usage = (struct overlay_usage){0};
    if (str_equal(status, "Overflow") || str_equal(status, "Invalid")) {
        usage->state = str_equal(status, "Overflow") ? OVERLAY_FULL : OVERLAY_BROKEN;
        return 0;
    }
    if (slash) {
        *slash = '\0';
        slash[1 + strcspn(slash + 1, " ")] = '\0';
    }
    if (!slash || str_to_long(copy, 0, INT64_MAX / 512, &used) < 0 ||
        str_to_long(slash + 1, 0, INT64_MAX / 512, &total) < 0)
        return error_set(err, EXIT_FAILED, "the kernel tells of the overlay \"%s\", which azilr does not know", status);
    usage->used = (uint64_t)used * SECTOR;
    usage->total = (uint64_t)total * SECTOR;
    return 0;
}

int overlay_usage(const char *name, struct wait *wait, struct overlay_usage *usage, struct error **err)
{
    _cleanup_free_ char *status = NULL;

    *usage = (struct overlay_usage){0};
    if (dm_status(name, wait, &status, err) < 0)
        return -1;
    return overlay_parse_status(status, usage, err);
}

bool overlay_is_store(const char *path)
{
    const char *name = strrchr(path, '/');

    return name && str_starts_with(name, "/azilr-") && str_ends_with(name, ".cow");
}

const char *overlay_state_name(enum overlay_state state)
{
    static const char *const names[] = {[OVERLAY_GOOD] = "good", [OVERLAY_FULL] = "full", [OVERLAY_BROKEN] = "broken"};

    return names[state];
}
