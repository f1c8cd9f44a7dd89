/* SPDX-License-Identifier: MIT */
/*
 * What the kernel says in its log about a device while something is done to it: the reason of a mount that fails, of
 * which the system call gives an errno alone.
 */
#ifndef AZILR_MOUNT_KERNEL_LOG_H
#define AZILR_MOUNT_KERNEL_LOG_H

#include <stddef.h>
#include <sys/types.h>

/* Opens the log at its end. Returns a descriptor to be closed, or -1 where there is none to read. */
int kernel_log_open(void);

/*
 * The first few warnings and errors since then that name one of the block devices by its kernel name ("sdc1", "dm-3"),
 * printable, on one line. The caller frees it; NULL if there are none. fd may be -1.
 */
char *kernel_log_about(int fd, const dev_t *devices, size_t count);

/*
 * The text of one record of /dev/kmsg if it is a warning or worse that names the device; NULL otherwise. The caller
 * frees it. For kernel_log_about(), and for tests.
 */
char *kernel_log_match(const char *record, size_t length, const char *device_name);

#endif
