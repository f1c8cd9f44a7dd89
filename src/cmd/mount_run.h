/* SPDX-License-Identifier: MIT */
/*
 * One run of `azilr mount`: what its stages hand on to each other. mount.c owns the order of the stages; each
 * stage enters in the session's undo list what it is about to change.
 */
#ifndef AZILR_CMD_MOUNT_RUN_H
#define AZILR_CMD_MOUNT_RUN_H

#include "azure/backup.h"
#include "block/disks.h"
#include "cmd/azure_access.h"
#include "cmd/options.h"
#include "iscsi/sysfs.h"
#include "script/script.h"
#include "session/session.h"
#include "util/progress.h"
#include "util/wait.h"
#include "volume/volumes.h"

struct mount_run {
    const struct options *options;
    const char *what; /* the VM or recovery point that was asked for; NULL with --script, or where options say it */
    time_t at;        /* --at; read by find_point_check() */
    struct progress progress;
    struct wait wait;
    struct azure_access access;
    struct session *session; /* NULL until there is something that might have to be undone */
    char *initiator_name;
    struct connection connection;
    char *iface;
    int tunnel_port;
    struct iscsi_session iscsi;
    struct disks disks;
    char *directory; /* the one a person browses */
    struct volumes volumes;
};

/* Checks what was asked for, before anything is done: EXIT_USAGE for what does not go together, or no time. */
int find_point_check(struct mount_run *run, struct error **err);

/*
 * Finds the recovery point that was asked for, as a stage of its own: by id, by the VM's name and --point or --at, or
 * the newest. What cannot be opened is refused (EXIT_FAILED) with the reason. The caller clears *point.
 */
int find_point(struct mount_run *run, struct recovery_point *point, struct error **err);

/* From the options to connection details, by way of Azure: signs in, finds the point, has it opened. */
int open_from_azure(struct mount_run *run, struct error **err);

/* The same from a script that was downloaded, and its password. */
int open_from_script(struct mount_run *run, struct error **err);

/* From connection details to read-only disks: tunnel, iscsid, udev rules, login, scan. */
int attach_disks(struct mount_run *run, struct error **err);

/* From disks to mounted volumes. Only what stops all of them is an error; the rest is in run->volumes. */
int mount_volumes(struct mount_run *run, struct error **err);

/* Puts a text into the session's metadata; it is saved with the next change. */
void mount_run_note(struct mount_run *run, const char *name, const char *value);

#endif
