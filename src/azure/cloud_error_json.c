/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "azure/cloud_error-internal.h"
#include "util/str.h"

/* Of one additionalInfo, whose "info" may be anything. */
static const int MAX_VALUES = 64;

static char *safe_text(const char *text)
{
    return str_printable(text, strlen(text), CLOUD_ERROR_MAX_TEXT);
}

/* Messages have line breaks of their own, which JSON keeps apart from what could harm a terminal. */
static char *safe_lines(const char *text)
{
    struct buffer lines = BUFFER_INIT(CLOUD_ERROR_MAX_SIZE);

    cloud_error_add_text(&lines, -1, text);
    return lines.data ? lines.data : str_dup("");
}

static void copy_text(const cJSON *body, const char *name, cJSON *into)
{
    const char *text = json_string(body, name);
    _cleanup_free_ char *safe = text ? safe_lines(text) : NULL;

    json_set_string(into, name, safe);
}

/* A value of any shape, made safe; null where there would be too much. Never as deep as json_parse() lets it be. */
static cJSON *copy_value(const cJSON *value, int *values, int depth) // NOLINT(misc-no-recursion)
{
    const cJSON *child;
    cJSON *copy;

    if (++*values > MAX_VALUES || depth > CLOUD_ERROR_MAX_DEPTH)
        return cJSON_CreateNull();
    if (cJSON_IsString(value)) {
        _cleanup_free_ char *safe = safe_text(value->valuestring);

        return cJSON_CreateString(safe);
    }
    if (!cJSON_IsObject(value) && !cJSON_IsArray(value))
        return cJSON_Duplicate(value, 0);
    copy = cJSON_IsObject(value) ? json_new_object() : json_new_array();
    cJSON_ArrayForEach(child, value)
    {
        _cleanup_free_ char *name = child->string ? safe_text(child->string) : NULL;
        cJSON *item = copy_value(child, values, depth + 1);

        if (name)
            cJSON_AddItemToObject(copy, name, item);
        else
            cJSON_AddItemToArray(copy, item);
        if (*values > MAX_VALUES)
            break;
    }
    return copy;
}

static void copy_info(const cJSON *body, cJSON *into, int *entries)
{
    cJSON *list = json_set_array(into, "additionalInfo");
    const cJSON *info;

    cJSON_ArrayForEach(info, json_array(body, "additionalInfo"))
    {
        const cJSON *content = cJSON_GetObjectItemCaseSensitive(info, "info");
        cJSON *entry;
        int values = 0;

        if (!cJSON_IsObject(info) || ++*entries > CLOUD_ERROR_MAX_ENTRIES)
            return;
        entry = json_new_object();
        copy_text(info, "type", entry);
        if (content)
            cJSON_AddItemToObject(entry, "info", copy_value(content, &values, 0));
        json_append(list, entry);
    }
}

static void copy_body(const cJSON *body, cJSON *into, int *entries, int depth) // NOLINT(misc-no-recursion)
{
    const cJSON *detail;
    cJSON *list;

    copy_text(body, "code", into);
    copy_text(body, "message", into);
    copy_text(body, "target", into);
    list = json_set_array(into, "details");
    cJSON_ArrayForEach(detail, json_array(body, "details"))
    {
        cJSON *entry;

        if (!cJSON_IsObject(detail))
            continue;
        if (++*entries > CLOUD_ERROR_MAX_ENTRIES || depth >= CLOUD_ERROR_MAX_DEPTH)
            break;
        entry = json_new_object();
        copy_body(detail, entry, entries, depth + 1);
        json_append(list, entry);
    }
    copy_info(body, into, entries);
}

void cloud_error_copy_body(const cJSON *body, cJSON *into)
{
    int entries = 0;

    copy_body(body, into, &entries, 0);
}
