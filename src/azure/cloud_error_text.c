/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "azure/cloud_error-internal.h"
#include "util/str.h"

struct tree {
    struct buffer *text;
    int entries; /* so far */
};

void cloud_error_add(struct buffer *to, const char *text)
{
    buffer_append(to, text, strlen(text));
}

void cloud_error_new_line(struct buffer *to, int indent)
{
    cloud_error_add(to, "\n");
    for (int i = 0; i < indent; i++)
        cloud_error_add(to, "  ");
}

void cloud_error_add_text(struct buffer *to, int indent, const char *text)
{
    size_t left = strnlen(text, CLOUD_ERROR_MAX_TEXT);
    bool cut = text[left] != '\0';
    bool first = true;

    while (left > 0) {
        const char *end = memchr(text, '\n', left);
        size_t length = end ? (size_t)(end - text) : left;
        size_t shown = length;
        _cleanup_free_ char *safe = NULL;

        while (shown > 0 && strchr("\r \t", text[shown - 1]))
            shown--;
        safe = str_printable(text, shown, shown);
        if (shown > 0) {
            if (!first)
                cloud_error_new_line(to, indent + 1);
            cloud_error_add(to, safe);
            first = false;
        }
        left -= length + (end ? 1 : 0);
        text += length + (end ? 1 : 0);
    }
    if (cut)
        cloud_error_add(to, "…");
}

static void add_body(struct tree *tree, const cJSON *body, int indent, int depth);

static void add_details(struct tree *tree, const cJSON *body, int indent, int depth)
{
    const cJSON *detail;

    cJSON_ArrayForEach(detail, json_array(body, "details"))
    {
        if (!cJSON_IsObject(detail))
            continue;
        if (++tree->entries > CLOUD_ERROR_MAX_ENTRIES || depth >= CLOUD_ERROR_MAX_DEPTH) {
            cloud_error_new_line(tree->text, indent + 1);
            cloud_error_add(tree->text, "… (more details left out)");
            return;
        }
        cloud_error_new_line(tree->text, indent + 1);
        add_body(tree, detail, indent + 1, depth + 1);
    }
}

/* Of any shape; what stands for nothing is left out. The caller frees it. */
static char *info_text(const cJSON *content)
{
    if (!content || cJSON_IsNull(content))
        return NULL;
    return cJSON_IsString(content) ? str_dup(content->valuestring) : json_text(content, false);
}

static void add_info(struct tree *tree, const cJSON *body, int indent)
{
    const cJSON *info;

    cJSON_ArrayForEach(info, json_array(body, "additionalInfo"))
    {
        const char *type = json_string(info, "type");
        const cJSON *content = cJSON_GetObjectItemCaseSensitive(info, "info");
        _cleanup_free_ char *text = info_text(content);
        _cleanup_free_ char *safe = text ? str_printable(text, strlen(text), CLOUD_ERROR_MAX_EXCERPT) : NULL;

        if (!cJSON_IsObject(info) || ++tree->entries > CLOUD_ERROR_MAX_ENTRIES)
            return;
        cloud_error_new_line(tree->text, indent + 1);
        cloud_error_add_text(tree->text, indent + 1, type ? type : "additional information");
        if (safe) {
            cloud_error_add(tree->text, ": ");
            cloud_error_add(tree->text, safe);
        }
    }
}

/* One CloudErrorBody: "code: message", and what hangs below it. */
static void add_body(struct tree *tree, const cJSON *body, int indent, int depth)
{
    const char *code = json_string(body, "code");
    const char *message = json_string(body, "message");
    const char *target = json_string(body, "target");

    if (code && *code)
        cloud_error_add_text(tree->text, indent, code);
    if (code && *code && message && *message)
        cloud_error_add(tree->text, ": ");
    if (message && *message)
        cloud_error_add_text(tree->text, indent, message);
    if ((!code || !*code) && (!message || !*message))
        cloud_error_add(tree->text, "no code and no message given");
    if (target && *target) {
        cloud_error_new_line(tree->text, indent + 1);
        cloud_error_add(tree->text, "target: ");
        cloud_error_add_text(tree->text, indent + 1, target);
    }
    add_details(tree, body, indent, depth);
    add_info(tree, body, indent);
}

void cloud_error_add_body(struct buffer *to, const cJSON *body)
{
    struct tree tree = {.text = to};

    add_body(&tree, body, 0, 0);
}
