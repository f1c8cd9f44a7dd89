/* SPDX-License-Identifier: MIT */
/*
 * SendTargets discovery through iscsiadm, under the initiator name of our own iface. iscsiadm reads the CHAP secret of
 * a discovery from a record of its database, which exists only while the discovery runs; it makes no node records.
 */
#ifndef AZILR_ISCSI_DISCOVERY_H
#define AZILR_ISCSI_DISCOVERY_H

#include <stdbool.h>

#include "iscsi/iscsiadm.h"
#include "iscsi/targets.h"

/*
 * Whether open-iscsi has a discovery record of that portal. One that azilr did not make must be left alone, so a tunnel
 * should listen on another port; the script that Azure generates leaves such records.
 */
bool iscsi_has_discovery_record(const char *address, int port);

/*
 * Asks the portal for its targets (at->target is not used). user and password never reach an argument list. The caller
 * has made sure that there is no record of that portal yet, and entered in its undo list that iscsi_remove_discovery()
 * is to remove the one made here. EXIT_AUTH if the portal refuses the secret, EXIT_NETWORK if it does not answer as it
 * should. The caller clears *shown, in any case.
 */
int iscsi_discover(const struct iscsi_target *at, const char *user, const char *password, struct wait *wait,
                   struct targets *shown, struct error **err);

/* Removes that record; lock_fd is as in struct iscsi_target. Returns 1 if there was one, 0 if not. */
int iscsi_remove_discovery(const char *address, int port, int lock_fd, struct wait *wait, struct error **err);

#endif
