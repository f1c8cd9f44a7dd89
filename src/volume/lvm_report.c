/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "util/json.h"
#include "util/log.h"
#include "util/str.h"
#include "volume/lvm-internal.h"

/* More than any VM has; what a hostile disk claims beyond that is an error. */
enum { MAX_GROUPS = 256, MAX_PVS = 1024, MAX_LVS = 4096 };

/* what LVM prints where a device is missing (lib/metadata/metadata.c, in all of lvm2's 2.03) */
static const char missing_device[] = "[unknown]";

bool lvm_name_is_valid(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+_.-";

    return name && str_only(name, allowed) && name[0] != '-' && !str_equal(name, ".") && !str_equal(name, "..") &&
           strlen(name) <= LVM_NAME_MAX;
}

/* 32 letters and digits in seven groups, as lib/uuid/uuid.c writes them */
static bool uuid_is_valid(const char *uuid)
{
    static const char form[] = "xxxxxx-xxxx-xxxx-xxxx-xxxx-xxxx-xxxxxx";
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#";

    if (!uuid || strlen(uuid) != sizeof(form) - 1)
        return false;
    for (size_t i = 0; uuid[i]; i++)
        if (form[i] == '-' ? uuid[i] != '-' : !strchr(allowed, uuid[i]))
            return false;
    return true;
}

/* A size in bytes, which the report gives as a string of digits. Returns -1 if it is anything else or absurd. */
static int read_size(const cJSON *row, const char *column, uint64_t *size)
{
    const char *text = json_string(row, column);
    long value;

    if (!text || str_to_long(text, 0, INT64_MAX, &value) < 0)
        return -1;
    *size = (uint64_t)value;
    return 0;
}

/* NULL for the empty string, which is how the report says that there is none. */
static char *optional(const cJSON *row, const char *column)
{
    const char *text = json_string(row, column);

    return text && *text ? str_printable(text, strlen(text), LVM_NAME_MAX) : NULL;
}

const cJSON *lvm_report_rows(const cJSON *document, const char *kind, struct error **err)
{
    const cJSON *rows = json_array(cJSON_GetArrayItem(json_array(document, "report"), 0), kind);

    if (!rows)
        error_set(err, EXIT_FAILED, "LVM's report has no list of \"%s\"", kind);
    return rows;
}

static struct lvm_group *group_by_uuid(const struct lvm_groups *groups, const char *uuid)
{
    for (size_t i = 0; uuid && i < groups->count; i++)
        if (str_equal(groups->items[i].uuid, uuid))
            return &groups->items[i];
    return NULL;
}

static struct lvm_group *add_group(struct lvm_groups *groups, const cJSON *row)
{
    struct lvm_group *group;
    uint64_t seqno = 0;

    read_size(row, "vg_seqno", &seqno);
    groups->items = xgrow(groups->items, groups->count, sizeof(*groups->items));
    group = &groups->items[groups->count++];
    *group = (struct lvm_group){
        .name = str_dup(json_string(row, "vg_name")),
        .uuid = str_dup(json_string(row, "vg_uuid")),
        .seqno = seqno,
        .exported = str_equal(json_string(row, "vg_exported"), "exported"),
        .system_id = optional(row, "vg_systemid"),
        .lock_type = optional(row, "vg_lock_type"),
    };
    return group;
}

static void add_pv(struct lvm_group *group, const cJSON *row, uint64_t size, uint64_t start)
{
    const char *device = json_string(row, "pv_name");
    bool missing = str_equal(device, missing_device) || str_equal(json_string(row, "pv_missing"), "missing");
    size_t at = missing ? group->pv_count : group->pv_count - group->missing;

    group->pvs = xgrow(group->pvs, group->pv_count, sizeof(*group->pvs));
    memmove(&group->pvs[at + 1], &group->pvs[at], (group->pv_count - at) * sizeof(*group->pvs));
    group->pvs[at] = (struct lvm_pv){
        .uuid = str_dup(json_string(row, "pv_uuid")),
        .device = missing ? NULL : str_dup(device),
        .size = size,
        .data_start = start,
    };
    group->pv_count++;
    group->missing += missing;
}

/* Why a row cannot be taken, or NULL. */
static const char *problem_of(const cJSON *row, const struct lvm_groups *groups, uint64_t *size, uint64_t *start)
{
    const char *device = json_string(row, "pv_name");
    const struct lvm_group *group = group_by_uuid(groups, json_string(row, "vg_uuid"));

    if (!lvm_name_is_valid(json_string(row, "vg_name")) || !uuid_is_valid(json_string(row, "vg_uuid")) ||
        !uuid_is_valid(json_string(row, "pv_uuid")) || read_size(row, "pv_size", size) < 0 ||
        read_size(row, "pe_start", start) < 0 || !device ||
        (!str_starts_with(device, "/dev/") && !str_equal(device, missing_device)))
        return "its metadata makes no sense";
    if (!group && groups->count >= MAX_GROUPS)
        return "there are too many volume groups";
    if (group && group->pv_count >= MAX_PVS)
        return "its volume group has too many physical volumes";
    return NULL;
}

