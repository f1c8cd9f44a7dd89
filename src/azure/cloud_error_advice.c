/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "azure/cloud_error-internal.h"
#include "util/str.h"

static const char THROTTLED[] = "Azure limits how often it may be asked: try again in a few minutes";
static const char GONE[] = "the recovery point has expired or was deleted: choose another one";
static const char SESSION_ACTIVE[] =
    "somebody has this recovery point open: have that ended (in the portal: File Recovery, Unmount Disks; or az backup "
    "restore files unmount-rp), or wait, since it ends by itself 12 hours after it was opened";
static const char PRIVATE[] =
    "the vault takes requests only by way of its private endpoint: run azilr on a host in that virtual network, or in "
    "one that is joined to it and resolves its names";
static const char ENCRYPTED[] =
    "a recovery point of a VM with Azure Disk Encryption cannot be opened: restore the VM or its disks instead";
static const char ARCHIVED[] =
    "the recovery point is in the archive tier: rehydrate it to the vault tier first, or choose a newer one";

/* Names are Resource Manager's, the sign-in service's and Azure Backup's own (public documentation: common errors of
 * Resource Manager and of sign-in, "Troubleshoot backup errors with Azure VMs", "Troubleshoot the archive tier"). */
static const struct {
    const char *code;
    const char *advice;
} codes[] = {
    {"ExpiredAuthenticationToken", "the token is too old: get a new one, e.g. az account get-access-token"},
    {"InvalidAuthenticationToken",
     "get a new token, e.g. az account get-access-token; it must be for this cloud's Resource Manager"},
    {"InvalidAuthenticationTokenTenant", "the token is from another tenant than the subscription: sign in to that one"},
    {"AuthenticationFailed", "sign in again, e.g. az account get-access-token"},
    {"AuthorizationFailed", "the identity needs this action on the vault, e.g. through the role Backup "
                            "Operator; a new assignment takes minutes"},
    {"LinkedAuthorizationFailed", "the identity needs a role on the virtual machine too, e.g. Backup Operator"},
    {"SubscriptionNotFound", "check the subscription id, and that the identity has a role in it"},
    {"ResourceGroupNotFound", "check --resource-group: it is the vault's, which may differ from the machine's"},
    {"ResourceNotFound", "check --vault-name and --resource-group (the vault's)"},
    {"ScopeLocked", "a read-only lock on the vault or its resource group forbids this: have it taken off meanwhile"},
    {"TooManyRequests", THROTTLED},
    {"BMSUserErrorDataSourceObjectNotFound",
     "this vault does not protect that machine, or not any more: check --vault-name and the machine's name"},
    {"UserErrorInstantRpNotFound",
     "its snapshot is gone, and it has not been copied to the vault: choose another recovery point"},
    {"UserErrorRecoveryPointNotRehydrated", ARCHIVED},
    {"invalid_client", "the client secret is wrong or expired (its value is wanted, not its id)"},
    {"unauthorized_client", "check AZURE_CLIENT_ID and AZURE_TENANT_ID: that tenant does not know the application"},
    {"invalid_request", "check AZURE_TENANT_ID and AZURE_CLIENT_ID"},
};

/* Azure Backup publishes no list of the codes of item level recovery, and renames them; what they are about is in their
 * names. All parts must be there, in any case. */
static const struct {
    const char *part, *other; /* other may be NULL */
    const char *advice;       /* NULL: the opposite of one further down, of which nothing is known */
} families[] = {
    {"Inactive", NULL, NULL},
    {"NotActive", NULL, NULL},
    {"NoActive", NULL, NULL},
    {"ILR", "Active", SESSION_ACTIVE},
    {"Session", "Active", SESSION_ACTIVE},
    {"PrivateEndpoint", NULL, PRIVATE},
    {"PrivateLink", NULL, PRIVATE},
    {"PublicNetworkAccess", NULL, PRIVATE},
    {"Rehydrat", NULL, ARCHIVED},
    {"Archive", NULL, ARCHIVED},
    {"Encrypt", NULL, ENCRYPTED},
    {"RecoveryPoint", "NotFound", GONE},
    {"RecoveryPoint", "Expired", GONE},
    {"RecoveryPoint", "Deleted", GONE},
    {"Throttl", NULL, THROTTLED},
};

