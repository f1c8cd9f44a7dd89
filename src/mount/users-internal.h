/* SPDX-License-Identifier: MIT */
/* What the parts of the search for users share. */
#ifndef AZILR_MOUNT_USERS_INTERNAL_H
#define AZILR_MOUNT_USERS_INTERNAL_H

#include "mount/users.h"
#include "util/cleanup.h"

/* Numbers of devices and file systems: what was asked for, and what the mount tables add to it. */
struct numbers {
    dev_t *items;
    size_t count;
};

bool numbers_have(const struct numbers *numbers, dev_t number);
void numbers_add(struct numbers *numbers, dev_t number);
void numbers_clear(struct numbers *numbers);
#define _cleanup_numbers_ _cleanup_(numbers_clear)

/* Adds a user. pid is 0 for none, use NULL for none. The texts may be anything. */
void users_add(cJSON *users, const struct users_search *search, const char *kind, pid_t pid, const char *use,
               const char *path);

/* What a file that counts lies on: the number of its file system, or the mount by which it was opened. */
struct grounds {
    struct numbers supers;
    struct numbers mounts; /* ids: what a file of a btrfs is known by, since each subvolume has a number of its own */
};

void grounds_clear(struct grounds *grounds);
#define _cleanup_grounds_ _cleanup_(grounds_clear)

/* The mounts of every namespace. The grounds get the file systems that lie on the devices, and their mounts. */
int users_of_mounts(const struct users_search *search, struct grounds *grounds, cJSON *users, struct error **err);

/* What the kernel uses by itself. */
void users_of_kernel(const struct users_search *search, cJSON *users);

/* Whether a path is one of the directories, or lies in one. */
bool users_path_is_within(const struct users_search *search, const char *path);

/* The pid that a name in /proc stands for; 0 if none. */
pid_t users_pid_of(const char *name);

#endif
