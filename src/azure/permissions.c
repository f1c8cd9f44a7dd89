/* SPDX-License-Identifier: MIT */
#include "azure/permissions.h"

#include <ctype.h>
#include <string.h>

#include "util/str.h"

static const char API_VERSION[] = "2022-04-01";

/* An assignment each; Azure has at most 4,000 of them in a subscription (Azure RBAC limits). */
static const int MAX_PERMISSIONS = 4000;
/* Of all of them together: far more than the roles have that anybody is given. */
static const int MAX_PATTERNS = 100000;
static const size_t MAX_TEXT = (size_t)8 << 20;
/* The longest of Azure's operations have less than 200 letters; a longer pattern matches none. */
static const size_t MAX_PATTERN = 512;

struct collection {
    cJSON *permissions;
    int patterns;
    size_t text; /* bytes of them */
};

static int copy_patterns(struct collection *collection, const cJSON *from, const char *name, cJSON *to,
                         struct error **err)
{
    cJSON *copy = json_set_array(to, name);
    const cJSON *pattern;

    cJSON_ArrayForEach(pattern, json_array(from, name))
    {
        const char *text = cJSON_GetStringValue(pattern);
        size_t length = text ? strnlen(text, MAX_PATTERN + 1) : 0;

        if (!text || length > MAX_PATTERN)
            continue;
        collection->patterns++;
        collection->text += length;
        if (collection->patterns > MAX_PATTERNS || collection->text > MAX_TEXT)
            return error_set(err, EXIT_NETWORK, "the service answered with more permissions than any identity has");
        json_append(copy, cJSON_CreateString(text));
    }
    return 0;
}

/* Only what permissions_allow() looks at is kept. */
static int each_permission(const cJSON *element, void *argument, struct error **err)
{
    struct collection *collection = argument;
    cJSON *kept = json_new_object();

    json_append(collection->permissions, kept);
    if (cJSON_GetArraySize(collection->permissions) > MAX_PERMISSIONS)
        return error_set(err, EXIT_NETWORK, "the service answered with more permissions than any identity has");
    return copy_patterns(collection, element, "actions", kept, err) < 0 ||
                   copy_patterns(collection, element, "notActions", kept, err) < 0
               ? -1
               : 0;
}

int permissions_get(struct arm *arm, const char *id, cJSON **permissions, struct error **err)
{
    _cleanup_free_ char *provider = str_printf("%s/providers/Microsoft.Authorization", id);
    _cleanup_json_ cJSON *array = json_new_array();
    struct collection collection = {.permissions = array};

    if (arm_list(arm, provider, "permissions", API_VERSION, NULL, each_permission, &collection, err) < 0)
        return error_wrap(err, "cannot list the permissions for %s", id);
    *permissions = steal(array);
    return 0;
}

static bool same_letter(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

/*
 * "*" is any text, slashes too. On a mismatch only the last one seen is tried at another length, since what an earlier
 * one would take the last can take as well: so no pattern, however hostile, takes longer than one length times the
 * other.
 */
static bool matches(const char *pattern, const char *text)
{
    const char *star = NULL, *resume = NULL;

    while (*text) {
        if (*pattern == '*') {
            star = pattern++;
            resume = text;
        } else if (same_letter(*pattern, *text)) {
            pattern++;
            text++;
        } else if (star) {
            pattern = star + 1;
            text = ++resume;
        } else {
            return false;
        }
    }
    return pattern[strspn(pattern, "*")] == '\0';
}

static bool has_match(const cJSON *patterns, const char *action)
{
    const cJSON *pattern;

    cJSON_ArrayForEach(pattern, patterns)
    {
        if (cJSON_IsString(pattern) && strnlen(pattern->valuestring, MAX_PATTERN + 1) <= MAX_PATTERN &&
            matches(pattern->valuestring, action))
            return true;
    }
    return false;
}

bool permissions_allow(const cJSON *permissions, const char *action)
{
    const cJSON *permission;

    cJSON_ArrayForEach(permission, permissions)
    {
        if (has_match(json_array(permission, "actions"), action) &&
            !has_match(json_array(permission, "notActions"), action))
            return true;
    }
    return false;
}
