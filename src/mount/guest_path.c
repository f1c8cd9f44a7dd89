/* SPDX-License-Identifier: MIT */
#include "mount/guest_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util/buffer.h"
#include "util/str.h"

/* The kernel gives up with EAGAIN where something was renamed meanwhile; nothing is, in a read-only tree. */
static const int TRIES = 8;
static const size_t MAX_SHOWN = 64;

static int open_in(int tree, const char *path, int flags)
{
    struct open_how how = {.flags = (unsigned)(flags | O_CLOEXEC), .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    long fd = -1;

    for (int i = 0; i < TRIES; i++) {
        fd = syscall(SYS_openat2, tree, path, &how, sizeof(how));
        if (fd >= 0 || errno != EAGAIN)
            break;
    }
    return (int)fd;
}

static int cannot_open(const char *path, int errnum, struct error **err)
{
    _cleanup_free_ char *shown = str_printable(path, strlen(path), MAX_SHOWN);

    switch (errnum) {
    case ENOENT:
        return error_set(err, EXIT_NOT_FOUND, "the backup has no %s", shown);
    case ENOTDIR:
        return error_set(err, EXIT_FAILED, "%s is not a directory in the backup", shown);
    case ELOOP:
        return error_set(err, EXIT_FAILED, "%s is behind symbolic links that lead nowhere", shown);
    default:
        return error_set_errno(err, EXIT_FAILED, errnum, "cannot open %s of the backup", shown);
    }
}

int guest_path_open(int tree, const char *path, struct error **err)
{
    int fd = open_in(tree, path, O_PATH | O_DIRECTORY);

    return fd < 0 ? cannot_open(path, errno, err) : fd;
}

int guest_path_read(int tree, const char *path, size_t max, char **data, size_t *length, struct error **err)
{
    /* a FIFO must not make it wait, nor a terminal become ours; what was opened is looked at before it is read */
    _cleanup_close_ int fd = open_in(tree, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(max);
    struct stat st;
    ssize_t got;

    if (fd < 0)
        return cannot_open(path, errno, err);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return error_set(err, EXIT_FAILED, "%s of the backup is not a regular file", path);
    do {
        got = buffer_read(&text, fd);
    } while (got > 0);
    if (got < 0 && errno == EFBIG)
        return error_set(err, EXIT_FAILED, "%s of the backup is larger than %zu bytes", path, max);
    if (got < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot read %s of the backup", path);
    *length = text.length;
    *data = text.length ? steal(text.data) : str_dup("");
    return 0;
}

static bool is_of_kind(int tree, const char *path, mode_t kind)
{
    _cleanup_close_ int fd = open_in(tree, path, O_PATH);
    struct stat st;

    return fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == kind;
}

bool guest_path_is_directory(int tree, const char *path)
{
    return is_of_kind(tree, path, S_IFDIR);
}

bool guest_path_is_file(int tree, const char *path)
{
    return is_of_kind(tree, path, S_IFREG);
}

char *guest_path_on_host(int fd, const char *above, struct error **err)
{
    _cleanup_free_ char *link = str_printf("/proc/self/fd/%d", fd);
    _cleanup_free_ char *shown = NULL;
    size_t above_length = strlen(above);
    char path[PATH_MAX];
    ssize_t length = readlink(link, path, sizeof(path));

    if (length < 0 || (size_t)length >= sizeof(path)) {
        error_set_errno(err, EXIT_FAILED, length < 0 ? errno : ENAMETOOLONG, "cannot tell where a directory is");
        return NULL;
    }
    path[length] = '\0';
    shown = str_printable(path, (size_t)length, (size_t)length);
    if (!str_equal(shown, path)) {
        error_set(err, EXIT_FAILED, "its place has a name with characters that cannot be shown");
        return NULL;
    }
    if ((size_t)length > above_length + GUEST_PATH_MAX) {
        error_set(err, EXIT_FAILED, "its place is too deep in the tree");
        return NULL;
    }
    if (!str_starts_with(path, above) || (path[above_length] != '/' && path[above_length] != '\0')) {
        error_set(err, EXIT_FAILED, "its place is not below %s", above);
        return NULL;
    }
    return steal(shown);
}

bool guest_path_is_mount(int fd)
{
    struct statx st;

    return statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &st) == 0 && (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}
