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
#include "azure/arm_id.h"
#include "azure/arm_operation.h"

/* The version from which on the scripts come from an action of their own
 * (listInstantItemRecoveryOperationResult). */
#define ILR_LIST_API_VERSION "2026-08-01"

/* Bytes that a script's content may have; real ones have about 60 KiB. */
#define ILR_MAX_SCRIPT ((size_t)4 << 20)

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

struct ilr_tag {
    const char *name, *value;
};

/* The two kinds of ILRRequest (Recovery Services Backup REST reference). */
enum ilr_kind {
    ILR_VM,         /* IaasVMILRRegistrationRequest: disks over iSCSI */
    ILR_FILE_SHARE, /* AzureFileShareProvisionILRRequest: a share's snapshot, with nothing to connect to */
};

/* ILRRequestResource: the fields of both kinds, and the resource's own. All are borrowed. */
struct ilr_request {
    enum ilr_kind kind;
    const struct arm_id *id;        /* the recovery point: the path, and recoveryPointId (its name, as in the
                                       reference's example) */
    const char *vm_id;              /* ILR_VM: virtualMachineId */
    const char *initiator_name;     /* ILR_VM: initiatorName, the iSCSI name that this host will log in with */
    bool renew;                     /* ILR_VM: renewExistingRegistration; must be true while a session is active */
    const char *source_resource_id; /* ILR_FILE_SHARE: sourceResourceId, the storage account's id */
    const char *etag;               /* eTag; NULL to leave it out, as with the two below */
    const char *location;
    const struct ilr_tag *tags;
    size_t tag_count;
};

/* The body of a request. Pure. The caller deletes it. */
cJSON *ilr_request_body(const struct ilr_request *request);

/*
 * Posts the registration. It is never posted blindly a second time: where the answer was lost, or was one that leaves
 * open whether the service has begun, the recovery point is read, and if a session is active there now, that one is
 * renewed, with the same initiator name, which gives the script. If none shows up the error says what may have
 * happened; but after a 503 with Retry-After, which is waited for in any case, it is posted again.
 *
 * Whose the registration is, and so who ends it with ilr_revoke():
 * - Without `renew` (nothing was active when the point was read) whatever may have come of any of the requests made
 * here is ours, also what a lost answer told nobody of and what was then renewed to get its script. The caller records
 *   first how to undo it; after a failure *may_have_begun says whether there may be something to undo. It is false only
 *   where every request was certainly not acted upon, or where what is open may as well be somebody else's: nothing was
 *   to be seen after a 503, and the repetition was refused (400, 409) since the point is open by then.
 * - With `renew` it is of whoever began it, perhaps on another host, where disks may be in use by it. It becomes ours
 * with the script that a renewal gives (ilr_provision_wait()), since from then on no other script opens it; the caller
 *   records it then. Before that a failure, lost answers among them, leaves it with its owner, and nothing is to be
 *   revoked: *may_have_begun says whether it may have been extended.
 *
 * The caller clears *operation with arm_operation_clear().
 */
int ilr_provision_start(struct arm *arm, const struct ilr_request *request, struct arm_operation *operation,
                        bool *may_have_begun, struct error **err);

/*
 * Waits until the operation of a VM has succeeded and fetches its scripts: those in its status, or else from the list
 * action; content that is given by url alone is downloaded (see ilr_script_url_is_allowed()). The caller clears
 * *scripts with client_scripts_clear(). EXIT_NETWORK if it failed or gave no script.
 */
int ilr_provision_wait(struct arm *arm, const struct arm_id *id, struct arm_operation *operation,
                       struct client_scripts *scripts, struct error **err);

/* What is known of the request that gave the access which is to be revoked. All are borrowed. */
struct ilr_opening {
    bool ended;                /* it has, for certain */
    bool is_recent;            /* it began minutes ago, so that the service need not know of it yet */
    const char *operation_url; /* arm_operation's, as it was recorded; NULL if that is not known */
    bool by_location;
    int64_t doubt_ms; /* arm_operation's; 0 for the default */
};

/*
 * Ends the registration of a recovery point and waits for that. Nothing to end is fine too: a point that is
 * gone, or that says after a refusal that no session is active. *done_before (may be NULL) tells that case.
 *
 * That is not believed while the access may still be being opened: the point need not show it yet. Then the revoke is
 * tried again until the opening has ended, for a minute and a half at most and as long as arm's wait lets it; where
 * nothing can be found out about the opening (NULL, or no url) until then. The error tells what may remain.
 */
int ilr_revoke(struct arm *arm, const char *point_id, const struct ilr_opening *opening, bool *done_before,
               struct error **err);

/*
 * Reads clientScripts out of a document that has it directly (the list action's answer, or recoveryTarget).
 * Pure. 0 with count 0 if there are none; EXIT_NETWORK for scripts that are malformed or larger than 4 MiB.
 */
int ilr_parse_scripts(const cJSON *target, struct client_scripts *scripts, struct error **err);

/*
 * Whether a script may be fetched from there: https, from the Resource Manager that was asked (endpoint), or from
 * download.microsoft.com. Pure.
 */
bool ilr_script_url_is_allowed(const char *endpoint, const char *url);

/*
 * Fetches the content of those scripts that have only a url, but for a Windows program's. No token goes along,
 * redirects are not followed, and what is longer than a script given inline may be is refused. EXIT_NETWORK names the
 * host.
 */
int ilr_download_scripts(struct arm *arm, struct client_scripts *scripts, struct error **err);

/* The object that holds clientScripts in an operation's status, or NULL. Owned by the document. */
const cJSON *ilr_recovery_target(const cJSON *status);

void client_scripts_clear(struct client_scripts *scripts);
#define _cleanup_client_scripts_ _cleanup_(client_scripts_clear)

#endif
