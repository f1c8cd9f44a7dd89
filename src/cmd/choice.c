/* SPDX-License-Identifier: MIT */
#include "cmd/choice.h"

#include <stdlib.h>
#include <string.h>

#include "session/session.h"
#include "util/json.h"
#include "util/str.h"

/* Whether path is the session's directory or lies in it. */
static bool lies_in(const char *path, const char *directory)
{
    size_t length = directory ? strlen(directory) : 0;

    return length && strncmp(path, directory, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

static bool is_meant(const char *id, const char *name, const char *real_path)
{
    _cleanup_json_ cJSON *state = NULL;
    bool locked;

    if (str_equal(id, name))
        return true;
    if (session_peek(&session_host_places, id, &state, &locked, NULL) < 0)
        return false;
    return real_path ? lies_in(real_path, json_string(state, "directory"))
                     : str_equal_ignoring_case(name, json_string(state, "vm"));
}

/*
 * What was typed as an absolute path. On a dead disk a path may not resolve for minutes, so it is only resolved where
 * it does not say by itself that it lies in a session's directory. The caller frees it.
 */
static char *find_path(char **ids, size_t count, const char *name)
{
    _cleanup_free_ char *typed = str_dup(name);
    char *real_path;

    for (size_t length = strlen(typed); length > 1 && typed[length - 1] == '/'; length--)
        typed[length - 1] = '\0';
    for (size_t i = 0; i < count && !strstr(typed, "/.."); i++)
        if (is_meant(ids[i], "", typed))
            return steal(typed);
    real_path = realpath(name, NULL);
    return real_path ? real_path : steal(typed);
}

/* Keeps of the list only what the argument means: a session's id, a VM's name, or a directory (or one below it). */
static void keep_meant(char **ids, size_t *count, const char *name)
{
    _cleanup_free_ char *path = strchr(name, '/') || str_equal(name, ".") ? find_path(ids, *count, name) : NULL;
    size_t kept = 0;

    for (size_t i = 0; i < *count; i++) {
        if (is_meant(ids[i], name, path))
            ids[kept++] = ids[i];
        else
            free(ids[i]);
    }
    *count = kept;
}

int choice_list(const char *name, char ***ids, size_t *count, struct error **err)
{
    if (session_list(&session_host_places, ids, count, err) < 0)
        return -1;
    if (name)
        keep_meant(*ids, count, name);
    return 0;
}

int choice_explain(char **ids, size_t count, const char *name, const char *hint, struct error **err)
{
    _cleanup_free_ char *list = str_dup("");
    _cleanup_free_ char *shown = name ? str_printable(name, strlen(name), 100) : NULL;

    for (size_t i = 0; i < count; i++) {
        char *longer = str_printf("%s%s%s", list, i ? ", " : "", ids[i]);

        free(list);
        list = longer;
    }
    if (count == 0 && name) {
        error_set(err, EXIT_NOT_FOUND, "there is no session, VM or directory \"%s\" here", shown);
        return error_hint(err, "`azilr status` lists what is open");
    }
    if (count == 0)
        return error_set(err, EXIT_NOT_FOUND, "nothing is open on this host");
    error_set(err, EXIT_USAGE, "%s%s%s: %s", name ? "\"" : "several sessions are open", name ? shown : "",
              name ? "\" means several sessions" : "", list);
    return error_hint(err, "%s", hint);
}
