/* SPDX-License-Identifier: MIT */
/* Mounting and unmounting through libmount, and the directories that a person sees. */
#ifndef AZILR_MOUNT_MOUNTS_H
#define AZILR_MOUNT_MOUNTS_H

#include <stdbool.h>
#include <sys/types.h>

#include "util/error.h"

/*
 * Mounts a block device on a directory with exactly these options, which must include "ro", without regard to
 * fstab and without mount helpers, and checks that it is read-only. Returns 0, or -1 with err set; *errnum is
 * then the mount system call's errno, or 0 if it failed otherwise.
 */
int mount_device(const char *device, const char *directory, const char *type, const char *options, int *errnum,
                 struct error **err);

/*
 * Unmounts what is mounted on the directory from that very device. Returns 1 if something was, 0 if not.
 * EXIT_BUSY if it is in use, or cannot be reached because something else is mounted over it.
 */
int unmount_device(const char *directory, dev_t device, struct error **err);

/*
 * The number by which the mount table knows the mount that an open file or directory is in; that of stat(2) is another
 * one for some file systems (btrfs).
 */
int mount_device_number(int fd, dev_t *device, struct error **err);

/* Where the device is mounted in this mount namespace; NULL if nowhere. The caller frees it. */
char *mount_point_of(dev_t device);

/* Whether anything is mounted right on that directory in this mount namespace. */
bool is_mount_point(const char *directory);

/*
 * Removes a directory if it is empty. Returns 1 if it was removed, 0 if it is gone already or holds something
 * that is not ours to remove.
 */
int remove_empty_directory(const char *path, struct error **err);

#endif
