/* SPDX-License-Identifier: MIT */
/*
 * What the identity that signed in may do with a resource, as Azure's role-based access control tells it (Authorization
 * REST reference, Permissions - List For Resource).
 */
#ifndef AZILR_AZURE_PERMISSIONS_H
#define AZILR_AZURE_PERMISSIONS_H

#include <stdbool.h>

#include "azure/arm.h"

/*
 * The permissions of the caller for the resource of that id, an array of objects for permissions_allow(). The caller
 * deletes *permissions. EXIT_AUTH if the identity may not even ask; a reader may. EXIT_NETWORK for more than any
 * identity has: 4,000 roles, or in all of them 100,000 patterns or 8 MiB of these.
 */
int permissions_get(struct arm *arm, const char *id, cJSON **permissions, struct error **err);

/*
 * Whether these permissions allow an action ("Microsoft.RecoveryServices/Vaults/read"): one of them must have it among
 * its `actions` and not among its `notActions`, which only take from the same role ("Understand Azure role
 * definitions"). Names compare without case; "*" stands for any text. Deny assignments and conditions are not looked
 * at. Pure, and takes whatever the service answered.
 */
bool permissions_allow(const cJSON *permissions, const char *action);

#endif
