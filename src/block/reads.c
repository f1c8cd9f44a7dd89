/* SPDX-License-Identifier: MIT */
#include "block/reads.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "util/file.h"
#include "util/log.h"
#include "util/str.h"

/*
 * In 512-byte units (BLKRASET): 4 MiB, where Linux has 128 KiB for every disk, of this room or of the next continent.
 *
 * When a reader comes to the first page of what was read ahead, the kernel asks for as much again
 * (page_cache_async_ra()), so that much at least is under way at any time. A link of 1 Gbit/s carries 2.4 MiB in a
 * round trip of 20 ms, the usual one to a region next door; with 128 KiB it idles for nine tenths of the time. Twice as
 * much would help from 34 ms on, were it not for TCP's receive window, which by default (net.ipv4.tcp_rmem) ends at
 * about 3 MiB; and who maps a file and looks here and there in it gets a whole read-ahead around each page that he
 * touches, so it is not made larger than it has to be. Random read() calls, and the beginnings of files, are not read
 * ahead more than before.
 */
static const unsigned long READ_AHEAD = (4UL << 20) / 512;

void block_reads_ahead(const char *device)
{
    _cleanup_close_ int fd = open(device, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0 || ioctl(fd, BLKRASET, READ_AHEAD) < 0)
        log_verbose("cannot have %s read ahead: %s", device, strerror(errno));
}

static void use_no_scheduler(const char *disk)
{
    static const char none[] = "none";
    _cleanup_free_ char *path = NULL;
    _cleanup_close_ int fd = -1;
    struct stat st;

    if (stat(disk, &st) < 0)
        return;
    path = str_printf("/sys/dev/block/%u:%u/queue/scheduler", major(st.st_rdev), minor(st.st_rdev));
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || file_write_all(fd, none, strlen(none)) < 0)
        log_verbose("cannot set %s: %s", path, strerror(errno));
}

void block_reads_tune_disk(const char *disk)
{
    block_reads_ahead(disk);
    use_no_scheduler(disk);
}
