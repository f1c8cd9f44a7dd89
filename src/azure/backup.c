/* SPDX-License-Identifier: MIT */
#include "azure/backup.h"

#include <string.h>

#include "util/clock.h"
#include "util/log.h"
#include "util/str.h"

void recovery_point_clear(struct recovery_point *point)
{
    arm_id_clear(&point->id);
    free(point->vm_id);
    free(point->type);
    free(point->os_type);
    free(point->tiers);
    memset(point, 0, sizeof(*point));
}

void backup_item_clear(struct backup_item *item)
{
    arm_id_clear(&item->id);
    free(item->name);
    free(item->vm_id);
    memset(item, 0, sizeof(*item));
}

/* A printable copy of a member, or NULL. */
static char *copy_string(const cJSON *object, const char *name)
{
    const char *value = json_string(object, name);

    return value && *value ? str_printable(value, strlen(value), 256) : NULL;
}

/*
 * RecoveryPointTierInformation: type InstantRP (a snapshot), HardenedRP (the vault) or ArchivedRP; status
 * Valid, Disabled, Deleted or Rehydrated. Only a point that no other tier holds is out of reach.
 */
static void read_tiers(const cJSON *properties, struct recovery_point *point)
{
    const cJSON *detail;
    bool archive = false, reachable = false;

    cJSON_ArrayForEach(detail, json_array(properties, "recoveryPointTierDetails"))
    {
        _cleanup_free_ char *type = copy_string(detail, "type");
        _cleanup_free_ char *status = copy_string(detail, "status");
        bool rehydrated = str_equal_ignoring_case(status, "Rehydrated");
        char *longer;

        if (!type || (!str_equal_ignoring_case(status, "Valid") && !rehydrated))
            continue;
        if (str_equal_ignoring_case(type, "ArchivedRP") && !rehydrated)
            archive = true;
        else
            reachable = true;
        longer = str_printf("%s%s%s%s", point->tiers ? point->tiers : "", point->tiers ? ", " : "", type,
                            rehydrated ? " (Rehydrated)" : "");
        free(point->tiers);
        point->tiers = longer;
        /* there are three kinds; a longer list is somebody's joke */
        if (strlen(longer) > 256)
            break;
    }
    point->archived = archive && !reachable;
}

int backup_parse_point(const cJSON *document, struct recovery_point *point, struct error **err)
{
    _cleanup_error_ struct error *why = NULL;
    const char *id = json_string(document, "id");
    const cJSON *properties = json_object(document, "properties");
    const char *time = json_string(properties, "recoveryPointTime");

    memset(point, 0, sizeof(*point));
    if (!id || !properties)
        return error_set(err, EXIT_NETWORK, "the service answered with something that is no recovery point");
    if (arm_id_parse_point(id, &point->id, &why) < 0)
        return error_set(err, EXIT_NETWORK, "the service gave an unusable id: %s", why->message);
    if (!time || clock_parse(time, &point->time) < 0) {
        recovery_point_clear(point);
        return error_set(err, EXIT_NETWORK, "the service gave a recovery point without a time");
    }
    point->type = copy_string(properties, "recoveryPointType");
    point->os_type = copy_string(properties, "osType");
    point->encrypted = json_bool(properties, "isSourceVMEncrypted", false);
    point->session_active = json_bool(properties, "isInstantIlrSessionActive", false);
    read_tiers(properties, point);
    return 0;
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
    item->name = copy_string(properties, "friendlyName");
    if (!item->name)
        item->name = str_dup(item->id.vm_name);
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]) && !item->vm_id; i++) {
        const char *vm_id = json_string(properties, sources[i]);

        if (vm_id && arm_id_check_vm(vm_id, NULL) == 0)
            item->vm_id = str_dup(vm_id);
    }
    return 0;
}

/* The machine's id from the protected item, or what it must be if the item cannot be read. */
static int find_vm_id(struct arm *arm, struct recovery_point *point, struct error **err)
{
    _cleanup_error_ struct error *why = NULL;
    _cleanup_free_ char *item_id = arm_id_item(&point->id);
    _cleanup_backup_item_ struct backup_item item = {0};
    _cleanup_json_ cJSON *json = NULL;

    if (arm_get(arm, item_id, BACKUP_API_VERSION, &json, &why) < 0) {
        if (why->code == EXIT_INTERRUPTED)
            return error_move(err, &why);
        log_verbose("the protected item cannot be read, its machine's id is taken from its name: %s", why->message);
    } else if (backup_parse_item(json, &item, NULL) == 0) {
        point->vm_id = steal(item.vm_id);
    }
    if (!point->vm_id)
        point->vm_id = arm_id_guess_vm(&point->id);
    return 0;
}

int backup_get_point(struct arm *arm, const char *id, struct recovery_point *point, struct error **err)
{
    _cleanup_arm_id_ struct arm_id wanted = {0};
    _cleanup_json_ cJSON *json = NULL;

    memset(point, 0, sizeof(*point));
    if (arm_id_parse_point(id, &wanted, err) < 0)
        return -1;
    if (arm_get(arm, wanted.text, BACKUP_API_VERSION, &json, err) < 0 || backup_parse_point(json, point, err) < 0)
        return error_wrap(err, "cannot read recovery point %s of %s in vault %s", wanted.point, wanted.vm_name,
                          wanted.vault);
    if (!str_equal_ignoring_case(point->id.text, wanted.text)) {
        error_set(err, EXIT_NETWORK, "asked for recovery point %s, the service answered with %s", wanted.text,
                  point->id.text);
        recovery_point_clear(point);
        return -1;
    }
    if (find_vm_id(arm, point, err) < 0) {
        recovery_point_clear(point);
        return -1;
    }
    return 0;
}

