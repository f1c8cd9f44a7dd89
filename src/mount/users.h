/* SPDX-License-Identifier: MIT */
/*
 * Who keeps block devices, and what is mounted from them, in use: processes of any mount namespace, mounts made beside
 * the ones that are known, in other namespaces too, and what the kernel itself uses (swap, loop devices, NFS exports,
 * device-mapper). Nothing is opened, and nothing is read from the devices, so that looking holds up nobody.
 */
#ifndef AZILR_MOUNT_USERS_H
#define AZILR_MOUNT_USERS_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "util/error.h"

/* Whose users are looked for. All is borrowed. */
struct users_search {
    const dev_t *devices; /* block devices, and numbers of file systems that lie on them (st_dev) */
    size_t device_count;
    const char *const *directories; /* where the known mounts are, which are no users themselves */
    size_t directory_count;
    pid_t self;       /* a process that is not meant; 0 for none */
    const char *proc; /* "/proc"; tests have another one */
    const char *sys;  /* "/sys" */
};

/*
 * What is found is appended to an array, an object each:
 *   kind       "process", "mount", "swap", "loop", "export" or "device-mapper"
 *   pid, command, user    of a process; of a mount in another namespace, one process that has it; else missing
 *   use        of a process: "directory", "root", "program", "file", "mapping" or "device"
 *   path       of what is used, as whoever uses it sees it; for a device its name
 * The texts are printable. A process is there once. At most USERS_MAX in all.
 */
#define USERS_MAX 1000

/* Mounts and processes, but for what needs the memory map of a process. Returns 0, or -1 with err set. */
int users_find(const struct users_search *search, cJSON *users, struct error **err);

/*
 * Processes that have a file mapped into memory, and are not among the users already. Reading the map of a process may
 * wait while that process waits for a page of a disk that does not answer.
 */
int users_find_mappings(const struct users_search *search, cJSON *users, struct error **err);

/* A line about one for a person: "process 123 (less, of anna) has /mnt/x/file open". The caller frees it. */
char *users_describe(const cJSON *user);

#endif
