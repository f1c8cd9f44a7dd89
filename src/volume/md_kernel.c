/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "util/str.h"
#include "volume/md-internal.h"

/* Writes one word to a file of sysfs. */
static int set(const char *path, const char *value, struct error **err)
{
    _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, value, strlen(value)) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot write %s to %s", value, path);
    return 0;
}

static int set_of(const char *name, const char *attribute, const char *value, struct error **err)
{
    _cleanup_free_ char *path = str_printf("/sys/block/%s/md/%s", name, attribute);

    return set(path, value, err);
}

static int add(const char *name, const char *device, struct error **err)
{
    _cleanup_free_ char *number = NULL;
    struct stat about;

    if (stat(device, &about) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot look at %s", device);
    number = str_printf("%u:%u", major(about.st_rdev), minor(about.st_rdev));
    if (set_of(name, "new_dev", number, err) < 0)
        return error_wrap(err, "the kernel does not take %s as a member", device);
    return 0;
}

/* The steps of Documentation/admin-guide/md.rst; "readonly" before it runs, so that it never is anything else. */
int md_kernel_start(const char *name, const char *metadata, const char *const devices[], size_t count,
                    struct error **err)
{
    int result = set("/sys/module/md_mod/parameters/new_array", name, err);

    if (result < 0)
        return -1;
    result = set_of(name, "metadata_version", metadata, err);
    for (size_t i = 0; i < count && result == 0; i++)
        result = add(name, devices[i], err);
    if (result == 0)
        result = set_of(name, "array_state", "readonly", err);
    if (result < 0)
        set_of(name, "array_state", "clear", NULL);
    return result;
}
