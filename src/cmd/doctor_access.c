/* SPDX-License-Identifier: MIT */
/* Whether the sign-in works, and what the identity may do. */
#include <string.h>

#include "azure/backup.h"
#include "azure/permissions.h"
#include "cmd/azure_access.h"
#include "cmd/doctor.h"
#include "cmd/find_item.h"
#include "util/str.h"

/* Each costs a request; who has more names the one that is meant. */
static const size_t MAX_VAULTS = 10;

#define VAULT "Microsoft.RecoveryServices/Vaults/"
#define ITEM VAULT "backupFabrics/protectionContainers/protectedItems/"

/* What mount, renew and unmount ask for; the names are those of "Azure permissions for Management and governance". */
static const char *const actions[] = {
    VAULT "read",
    VAULT "backupProtectedItems/read",
    ITEM "read",
    ITEM "recoveryPoints/read",
    ITEM "recoveryPoints/provisionInstantItemRecovery/action",
    ITEM "recoveryPoints/revokeInstantItemRecovery/action",
    ITEM "operationsStatus/read",
    ITEM "operationResults/read",
};

/* The actions that are lacking, "a, b"; NULL if none is. The caller frees it. */
static char *find_lacking(const cJSON *permissions)
{
    char *lacking = NULL;

    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++) {
        _cleanup_free_ char *before = lacking;

        if (permissions_allow(permissions, actions[i]))
            steal(before);
        else
            lacking = before ? str_printf("%s, %s", before, actions[i]) : str_dup(actions[i]);
    }
    return lacking;
}

static char *role_remedy(const char *vault_id)
{
    return str_printf("az role assignment create --role \"Backup Operator\" --assignee IDENTITY --scope %s", vault_id);
}

/* One vault that was named must do; of several, others may. */
static void check_vault(struct arm *arm, const struct backup_vault *vault, bool must, struct doctor_findings *findings)
{
    _cleanup_error_ struct error *problem = NULL;
    _cleanup_json_ cJSON *permissions = NULL;
    _cleanup_free_ char *lacking = NULL;

    if (permissions_get(arm, vault->id.text, &permissions, &problem) < 0) {
        if (problem->code != EXIT_AUTH)
            doctor_fail_by(findings, "permissions", vault->id.vault, problem);
        else
            doctor_warn(findings, "permissions", vault->id.vault, role_remedy(vault->id.text),
                        "the identity may not see what it may do (Microsoft.Authorization/permissions/read)");
        return;
    }
    lacking = find_lacking(permissions);
    if (!lacking)
        doctor_ok(findings, "permissions", vault->id.vault, "all that mount, renew and unmount need");
    else if (must)
        doctor_fail(findings, "permissions", vault->id.vault, EXIT_AUTH, role_remedy(vault->id.text), "lacking: %s",
                    lacking);
    else
        doctor_warn(findings, "permissions", vault->id.vault, role_remedy(vault->id.text), "lacking: %s", lacking);
}

static void check_vaults(struct arm *arm, const struct backup_vaults *vaults, struct doctor_findings *findings,
                         struct wait *wait)
{
    size_t first = findings->count;
    bool any = false;

    for (size_t i = 0; i < vaults->count && i < MAX_VAULTS && wait_check(wait, NULL) == 0; i++)
        check_vault(arm, &vaults->list[i], vaults->count == 1, findings);
    for (size_t i = first; i < findings->count; i++)
        any = any || findings->list[i].state == DOCTOR_OK;
    if (vaults->count > MAX_VAULTS)
        doctor_skip(findings, "permissions", NULL, "%zu more vaults; --vault-name picks one",
                    vaults->count - MAX_VAULTS);
    if (vaults->count > 1 && !any && wait_check(wait, NULL) == 0)
        doctor_fail(findings, "permissions", NULL, EXIT_AUTH,
                    str_dup("give the identity the role Backup Operator on the vault"),
                    "on none of the %zu vaults that were looked at is enough allowed",
                    vaults->count < MAX_VAULTS ? vaults->count : MAX_VAULTS);
}

static void find_vaults(const struct doctor *doctor, struct arm *arm, struct doctor_findings *findings,
                        struct wait *wait)
{
    const struct backup_scope scope = find_scope(doctor->options);
    _cleanup_backup_vaults_ struct backup_vaults vaults = {0};
    _cleanup_backup_gaps_ struct backup_gaps gaps = {0};
    _cleanup_error_ struct error *problem = NULL;

    if (backup_list_vaults(arm, &scope, &vaults, &gaps, &problem) < 0) {
        doctor_fail_by(findings, "vaults", NULL, problem);
        doctor_skip(findings, "permissions", NULL, "no vault is known");
        return;
    }
    for (size_t i = 0; i < gaps.count; i++)
        doctor_warn(
            findings, "vaults", gaps.list[i].where,
            str_dup("give the identity a role there, or say with --subscription or --vault-name which one is meant"),
            "cannot be looked into: %s", gaps.list[i].reason);
    if (vaults.count) {
        doctor_ok(findings, "vaults", NULL, "%zu can be seen", vaults.count);
        check_vaults(arm, &vaults, findings, wait);
        return;
    }
    if (gaps.count && backup_gaps_code(&gaps) == EXIT_NETWORK)
        doctor_fail(findings, "vaults", NULL, EXIT_NETWORK, NULL, "none can be seen while the service has trouble");
    else if (gaps.count || !scope.vault)
        doctor_fail(findings, "vaults", NULL, EXIT_AUTH,
                    str_dup("give the identity the role Backup Operator on the vault"), "none can be seen");
    else
        doctor_fail(findings, "vaults", NULL, EXIT_NOT_FOUND, str_dup("azilr list vaults"),
                    "none that can be seen is called %s", scope.vault);
    doctor_skip(findings, "permissions", NULL, "no vault is known");
}

void doctor_access(struct doctor *doctor, struct doctor_findings *findings, struct wait *wait)
{
    _cleanup_azure_access_ struct azure_access access = {0};
    _cleanup_error_ struct error *problem = NULL;

    if (doctor->options->script) {
        doctor_skip(findings, "sign-in", NULL, "a mount with --script does not sign in");
        return;
    }
    if (azure_access_open(&access, doctor->options, wait, &problem) < 0) {
        doctor_fail_by(findings, "sign-in", NULL, problem);
        doctor_skip(findings, "vaults", NULL, "not signed in");
        doctor_skip(findings, "permissions", NULL, "not signed in");
        return;
    }
    doctor_ok(findings, "sign-in", NULL, "%s", credential_description(access.credential));
    find_vaults(doctor, access.arm, findings, wait);
}
