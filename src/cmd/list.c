/* SPDX-License-Identifier: MIT */
/* `azilr list`: the vaults, the machines that they protect, the recovery points of one. Needs no root. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "azure/backup.h"
#include "cmd/azure_access.h"
#include "cmd/cmd.h"
#include "cmd/find_item.h"
#include "cmd/options.h"
#include "cmd/point_text.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/progress.h"
#include "util/str.h"
#include "util/table.h"
#include "util/when.h"

struct list {
    const struct options *options;
    const char *vm; /* with points; may be NULL where options say it */
    struct azure_access access;
    struct wait wait;
    struct progress progress;
};

static void list_clear(struct list *list)
{
    azure_access_close(&list->access);
    wait_close(&list->wait);
    progress_close(&list->progress);
}

static int print_document(cJSON *document)
{
    _cleanup_free_ char *text = json_result(document);

    puts(text);
    return EXIT_DONE;
}

/* RFC 3339, UTC; null for a time that is not known. */
static void set_time(cJSON *object, const char *name, time_t when)
{
    char text[CLOCK_TEXT_SIZE];

    json_set_string(object, name, when ? clock_format(when, text) : NULL);
}

static void add_gaps(cJSON *document, const struct backup_gaps *gaps)
{
    cJSON *array = json_set_array(document, "unreadable");

    for (size_t i = 0; i < gaps->count; i++) {
        cJSON *gap = json_new_object();

        json_set_string(gap, "where", gaps->list[i].where);
        json_set_string(gap, "reason", gaps->list[i].reason);
        json_append(array, gap);
    }
}

/* Nothing at all is an error only where that may be since nothing could be seen. */
static int check_gaps(const struct backup_gaps *gaps, struct error **err)
{
    find_warn_of_gaps(gaps);
    if (gaps->looked_into || !gaps->count)
        return 0;
    error_set(err, backup_gaps_code(gaps), "none of the %zu places to look in could be looked into", gaps->count);
    backup_gaps_explain(gaps, err);
    if ((*err)->code != EXIT_AUTH)
        return -1;
    return error_hint(err, "the identity needs a role there, such as Backup Operator or Backup Reader");
}

/* --- vaults --- */

static void vault_to_json(const struct backup_vault *vault, cJSON *array)
{
    cJSON *object = json_new_object();

    json_set_string(object, "id", vault->id.text);
    json_set_string(object, "name", vault->id.vault);
    json_set_string(object, "resource_group", vault->id.resource_group);
    json_set_string(object, "location", vault->location);
    json_set_string(object, "subscription", vault->id.subscription);
    json_append(array, object);
}

static int show_vaults(const struct list *list, const struct backup_vaults *vaults, const struct backup_gaps *gaps)
{
    static const char *const titles[] = {"VAULT", "RESOURCE GROUP", "LOCATION", "SUBSCRIPTION"};
    _cleanup_table_ struct table table = {0};

    if (list->options->json) {
        _cleanup_json_ cJSON *document = json_new_object();
        cJSON *array = json_set_array(document, "vaults");

        for (size_t i = 0; i < vaults->count; i++)
            vault_to_json(&vaults->list[i], array);
        add_gaps(document, gaps);
        return print_document(document);
    }
    if (!vaults->count) {
        puts("there is no such vault");
        return EXIT_DONE;
    }
    table_open(&table, titles, sizeof(titles) / sizeof(titles[0]));
    for (size_t i = 0; i < vaults->count; i++) {
        const struct backup_vault *vault = &vaults->list[i];

        table_add(&table, vault->id.vault);
        table_add(&table, vault->id.resource_group);
        table_add(&table, vault->location);
        table_add(&table, vault->id.subscription);
    }
    table_print(&table, stdout);
    return EXIT_DONE;
}

static int list_vaults(struct list *list, struct error **err)
{
    const struct backup_scope scope = find_scope(list->options);
    _cleanup_backup_vaults_ struct backup_vaults vaults = {0};
    _cleanup_backup_gaps_ struct backup_gaps gaps = {0};

    progress_begin(&list->progress, "Listing the vaults");
    if (backup_list_vaults(list->access.arm, &scope, &vaults, &gaps, err) < 0)
        return -1;
    progress_end(&list->progress, "%zu", vaults.count);
    /* a vault that is listed was seen */
    gaps.looked_into += vaults.count;
    if (check_gaps(&gaps, err) < 0)
        return -1;
    return show_vaults(list, &vaults, &gaps);
}

