/* SPDX-License-Identifier: MIT */
/*
 * The one clean-up path: a session's undo list, walked backwards. `unmount`, a `mount` that failed or was
 * interrupted, and the clean-up after a crash all come here.
 */
#ifndef AZILR_CMD_TEARDOWN_H
#define AZILR_CMD_TEARDOWN_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "session/session.h"
#include "util/error.h"
#include "util/wait.h"

/* The kinds of change that mount enters in the undo list, in the order in which they are made. */
#define CHANGE_REGISTRATION "registration"  /* recovery_point, endpoint, authority */
#define CHANGE_TUNNEL "tunnel"              /* unit: systemd's, or null */
#define CHANGE_KEEPER "keeper"              /* unit: as above */
#define CHANGE_ISCSID "iscsid"              /* unit */
#define CHANGE_UDEV_RULES "udev-rules"      /* path */
#define CHANGE_IFACE "iface"                /* iface */
#define CHANGE_DISCOVERY "discovery"        /* address, port */
#define CHANGE_NODE "node"                  /* target, iface */
#define CHANGE_LOGIN "login"                /* target, iface */
#define CHANGE_UDEV_MARK "udev-mark"        /* session, iface */
#define CHANGE_STACK_MARK "udev-stack-mark" /* tag */
#define CHANGE_OVERLAY "overlay"            /* name, store (path of its file while that has a name) */
#define CHANGE_ARRAY "array"                /* name */
#define CHANGE_VOLUME_GROUP "volume-group"  /* name */
#define CHANGE_DM_DEVICE "dm-device"        /* name: of one that decrypts, or that stands in for a missing one */
#define CHANGE_BTRFS "btrfs"                /* devices: paths that the kernel is to forget */
#define CHANGE_DIRECTORY "directory"        /* path */
#define CHANGE_MOUNT "mount" /* directory, major, minor, and for a file system on several devices the others' */

/* The status of a session whose tree is out of sight, and whose disks wait for the last user of that. */
#define STATUS_DETACHED "detached"

/* What becomes of what is in use. */
enum teardown_way {
    TEARDOWN_GENTLY, /* it stays, with all that it depends on */
    /* It goes out of the tree at once, and the rest is undone if its users end soon; else it stays for the next time.
     */
    TEARDOWN_LAZILY,
    TEARDOWN_BY_FORCE, /* it goes; its users, who get no signal, get I/O errors */
};

enum { TEARDOWN_HAD_ENDED = 1 };

struct teardown {
    struct session *session;
    struct wait *wait; /* its signals are not heeded, its time limit between changes only: what is begun is finished */
    /* Revokes a registration, given the change's arguments: 0, or TEARDOWN_HAD_ENDED if there was none any more. */
    int (*revoke)(void *argument, const cJSON *arguments, struct error **err);
    void *argument;
    bool keep_access; /* let go of a registration without revoking it */
    enum teardown_way way;
    cJSON *done;   /* array: what was undone, a sentence each, for the person; may be NULL */
    cJSON *forced; /* array: what had to be forced, likewise */
    bool is_cut;   /* for the teardown's own use: a portal that does not answer has been cut off */
    /*
     * Not NULL: the registration, and with it the session, stays, to be taken up again by another mount; and this is
     * what its status is to say.
     */
    const char *keep_access_as;
};

/*
 * Undoes everything, and removes the session when nothing is left. What cannot be undone stays in the list,
 * and what does not depend on it is undone all the same: while something is still mounted or logged in, its
 * tunnel and its registration are left, but all else goes. Returns 0, or -1 with the first reason; further
 * ones go to the log. A portal that does not answer holds it up for half a minute or so: then it is cut off, and what
 * waits for it fails.
 */
int teardown(struct teardown *teardown, struct error **err);

#endif
