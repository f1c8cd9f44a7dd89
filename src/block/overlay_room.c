/* SPDX-License-Identifier: MIT */
#include "block/overlay_room.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "util/file.h"
#include "util/str.h"

#define MIB (UINT64_C(1) << 20)

static const uint64_t DEFAULT_STORE = 1024 * MIB;
/* Below that not even a small journal can be replayed. */
static const uint64_t SMALLEST_STORE = 4 * MIB;
/*
 * Nobody knows how many overlays are still to come, what is inside of a volume group for one: so much as these overlays
 * would get is left for them. Whoever asks for a size knows better, and yet not of all of them.
 */
static const uint64_t LEFT_FOR_OTHERS = 3, LEFT_WHERE_ASKED = 1;
static const uint64_t BLOCK = 4096;

/* The kernel's own form of a device number, as LOOP_GET_STATUS64 has it (Linux, include/linux/kdev_t.h). */
static dev_t decode_device(uint64_t number)
{
    return makedev((unsigned)((number & 0xfff00) >> 8), (unsigned)((number & 0xff) | ((number >> 12) & 0xfff00)));
}

/* The size of the store that a loop device holds, if it is one on that file system; else 0. */
static uint64_t store_size(const char *name, dev_t file_system)
{
    _cleanup_free_ char *place = str_printf("/sys/block/%s/loop/backing_file", name);
    _cleanup_free_ char *file = file_read_line(place);
    _cleanup_free_ char *node = str_printf("/dev/%s", name);
    const char *slash = file ? strrchr(file, '/') : NULL;
    struct loop_info64 info = {0};
    _cleanup_close_ int fd = -1;
    struct stat st = {0};
    uint64_t size = 0;

    if (!slash || !str_starts_with(slash, "/azilr-") || !strstr(slash, ".cow"))
        return 0;
    fd = open(node, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISBLK(st.st_mode) || ioctl(fd, LOOP_GET_STATUS64, &info) < 0 ||
        decode_device(info.lo_device) != file_system || ioctl(fd, BLKGETSIZE64, &size) < 0)
        return 0;
    return size;
}

int overlay_room_look(int directory_fd, struct overlay_room *room, struct error **err)
{
    _cleanup_closedir_ DIR *devices = opendir("/sys/block");
    struct dirent *entry;
    struct statvfs vfs;
    struct stat st;

    *room = (struct overlay_room){0};
    if (fstatvfs(directory_fd, &vfs) < 0 || fstat(directory_fd, &st) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot tell the free room of the directory for overlays");
    room->available = (uint64_t)vfs.f_bavail * vfs.f_frsize;
    while (devices && (entry = readdir(devices)))
        if (str_starts_with(entry->d_name, "loop"))
            room->promised += store_size(entry->d_name, st.st_dev);
    return 0;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

uint64_t overlay_room_share(const struct overlay_room *room, uint64_t whole, uint64_t asked, size_t others,
                            uint64_t *least, bool *is_short)
{
    const uint64_t shares = 1 + (uint64_t)others + (asked ? LEFT_WHERE_ASKED : LEFT_FOR_OTHERS);
    const uint64_t smallest = smaller(whole, SMALLEST_STORE);
    const uint64_t wanted = larger(smaller(asked ? asked : DEFAULT_STORE, whole), smallest);
    const uint64_t free_room = room->available - smaller(room->available, room->promised);
    const uint64_t left = free_room - smaller(free_room, OVERLAY_RESERVE);
    const uint64_t most = larger(left / shares, smallest);

    *least = smallest;
    *is_short = wanted > most || left < smallest;
    if (left < smallest)
        return 0;
    return smaller(wanted, most) / BLOCK * BLOCK;
}
