/* SPDX-License-Identifier: MIT */
#include "block/read_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/major.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "block/loop.h"
#include "util/file.h"
#include "util/log.h"
#include "util/str.h"

/* Who has it open for longer is a user, whom whoever needs the device below then meets. */
static const int GONE_LIMIT_MS = 5000;
static const int POLL_MS = 10;

int read_loop_attach(const char *device, bool writable, struct wait *wait, struct read_loop *loop, struct error **err)
{
    /* a file system's own claim would be of the loop device alone */
    _cleanup_close_ int below = open(device, (writable ? O_RDWR : O_RDONLY) | O_EXCL | O_CLOEXEC);
    struct stat st = {0}, loop_st = {0};

    *loop = (struct read_loop){.descriptor = -1};
    if (below < 0 || fstat(below, &st) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot open %s", device);
    loop->descriptor = loop_attach(below, device, writable, wait, &loop->path, err);
    if (loop->descriptor < 0)
        return -1;
    if (fstat(loop->descriptor, &loop_st) < 0) {
        error_set_errno(err, EXIT_FAILED, errno, "cannot look at %s", loop->path);
        read_loop_hand_over(loop);
        return -1;
    }
    loop->device = loop_st.st_rdev;
    loop->below = st.st_rdev;
    return 0;
}

void read_loop_hand_over(struct read_loop *loop)
{
    if (!loop->path)
        return;
    close(loop->descriptor);
    free(loop->path);
    *loop = (struct read_loop){.descriptor = -1};
}

/* What the kernel shows of a loop device; the caller frees it. NULL for any other, and for one that is free. */
static char *backing_file_of(dev_t device)
{
    _cleanup_free_ char *place = str_printf("/sys/dev/block/%u:%u/loop/backing_file", major(device), minor(device));

    return major(device) == LOOP_MAJOR ? file_read_line(place) : NULL;
}

static bool is_any_of(const struct stat *st, const dev_t *devices, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (S_ISBLK(st->st_mode) && devices[i] == st->st_rdev)
            return true;
    return false;
}

static bool is_in_front_of(dev_t device, const dev_t *devices, size_t count)
{
    _cleanup_free_ char *file = backing_file_of(device);
    struct stat st;

    return file && stat(file, &st) == 0 && is_any_of(&st, devices, count);
}

bool read_loop_is_foreign(dev_t device, const dev_t *devices, size_t count)
{
    _cleanup_free_ char *file = backing_file_of(device);
    struct stat st;

    if (major(device) != LOOP_MAJOR)
        return false;
    if (!file || !str_starts_with(file, "/dev/"))
        return true;
    /* "/dev/sdc1 (deleted)" is still ours */
    return stat(file, &st) == 0 && !is_any_of(&st, devices, count);
}

void read_loop_await_gone(const dev_t *devices, size_t count, struct wait *wait)
{
    for (int waited = 0; waited < GONE_LIMIT_MS; waited += POLL_MS) {
        bool found = false;

        for (size_t i = 0; i < count && !found; i++)
            found = is_in_front_of(devices[i], devices, count);
        if (!found || wait_sleep(wait, POLL_MS, NULL) < 0)
            return;
    }
    log_verbose("a loop device that the backup was read by is still open");
}

void read_loop_release(struct read_loop *loop, struct wait *wait)
{
    const dev_t devices[] = {loop->device, loop->below};

    if (!loop->path)
        return;
    read_loop_hand_over(loop);
    read_loop_await_gone(devices, 2, wait);
}
