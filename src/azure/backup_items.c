/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "azure/backup-internal.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/str.h"

void backup_item_clear(struct backup_item *item)
{
    arm_id_clear(&item->id);
    free(item->name);
    free(item->vm_id);
    free(item->protection_state);
    free(item->last_status);
    memset(item, 0, sizeof(*item));
}

void backup_items_clear(struct backup_items *items)
{
    for (size_t i = 0; i < items->count; i++)
        backup_item_clear(&items->list[i]);
    free(items->list);
    memset(items, 0, sizeof(*items));
}

/* .NET's first moment, in the year 1, stands for none now and then. */
static time_t read_time(const cJSON *properties, const char *name)
{
    const char *text = json_string(properties, name);
    time_t when;

    return text && clock_parse(text, &when) == 0 && when > 0 ? when : 0;
}

int backup_parse_item(const cJSON *document, struct backup_item *item, struct error **err)
{
    static const char *const sources[] = {"virtualMachineId", "sourceResourceId"};
    _cleanup_error_ struct error *why = NULL;
    const char *id = json_string(document, "id");
    const cJSON *properties = json_object(document, "properties");

    memset(item, 0, sizeof(*item));
    if (!id || !properties)
        return error_set(err, EXIT_NETWORK, "the service answered with something that is no protected item");
    if (arm_id_parse_item(id, &item->id, &why) < 0)
        return error_set(err, EXIT_NETWORK, "the service gave an unusable id: %s", why->message);
    item->name = backup_copy_string(properties, "friendlyName");
    if (!item->name)
        item->name = str_dup(item->id.vm_name);
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]) && !item->vm_id; i++) {
        const char *vm_id = json_string(properties, sources[i]);

        if (vm_id && arm_id_check_vm(vm_id, NULL) == 0)
            item->vm_id = str_dup(vm_id);
    }
    item->protection_state = backup_copy_string(properties, "protectionState");
    item->last_status = backup_copy_string(properties, "lastBackupStatus");
    item->last_backup = read_time(properties, "lastBackupTime");
    item->newest_point = read_time(properties, "lastRecoveryPoint");
    return 0;
}

struct item_search {
    const char *vault_id;
    struct backup_items *items;
};

static int each_item(const cJSON *element, void *argument, struct error **err)
{
    const struct item_search *search = argument;
    struct backup_items *items = search->items;
    _cleanup_backup_item_ struct backup_item item = {0};
    _cleanup_error_ struct error *why = NULL;
    _cleanup_free_ char *vault_id = NULL;

    (void)err;
    if (backup_parse_item(element, &item, &why) < 0) {
        log_verbose("passing over a protected item: %s", why->message);
        return 0;
    }
    vault_id = arm_id_vault(&item.id);
    if (!str_equal_ignoring_case(vault_id, search->vault_id)) {
        log_verbose("passing over an item of another vault: %s", item.id.text);
        return 0;
    }
    items->list = xgrow(items->list, items->count, sizeof(*items->list));
    items->list[items->count++] = item;
    item = (struct backup_item){0};
    return 0;
}

static int list_vault(struct arm *arm, const char *vault_id, struct backup_items *items, struct error **err)
{
    /* Backup Protected Items - List: the filter that its documentation gives for Azure VMs */
    static const char filter[] = "backupManagementType eq 'AzureIaasVM' and itemType eq 'VM'";
    struct item_search search = {.vault_id = vault_id, .items = items};

    return arm_list(arm, vault_id, "backupProtectedItems", BACKUP_API_VERSION, filter, each_item, &search, err);
}

static int list_named_vault(struct arm *arm, const struct backup_scope *scope, struct backup_items *items,
                            struct backup_gaps *gaps, struct error **err)
{
    _cleanup_free_ char *vault_id = NULL;

    if (arm_id_make_vault(scope->subscription, scope->resource_group, scope->vault, &vault_id, err) < 0)
        return -1;
    if (list_vault(arm, vault_id, items, err) < 0)
        return error_wrap(err, "cannot list what vault %s protects", scope->vault);
    gaps->looked_into++;
    return 0;
}

int backup_list_items(struct arm *arm, const struct backup_scope *scope, struct backup_items *items,
                      struct backup_gaps *gaps, struct error **err)
{
    _cleanup_backup_vaults_ struct backup_vaults vaults = {0};

    memset(items, 0, sizeof(*items));
    if (scope->subscription && scope->resource_group && scope->vault)
        return list_named_vault(arm, scope, items, gaps, err);
    if (backup_list_vaults(arm, scope, &vaults, gaps, err) < 0)
        return -1;
    for (size_t i = 0; i < vaults.count; i++) {
        const struct arm_id *id = &vaults.list[i].id;
        struct error *why = NULL;

        if (list_vault(arm, id->text, items, &why) == 0) {
            gaps->looked_into++;
            continue;
        }
        if (!backup_may_pass_over(arm, why)) {
            error_move(err, &why);
            return error_wrap(err, "cannot list what vault %s in resource group %s protects", id->vault,
                              id->resource_group);
        }
        backup_gaps_add(gaps, &why, "vault %s in resource group %s of subscription %s", id->vault, id->resource_group,
                        id->subscription);
    }
    return 0;
}