static void take_pv(const cJSON *row, struct lvm_groups *groups)
{
    const char *name = json_string(row, "vg_name");
    const char *device = json_string(row, "pv_name");
    struct lvm_group *group;
    uint64_t size, start;
    const char *problem;

    if (str_equal(name, "") && str_equal(json_string(row, "pv_in_use"), "used")) {
        lvm_add_unusable(
            groups, device ? device : "",
            "its volume group's metadata is on other disks, which are not in the backup or cannot be read");
        groups->unusable[groups->unusable_count - 1].lacks_others = true;
    }
    if (str_equal(name, ""))
        return;
    problem = problem_of(row, groups, &size, &start);
    if (problem) {
        lvm_add_unusable(groups, device ? device : "", problem);
        return;
    }
    group = group_by_uuid(groups, json_string(row, "vg_uuid"));
    add_pv(group ? group : add_group(groups, row), row, size, start);
}

int lvm_report_pvs(const char *text, size_t length, struct lvm_groups *groups, struct error **err)
{
    _cleanup_json_ cJSON *document = json_parse(text, length, "LVM's report", err);
    const cJSON *rows = document ? lvm_report_rows(document, "pv", err) : NULL;
    const cJSON *row;

    if (!rows)
        return -1;
    cJSON_ArrayForEach(row, rows) take_pv(row, groups);
    return 0;
}

/* --- logical volumes: what each is made of, and so what is missing of it --- */

enum verdict { UNKNOWN, BUSY, WHOLE, DEGRADED, INCOMPLETE };

struct segment {
    const cJSON *row; /* the report has one for each segment of an LV */
};

struct part {
    const char *name;
    const struct lvm_group *group;
    const char *layout, *role, *pool, *origin; /* of its first row; owned by the document */
    const cJSON *first;
    struct segment *segments;
    size_t segment_count;
    enum verdict verdict;
};

struct parts {
    struct part *items;
    size_t count;
    size_t left_out; /* rows that were not taken */
};

static void parts_clear(struct parts *parts)
{
    for (size_t i = 0; i < parts->count; i++)
        free(parts->items[i].segments);
    free(parts->items);
}

static struct part *find_part(struct parts *parts, const struct lvm_group *group, const char *name, size_t length)
{
    for (size_t i = 0; i < parts->count; i++) {
        struct part *part = &parts->items[i];

        if (part->group == group && strlen(part->name) == length && strncmp(part->name, name, length) == 0)
            return part;
    }
    return NULL;
}

static const char *text_of(const cJSON *row, const char *column)
{
    const char *text = json_string(row, column);

    return text ? text : "";
}

static void take_row(const cJSON *row, const struct lvm_groups *groups, struct parts *parts)
{
    const struct lvm_group *group = group_by_uuid(groups, json_string(row, "vg_uuid"));
    const char *name = json_string(row, "lv_name");
    struct part *part;

    if (!group)
        return;
    part = lvm_name_is_valid(name) ? find_part(parts, group, name, strlen(name)) : NULL;
    if (!lvm_name_is_valid(name) || (!part && parts->count >= MAX_LVS)) {
        parts->left_out++;
        return;
    }
    if (!part) {
        parts->items = xgrow(parts->items, parts->count, sizeof(*parts->items));
        part = &parts->items[parts->count++];
        *part = (struct part){.name = name,
                              .group = group,
                              .layout = text_of(row, "lv_layout"),
                              .role = text_of(row, "lv_role"),
                              .pool = text_of(row, "pool_lv"),
                              .origin = text_of(row, "origin"),
                              .first = row};
    }
    part->segments = xgrow(part->segments, part->segment_count, sizeof(*part->segments));
    part->segments[part->segment_count++].row = row;
}

bool lvm_has_word(const char *list, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = list; (at = strstr(at, word)); at += length)
        if ((at == list || at[-1] == ',') && (at[length] == '\0' || at[length] == ','))
            return true;
    return false;
}

/* How many of an LV's parts may be missing without any of its data being so; lvmraid(7). */
static size_t spare_parts(const char *layout, size_t parts)
{
    if (lvm_has_word(layout, "raid1") || lvm_has_word(layout, "mirror"))
        return parts ? parts - 1 : 0;
    if (lvm_has_word(layout, "raid4") || lvm_has_word(layout, "raid5") || lvm_has_word(layout, "raid10"))
        return 1;
    return lvm_has_word(layout, "raid6") ? 2 : 0;
}

static enum verdict judge(struct parts *parts, struct part *part, int depth);

