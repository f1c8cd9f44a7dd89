/* SPDX-License-Identifier: MIT */
/*
 * Item level recovery: asking the service to put a recovery point's disks behind its iSCSI portal, and to end
 * that. What comes back is the connection script, which azilr reads and never runs.
 */
#ifndef AZILR_AZURE_ILR_H
#define AZILR_AZURE_ILR_H

#include <stdbool.h>
#include <stddef.h>

#include "azure/arm.h"
#include "azure/arm_operation.h"
#include "azure/backup.h"

/* The version from which on the scripts come from an action of their own
 * (listInstantItemRecoveryOperationResult). */
#define ILR_LIST_API_VERSION "2026-08-01"

/* One entry of clientScripts (ClientScriptForConnect). content and name_suffix hold passwords and are wiped
 * when freed. */
struct client_script {
    char *content; /* decoded, ends in a NUL that length does not count; NULL if it is only to be had at url */
    size_t length;
    char *extension;   /* ".py", ".sh", ".txt", ".exe"; NULL if not given */
    char *os_type;     /* "Linux", "Windows"; NULL if not given */
    char *name_suffix; /* NULL if not given */
    char *url;         /* unchecked; NULL if not given */
};

struct client_scripts {
    struct client_script *list;
    size_t count;
};

/* The fields of IaasVMILRRegistrationRequest. All are borrowed. */
struct ilr_request {
    const struct recovery_point
        *point;                 /* gives recoveryPointId (its name, as in the reference's example) and the path */
    const char *vm_id;          /* virtualMachineId; NULL means the point's own */
    const char *initiator_name; /* the iSCSI name that this host will log in with */
    bool renew;                 /* renewExistingRegistration: must be true while a session is active */
};

/*
 * Posts the registration. From the moment this is called it may exist, whatever is returned: the caller
 * records first how to undo it. If the answer was lost the error says so; the request is not sent twice. The
 * caller clears *operation with arm_operation_clear().
 */
int ilr_provision_start(struct arm *arm, const struct ilr_request *request, struct arm_operation *operation,
                        struct error **err);

/*
 * Waits until the operation has succeeded and fetches its scripts: those in its status, or else from the list
 * action. The caller clears *scripts with client_scripts_clear(). EXIT_NETWORK if it failed or gave no
 * script.
 */
int ilr_provision_wait(struct arm *arm, const struct recovery_point *point, struct arm_operation *operation,
                       struct client_scripts *scripts, struct error **err);

/*
 * Ends the registration of a recovery point and waits for that. Nothing to end is fine too: a point that is
 * gone, or that says after a refusal that no session is active. *done_before (may be NULL) tells that case.
 */
int ilr_revoke(struct arm *arm, const char *point_id, bool *done_before, struct error **err);

/*
 * Reads clientScripts out of a document that has it directly (the list action's answer, or recoveryTarget).
 * Pure. 0 with count 0 if there are none; EXIT_NETWORK for scripts that are malformed or larger than 4 MiB.
 */
int ilr_parse_scripts(const cJSON *target, struct client_scripts *scripts, struct error **err);

/* The object that holds clientScripts in an operation's status, or NULL. Owned by the document. */
const cJSON *ilr_recovery_target(const cJSON *status);

void client_scripts_clear(struct client_scripts *scripts);
#define _cleanup_client_scripts_ _cleanup_(client_scripts_clear)

#endif
