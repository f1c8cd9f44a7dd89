/* SPDX-License-Identifier: MIT */
#include "mount/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include <libmount/libmount.h>

#include "mount/kernel_log.h"
#include "util/file.h"
#include "util/run.h"
#include "util/str.h"

DEFINE_CLEANUP(cleanup_context_ptr, struct libmnt_context *, mnt_free_context);
DEFINE_CLEANUP(cleanup_table_ptr, struct libmnt_table *, mnt_unref_table);
DEFINE_CLEANUP(cleanup_iterator_ptr, struct libmnt_iter *, mnt_free_iter);
#define _cleanup_context_ _cleanup_(cleanup_context_ptr)
#define _cleanup_table_ _cleanup_(cleanup_table_ptr)
#define _cleanup_iterator_ _cleanup_(cleanup_iterator_ptr)

/* ntfs-3g reads a bitmap of the whole volume first: 128 MiB for 4 TiB, over a line that may be slow. */
static const int64_t PROGRAM_TIMEOUT_MS = (int64_t)3600 * 1000;

/* Several mounts can be stacked on one directory; nothing of ours stacks more than one. */
static const int MAX_STACKED = 16;

/* of a file system's devices, those that the kernel's log is searched for */
enum { MAX_NAMED = 32 };

static struct libmnt_context *new_context(const char *directory)
{
    struct libmnt_context *context = mnt_new_context();

    if (!context)
        return NULL;
    /* what we mount has nothing to do with the host's fstab, and mount.TYPE helpers are other people's
     * programs */
    if (mnt_context_set_optsmode(context, MNT_OMODE_NOTAB) != 0 || mnt_context_disable_helpers(context, 1) != 0 ||
        mnt_context_set_target(context, directory) != 0) {
        mnt_free_context(context);
        return NULL;
    }
    return context;
}

/* libmount's own words for what went wrong, on one line. The caller frees them. */
static char *reason_of(struct libmnt_context *context, int result)
{
    char text[512] = "";
    size_t length;

    mnt_context_get_excode(context, result, text, sizeof(text));
    length = strlen(text);
    if (length == 0)
        return str_dup(strerror(errno));
    for (size_t i = 0; i < length; i++)
        if (text[i] == '\n')
            text[i] = ' ';
    return str_printable(text, length, sizeof(text));
}

