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
#include "cmd/preparing.h"
#include "iscsi/iscsiadm.h"
#include "iscsi/targets.h"
#include "script/script.h"
#include "session/session.h"
#include "util/buffer.h"
#include "util/progress.h"
#include "util/wait.h"
#include "volume/md.h"
#include "volume/volumes.h"

/* Where the tunnel listens, for iscsiadm. */
#define TUNNEL_ADDRESS "127.0.0.1"

struct mount_run {
    const struct options *options;
    const char *what; /* the VM or recovery point that was asked for; NULL with --script, or where options say it */
    time_t at;        /* --at; read by find_point_check() */
    struct progress progress;
    struct wait wait;
    long wait_s; /* of --wait, if that was given */
    struct azure_access access;
    struct session *session; /* NULL until there is something that might have to be undone */
    char *initiator_name;
    struct connection connection;
    char *iface;
    int tunnel_port;
    bool keep_access; /* Azure is still preparing the disks, and giving the access back would begin that anew */
    struct targets targets;
    struct disks disks;
    char *directory;               /* the one a person browses */
    bool reads_by_file;            /* --read-ahead file, or no loop device can be had */
    uint64_t overlay_size;         /* of --overlay-size; 0 for the default */
    char *overlay_directory;       /* NULL until the first overlay, unless it was given */
    struct error *overlay_problem; /* why there is no such directory; NULL before it was tried */
    bool overlay_is_missing;       /* one that was wanted, and the session's "problem" says so */
    struct buffer *keys;           /* secret: what encrypted volumes may be opened with */
    size_t key_count;
    struct md_answers md_answers; /* what mdadm has said of the backup's devices */
    unsigned stacked;             /* how many devices have been made on the backup's disks */
    struct volumes volumes;
};

/* Checks what was asked for, before anything is done: EXIT_USAGE for what does not go together, or no time. */
int find_point_check(struct mount_run *run, struct error **err);

/*
 * Finds the recovery point that was asked for, as a stage of its own: by id, by the VM's name and --point or --at; else
 * the one that an earlier mount of the VM has had Azure prepare (EXIT_BUSY if another azilr is at work on that), or the
 * newest. What cannot be opened is refused (EXIT_FAILED) with the reason. The caller clears *point.
 */
int find_point(struct mount_run *run, struct recovery_point *point, struct error **err);

/* From the options to connection details, by way of Azure: signs in, finds the point, has it opened. */
int open_from_azure(struct mount_run *run, struct error **err);

/* The same from a script that was downloaded, and its password. */
int open_from_script(struct mount_run *run, struct error **err);

/* From connection details to read-only disks: tunnel, iscsid, udev rules, login, scan. */
int attach_disks(struct mount_run *run, struct error **err);

/*
 * Asks the portal, through the tunnel and as chap_user, which targets the recovery point has, and puts them into
 * run->targets. While Azure is still preparing them it waits, for as long as --wait allows; if that wait ends early,
 * run->keep_access says that the registration is to be left for the next mount to go on with.
 */
int find_targets(struct mount_run *run, const char *chap_user, struct error **err);

/*
 * Makes the directory that a person browses, run->directory, and the one below it for the volumes, whose path the
 * caller frees. EXIT_USAGE for a --dir that others than root can change, EXIT_BUSY for one that is not empty.
 */
int mount_tree_begin(struct mount_run *run, char **volumes_directory, struct error **err);

/*
 * Enters a directory in the undo list and makes it. One that is there already must be fit, and is left afterwards
 * unless another session of ours has made it.
 */
int mount_tree_make(struct mount_run *run, const char *path, struct error **err);

/* From disks to mounted volumes. Only what stops all of them is an error; the rest is in run->volumes. */
int mount_volumes(struct mount_run *run, struct error **err);

/*
 * From mounted volumes to the guest's own tree: root/ beside volumes/, with its fstab applied, one for each root file
 * system that is found; what became of each goes into the session's "roots". Only what stops everything is an error.
 */
int mount_roots(struct mount_run *run, struct error **err);

/* The way to a target through the tunnel; borrows from run and target. */
struct iscsi_target mount_run_target(const struct mount_run *run, const char *target);

/* To be called once all targets are logged in to: from here on a failure gives the access back. */
int targets_are_reached(struct mount_run *run, struct error **err);

/* Puts a text into the session's metadata; it is saved with the next change. */
void mount_run_note(struct mount_run *run, const char *name, const char *value);

#endif
