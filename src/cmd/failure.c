/* SPDX-License-Identifier: MIT */
#include "cmd/failure.h"

#include <stdio.h>
#include <string.h>

#include "util/json.h"
#include "util/log.h"

/* Moves the members of an object, given as text by a layer below, into another object. */
static void merge(cJSON *into, const char *text)
{
    _cleanup_json_ cJSON *object = text ? json_parse(text, strlen(text), "an error's details", NULL) : NULL;

    while (object && object->child) {
        cJSON *member = cJSON_DetachItemViaPointer(object, object->child);

        cJSON_AddItemToObject(into, member->string, member);
    }
}

cJSON *failure_document(const struct error *err)
{
    cJSON *document = json_new_object();
    cJSON *error = json_set_object(document, "error");

    json_set_number(error, "exit_code", err->code);
    json_set_string(error, "message", err->message);
    json_set_string(error, "hint", err->hint);
    merge(error, err->details);
    merge(document, err->results);
    return document;
}

void failure_print(const struct error *err)
{
    _cleanup_json_ cJSON *document = NULL;
    _cleanup_free_ char *text = NULL;

    if (!log_wants_json())
        return;
    document = failure_document(err);
    text = json_result(document);
    puts(text);
}