static int check_read_only(const char *directory, struct error **err)
{
    struct statvfs st;

    if (statvfs(directory, &st) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot look at %s", directory);
    if (!(st.f_flag & ST_RDONLY))
        return error_set(err, EXIT_FAILED, "%s was not mounted read-only although that was asked", directory);
    return 0;
}

/* The options of the request, and the companions as btrfs(5) wants them. The caller frees them. */
static char *options_of(const struct mount_request *request)
{
    char *options = str_dup(request->options);

    for (size_t i = 0; request->companions && request->companions[i]; i++) {
        _cleanup_free_ char *shorter = options;

        options = str_printf("%s,device=%s", shorter, request->companions[i]);
    }
    return options;
}

static int mount_by_kernel(const struct mount_request *request, int *errnum, struct error **err)
{
    _cleanup_context_ struct libmnt_context *context = new_context(request->directory);
    _cleanup_free_ char *options = options_of(request);
    int result;

    if (!context || mnt_context_set_source(context, request->device) != 0 ||
        mnt_context_set_fstype(context, request->type) != 0 || mnt_context_set_options(context, options) != 0)
        return error_set(err, EXIT_FAILED, "libmount cannot be set up to mount %s", request->device);
    result = mnt_context_mount(context);
    if (result != 0 || !mnt_context_get_status(context)) {
        _cleanup_free_ char *reason = NULL;

        *errnum = mnt_context_syscall_called(context) ? mnt_context_get_syscall_errno(context) : 0;
        reason = *errnum == ENODEV ? str_printf("this kernel has no %s file system", request->type)
                                   : reason_of(context, result);
        return error_set(err, EXIT_FAILED, "%s", reason);
    }
    return 0;
}

/* ntfs-3g's words where the kernel has no FUSE; the exit code for that, 21, is one of all FUSE's errors. */
static const char NO_FUSE[] = "fuse device is missing";

static int mount_by_program(const struct mount_request *request, struct wait *wait, int *errnum, struct error **err)
{
    const char *const argv[] = {request->program, "-o", request->options, request->device, request->directory, NULL};
    struct run_options options = RUN_OPTIONS_INIT;
    _cleanup_run_result_ struct run_result result = {0};
    _cleanup_error_ struct error *problem = NULL;
    struct stat st;

    options.timeout_ms = PROGRAM_TIMEOUT_MS;
    options.interruptible = 1;
    /* it puts itself into the background, and is not to lock the session for as long as the mount lasts */
    options.inherit_fd = request->lock_fd;
    options.guard_inherited = 1;
    if (run(argv, &options, wait, &result, &problem) < 0) {
        if (problem->code == EXIT_HOST)
            *errnum = ENODEV;
        /* it may have been about to say that it is done */
        if (stat(request->device, &st) == 0)
            unmount_device(request->directory, &st.st_rdev, 1, NULL);
        return error_move(err, &problem);
    }
    if (result.exit_code != 0) {
        _cleanup_free_ char *words = run_last_words(&result);
        char *advice = strstr(words, " NTFS is either inconsistent");

        if (advice)
            *advice = '\0';
        *errnum = strstr(words, NO_FUSE) ? ENODEV : 0;
        return error_set(err, EXIT_FAILED, "%s: %s", request->program, words);
    }
    return 0;
}

/* What the kernel has said about the file system's devices. The caller frees it; NULL if nothing. */
static char *kernel_reason(const struct mount_request *request, int log_fd)
{
    dev_t devices[MAX_NAMED];
    size_t count = 0;
    struct stat st;

    if (stat(request->device, &st) == 0)
        devices[count++] = st.st_rdev;
    if (request->below && stat(request->below, &st) == 0)
        devices[count++] = st.st_rdev;
    for (size_t i = 0; request->companions && request->companions[i] && count < MAX_NAMED; i++)
        if (stat(request->companions[i], &st) == 0)
            devices[count++] = st.st_rdev;
    return kernel_log_about(log_fd, devices, count);
}

int mount_device(const struct mount_request *request, struct wait *wait, int *errnum, struct error **err)
{
    _cleanup_close_ int log_fd = kernel_log_open();
    _cleanup_error_ struct error *problem = NULL;
    int result;

    *errnum = 0;
    result = request->program ? mount_by_program(request, wait, errnum, &problem)
                              : mount_by_kernel(request, errnum, &problem);
    if (result < 0) {
        _cleanup_free_ char *reason = kernel_reason(request, log_fd);

        /* libmount's words for an errno are a list of what it may have been; the kernel knows */
        if (reason && *errnum)
            return error_set(err, problem->code, "%s: %s", strerror(*errnum), reason);
        if (reason)
            return error_set(err, problem->code, "%s; the kernel: %s", problem->message, reason);
        return error_move(err, &problem);
    }
    if (check_read_only(request->directory, err) < 0) {
        umount2(request->directory, UMOUNT_NOFOLLOW);
        return -1;
    }
    return 0;
}

static struct libmnt_table *mounted_now(void)
{
    return mnt_new_table_from_file("/proc/self/mountinfo");
}

/*
 * Whether the mount is of that device. A btrfs has a device number of its own, of no device; its source is then the
 * path of one of its devices. Only what is below /dev is looked at: other sources are free text, or on a network.
 */
static bool is_of_device(struct libmnt_fs *fs, dev_t device)
{
    const char *source = mnt_fs_get_srcpath(fs);
    struct stat st;

    if (mnt_fs_get_devno(fs) == device)
        return true;
    return major(mnt_fs_get_devno(fs)) == 0 && source && str_starts_with(source, "/dev/") && stat(source, &st) == 0 &&
           S_ISBLK(st.st_mode) && st.st_rdev == device;
}

static bool is_of_any(struct libmnt_fs *fs, const dev_t *devices, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_of_device(fs, devices[i]))
            return true;
    return false;
}

/*
 * The mount that an open file is in, out of the table; NULL if it is not there. Asked of the descriptor and not with
 * statx(2): file systems whose disk is gone refuse that, and must be unmounted all the same.
 */
static struct libmnt_fs *mount_of(int fd, struct libmnt_table *table)
{
    static const char NAME[] = "\nmnt_id:";
    _cleanup_free_ char *path = str_printf("/proc/self/fdinfo/%d", fd);
    _cleanup_iterator_ struct libmnt_iter *iterator = mnt_new_iter(MNT_ITER_FORWARD);
    _cleanup_free_ char *text = NULL;
    struct libmnt_fs *fs = NULL;
    const char *id;

    if (!table || !iterator || file_read(path, 4096, &text, NULL, NULL) < 0)
        return NULL;
    id = strstr(text, NAME);
    while (id && mnt_table_next_fs(table, iterator, &fs) == 0)
        if (mnt_fs_get_id(fs) == (int)strtol(id + strlen(NAME), NULL, 10))
            return fs;
    return NULL;
}

int mount_device_number(int fd, dev_t *device, struct error **err)
{
    _cleanup_table_ struct libmnt_table *table = mounted_now();
    struct libmnt_fs *fs = mount_of(fd, table);

    if (!fs)
        return error_set(err, EXIT_FAILED, "a directory is in no mount of this namespace");
    *device = mnt_fs_get_devno(fs);
    return 0;
}