static const char LIST_ACTION[] = "/listInstantItemRecoveryOperationResult/action";

static const char *known_advice(const char *code)
{
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (str_equal_ignoring_case(code, codes[i].code))
            return codes[i].advice;
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        if (strcasestr(code, families[i].part) && (!families[i].other || strcasestr(code, families[i].other)))
            return families[i].advice;
    return NULL;
}

/* What stands in quotes behind the last `before` in a message, made safe; NULL if nothing does. The caller frees it. */
static char *quoted(const char *message, const char *before)
{
    const char *start = NULL;
    size_t length;

    for (const char *found = strstr(message, before); found; found = strstr(found + 1, before))
        start = found + strlen(before);
    length = start ? strcspn(start, "'") : 0;
    if (length == 0 || start[length] != '\'')
        return NULL;
    return str_printable(start, length, CLOUD_ERROR_MAX_TEXT);
}

/*
 * Resource Manager's messages: "… does not have authorization to perform action 'X' over scope 'Y' or …", and of a
 * linked resource "… has permission to perform action 'W' on scope 'V'; however, it does not have permission to perform
 * action 'X' on the linked scope(s) 'Y' …".
 */
static char *permission_advice(const char *code, const char *message)
{
    bool linked = str_equal_ignoring_case(code, "LinkedAuthorizationFailed");
    _cleanup_free_ char *action = NULL;
    _cleanup_free_ char *scope = NULL;

    if (!message || (!linked && !str_equal_ignoring_case(code, "AuthorizationFailed")))
        return NULL;
    action = quoted(message, "perform action '");
    scope = quoted(message, linked ? "linked scope(s) '" : "over scope '");
    if (!action || !scope)
        return NULL;
    return str_printf("the identity lacks the action %s on %s%s; the role Backup Operator on the %s has it%s; a new "
                      "assignment takes minutes",
                      action, scope, linked ? " too" : "", linked ? "virtual machine" : "vault",
                      str_ends_with(action, LIST_ACTION)
                          ? " (it is needed from API version 2026-08-01 on: a role of your own may still be without it)"
                          : "");
}

/* A service that says in words only that its public door is closed. */
static const char *advice_from_words(const char *message)
{
    return message && (strcasestr(message, "private endpoint") || strcasestr(message, "public network access"))
               ? PRIVATE
               : NULL;
}

static char *advice_on(const cJSON *body)
{
    const char *code = json_string(body, "code");
    const char *message = json_string(body, "message");
    const char *known = code ? known_advice(code) : NULL;
    char *permission = code ? permission_advice(code, message) : NULL;

    if (permission)
        return permission;
    if (!known)
        known = advice_from_words(message);
    return known ? str_dup(known) : NULL;
}

/* Breadth is the service's, depth is what json_parse() lets it be. */
static char *search(const cJSON *body, int *entries) // NOLINT(misc-no-recursion)
{
    char *advice = advice_on(body);
    const cJSON *detail;

    cJSON_ArrayForEach(detail, json_array(body, "details"))
    {
        if (advice || ++*entries > CLOUD_ERROR_MAX_ENTRIES)
            break;
        if (cJSON_IsObject(detail))
            advice = search(detail, entries);
    }
    return advice;
}

char *cloud_error_advice(const cJSON *body, const char *code, int status)
{
    const char *known = code ? known_advice(code) : NULL;
    int entries = 0;
    char *advice = body ? search(body, &entries) : NULL;

    if (!advice && !known && status == 429)
        known = THROTTLED;
    return advice ? advice : known ? str_dup(known) : NULL;
}