/* --- by name --- */

/* More names than this do not help a person who mistyped one. */
#define MAX_NAMES 12

struct item_search {
    const char *vm;
    struct backup_item found;
    size_t matches;
    char *candidates; /* their ids, one a line */
    char *names;      /* of all machines, up to MAX_NAMES */
    size_t seen;
};

static void item_search_clear(struct item_search *search)
{
    backup_item_clear(&search->found);
    free(search->candidates);
    free(search->names);
}

static void append(char **list, const char *separator, const char *text)
{
    char *longer = str_printf("%s%s%s", *list ? *list : "", *list ? separator : "", text);

    free(*list);
    *list = longer;
}

static int each_item(const cJSON *element, void *argument, struct error **err)
{
    struct item_search *search = argument;
    _cleanup_backup_item_ struct backup_item item = {0};
    _cleanup_error_ struct error *why = NULL;

    (void)err;
    /* one entry that cannot be used does not hide the others */
    if (backup_parse_item(element, &item, &why) < 0) {
        log_verbose("passing over a protected item: %s", why->message);
        return 0;
    }
    if (search->seen++ < MAX_NAMES)
        append(&search->names, ", ", item.name);
    if (!str_equal_ignoring_case(item.name, search->vm) && !str_equal_ignoring_case(item.id.vm_name, search->vm))
        return 0;
    if (search->matches++ < MAX_NAMES)
        append(&search->candidates, "\n  ", item.id.text);
    if (search->matches == 1) {
        search->found = item;
        item = (struct backup_item){0};
    }
    return 0;
}

static int no_such_machine(const struct backup_query *query, const struct item_search *search, struct error **err)
{
    _cleanup_free_ char *safe = str_printable(query->vm, strlen(query->vm), 100);

    if (search->seen == 0)
        error_set(err, EXIT_NOT_FOUND, "vault %s protects no Azure VM", query->vault);
    else
        error_set(err, EXIT_NOT_FOUND, "vault %s protects no Azure VM named \"%s\"; it protects: %s%s", query->vault,
                  safe, search->names, search->seen > MAX_NAMES ? ", …" : "");
    return error_hint(err, "check the name, --vault-name and --resource-group (the vault's, not the machine's)");
}

static int find_item(struct arm *arm, const struct backup_query *query, struct backup_item *item, struct error **err)
{
    /* Backup Protected Items - List: the filter that its documentation gives for Azure VMs */
    static const char filter[] = "backupManagementType eq 'AzureIaasVM' and itemType eq 'VM'";
    _cleanup_(item_search_clear) struct item_search search = {.vm = query->vm};
    _cleanup_free_ char *vault_id = NULL;

    if (arm_id_make_vault(query->subscription, query->resource_group, query->vault, &vault_id, err) < 0)
        return -1;
    if (arm_list(arm, vault_id, "backupProtectedItems", BACKUP_API_VERSION, filter, each_item, &search, err) < 0)
        return error_wrap(err, "cannot list what vault %s protects", query->vault);
    if (search.matches == 0)
        return no_such_machine(query, &search, err);
    if (search.matches > 1) {
        error_set(err, EXIT_USAGE, "vault %s protects %zu machines named %s:\n  %s", query->vault, search.matches,
                  search.found.name, search.candidates);
        return error_hint(err, "give the full id of the recovery point instead of the name");
    }
    *item = search.found;
    search.found = (struct backup_item){0};
    return 0;
}

struct point_search {
    const struct backup_item *item;
    struct recovery_point newest;
    bool found;
};

/* The service lists the newest first, but does not promise to. */
static int each_point(const cJSON *element, void *argument, struct error **err)
{
    struct point_search *search = argument;
    _cleanup_recovery_point_ struct recovery_point point = {0};
    _cleanup_error_ struct error *why = NULL;
    _cleanup_free_ char *item_id = NULL;

    (void)err;
    if (backup_parse_point(element, &point, &why) < 0) {
        log_verbose("passing over a recovery point: %s", why->message);
        return 0;
    }
    item_id = arm_id_item(&point.id);
    if (!str_equal_ignoring_case(item_id, search->item->id.text)) {
        log_verbose("passing over a recovery point of another machine: %s", point.id.text);
        return 0;
    }
    if (search->found && point.time <= search->newest.time)
        return 0;
    recovery_point_clear(&search->newest);
    search->newest = point;
    search->found = true;
    point = (struct recovery_point){0};
    return 0;
}

int backup_find_newest_point(struct arm *arm, const struct backup_query *query, struct recovery_point *point,
                             struct error **err)
{
    _cleanup_backup_item_ struct backup_item item = {0};
    struct point_search search = {.item = &item};

    memset(point, 0, sizeof(*point));
    if (find_item(arm, query, &item, err) < 0)
        return -1;
    if (arm_list(arm, item.id.text, "recoveryPoints", BACKUP_API_VERSION, NULL, each_point, &search, err) < 0) {
        recovery_point_clear(&search.newest);
        return error_wrap(err, "cannot list the recovery points of %s", item.name);
    }
    if (!search.found) {
        error_set(err, EXIT_NOT_FOUND, "%s has no recovery point in vault %s", item.name, query->vault);
        return error_hint(err, "its first backup may not have run yet");
    }
    *point = search.newest;
    point->vm_id = item.vm_id ? steal(item.vm_id) : arm_id_guess_vm(&point->id);
    return 0;
}
