/* SPDX-License-Identifier: MIT */
#include "block/read_loop.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/major.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "block/loop.h"
#include "util/file.h"
#include "util/log.h"
#include "util/str.h"

/* Who has it open for longer is a user, whom whoever needs the device below then meets. */
static const int GONE_LIMIT_MS = 5000;
static const int POLL_MS = 10;

static void clear(struct read_loop *loop)
{
    if (loop->descriptor >= 0)
        close(loop->descriptor);
    if (loop->below >= 0)
        close(loop->below);
    free(loop->path);
    free(loop->below_path);
    *loop = (struct read_loop){.descriptor = -1, .below = -1};
}

static int attach(const char *device, bool writable, struct wait *wait, struct read_loop *loop, struct error **err)
{
    /* a file system's own claim would be of the loop device alone */
    _cleanup_close_ int claim = open(device, (writable ? O_RDWR : O_RDONLY) | O_EXCL | O_CLOEXEC);
    _cleanup_close_ int maker = -1;
    struct stat st;

    /* not the loop device's, which is told of an error once, and so may have been before this one asks */
    if (claim >= 0)
        loop->below = open(device, O_RDONLY | O_CLOEXEC);
    if (loop->below < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot open %s", device);
    maker = loop_attach(claim, device, writable, wait, &loop->path, err);
    if (maker < 0)
        return -1;
    /* before the other one is closed, or it would go */
    loop->descriptor = open(loop->path, O_RDONLY | O_CLOEXEC);
    if (loop->descriptor < 0 || fstat(loop->descriptor, &st) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot open %s", loop->path);
    loop->device = st.st_rdev;
    loop->below_path = str_dup(device);
    return 0;
}

int read_loop_attach(const char *device, bool writable, struct wait *wait, struct read_loop *loop, struct error **err)
{
    *loop = (struct read_loop){.descriptor = -1, .below = -1};
    if (attach(device, writable, wait, loop, err) == 0)
        return 0;
    clear(loop);
    return -1;
}

int read_loop_flush(const struct read_loop *loop, struct error **err)
{
    return fsync(loop->below) < 0 ? error_set_errno(err, EXIT_FAILED, errno, "writing to %s", loop->below_path) : 0;
}

/* The text with another word in the place of each such one. The caller frees it. */
static char *replace_word(const char *text, const char *word, const char *with)
{
    char *result = str_dup("");

    for (const char *found; (found = strstr(text, word)); text = found + strlen(word)) {
        _cleanup_free_ char *before = result;
        const bool is_longer = isalnum((unsigned char)found[strlen(word)]);

        result = str_printf("%s%.*s%s", before, (int)(found - text), text, is_longer ? word : with);
    }
    _cleanup_free_ char *before = result;
    return str_printf("%s%s", before, text);
}

/* "sdc1" of "/dev/sdc1" */
static const char *name_in(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

void read_loop_rename(const struct read_loop *loop, struct error *message)
{
    _cleanup_free_ char *text = replace_word(message->message, loop->path, loop->below_path);

    free(message->message);
    message->message = replace_word(text, name_in(loop->path), name_in(loop->below_path));
}

void read_loop_hand_over(struct read_loop *loop)
{
    if (loop->path)
        clear(loop);
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

/* Not disk_is_claimed(): that forks, and this is called by several threads at once. */
static bool is_claimed(const char *device)
{
    _cleanup_close_ int fd = open(device, O_RDONLY | O_EXCL | O_CLOEXEC);

    return fd < 0 && errno == EBUSY;
}

void read_loop_release(struct read_loop *loop, struct wait *wait)
{
    _cleanup_free_ char *below = loop->path ? str_dup(loop->below_path) : NULL;

    if (!below)
        return;
    clear(loop);
    /* by the claim, which the kernel gives up last */
    for (int waited = 0; waited < GONE_LIMIT_MS && is_claimed(below); waited += POLL_MS)
        if (wait_sleep(wait, POLL_MS, NULL) < 0)
            return;
}

dev_t read_loop_of(dev_t below)
{
    _cleanup_closedir_ DIR *directory = opendir("/sys/block");
    struct dirent *entry;

    while (directory && (entry = readdir(directory))) {
        _cleanup_free_ char *node = str_printf("/dev/%s", entry->d_name);
        struct stat st;

        if (str_starts_with(entry->d_name, "loop") && stat(node, &st) == 0 && is_in_front_of(st.st_rdev, &below, 1))
            return st.st_rdev;
    }
    return 0;
}