/*
 * Whether what umount(2) would find by that path is the mount that the table has there, of that device: above a guest's
 * tree, or in it, something else may have been mounted since, with links of its own.
 */
static bool is_mounted_on(const char *directory, const dev_t *devices, size_t count)
{
    _cleanup_close_ int fd = open(directory, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    _cleanup_table_ struct libmnt_table *table = fd >= 0 ? mounted_now() : NULL;
    struct libmnt_fs *fs = mount_of(fd, table);

    return fs && str_equal(mnt_fs_get_target(fs), directory) && is_of_any(fs, devices, count);
}

/* Whether such a mount is there but cannot be reached by its path, because something is mounted over it or above it. */
static bool is_hidden(const char *directory, const dev_t *devices, size_t count)
{
    _cleanup_table_ struct libmnt_table *table = mounted_now();
    _cleanup_iterator_ struct libmnt_iter *iterator = mnt_new_iter(MNT_ITER_FORWARD);
    struct libmnt_fs *fs = NULL;

    while (table && iterator && mnt_table_next_fs(table, iterator, &fs) == 0)
        if (str_equal(mnt_fs_get_target(fs), directory) && is_of_any(fs, devices, count))
            return true;
    return false;
}

int mounted_numbers(const char *directory, const dev_t *devices, size_t count, dev_t *number, dev_t *file_number)
{
    _cleanup_table_ struct libmnt_table *table = mounted_now();
    _cleanup_iterator_ struct libmnt_iter *iterator = mnt_new_iter(MNT_ITER_BACKWARD);
    struct libmnt_fs *fs = NULL;
    struct statx st;

    while (table && iterator && mnt_table_next_fs(table, iterator, &fs) == 0) {
        if (!str_equal(mnt_fs_get_target(fs), directory) || !is_of_any(fs, devices, count))
            continue;
        *number = *file_number = mnt_fs_get_devno(fs);
        if (statx(AT_FDCWD, directory, AT_STATX_DONT_SYNC | AT_SYMLINK_NOFOLLOW, STATX_TYPE, &st) == 0)
            *file_number = makedev(st.stx_dev_major, st.stx_dev_minor);
        return 1;
    }
    return 0;
}

static int take_down(const char *directory, const dev_t *devices, size_t count, int flags, struct error **err)
{
    int unmounted = 0;

    while (is_mounted_on(directory, devices, count)) {
        if (umount2(directory, flags | UMOUNT_NOFOLLOW) < 0) {
            if (errno == EBUSY) {
                error_set(err, EXIT_BUSY, "%s is in use", directory);
                return error_hint(err, "see by whom with `fuser -vm %s`, then unmount again", directory);
            }
            return error_set_errno(err, EXIT_FAILED, errno, "cannot unmount %s", directory);
        }
        if (++unmounted == MAX_STACKED)
            return error_set(err, EXIT_FAILED, "%s was mounted again and again while being unmounted", directory);
    }
    if (is_hidden(directory, devices, count)) {
        error_set(err, EXIT_BUSY, "something else is mounted over %s", directory);
        return error_hint(err, "see `findmnt -R %s`, unmount what is not azilr's, then unmount again", directory);
    }
    return unmounted > 0;
}

int unmount_device(const char *directory, const dev_t *devices, size_t count, struct error **err)
{
    return take_down(directory, devices, count, 0, err);
}

int detach_device(const char *directory, const dev_t *devices, size_t count, struct error **err)
{
    return take_down(directory, devices, count, MNT_DETACH, err);
}

char *mount_point_of(dev_t device)
{
    _cleanup_table_ struct libmnt_table *table = mounted_now();
    _cleanup_iterator_ struct libmnt_iter *iterator = mnt_new_iter(MNT_ITER_BACKWARD);
    struct libmnt_fs *fs = NULL;

    while (table && iterator && mnt_table_next_fs(table, iterator, &fs) == 0)
        if (is_of_device(fs, device))
            return str_dup(mnt_fs_get_target(fs));
    return NULL;
}

bool is_mount_point(const char *directory)
{
    _cleanup_table_ struct libmnt_table *table = mounted_now();

    return table && mnt_table_find_target(table, directory, MNT_ITER_BACKWARD);
}

int remove_empty_directory(const char *path, struct error **err)
{
    struct stat st;

    /* what is no directory is not what azilr made; asked first, since a read-only file system refuses before it looks
     */
    if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        return 0;
    if (rmdir(path) == 0)
        return 1;
    if (errno == ENOENT || errno == ENOTEMPTY || errno == EEXIST || errno == EROFS)
        return 0;
    return error_set_errno(err, EXIT_FAILED, errno, "cannot remove %s", path);
}
