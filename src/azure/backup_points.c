/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "azure/backup-internal.h"
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

void recovery_points_clear(struct recovery_points *points)
{
    for (size_t i = 0; i < points->count; i++)
        recovery_point_clear(&points->list[i]);
    free(points->list);
    memset(points, 0, sizeof(*points));
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
        _cleanup_free_ char *type = backup_copy_string(detail, "type");
        _cleanup_free_ char *status = backup_copy_string(detail, "status");
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
    point->type = backup_copy_string(properties, "recoveryPointType");
    point->os_type = backup_copy_string(properties, "osType");
    point->encrypted = json_bool(properties, "isSourceVMEncrypted", false);
    point->session_active = json_bool(properties, "isInstantIlrSessionActive", false);
    point->session_unknown = !point->session_active && json_bool(properties, "isInstantIlrSessionActive", true);
    read_tiers(properties, point);
    return 0;
}

/* The machine's id from the protected item, if that can be read and has one. */
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
    return 0;
}

/* item may be NULL */
static int get_point(struct arm *arm, const struct backup_item *item, const char *id, struct recovery_point *point,
                     struct error **err)
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
    if (item && item->vm_id) {
        point->vm_id = str_dup(item->vm_id);
    } else if (!item && find_vm_id(arm, point, err) < 0) {
        recovery_point_clear(point);
        return -1;
    }
    if (!point->vm_id)
        point->vm_id = arm_id_guess_vm(&point->id);
    return 0;
}

int backup_get_point(struct arm *arm, const char *id, struct recovery_point *point, struct error **err)
{
    return get_point(arm, NULL, id, point, err);
}

int backup_get_point_of(struct arm *arm, const struct backup_item *item, const char *id, struct recovery_point *point,
                        struct error **err)
{
    return get_point(arm, item, id, point, err);
}

struct point_search {
    const char *item_id;
    struct recovery_points *points;
};

static int each_point(const cJSON *element, void *argument, struct error **err)
{
    const struct point_search *search = argument;
    struct recovery_points *points = search->points;
    _cleanup_recovery_point_ struct recovery_point point = {0};
    _cleanup_error_ struct error *why = NULL;
    _cleanup_free_ char *item_id = NULL;

    (void)err;
    if (backup_parse_point(element, &point, &why) < 0) {
        log_verbose("passing over a recovery point: %s", why->message);
        return 0;
    }
    item_id = arm_id_item(&point.id);
    if (!str_equal_ignoring_case(item_id, search->item_id)) {
        log_verbose("passing over a recovery point of another machine: %s", point.id.text);
        return 0;
    }
    points->list = xgrow(points->list, points->count, sizeof(*points->list));
    points->list[points->count++] = point;
    point = (struct recovery_point){0};
    return 0;
}

static int compare_newest_first(const void *a, const void *b)
{
    const struct recovery_point *left = a, *right = b;

    return (left->time < right->time) - (left->time > right->time);
}

/* "2026-01-31 01:05:00 PM": hours from 1 to 12, UTC; put together by hand, since strftime's %p is of the locale. */
static char *filter_time(time_t when)
{
    struct tm utc = {0};

    gmtime_r(&when, &utc);
    return str_printf("%04d-%02d-%02d %02d:%02d:%02d %s", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
                      utc.tm_hour % 12 ? utc.tm_hour % 12 : 12, utc.tm_min, utc.tm_sec, utc.tm_hour < 12 ? "AM" : "PM");
}

char *backup_points_filter(time_t from, time_t to)
{
    _cleanup_free_ char *start = filter_time(from);
    _cleanup_free_ char *end = filter_time(to);

    return str_printf("startDate eq '%s' and endDate eq '%s'", start, end);
}

int backup_list_points(struct arm *arm, const struct backup_item *item, time_t from, time_t to,
                       struct recovery_points *points, struct error **err)
{
    struct point_search search = {.item_id = item->id.text, .points = points};
    _cleanup_free_ char *filter = from || to ? backup_points_filter(from, to) : NULL;

    memset(points, 0, sizeof(*points));
    if (arm_list(arm, item->id.text, "recoveryPoints", BACKUP_API_VERSION, filter, each_point, &search, err) < 0)
        return error_wrap(err, "cannot list the recovery points of %s", item->name);
    /* the service lists the newest first, but does not promise to */
    if (points->count)
        qsort(points->list, points->count, sizeof(*points->list), compare_newest_first);
    return 0;
}
