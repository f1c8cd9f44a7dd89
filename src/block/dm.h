/* SPDX-License-Identifier: MIT */
/*
 * Device-mapper devices, by way of dmsetup. What is only looked up is asked of the kernel, which does not touch the
 * devices themselves: a disk below that does not answer any more holds nothing up.
 */
#ifndef AZILR_BLOCK_DM_H
#define AZILR_BLOCK_DM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/error.h"
#include "util/wait.h"

struct dm_device {
    char *name;    /* "azilr-0123abcd-0" */
    char *uuid;    /* "" for none */
    char *path;    /* "/dev/mapper/azilr-0123abcd-0" */
    dev_t device;  /* number */
    bool has_user; /* another block device lies on it */
};

struct dm_devices {
    struct dm_device *items;
    size_t count;
};

struct dm_request {
    const char *name;
    const char *uuid; /* unique on the host */
    const char *table;
    bool read_only;
    int lock_fd; /* inherited by dmsetup: see struct run_options */
};

/* Whether text can be the name of a device here: at most DM_NAME_LENGTH of [A-Za-z0-9._+-], none of which
 * device-mapper shows in another form. */
#define DM_NAME_LENGTH 127
bool dm_name_is_valid(const char *text);

/*
 * Makes a device and waits for its node, with udev where that runs and without where it does not. EXIT_BUSY if there is
 * one by that name, EXIT_HOST if there is no dmsetup. On failure there is none. The caller clears *made with
 * dm_device_clear().
 */
int dm_create(const struct dm_request *request, struct wait *wait, struct dm_device *made, struct error **err);

/*
 * Removes a device; one that is in use is tried again for some seconds, for something on the host may just be having a
 * look at it, then EXIT_BUSY. Returns 1 if it is gone, 0 if there was none, -1 otherwise.
 */
int dm_remove(const char *name, int lock_fd, struct wait *wait, struct error **err);

/*
 * Removes every device whose name begins with the prefix, or, as the volume group of such a name makes it, with the
 * prefix with each of its dashes doubled: from the top of the stack down, until none is left or nothing more goes,
 * which is EXIT_BUSY and names them. Ends after a bounded time, whether the disks below answer or not. Returns how many
 * went.
 */
int dm_remove_all(const char *prefix, int lock_fd, struct wait *wait, struct error **err);

/*
 * The same in spite of users, who get I/O errors from now on: each device is cut off from the disks below it, and goes
 * at once or with its last user. *kept, if not NULL, says how many wait for that. Returns how many are gone, or -1 if
 * one could not be cut off.
 */
int dm_remove_used(const char *prefix, int lock_fd, struct wait *wait, int *kept, struct error **err);

/* The device of that name. Returns 1, or 0 if there is none. The caller clears *found with dm_device_clear(). */
int dm_find(const char *name, struct dm_device *found, struct error **err);

/* All devices whose name begins with the prefix as in dm_remove_all(). The caller clears *found. */
int dm_list(const char *prefix, struct dm_devices *found, struct error **err);

/* The same out of the kernel's answer to DM_LIST_DEVICES, with more on each from the place of /sys/dev/block; for
 * tests. */
int dm_read_list(const void *data, size_t length, const char *prefix, const char *sysfs, struct dm_devices *found,
                 struct error **err);

/* The target's own words on its state, for a device of one target: "0 2048 snapshot 16/2048 16" without the first three
 * fields, printable. The caller frees *status. */
int dm_status(const char *name, struct wait *wait, char **status, struct error **err);

void dm_device_clear(struct dm_device *device);
void dm_devices_clear(struct dm_devices *devices);
#define _cleanup_dm_device_ _cleanup_(dm_device_clear)
#define _cleanup_dm_devices_ _cleanup_(dm_devices_clear)

#endif
