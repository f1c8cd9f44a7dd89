/* SPDX-License-Identifier: MIT */
/* Mounting and unmounting through libmount, and the directories that a person sees. */
#ifndef AZILR_MOUNT_MOUNTS_H
#define AZILR_MOUNT_MOUNTS_H

#include <stdbool.h>
#include <sys/types.h>

#include "util/error.h"
#include "util/wait.h"

/* One mount that is wanted. All is borrowed. */
struct mount_request {
    const char *device;            /* the block device */
    const char *below;             /* what that is a loop device of, for the kernel's words; or NULL */
    const char *const *companions; /* further devices of the same file system (btrfs), NULL-terminated; or NULL */
    const char *directory;         /* absolute */
    const char *type;              /* the kernel's name of the file system */
    const char *program; /* the FUSE driver that does it, run as "PROGRAM -o OPTIONS DEVICE DIRECTORY"; NULL for the
                            kernel's own */
    const char *options; /* exactly these, which must include "ro" */
    int lock_fd;         /* held open while a program does it, though azilr be killed; -1 for none */
};

/*
 * Mounts a block device on a directory, without regard to fstab and without mount helpers other than the program, and
 * checks that it is read-only. Returns 0, or -1 with err set to the reason, the kernel's own words where it has some.
 * *errnum is then the errno of the mount system call, ENODEV where this host has no such driver (the next one may
 * serve), or 0 if it failed otherwise. A program lives on until the unmount, which ends it. wait may be NULL.
 */
int mount_device(const struct mount_request *request, struct wait *wait, int *errnum, struct error **err);

/*
 * Unmounts what is mounted on the directory from one of these devices: all that one file system lies on, since the
 * kernel shows any of a btrfs's as its source. What is mounted there from elsewhere is left. Returns 1 if something was
 * unmounted, 0 if not. EXIT_BUSY if it is in use, or cannot be reached because something else is
 * mounted over it.
 */
int unmount_device(const char *directory, const dev_t *devices, size_t count, struct error **err);

/*
 * The same in spite of users: takes the mount, and what is mounted on it, out of the tree; the file system itself lives
 * on for as long as it is used.
 */
int detach_device(const char *directory, const dev_t *devices, size_t count, struct error **err);

/*
 * The numbers that the file system mounted there from one of these devices has in the mount table and, in *file_number,
 * for stat(2) of its root. Returns 1, or 0 if nothing is mounted there from them.
 */
int mounted_numbers(const char *directory, const dev_t *devices, size_t count, dev_t *number, dev_t *file_number);

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
