/* SPDX-License-Identifier: MIT */
/* Points: what is asked of the kernel beside files. */
#include <errno.h>
#include <linux/btrfs.h>
#include <linux/dm-ioctl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "wraps.h"

static int failed(int errnum)
{
    errno = errnum;
    return -1;
}

/* Requests that change nothing; whatever is not in here is a point. */
static bool only_reads(unsigned long request)
{
    static const unsigned long reading[] = {BLKGETSIZE64,    BLKROGET,   LOOP_GET_STATUS64,    BTRFS_IOC_INO_LOOKUP,
                                            DM_LIST_DEVICES, DM_VERSION, BTRFS_IOC_TREE_SEARCH};

    for (size_t i = 0; i < sizeof(reading) / sizeof(reading[0]); i++)
        if (reading[i] == request)
            return true;
    return false;
}

/* A new one gets a line here, lest all new ones share a name. */
static const char *name_of_request(unsigned long request)
{
    switch (request) {
    case LOOP_CTL_GET_FREE:
        return "LOOP_CTL_GET_FREE";
    case LOOP_CONFIGURE:
        return "LOOP_CONFIGURE";
    case BLKROSET:
        return "BLKROSET";
    case BLKRASET:
        return "BLKRASET";
    case BTRFS_IOC_FORGET_DEV:
        return "BTRFS_IOC_FORGET_DEV";
    default:
        return "of no name";
    }
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
    enum fault fault;
    va_list args;
    void *argument;
    int result;

    va_start(args, request);
    argument = va_arg(args, void *);
    va_end(args);
    if (only_reads(request))
        return __real_ioctl(fd, request, argument);
    fault = fault_meet("ioctl %s", name_of_request(request));
    result = fault == FAULT_FAIL ? failed(EIO) : __real_ioctl(fd, request, argument);
    fault_leave(fault);
    return result;
}

/* It hangs as with a disk that does not answer: in a child of azilr's (processes.c), whose time is cut short. */
int __wrap_umount2(const char *path, int flags)
{
    enum fault fault = fault_meet("umount2 %s", path);
    int result;

    while (fault == FAULT_HANG)
        pause();
    result = fault == FAULT_FAIL ? failed(EBUSY) : __real_umount2(path, flags);
    fault_leave(fault);
    return result;
}

/* libmount does more than the one system call, and may fail after it. */
int __wrap_mnt_context_mount(struct libmnt_context *context)
{
    enum fault fault = fault_meet("mnt_context_mount");
    int result = fault == FAULT_FAIL ? failed(EIO) : __real_mnt_context_mount(context);

    if (fault == FAULT_DO_AND_FAIL)
        result = -EIO;
    fault_leave(fault);
    return result;
}

static const char *name_of_call(long number)
{
    switch (number) {
    case SYS_open_tree:
        return "open_tree";
    case SYS_move_mount:
        return "move_mount";
    case SYS_mount:
        return "mount";
    case SYS_umount2:
        return "umount2 by descriptor";
    case SYS_pidfd_open:
        return "pidfd_open";
    case SYS_pidfd_send_signal:
        return "pidfd_send_signal";
    default:
        return NULL;
    }
}

/* It reads all six, as the C library's own does, of which fewer may have been given. */
__attribute__((no_sanitize("address"))) long __wrap_syscall(long number, ...)
{
    const char *name = name_of_call(number);
    enum fault fault;
    long a[6], result;
    va_list args;

    va_start(args, number);
    for (size_t i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (!name)
        return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    fault = fault_meet("%s", name);
    result = fault == FAULT_FAIL ? failed(number == SYS_pidfd_open ? EMFILE : EPERM)
                                 : __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    fault_leave(fault);
    return result;
}

/* The one that a hanging tunnel hangs in: nothing of it is ready, and all of it is there. */
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t length)
{
    enum fault fault = fault_meet("bind");
    int result;

    while (fault == FAULT_HANG)
        pause();
    result = fault == FAULT_FAIL ? failed(EADDRINUSE) : __real_bind(fd, address, length);
    fault_leave(fault);
    return result;
}

int __wrap_listen(int fd, int backlog)
{
    enum fault fault = fault_meet("listen");
    int result;

    while (fault == FAULT_HANG)
        pause();
    result = fault == FAULT_FAIL ? failed(EADDRINUSE) : __real_listen(fd, backlog);
    fault_leave(fault);
    return result;
}

/* systemd is told of a socket to keep. */
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    enum fault fault = fault_meet("sendmsg");
    ssize_t result = fault == FAULT_FAIL ? failed(ENOBUFS) : __real_sendmsg(fd, message, flags);

    fault_leave(fault);
    return result;
}

int __wrap_tcsetattr(int fd, int when, const struct termios *settings)
{
    enum fault fault = fault_meet("tcsetattr");
    int result = fault == FAULT_FAIL ? failed(EIO) : __real_tcsetattr(fd, when, settings);

    fault_leave(fault);
    return result;
}
