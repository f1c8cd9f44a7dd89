/* SPDX-License-Identifier: MIT */
#include "azure/permissions.h"

#include <ctype.h>
#include <string.h>

#include "util/str.h"

static const char API_VERSION[] = "2022-04-01";

/* An assignment each; Azure has at most 4,000 of them in a subscription (Azure RBAC limits). */
static const int MAX_PERMISSIONS = 4000;
/* Far more than any role has; the longest of Azure's operations have less than 200 letters. */
static const int MAX_PATTERNS = 20000;
static const size_t MAX_PATTERN = 512;

static int each_permission(const cJSON *element, void *argument, struct error **err)
{
    cJSON *array = argument;

    if (cJSON_GetArraySize(array) >= MAX_PERMISSIONS ||
        cJSON_GetArraySize(json_array(element, "actions")) > MAX_PATTERNS ||
        cJSON_GetArraySize(json_array(element, "notActions")) > MAX_PATTERNS)
        return error_set(err, EXIT_NETWORK, "the service answered with more permissions than any identity has");
    json_append(array, cJSON_Duplicate(element, true));
    return 0;
}

int permissions_get(struct arm *arm, const char *id, cJSON **permissions, struct error **err)
{
    _cleanup_free_ char *provider = str_printf("%s/providers/Microsoft.Authorization", id);
    _cleanup_json_ cJSON *array = json_new_array();

    if (arm_list(arm, provider, "permissions", API_VERSION, NULL, each_permission, array, err) < 0)
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
