/* SPDX-License-Identifier: MIT */
/* Azure Backup: the vaults of the subscriptions, the machines that they protect, and the recovery points of those. */
#ifndef AZILR_AZURE_BACKUP_H
#define AZILR_AZURE_BACKUP_H

#include <stdbool.h>
#include <time.h>

#include "azure/arm.h"
#include "azure/arm_id.h"

/* Recovery Services Backup REST reference; the version in which the scripts are in the operation's status. */
#define BACKUP_API_VERSION "2023-02-01"

/* Where to look; NULL where anything will do. Names compare without case. */
struct backup_scope {
    const char *subscription;   /* of the vault: its id */
    const char *resource_group; /* of the vault */
    const char *vault;
};

/* A subscription or vault that there is but that could not be looked into. All strings are owned. */
struct backup_gap {
    char *where;  /* "vault v in resource group g", "subscription …" */
    char *reason; /* what the service said, one line */
};

struct backup_gaps {
    struct backup_gap *list;
    size_t count;
    size_t looked_into;  /* vaults, and subscriptions without one, that could be */
    struct error *first; /* all that was said of the first of them; NULL if there is none */
};

/* The exit code where there are gaps only: EXIT_NETWORK if the first is the service's trouble, else EXIT_AUTH. Pure. */
enum exit_code backup_gaps_code(const struct backup_gaps *gaps);

/* Puts what was said of the first gap, its hint and details, behind an error that comes of the gaps. Returns -1. */
int backup_gaps_explain(const struct backup_gaps *gaps, struct error **err);

void backup_gaps_clear(struct backup_gaps *gaps);
#define _cleanup_backup_gaps_ _cleanup_(backup_gaps_clear)

/* Adds what err says of a place to the gaps and frees *err. */
void backup_gaps_add(struct backup_gaps *gaps, struct error **err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- vaults --- */

/* A Recovery Services vault. All strings are owned and printable. */
struct backup_vault {
    struct arm_id id;
    char *location; /* NULL where the service says nothing */
};

struct backup_vaults {
    struct backup_vault *list;
    size_t count;
};

/*
 * The vaults in the scope, in the order in which the service gives them: of one subscription, or of all that the
 * identity can see. What is forbidden, gone meanwhile or in trouble (backup_may_pass_over()) is added to the gaps,
 * unless it is the one subscription that was named: then it is the error. EXIT_USAGE names an option that cannot be;
 * EXIT_AUTH if the identity sees no subscription. The caller clears both in any case.
 */
int backup_list_vaults(struct arm *arm, const struct backup_scope *scope, struct backup_vaults *vaults,
                       struct backup_gaps *gaps, struct error **err);

/* Reads a vault's document. Pure. EXIT_NETWORK if it is none. */
int backup_parse_vault(const cJSON *document, struct backup_vault *vault, struct error **err);

void backup_vault_clear(struct backup_vault *vault);
void backup_vaults_clear(struct backup_vaults *vaults);
#define _cleanup_backup_vault_ _cleanup_(backup_vault_clear)
#define _cleanup_backup_vaults_ _cleanup_(backup_vaults_clear)

/* --- protected machines --- */

/* A protected machine (AzureIaaSVMProtectedItem). All strings are owned and printable, NULL where unknown. */
struct backup_item {
    struct arm_id id;
    char *name;             /* its friendly name; never NULL */
    char *vm_id;            /* the machine's own id; NULL if the service gives none that is one */
    char *protection_state; /* Protected, ProtectionStopped, IRPending, … */
    char *last_status;      /* of the last backup: Completed, Failed, … */
    time_t last_backup;     /* when that was; 0 if unknown */
    time_t newest_point;    /* 0 if there is none */
};

struct backup_items {
    struct backup_item *list;
    size_t count;
};

/*
 * The Azure VMs that the vaults in the scope protect, vault by vault. Gaps and errors as backup_list_vaults() has them;
 * a vault that is named with its resource group and subscription is no gap but the error.
 */
int backup_list_items(struct arm *arm, const struct backup_scope *scope, struct backup_items *items,
                      struct backup_gaps *gaps, struct error **err);

/* Reads a protected item's document. Pure. EXIT_NETWORK if it is none of an Azure VM. */
int backup_parse_item(const cJSON *document, struct backup_item *item, struct error **err);

void backup_item_clear(struct backup_item *item);
void backup_items_clear(struct backup_items *items);
#define _cleanup_backup_item_ _cleanup_(backup_item_clear)
#define _cleanup_backup_items_ _cleanup_(backup_items_clear)

/* --- recovery points --- */

/* A recovery point (IaasVMRecoveryPoint). All strings are owned, printable, and NULL where the service says
 * nothing. */
struct recovery_point {
    struct arm_id id;
    char *vm_id; /* the machine's own id; see backup_get_point() */
    time_t time;
    char *type;           /* AppConsistent, FileSystemConsistent, CrashConsistent */
    char *os_type;        /* Linux, Windows */
    char *tiers;          /* "InstantRP, HardenedRP": those that are valid, and "ArchivedRP (Rehydrated)" */
    bool archived;        /* only in the archive tier: cannot be opened before it has been rehydrated */
    bool encrypted;       /* of a machine encrypted with Azure Disk Encryption: cannot be opened */
    bool session_active;  /* a registration exists; a new one must renew it */
    bool session_unknown; /* the service does not say whether one does */
};

struct recovery_points {
    struct recovery_point *list;
    size_t count;
};

/*
 * Looks a recovery point up. vm_id comes from the protected item; where that cannot be read, it is put
 * together from the names in the id, in the vault's subscription. EXIT_USAGE if id is no recovery point's,
 * EXIT_NOT_FOUND if there is none. The caller clears *point with recovery_point_clear().
 */
int backup_get_point(struct arm *arm, const char *id, struct recovery_point *point, struct error **err);

/* The same without asking for the protected item, where that is known: id is of one of its points. */
int backup_get_point_of(struct arm *arm, const struct backup_item *item, const char *id, struct recovery_point *point,
                        struct error **err);

/*
 * The recovery points of a machine, the newest first; vm_id is left NULL. With from and to (0 for neither) only those
 * of that time, if the service heeds it: the caller looks again. The caller clears *points in any case.
 */
int backup_list_points(struct arm *arm, const struct backup_item *item, time_t from, time_t to,
                       struct recovery_points *points, struct error **err);

/* The $filter for that. The caller frees it. */
char *backup_points_filter(time_t from, time_t to);

/*
 * Reads a recovery point's document. Pure. EXIT_NETWORK if it is none: no id of an Azure VM's recovery point,
 * no time. vm_id is left NULL.
 */
int backup_parse_point(const cJSON *document, struct recovery_point *point, struct error **err);

void recovery_point_clear(struct recovery_point *point);
void recovery_points_clear(struct recovery_points *points);
#define _cleanup_recovery_point_ _cleanup_(recovery_point_clear)
#define _cleanup_recovery_points_ _cleanup_(recovery_points_clear)

#endif
