/* SPDX-License-Identifier: MIT */
/*
 * Driving iscsiadm: an iface of our own that carries the initiator name, one node record on it, login, scan,
 * logout. iscsid.conf, the host's initiator name, and all other ifaces, records and sessions stay as they
 * are. Every function that undoes is idempotent: what is not there counts as undone. lock_fd is as in struct
 * iscsi_target: an iscsiadm that goes on after azilr was killed may make the directories of its records once more.
 */
#ifndef AZILR_ISCSI_ISCSIADM_H
#define AZILR_ISCSI_ISCSIADM_H

#include "util/error.h"
#include "util/wait.h"

/* What a login goes to. All strings are borrowed. */
struct iscsi_target {
    const char *iface;   /* the name of our own iface record */
    const char *target;  /* IQN */
    const char *address; /* of the tunnel: "127.0.0.1" */
    int port;
    int lock_fd; /* inherited by iscsiadm, so that a killed azilr's iscsiadm still holds the session; or -1 */
};

/* Whether text is an iSCSI name that can be given as an initiator name: iqn., eui. or naa. form (RFC
 * 7143, 4.2.7). */
int iscsi_check_name(const char *text, struct error **err);

/* A new initiator name, different each time. The caller frees it. */
char *iscsi_make_initiator_name(void);

int iscsi_add_iface(const struct iscsi_target *at, const char *initiator_name, struct wait *wait, struct error **err);
int iscsi_remove_iface(const char *iface, int lock_fd, struct wait *wait, struct error **err);

/*
 * Makes the node record with one-way CHAP, manual start-up and manual scan. user and password never reach an
 * argument list. EXIT_USAGE if one of them cannot stand in a record.
 */
int iscsi_add_node(const struct iscsi_target *at, const char *user, const char *password, struct wait *wait,
                   struct error **err);
int iscsi_remove_node(const char *target, const char *iface, int lock_fd, struct wait *wait, struct error **err);

/*
 * Puts a new CHAP user and password into the node record. They count from the next login on: iscsid keeps what a
 * running session logged in with in its memory, and logs in again with that when the connection breaks; it reads the
 * record anew only when it is itself restarted (open-iscsi, usr/initiator.c and usr/iscsid.c). EXIT_NOT_FOUND if the
 * record is gone.
 */
int iscsi_update_chap(const char *target, const char *iface, const char *user, const char *password,
                      struct error **err);

/*
 * Logs in; no disk appears before iscsi_scan(). EXIT_AUTH if the target refuses the CHAP secret or the
 * initiator name, EXIT_NETWORK if it cannot be reached, EXIT_HOST if iscsid cannot be talked to.
 */
int iscsi_login(const struct iscsi_target *at, struct wait *wait, struct error **err);

/*
 * Logs out of the session to `target` through `iface`, if there is one, and waits until the kernel has let go of it:
 * not for longer than the wait's time limit.
 */
int iscsi_logout(const char *target, const char *iface, struct wait *wait, struct error **err);

/* Has the kernel look for the disks of session number `session`. They appear some time after this returns. */
int iscsi_scan(int session, int lock_fd, struct wait *wait, struct error **err);

#endif
