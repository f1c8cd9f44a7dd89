/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "azure/ilr.h"
#include "util/secret.h"
#include "util/str.h"

/* A Windows VM has two, a Linux VM one. */
static const size_t MAX_SCRIPTS = 8;
static const size_t MAX_FIELD = 4096;

void client_scripts_clear(struct client_scripts *scripts)
{
    for (size_t i = 0; i < scripts->count; i++) {
        struct client_script *script = &scripts->list[i];

        if (script->content)
            explicit_bzero(script->content, script->length);
        free(script->content);
        free(script->extension);
        free(script->os_type);
        secret_free(script->name_suffix);
        free(script->url);
    }
    free(scripts->list);
    *scripts = (struct client_scripts){0};
}

/* Base64 (RFC 4648, 4) with line breaks allowed. Returns the length, or -1. out has room for 3 bytes in 4. */
static ssize_t decode_base64(const char *text, char *out)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned long bits = 0;
    int count = 0, padding = 0;
    char *to = out;

    for (; *text; text++) {
        const char *found;

        if (*text == '\r' || *text == '\n')
            continue;
        found = strchr(alphabet, *text);
        if (*text == '=' ? ++padding > 2 : !found || padding)
            return -1;
        bits = bits << 6 | (unsigned long)(*text == '=' ? 0 : found - alphabet);
        if (++count % 4)
            continue;
        *to++ = (char)(bits >> 16 & 0xff);
        *to++ = (char)(bits >> 8 & 0xff);
        *to++ = (char)(bits & 0xff);
        bits = 0;
    }
    return count % 4 ? -1 : to - out - padding;
}

static int read_content(const char *encoded, struct client_script *script, struct error **err)
{
    size_t room = strlen(encoded) / 4 * 3;
    ssize_t length;

    /* what a Windows VM's second entry says, which is to be downloaded */
    if (!*encoded || str_equal_ignoring_case(encoded, "NA"))
        return 0;
    if (room > ILR_MAX_SCRIPT + 3)
        return error_set(err, EXIT_NETWORK, "the connection script is larger than %zu MiB", ILR_MAX_SCRIPT >> 20);
    script->content = xcalloc(room + 4, 1);
    script->length = room;
    length = decode_base64(encoded, script->content);
    if (length <= 0)
        return error_set(err, EXIT_NETWORK, "the connection script is damaged: it is not valid base64");
    explicit_bzero(script->content + length, room - (size_t)length);
    script->length = (size_t)length;
    return 0;
}

static int read_field(const cJSON *entry, const char *name, char **field, struct error **err)
{
    const char *value = json_string(entry, name);
    _cleanup_secret_ char *printable = NULL;

    if (!value || !*value)
        return 0;
    printable = str_printable(value, strlen(value), MAX_FIELD);
    /* a suffix is not shown, since it holds passwords */
    if (!str_equal(printable, value))
        return error_set(err, EXIT_NETWORK, "the connection script's %s is no plain text", name);
    *field = str_dup(value);
    return 0;
}

static int read_script(const cJSON *entry, struct client_script *script, struct error **err)
{
    const char *content = json_string(entry, "scriptContent");

    if (!cJSON_IsObject(entry))
        return error_set(err, EXIT_NETWORK, "an entry of clientScripts is no object");
    if (read_field(entry, "scriptExtension", &script->extension, err) < 0 ||
        read_field(entry, "osType", &script->os_type, err) < 0 ||
        read_field(entry, "scriptNameSuffix", &script->name_suffix, err) < 0 ||
        read_field(entry, "url", &script->url, err) < 0)
        return -1;
    return content ? read_content(content, script, err) : 0;
}

const cJSON *ilr_recovery_target(const cJSON *status)
{
    return json_object(json_object(status, "properties"), "recoveryTarget");
}

int ilr_parse_scripts(const cJSON *target, struct client_scripts *scripts, struct error **err)
{
    const cJSON *list = json_array(target, "clientScripts");
    const cJSON *entry;
    int count = list ? cJSON_GetArraySize(list) : 0;

    *scripts = (struct client_scripts){0};
    if (count <= 0)
        return 0;
    if ((size_t)count > MAX_SCRIPTS)
        return error_set(err, EXIT_NETWORK, "the service gave %d connection scripts where one or two are usual", count);
    scripts->list = xcalloc((size_t)count, sizeof(*scripts->list));
    cJSON_ArrayForEach(entry, list)
    {
        if (read_script(entry, &scripts->list[scripts->count++], err) < 0) {
            client_scripts_clear(scripts);
            return -1;
        }
    }
    return 0;
}
