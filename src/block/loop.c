/* SPDX-License-Identifier: MIT */
#include "block/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <sys/ioctl.h>

#include "util/kernel_module.h"
#include "util/str.h"

static const struct kernel_feature FEATURE = {"loop", "/dev/loop-control", "loop devices"};

/* The device node of a new loop device may be udev's to make, which takes a moment. */
static const int NODE_WAIT_MS = 5000;
static const int POLL_MS = 20;

/* Each try can lose the free device to somebody else who asks at the same time. */
static const int TRIES = 64;

static int open_node(const char *path, struct wait *wait, struct error **err)
{
    for (int waited = 0;; waited += POLL_MS) {
        int fd = open(path, O_RDWR | O_CLOEXEC);

        if (fd >= 0 || (errno != ENOENT && errno != ENXIO) || waited >= NODE_WAIT_MS)
            return fd >= 0 ? fd : error_set_errno(err, EXIT_FAILED, errno, "cannot open %s", path);
        if (wait_sleep(wait, POLL_MS, err) < 0)
            return -1;
    }
}

int loop_attach(int file_fd, const char *what, bool writable, struct wait *wait, char **path, struct error **err)
{
    const unsigned flags = LO_FLAGS_AUTOCLEAR | (writable ? 0 : LO_FLAGS_READ_ONLY);
    _cleanup_close_ int control = -1;

    if (kernel_module_load(&FEATURE, wait, err) < 0)
        return -1;
    control = open(FEATURE.path, O_RDWR | O_CLOEXEC);
    if (control < 0)
        return error_set_errno(err, EXIT_HOST, errno, "cannot open %s", FEATURE.path);
    for (int i = 0; i < TRIES; i++) {
        /* everything at once (Linux 5.8), so that nobody sees the device without its flags */
        struct loop_config config = {.fd = (unsigned)file_fd, .info = {.lo_flags = flags}};
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        _cleanup_free_ char *node = str_printf("/dev/loop%d", number);
        _cleanup_close_ int fd = -1;

        if (number < 0)
            return error_set_errno(err, EXIT_HOST, errno, "cannot get a free loop device");
        fd = open_node(node, wait, err);
        if (fd < 0)
            return -1;
        if (ioctl(fd, LOOP_CONFIGURE, &config) == 0) {
            *path = steal(node);
            return steal_fd(&fd);
        }
        if (errno != EBUSY)
            return error_set_errno(err, EXIT_HOST, errno, "cannot make %s the loop device of %s", node, what);
    }
    return error_set(err, EXIT_BUSY, "cannot get a loop device: each was taken by somebody else at once");
}
