/* SPDX-License-Identifier: MIT */
/* Azure Backup: the protected machines of a vault and their recovery points. */
#ifndef AZILR_AZURE_BACKUP_H
#define AZILR_AZURE_BACKUP_H

#include <stdbool.h>
#include <time.h>

#include "azure/arm.h"
#include "azure/arm_id.h"

/* Recovery Services Backup REST reference; the version in which the scripts are in the operation's status. */
#define BACKUP_API_VERSION "2023-02-01"

/* A recovery point (IaasVMRecoveryPoint). All strings are owned, printable, and NULL where the service says
 * nothing. */
struct recovery_point {
    struct arm_id id;
    char *vm_id; /* the machine's own id; see backup_get_point() */
    time_t time;
    char *type;          /* AppConsistent, FileSystemConsistent, CrashConsistent */
    char *os_type;       /* Linux, Windows */
    char *tiers;         /* "InstantRP, HardenedRP": those that are valid, and "ArchivedRP (Rehydrated)" */
    bool archived;       /* only in the archive tier: cannot be opened before it has been rehydrated */
    bool encrypted;      /* of a machine encrypted with Azure Disk Encryption: cannot be opened */
    bool session_active; /* a registration exists; a new one must renew it */
};

/*
 * Looks a recovery point up. vm_id comes from the protected item; where that cannot be read, it is put
 * together from the names in the id, in the vault's subscription. EXIT_USAGE if id is no recovery point's,
 * EXIT_NOT_FOUND if there is none. The caller clears *point with recovery_point_clear().
 */
int backup_get_point(struct arm *arm, const char *id, struct recovery_point *point, struct error **err);

/* Which machine is meant. */
struct backup_query {
    const char *subscription;   /* of the vault: its id */
    const char *resource_group; /* of the vault */
    const char *vault;
    const char *vm; /* the machine's name, any case */
};

/*
 * Finds the newest recovery point of a machine by its name. EXIT_NOT_FOUND (naming the machines that the
 * vault does protect, when they are few) if there is no such machine or it has no recovery point; EXIT_USAGE
 * with the candidates if the vault protects several of that name.
 */
int backup_find_newest_point(struct arm *arm, const struct backup_query *query, struct recovery_point *point,
                             struct error **err);

/*
 * Reads a recovery point's document. Pure. EXIT_NETWORK if it is none: no id of an Azure VM's recovery point,
 * no time. vm_id is left NULL.
 */
int backup_parse_point(const cJSON *document, struct recovery_point *point, struct error **err);

/* A protected machine (AzureIaaSVMProtectedItem). All strings are owned. */
struct backup_item {
    struct arm_id id;
    char *name;  /* its friendly name, printable */
    char *vm_id; /* NULL if the service gives none that is one */
};

/* Reads a protected item's document. Pure. EXIT_NETWORK if it is none of an Azure VM. */
int backup_parse_item(const cJSON *document, struct backup_item *item, struct error **err);

void backup_item_clear(struct backup_item *item);
void recovery_point_clear(struct recovery_point *point);
#define _cleanup_recovery_point_ _cleanup_(recovery_point_clear)
#define _cleanup_backup_item_ _cleanup_(backup_item_clear)

#endif
