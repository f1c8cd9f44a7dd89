/* SPDX-License-Identifier: MIT */
#include "util/json.h"

#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "util/str.h"

static const int MAX_DEPTH = 32;

/* The longest that azilr reads, 9,999 recovery points on one page, has some 600,000. */
static const size_t MAX_VALUES = 1000000;

/* How deep a text goes, and how many values it can have at most: each follows a bracket or a comma, but for the first.
 */
static void measure(const char *text, size_t length, int *depth, size_t *values)
{
    bool in_string = false;
    int level = 0;

    *depth = 0;
    *values = 1;
    for (size_t i = 0; i < length; i++) {
        if (in_string) {
            if (text[i] == '\\')
                i++;
            else if (text[i] == '"')
                in_string = false;
        } else if (text[i] == '"') {
            in_string = true;
        } else if (text[i] == '[' || text[i] == '{') {
            (*values)++;
            if (++level > *depth)
                *depth = level;
        } else if (text[i] == ']' || text[i] == '}') {
            level--;
        } else if (text[i] == ',') {
            (*values)++;
        }
    }
}

/*
 * Before anything is built of it: cJSON recurses up to a limit of its own of 1000 levels, and takes 80 bytes and more
 * for a value of one.
 */
static int check_size(const char *text, size_t length, const char *what, struct error **err)
{
    size_t values;
    int depth;

    measure(text, length, &depth, &values);
    if (depth > MAX_DEPTH)
        return error_set(err, EXIT_FAILED, "%s is nested more than %d levels deep", what, MAX_DEPTH);
    if (values > MAX_VALUES)
        return error_set(err, EXIT_FAILED, "%s has more than %zu values", what, MAX_VALUES);
    return 0;
}

cJSON *json_parse(const char *text, size_t length, const char *what, struct error **err)
{
    const char *end = NULL;
    cJSON *document;

    if (check_size(text, length, what, err) < 0)
        return NULL;
    document = cJSON_ParseWithLengthOpts(text, length, &end, 0);
    while (document && end < text + length && strchr(" \t\r\n", *end) && *end)
        end++;
    if (!document || end != text + length) {
        cJSON_Delete(document);
        error_set(err, EXIT_FAILED, "%s is not valid JSON (at byte %zu of %zu)", what, end ? (size_t)(end - text) : 0,
                  length);
        return NULL;
    }
    return document;
}

const cJSON *json_object(const cJSON *object, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsObject(member) ? member : NULL;
}

const cJSON *json_array(const cJSON *object, const char *name)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsArray(member) ? member : NULL;
}

const char *json_string(const cJSON *object, const char *name)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

bool json_bool(const cJSON *object, const char *name, bool missing)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsBool(member) ? cJSON_IsTrue(member) : missing;
}

int json_whole(const cJSON *object, const char *name, int min, int max, int missing)
{
    double value = json_number(object, name, missing);

    /* compared before it is converted, which is only defined for what fits */
    if (!(value >= min && value <= max))
        return missing;
    return value == (int)value ? (int)value : missing;
}

double json_number(const cJSON *object, const char *name, double missing)
{
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);

    return cJSON_IsNumber(member) ? member->valuedouble : missing;
}

static void *must(void *made)
{
    if (!made)
        abort();
    return made;
}

cJSON *json_new_object(void)
{
    return must(cJSON_CreateObject());
}

cJSON *json_new_array(void)
{
    return must(cJSON_CreateArray());
}

static void set(cJSON *object, const char *name, cJSON *value)
{
    if (!cJSON_AddItemToObject(object, name, must(value)))
        abort();
}

void json_set_string(cJSON *object, const char *name, const char *value)
{
    set(object, name, value ? cJSON_CreateString(value) : cJSON_CreateNull());
}

void json_set_number(cJSON *object, const char *name, double value)
{
    set(object, name, cJSON_CreateNumber(value));
}

void json_set_device(cJSON *object, dev_t number)
{
    json_set_number(object, "major", major(number));
    json_set_number(object, "minor", minor(number));
}

void json_set_bool(cJSON *object, const char *name, bool value)
{
    set(object, name, cJSON_CreateBool(value));
}

cJSON *json_set_object(cJSON *object, const char *name)
{
    cJSON *member = json_new_object();

    set(object, name, member);
    return member;
}

cJSON *json_set_array(cJSON *object, const char *name)
{
    cJSON *member = json_new_array();

    set(object, name, member);
    return member;
}

void json_append(cJSON *array, cJSON *item)
{
    if (!cJSON_AddItemToArray(array, must(item)))
        abort();
}

void json_add_text(cJSON *object, const char *name, const char *text)
{
    const char *before = json_string(object, name);
    _cleanup_free_ char *both = before ? str_printf("%s; %s", before, text) : str_dup(text);

    cJSON_DeleteItemFromObjectCaseSensitive(object, name);
    json_set_string(object, name, both);
}

/* cJSON's own memory, since it frees it. */
static void replace_name(cJSON *member)
{
    size_t length = strlen(member->string);
    _cleanup_free_ char *printable = str_printable(member->string, length, length);
    size_t size = strlen(printable) + 1;
    char *name = must(cJSON_malloc(size));

    memcpy(name, printable, size);
    if (!(member->type & cJSON_StringIsConst))
        cJSON_free(member->string);
    member->string = name;
    member->type &= ~cJSON_StringIsConst;
}

void json_make_valid(cJSON *document)
{
    cJSON *member;

    if (document->string && !str_is_utf8(document->string))
        replace_name(document);
    if (cJSON_IsString(document) && !str_is_utf8(document->valuestring)) {
        size_t length = strlen(document->valuestring);
        _cleanup_free_ char *printable = str_printable(document->valuestring, length, length);

        if (!cJSON_SetValuestring(document, printable))
            abort();
    }
    cJSON_ArrayForEach(member, document) json_make_valid(member);
}

char *json_result(cJSON *document)
{
    json_make_valid(document);
    return json_text(document, true);
}

char *json_text(const cJSON *document, bool indented)
{
    return must(indented ? cJSON_Print(document) : cJSON_PrintUnformatted(document));
}