/* One of "/dev/sdc1(0)", "r1_rimage_0(0)" or "[unknown](5)". */
static bool is_missing(struct parts *parts, const struct part *of, const char *item, size_t length, int depth)
{
    struct part *part;

    while (length && item[length - 1] != '(')
        length--;
    length -= length > 0;
    if (length == sizeof(missing_device) - 1 && strncmp(item, missing_device, length) == 0)
        return true;
    part = find_part(parts, of->group, item, length);
    return part && judge(parts, part, depth + 1) == INCOMPLETE;
}

static enum verdict judge_segment(struct parts *parts, const struct part *of, const cJSON *row, int depth)
{
    const char *devices = text_of(row, "devices");
    size_t count = 0, missing = 0;

    for (const char *at = devices; *at;) {
        size_t length = strcspn(at, ",");

        missing += is_missing(parts, of, at, length, depth);
        count++;
        at += length + (at[length] == ',');
    }
    if (missing == 0)
        return WHOLE;
    return missing <= spare_parts(of->layout, count) ? DEGRADED : INCOMPLETE;
}

/* What it depends on beside the devices of its own segments: a thin pool, an origin. */
static enum verdict judge_other(struct parts *parts, const struct part *of, const char *name, int depth)
{
    struct part *part = *name ? find_part(parts, of->group, name, strlen(name)) : NULL;

    return part && part != of ? judge(parts, part, depth + 1) : WHOLE;
}

/* Metadata that goes round in circles, or is deeper than any that LVM makes, is incomplete. */
static enum verdict judge(struct parts *parts, struct part *part, int depth)
{
    enum verdict worst = WHOLE;

    if (part->verdict == BUSY || depth > 16)
        return INCOMPLETE;
    if (part->verdict != UNKNOWN)
        return part->verdict;
    part->verdict = BUSY;
    for (size_t i = 0; i < part->segment_count; i++) {
        enum verdict verdict = judge_segment(parts, part, part->segments[i].row, depth);

        worst = verdict > worst ? verdict : worst;
    }
    /* a thin volume's origin is in its pool; it need not be there at all */
    const char *others[] = {part->pool, *part->pool ? "" : part->origin};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        enum verdict verdict = judge_other(parts, part, others[i], depth);

        worst = verdict > worst ? verdict : worst;
    }
    /* a pool is nothing without its metadata, which only a raid LV may do without a part of */
    for (size_t i = 0; i < part->segment_count && !lvm_has_word(part->layout, "raid"); i++) {
        const char *metadata = text_of(part->segments[i].row, "metadata_devices");

        if (*metadata && is_missing(parts, part, metadata, strlen(metadata), depth))
            worst = INCOMPLETE;
    }
    part->verdict = worst;
    return worst;
}

static char *what_is_missing(const struct lvm_group *group)
{
    const char *first = group->pvs[group->pv_count - group->missing].uuid;

    if (group->missing == 1)
        return str_printf("the physical volume %s is missing", first);
    return str_printf("%zu physical volumes are missing, %s among them", group->missing, first);
}

static void add_lv(struct parts *parts, struct part *part, struct lvm_group *group)
{
    enum verdict verdict = judge(parts, part, 0);
    _cleanup_free_ char *missing = verdict == WHOLE || !group->missing ? NULL : what_is_missing(group);
    struct lvm_lv lv = {.incomplete = verdict == INCOMPLETE, .degraded = verdict == DEGRADED};

    /* only shown where there is no device to ask: nobody relies on it */
    if (read_size(part->first, "lv_size", &lv.size) < 0)
        lv.size = 0;
    if (lv.degraded && missing)
        lv.reason = str_printf("%s, which the rest of it makes up for", missing);
    else if (lv.incomplete)
        lv.reason = missing ? steal(missing) : str_dup("its metadata makes no sense");
    lv.name = str_dup(part->name);
    lv.layout = str_printable(part->layout, strlen(part->layout), LVM_NAME_MAX);
    group->lvs = xgrow(group->lvs, group->lv_count, sizeof(*group->lvs));
    group->lvs[group->lv_count++] = lv;
}

/* Not the parts that others are made of, and not a pool, whose content are the volumes in it. */
static bool is_for_people(const struct part *part)
{
    return lvm_has_word(part->role, "public") && !lvm_has_word(part->layout, "pool");
}

int lvm_report_lvs(const char *text, size_t length, struct lvm_groups *groups, struct error **err)
{
    _cleanup_json_ cJSON *document = json_parse(text, length, "LVM's report", err);
    _cleanup_(parts_clear) struct parts parts = {0};
    const cJSON *rows = document ? lvm_report_rows(document, "lv", err) : NULL;
    const cJSON *row;

    if (!rows)
        return -1;
    cJSON_ArrayForEach(row, rows) take_row(row, groups, &parts);
    if (parts.left_out)
        log_warning("%zu entries of LVM's list of logical volumes are left out: no valid name, or too many of them",
                    parts.left_out);
    for (size_t i = 0; i < parts.count; i++)
        if (is_for_people(&parts.items[i]))
            add_lv(&parts, &parts.items[i], group_by_uuid(groups, parts.items[i].group->uuid));
    return 0;
}
