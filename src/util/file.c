/* SPDX-License-Identifier: MIT */
#include "util/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "util/str.h"
#include "util/wait.h"

int file_open_now(const char *path)
{
    return open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
}

int file_await_data(int fd, const char *path, struct error **err)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))
        return 0;
    /* poll(2) is not content with the absence of a writer before there has been one, which read(2) takes for the end */
    while (poll(&wait, 1, 100) <= 0)
        if (wait_stop_is_pending())
            return error_set(err, EXIT_INTERRUPTED, "interrupted while waiting for what comes through the pipe %s",
                             path);
    return 0;
}

static int read_whole(const char *path, size_t max, bool secret, char **data, size_t *length, struct error **err)
{
    _cleanup_close_ int fd = file_open_now(path);
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(max);
    ssize_t got;

    text.secret = secret;
    if (fd < 0)
        return error_set_errno(err, errno == ENOENT || errno == ENOTDIR ? EXIT_NOT_FOUND : EXIT_FAILED, errno,
                               "cannot open %s", path);
    do {
        if (file_await_data(fd, path, err) < 0)
            return -1;
        got = buffer_read(&text, fd);
    } while (got > 0);
    if (got < 0 && errno == EFBIG)
        return error_set(err, EXIT_FAILED, "%s is larger than %zu bytes", path, max);
    if (got < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot read %s", path);
    if (length)
        *length = text.length;
    *data = text.length ? steal(text.data) : str_dup("");
    return 0;
}

int file_read(const char *path, size_t max, char **data, size_t *length, struct error **err)
{
    return read_whole(path, max, false, data, length, err);
}

int file_read_secret(const char *path, size_t max, char **data, size_t *length, struct error **err)
{
    return read_whole(path, max, true, data, length, err);
}

char *file_read_line(const char *path)
{
    char *text = NULL;
    size_t length;

    if (file_read(path, 65536, &text, NULL, NULL) < 0 || !text)
        return NULL;
    length = strcspn(text, "\n");
    while (length && text[length - 1] == ' ')
        length--;
    text[length] = '\0';
    return text;
}

int file_write_all(int fd, const void *data, size_t length)
{
    const char *at = data;

    while (length) {
        ssize_t put = write(fd, at, length);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        at += put;
        length -= (size_t)put;
    }
    return 0;
}

int file_check_ancestors(const char *path, struct error **err)
{
    _cleanup_free_ char *above = str_dup(path);

    for (char *slash = strrchr(above, '/'); slash; slash = strrchr(above, '/')) {
        const char *shown = slash == above ? "/" : above;
        struct stat st;

        *slash = '\0';
        if (lstat(shown, &st) < 0)
            return error_set_errno(err, EXIT_FAILED, errno, "cannot look at %s", shown);
        if (!S_ISDIR(st.st_mode) || (st.st_uid != 0 && st.st_uid != geteuid()) ||
            ((st.st_mode & (S_IWGRP | S_IWOTH)) && !(st.st_mode & S_ISVTX)))
            return error_set(err, EXIT_USAGE, "%s, above %s, can be changed by others than root", shown, path);
    }
    return 0;
}

void file_sync_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    _cleanup_free_ char *parent = slash && slash != path ? str_ndup(path, (size_t)(slash - path)) : str_dup("/");
    _cleanup_close_ int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0)
        (void)fsync(fd);
}

static char *beside_of(const char *path)
{
    return str_printf("%s.new", path);
}

void file_remove_leftover(const char *path)
{
    _cleanup_free_ char *beside = beside_of(path);

    unlink(beside);
}

int file_replace(const char *path, const void *data, size_t length, mode_t mode, bool durable, struct error **err)
{
    _cleanup_free_ char *beside = beside_of(path);
    _cleanup_close_ int fd = -1;

    /* what a killed process left half-written; O_EXCL below makes sure that it is not a link to somewhere
     * else */
    unlink(beside);
    fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot make %s", beside);
    if (file_write_all(fd, data, length) < 0 || fchmod(fd, mode) < 0 || (durable && fsync(fd) < 0) ||
        rename(beside, path) < 0) {
        int errnum = errno;

        unlink(beside);
        return error_set_errno(err, EXIT_FAILED, errnum, "cannot write %s", path);
    }
    if (durable)
        file_sync_parent(path);
    return 0;
}

int file_check_private_dir(const char *path, struct error **err)
{
    struct stat st;

    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 1 : error_set_errno(err, EXIT_FAILED, errno, "cannot look at %s", path);
    if (S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & (S_IWGRP | S_IWOTH)))
        return 0;
    return error_set(err, EXIT_HOST, "%s is not a directory that only root can change", path);
}

int file_make_private_dir(const char *path, bool *made, struct error **err)
{
    bool is_new = mkdir(path, 0700) == 0;
    int result;

    if (made)
        *made = is_new;
    if (!is_new && errno != EEXIST)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot make the directory %s", path);
    result = file_check_private_dir(path, err);
    return result > 0 ? error_set_errno(err, EXIT_FAILED, ENOENT, "cannot look at %s", path) : result;
}