/* --- items --- */

static void item_to_json(const struct backup_item *item, cJSON *array)
{
    cJSON *object = json_new_object();

    json_set_string(object, "id", item->id.text);
    json_set_string(object, "vm", item->name);
    json_set_string(object, "vm_resource_group", item->id.vm_resource_group);
    json_set_string(object, "vm_id", item->vm_id);
    json_set_string(object, "vault", item->id.vault);
    json_set_string(object, "resource_group", item->id.resource_group);
    json_set_string(object, "subscription", item->id.subscription);
    json_set_string(object, "container_name", item->id.container);
    json_set_string(object, "item_name", item->id.item);
    json_set_string(object, "protection_state", item->protection_state);
    json_set_string(object, "last_backup_status", item->last_status);
    set_time(object, "last_backup_time", item->last_backup);
    set_time(object, "newest_point_time", item->newest_point);
    json_append(array, object);
}

static int show_items(const struct list *list, const struct backup_items *items, const struct backup_gaps *gaps)
{
    static const char *const titles[] = {"VM",     "VM RESOURCE GROUP", "VAULT", "VAULT RESOURCE GROUP", "LAST BACKUP",
                                         "STATUS", "PROTECTION"};
    _cleanup_table_ struct table table = {0};

    if (list->options->json) {
        _cleanup_json_ cJSON *document = json_new_object();
        cJSON *array = json_set_array(document, "items");

        for (size_t i = 0; i < items->count; i++)
            item_to_json(&items->list[i], array);
        add_gaps(document, gaps);
        return print_document(document);
    }
    if (!items->count) {
        puts("no Azure VM is protected there");
        return EXIT_DONE;
    }
    table_open(&table, titles, sizeof(titles) / sizeof(titles[0]));
    for (size_t i = 0; i < items->count; i++) {
        const struct backup_item *item = &items->list[i];
        char last[WHEN_TEXT_SIZE];

        table_add(&table, item->name);
        table_add(&table, item->id.vm_resource_group);
        table_add(&table, item->id.vault);
        table_add(&table, item->id.resource_group);
        table_add(&table, item->last_backup ? when_format_local(item->last_backup, last) : NULL);
        table_add(&table, item->last_status);
        table_add(&table, item->protection_state);
    }
    table_print(&table, stdout);
    return EXIT_DONE;
}

static int list_items(struct list *list, struct error **err)
{
    const struct backup_scope scope = find_scope(list->options);
    _cleanup_backup_items_ struct backup_items items = {0};
    _cleanup_backup_gaps_ struct backup_gaps gaps = {0};

    progress_begin(&list->progress, "Listing the protected VMs");
    if (backup_list_items(list->access.arm, &scope, &items, &gaps, err) < 0)
        return -1;
    progress_end(&list->progress, "%zu", items.count);
    if (check_gaps(&gaps, err) < 0)
        return -1;
    return show_items(list, &items, &gaps);
}

/* --- points --- */

static void point_to_json(const struct recovery_point *point, cJSON *array)
{
    cJSON *object = json_new_object();

    json_set_string(object, "id", point->id.text);
    json_set_string(object, "name", point->id.point);
    set_time(object, "time", point->time);
    json_set_string(object, "type", point->type);
    json_set_string(object, "os_type", point->os_type);
    json_set_string(object, "tiers", point->tiers);
    json_set_bool(object, "openable", !point_obstacle(point));
    json_set_string(object, "reason", point_obstacle(point));
    if (point->session_unknown)
        json_set_string(object, "session_active", NULL);
    else
        json_set_bool(object, "session_active", point->session_active);
    json_append(array, object);
}

