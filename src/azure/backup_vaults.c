/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "azure/backup-internal.h"
#include "azure/cloud_error.h"
#include "util/log.h"
#include "util/str.h"

/* Subscriptions - List and Vaults - List By Subscription Id / By Resource Group (REST reference) */
static const char SUBSCRIPTIONS_API_VERSION[] = "2022-12-01";
static const char VAULTS_API_VERSION[] = "2023-02-01";

void backup_vault_clear(struct backup_vault *vault)
{
    arm_id_clear(&vault->id);
    free(vault->location);
    memset(vault, 0, sizeof(*vault));
}

void backup_vaults_clear(struct backup_vaults *vaults)
{
    for (size_t i = 0; i < vaults->count; i++)
        backup_vault_clear(&vaults->list[i]);
    free(vaults->list);
    memset(vaults, 0, sizeof(*vaults));
}

int backup_parse_vault(const cJSON *document, struct backup_vault *vault, struct error **err)
{
    _cleanup_error_ struct error *why = NULL;
    const char *id = json_string(document, "id");

    memset(vault, 0, sizeof(*vault));
    if (!id)
        return error_set(err, EXIT_NETWORK, "the service answered with something that is no vault");
    if (arm_id_parse_vault(id, &vault->id, &why) < 0)
        return error_set(err, EXIT_NETWORK, "the service gave an unusable id: %s", why->message);
    vault->location = backup_copy_string(document, "location");
    return 0;
}

struct vault_search {
    const struct backup_scope *scope;
    struct backup_vaults *vaults;
};

static void keep(struct backup_vaults *vaults, const struct backup_vault *vault)
{
    vaults->list = xgrow(vaults->list, vaults->count, sizeof(*vaults->list));
    vaults->list[vaults->count++] = *vault;
}

static int each_vault(const cJSON *element, void *argument, struct error **err)
{
    const struct vault_search *search = argument;
    const struct backup_scope *scope = search->scope;
    _cleanup_error_ struct error *why = NULL;
    struct backup_vault vault;

    (void)err;
    /* one entry that cannot be used does not hide the others */
    if (backup_parse_vault(element, &vault, &why) < 0) {
        log_verbose("passing over a vault: %s", why->message);
        return 0;
    }
    if ((scope->vault && !str_equal_ignoring_case(scope->vault, vault.id.vault)) ||
        (scope->resource_group && !str_equal_ignoring_case(scope->resource_group, vault.id.resource_group)))
        backup_vault_clear(&vault);
    else
        keep(search->vaults, &vault);
    return 0;
}

/* Only the resource group is asked where it is known: the right to read that may be all that the identity has. */
static int list_subscription(struct arm *arm, const char *subscription, struct vault_search *search, struct error **err)
{
    const char *group = search->scope->resource_group;
    _cleanup_free_ char *id = str_printf("/subscriptions/%s%s%s/providers/Microsoft.RecoveryServices", subscription,
                                         group ? "/resourceGroups/" : "", group ? group : "");

    return arm_list(arm, id, "vaults", VAULTS_API_VERSION, NULL, each_vault, search, err);
}

struct subscriptions {
    char **list;
    size_t count;
};

static void subscriptions_clear(struct subscriptions *subscriptions)
{
    for (size_t i = 0; i < subscriptions->count; i++)
        free(subscriptions->list[i]);
    free(subscriptions->list);
}

static int each_subscription(const cJSON *element, void *argument, struct error **err)
{
    struct subscriptions *subscriptions = argument;
    const char *id = json_string(element, "subscriptionId");

    (void)err;
    if (!id || arm_id_check_subscription(id, NULL) < 0) {
        log_verbose("passing over a subscription without a usable id");
        return 0;
    }
    subscriptions->list = xgrow(subscriptions->list, subscriptions->count, sizeof(*subscriptions->list));
    subscriptions->list[subscriptions->count++] = str_dup(id);
    return 0;
}

/*
 * Whether the failure says that there is no vault, so that the subscription was looked into all the same: the resource
 * group is not there, as in most (which one would have it cannot be known before), or nothing of Recovery Services ever
 * was (Azure Resource Manager, "Resolve errors for resource provider registration").
 */
static bool has_no_vault(const struct vault_search *search, const struct error *why)
{
    return (search->scope->resource_group && why->code == EXIT_NOT_FOUND) ||
           cloud_error_has_code(why, "MissingSubscriptionRegistration");
}

static int list_all_subscriptions(struct arm *arm, struct vault_search *search, struct backup_gaps *gaps,
                                  struct error **err)
{
    _cleanup_(subscriptions_clear) struct subscriptions subscriptions = {0};

    if (arm_list(arm, "/subscriptions", NULL, SUBSCRIPTIONS_API_VERSION, NULL, each_subscription, &subscriptions, err) <
        0)
        return error_wrap(err, "cannot list the subscriptions");
    if (subscriptions.count == 0) {
        error_set(err, EXIT_AUTH, "the identity that signed in sees no subscription");
        return error_hint(err, "give it a role, such as Backup Operator, on the vault");
    }
    for (size_t i = 0; i < subscriptions.count; i++) {
        const char *subscription = subscriptions.list[i];
        size_t before = search->vaults->count;
        struct error *why = NULL;

        if (list_subscription(arm, subscription, search, &why) == 0) {
            gaps->looked_into += search->vaults->count == before;
            continue;
        }
        if (!backup_may_pass_over(arm, why)) {
            error_move(err, &why);
            return error_wrap(err, "cannot list the vaults of subscription %s", subscription);
        }
        if (has_no_vault(search, why)) {
            gaps->looked_into++;
            error_free(why);
        } else {
            backup_gaps_add(gaps, &why, "subscription %s", subscription);
        }
    }
    return 0;
}

int backup_list_vaults(struct arm *arm, const struct backup_scope *scope, struct backup_vaults *vaults,
                       struct backup_gaps *gaps, struct error **err)
{
    struct vault_search search = {.scope = scope, .vaults = vaults};

    memset(vaults, 0, sizeof(*vaults));
    if ((scope->subscription && arm_id_check_subscription(scope->subscription, err) < 0) ||
        (scope->resource_group && arm_id_check_resource_group(scope->resource_group, err) < 0))
        return -1;
    if (!scope->subscription)
        return list_all_subscriptions(arm, &search, gaps, err);
    if (list_subscription(arm, scope->subscription, &search, err) < 0)
        return error_wrap(err, "cannot list the vaults of subscription %s", scope->subscription);
    gaps->looked_into += vaults->count == 0;
    return 0;
}
