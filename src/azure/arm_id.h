/* SPDX-License-Identifier: MIT */
/*
 * The ids of Resource Manager that backups are made of, as text and in parts. Pure. Keywords are compared
 * without case, since the service writes them in several, and an id is sent back as it was received.
 */
#ifndef AZILR_AZURE_ARM_ID_H
#define AZILR_AZURE_ARM_ID_H

#include "util/error.h"

/* A vault, a protected item of it, or one of that one's recovery points. All strings are owned; what lies below the
 * kind that was read is NULL. */
struct arm_id {
    char *text; /* the whole id, without a slash at the end */
    char *subscription;
    char *resource_group; /* the vault's */
    char *vault;
    char *container; /* "IaasVMContainer;iaasvmcontainerv2;{vm_resource_group};{vm_name}" */
    char *item;      /* "VM;iaasvmcontainerv2;{vm_resource_group};{vm_name}" */
    char *point;
    char *vm_resource_group;
    char *vm_name;
};

/*
 * Reads
 * /subscriptions/…/vaults/…/backupFabrics/Azure/protectionContainers/…/protectedItems/…[/recoveryPoints/…] of
 * an Azure VM (Recovery Services REST reference), or only up to the vault. EXIT_USAGE says what is wrong with it. The
 * caller clears *id with arm_id_clear().
 */
int arm_id_parse_vault(const char *text, struct arm_id *id, struct error **err);
int arm_id_parse_point(const char *text, struct arm_id *id, struct error **err);
int arm_id_parse_item(const char *text, struct arm_id *id, struct error **err);

/* The same for a recovery point of an Azure file share, which has no vm_resource_group and no vm_name. */
int arm_id_parse_share_point(const char *text, struct arm_id *id, struct error **err);

void arm_id_clear(struct arm_id *id);

/* The id of the vault that holds it, and that of the item of a recovery point. The caller frees them. */
char *arm_id_vault(const struct arm_id *id);
char *arm_id_item(const struct arm_id *id);

/* Where the VM was if it is in the vault's subscription: what its id must be unless the service says
 * otherwise. */
char *arm_id_guess_vm(const struct arm_id *id);

/* EXIT_USAGE, naming the option, unless text is a subscription's id (a GUID). */
int arm_id_check_subscription(const char *text, struct error **err);

/* EXIT_USAGE, naming the option, unless text can be a resource group's name. */
int arm_id_check_resource_group(const char *text, struct error **err);

/*
 * A vault's id out of its parts, each of which is checked: EXIT_USAGE names the option that the bad one came
 * from. The caller frees *vault_id.
 */
int arm_id_make_vault(const char *subscription, const char *resource_group, const char *vault, char **vault_id,
                      struct error **err);

/* EXIT_USAGE unless text is the id of a virtual machine (Microsoft.Compute, or ClassicCompute of old). */
int arm_id_check_vm(const char *text, struct error **err);

/* The id as the path of a URL: each segment percent-encoded (";" becomes "%3B"). The caller frees it. */
char *arm_id_path(const char *text);

#define _cleanup_arm_id_ _cleanup_(arm_id_clear)

#endif