static int show_points(const struct list *list, const struct backup_item *item, const struct recovery_points *points)
{
    static const char *const titles[] = {"TIME", "AGE", "CONSISTENCY", "TIERS", "OS", "CAN BE OPENED", "POINT"};
    const time_t now = time(NULL);
    _cleanup_table_ struct table table = {0};

    if (list->options->json) {
        _cleanup_json_ cJSON *document = json_new_object();
        cJSON *array;

        json_set_string(document, "vm", item->name);
        json_set_string(document, "item", item->id.text);
        array = json_set_array(document, "points");
        for (size_t i = 0; i < points->count; i++)
            point_to_json(&points->list[i], array);
        return print_document(document);
    }
    if (!points->count) {
        printf("%s has no recovery point yet\n", item->name);
        return EXIT_DONE;
    }
    table_open(&table, titles, sizeof(titles) / sizeof(titles[0]));
    for (size_t i = 0; i < points->count; i++) {
        const struct recovery_point *point = &points->list[i];
        const char *obstacle = point_obstacle(point);
        _cleanup_free_ char *age = point_age(point->time, now);
        _cleanup_free_ char *can = obstacle ? str_printf("no: %s", obstacle) : str_dup("yes");
        char taken[WHEN_TEXT_SIZE];

        table_add(&table, when_format_local(point->time, taken));
        table_add(&table, age);
        table_add(&table, point->type);
        table_add(&table, point->tiers);
        table_add(&table, point->os_type);
        table_add(&table, can);
        table_add(&table, point->id.point);
    }
    table_print(&table, stdout);
    return EXIT_DONE;
}

static int list_points(struct list *list, struct error **err)
{
    _cleanup_backup_item_ struct backup_item item = {0};
    _cleanup_recovery_points_ struct recovery_points points = {0};

    progress_begin(&list->progress, "Finding the VM");
    if (find_item(list->access.arm, list->options, list->vm, &item, err) < 0)
        return -1;
    progress_end(&list->progress, "%s in vault %s", item.name, item.id.vault);
    progress_begin(&list->progress, "Listing its recovery points");
    if (backup_list_points(list->access.arm, &item, 0, 0, &points, err) < 0)
        return -1;
    progress_end(&list->progress, "%zu", points.count);
    return show_points(list, &item, &points);
}

/* --- the command --- */

static const struct kind {
    const char *name;
    bool takes_vm;
    int (*run)(struct list *list, struct error **err);
} kinds[] = {
    {"vaults", false, list_vaults},
    {"items", false, list_items},
    {"points", true, list_points},
};

static const struct kind *choose_kind(struct list *list, char **rest, int rest_count, struct error **err)
{
    const struct options *options = list->options;

    for (size_t i = 0; rest_count > 0 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct kind *kind = &kinds[i];

        if (!str_equal(rest[0], kind->name))
            continue;
        if (!kind->takes_vm && (rest_count > 1 || options->item || options->container)) {
            error_set(err, EXIT_USAGE, "list %s takes no VM", kind->name);
            return NULL;
        }
        if (kind->takes_vm && (rest_count > 2 || (rest_count < 2 && !options->item && !options->container))) {
            error_set(err, EXIT_USAGE, "list %s takes one VM", kind->name);
            return NULL;
        }
        list->vm = rest_count > 1 ? rest[1] : NULL;
        return kind;
    }
    error_set(err, EXIT_USAGE, "list takes one of: vaults, items, points VM");
    error_hint(err, "`azilr list --help` shows how");
    return NULL;
}

/* Progress is for a person who waits; what is listed speaks for itself. */
static void open_progress(struct list *list)
{
    progress_open(&list->progress, list->options->quiet || !isatty(STDERR_FILENO));
    list->wait.tick = progress_tick;
    list->wait.tick_argument = &list->progress;
}

int cmd_list(int argc, char **argv, struct error **err)
{
    _cleanup_options_ struct options options = {0};
    _cleanup_(list_clear) struct list list = {.options = &options, .wait = WAIT_INIT};
    const struct kind *kind;
    char **rest;
    int rest_count, code;

    if (options_parse(argc, argv, OPTIONS_LIST, &options, &rest, &rest_count, err) < 0)
        return -1;
    if (options.help) {
        options_print_help("azilr list vaults | items [OPTIONS]\n"
                           "       azilr list points VM [OPTIONS]",
                           OPTIONS_LIST);
        return EXIT_DONE;
    }
    kind = choose_kind(&list, rest, rest_count, err);
    if (!kind || options_set_deadline(&options, &list.wait, err) < 0 || wait_catch_signals(&list.wait, err) < 0)
        return -1;
    open_progress(&list);
    progress_begin(&list.progress, "Signing in to Azure");
    if (azure_access_open(&list.access, &options, &list.wait, err) < 0) {
        progress_fail(&list.progress);
        return -1;
    }
    progress_end(&list.progress, "%s", credential_description(list.access.credential));
    code = kind->run(&list, err);
    if (code < 0)
        progress_fail(&list.progress);
    return code;
}
