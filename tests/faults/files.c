/* SPDX-License-Identifier: MIT */
/* Points: files and directories. What is only read is none. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "wraps.h"

/* How the host fails: a file system that is full, or read-only, or broken. */
static int failed(int errnum)
{
    errno = errnum;
    return -1;
}

/* A call without a result that could be half-way: either it is done or it is not. */
#define POINT(call, errnum, ...)                                                                                       \
    do {                                                                                                               \
        enum fault fault = fault_meet(__VA_ARGS__);                                                                    \
        int result = fault == FAULT_FAIL ? failed(errnum) : (call);                                                    \
                                                                                                                       \
        fault_leave(fault);                                                                                            \
        return result;                                                                                                 \
    } while (0)

/* The path of an open file into text, which has room for size bytes; false for what is no file on a disk. */
static bool path_of(int fd, char *text, size_t size)
{
    char link[64];
    struct stat st;
    ssize_t length;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    length = readlink(link, text, size - 1);
    text[length < 0 ? 0 : length] = '\0';
    return fd > STDERR_FILENO && length > 0 && fstat(fd, &st) == 0 &&
           (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode) || S_ISDIR(st.st_mode));
}

static bool changes_something(const char *path, int flags)
{
    return (flags & O_CREAT) ||
           (!(flags & O_PATH) && (flags & O_ACCMODE) != O_RDONLY && strcmp(path, "/dev/null") != 0);
}

static mode_t mode_of(int flags, va_list args)
{
    return flags & O_CREAT ? va_arg(args, mode_t) : 0;
}

int __wrap_open(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = mode_of(flags, args);
    va_end(args);
    if (!changes_something(path, flags))
        return __real_open(path, flags, mode);
    POINT(__real_open(path, flags, mode), ENOSPC, "open %s", path);
}

int __wrap_openat(int directory, const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = mode_of(flags, args);
    va_end(args);
    if (!changes_something(path, flags))
        return __real_openat(directory, path, flags, mode);
    POINT(__real_openat(directory, path, flags, mode), ENOSPC, "openat %s", path);
}

int __wrap_mkdir(const char *path, mode_t mode)
{
    POINT(__real_mkdir(path, mode), ENOSPC, "mkdir %s", path);
}

int __wrap_rmdir(const char *path)
{
    POINT(__real_rmdir(path), EIO, "rmdir %s", path);
}

int __wrap_unlink(const char *path)
{
    POINT(__real_unlink(path), EIO, "unlink %s", path);
}

int __wrap_unlinkat(int directory, const char *path, int flags)
{
    POINT(__real_unlinkat(directory, path, flags), EIO, "unlinkat %s", path);
}

int __wrap_rename(const char *from, const char *to)
{
    POINT(__real_rename(from, to), EIO, "rename %s", to);
}

int __wrap_fchmod(int fd, mode_t mode)
{
    char path[256];

    if (!path_of(fd, path, sizeof(path)))
        return __real_fchmod(fd, mode);
    POINT(__real_fchmod(fd, mode), EIO, "fchmod %s", path);
}

int __wrap_ftruncate(int fd, off_t length)
{
    char path[256];

    if (!path_of(fd, path, sizeof(path)))
        return __real_ftruncate(fd, length);
    POINT(__real_ftruncate(fd, length), ENOSPC, "ftruncate %s", path);
}

int __wrap_fsync(int fd)
{
    char path[256];

    if (!path_of(fd, path, sizeof(path)))
        return __real_fsync(fd);
    POINT(__real_fsync(fd), EIO, "fsync %s", path);
}

int __wrap_flock(int fd, int operation)
{
    char path[256];

    if (!path_of(fd, path, sizeof(path)) || !(operation & LOCK_EX))
        return __real_flock(fd, operation);
    POINT(__real_flock(fd, operation), ENOLCK, "flock %s", path);
}

ssize_t __wrap_write(int fd, const void *data, size_t length)
{
    enum fault fault;
    char path[256];
    ssize_t result;

    if (!path_of(fd, path, sizeof(path)))
        return __real_write(fd, data, length);
    fault = fault_meet("write %s", path);
    if (fault == FAULT_DO_AND_FAIL) {
        /* a disk that is full half-way */
        result = __real_write(fd, data, length / 2);
        if (result >= 0)
            result = failed(ENOSPC);
    } else {
        result = fault == FAULT_FAIL ? failed(ENOSPC) : __real_write(fd, data, length);
    }
    fault_leave(fault);
    return result;
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t length, off_t at)
{
    enum fault fault;
    char path[256];
    ssize_t result;

    if (!path_of(fd, path, sizeof(path)))
        return __real_pwrite(fd, data, length, at);
    fault = fault_meet("pwrite %s", path);
    result = fault == FAULT_FAIL ? failed(EIO) : __real_pwrite(fd, data, length, at);
    fault_leave(fault);
    return result;
}
