/* SPDX-License-Identifier: MIT */
#include "block/device.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "util/cleanup.h"

int block_device_look(const char *path, dev_t *device, uint64_t *size, struct error **err)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot open %s", path);
    if (!S_ISBLK(st.st_mode))
        return error_set(err, EXIT_FAILED, "%s is no block device", path);
    if (ioctl(fd, BLKGETSIZE64, size) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot tell the size of %s", path);
    *device = st.st_rdev;
    return 0;
}
