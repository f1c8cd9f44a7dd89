/* SPDX-License-Identifier: MIT */
/* All sessions of this host, seen together. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "session/session-internal.h"
#include "session/session.h"
#include "util/file.h"
#include "util/json.h"
#include "util/log.h"
#include "util/str.h"

static int add_ids(const char *directory, const char *suffix, char ***ids, size_t *count, struct error **err)
{
    _cleanup_closedir_ DIR *dir = opendir(directory);
    struct dirent *entry;

    if (!dir)
        return errno == ENOENT ? 0 : error_set_errno(err, EXIT_FAILED, errno, "cannot list %s", directory);
    while ((entry = readdir(dir))) {
        size_t length = strlen(entry->d_name) - (str_ends_with(entry->d_name, suffix) ? strlen(suffix) : 0);
        _cleanup_free_ char *id = str_ndup(entry->d_name, length);
        bool known = false;

        if (!str_ends_with(entry->d_name, suffix) || !session_id_is_valid(id))
            continue;
        for (size_t i = 0; i < *count; i++)
            known = known || str_equal((*ids)[i], id);
        if (known)
            continue;
        *ids = xreallocarray(*ids, *count + 1, sizeof(**ids));
        (*ids)[(*count)++] = steal(id);
    }
    return 0;
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* What others could have put there is no session: it would be taken down as its state says. */
static int add_ids_of(const char *place, const char *suffix, char ***ids, size_t *count, struct error **err)
{
    _cleanup_free_ char *sessions = str_printf("%s/sessions", place);

    if (file_check_private_dir(place, err) < 0 || file_check_private_dir(sessions, err) < 0)
        return error_hint(err, "see who made it, and remove it");
    return add_ids(sessions, suffix, ids, count, err);
}

int session_list(const struct session_places *places, char ***ids, size_t *count, struct error **err)
{
    _cleanup_error_ struct error *problem = NULL;
    int result;

    *ids = NULL;
    *count = 0;
    result = add_ids_of(places->run, "", ids, count, err);
    if (result == 0 && add_ids_of(places->var, ".json", ids, count, &problem) < 0) {
        /* without it a mount is made too, and must be found */
        if (problem->code == EXIT_HOST)
            log_warning("%s; sessions from before the boot are not looked for there", problem->message);
        else
            result = error_move(err, &problem);
    }
    if (result < 0) {
        session_list_free(*ids, *count);
        return -1;
    }
    if (*count)
        qsort(*ids, *count, sizeof(**ids), compare_ids);
    return 0;
}

void session_list_free(char **ids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(ids[i]);
    free(ids);
}

static bool has_change(const cJSON *state, const char *kind, const char *member, const char *value)
{
    const cJSON *change;

    cJSON_ArrayForEach(change, json_array(state, "undo"))
    {
        if (str_equal(json_string(change, "kind"), kind) &&
            str_equal(json_string(json_object(change, "arguments"), member), value))
            return true;
    }
    return false;
}

bool session_is_shared(const struct session_places *places, const struct session *session, const char *kind,
                       const char *member, const char *value)
{
    char **ids = NULL;
    size_t count = 0;
    bool found = false;

    if (session_list(places, &ids, &count, NULL) < 0)
        return false;
    for (size_t i = 0; i < count && !found; i++) {
        _cleanup_json_ cJSON *state = NULL;
        bool locked;

        found = !str_equal(ids[i], session->id) && session_peek(places, ids[i], &state, &locked, NULL) == 0 &&
                has_change(state, kind, member, value);
    }
    session_list_free(ids, count);
    return found;
}

/* Of a state that was being written for the first time when the power failed; nothing had been changed yet. */
static void remove_begun_states(const struct session_places *places)
{
    _cleanup_free_ char *var_sessions = str_printf("%s/sessions", places->var);
    char **ids = NULL;
    size_t count = 0;

    if (add_ids(var_sessions, ".json.new", &ids, &count, NULL) == 0)
        for (size_t i = 0; i < count; i++) {
            _cleanup_session_ struct session *session = NULL;

            /* under the session's lock; one that is there is being worked on, or taken down by itself */
            if (session_create(places, ids[i], &session, NULL) == 0 && session)
                session_remove(session, NULL);
        }
    session_list_free(ids, count);
}

void session_sweep(const struct session_places *places)
{
    _cleanup_free_ char *directory = str_printf("%s/sessions/-", places->run);
    _cleanup_free_ char *var_file = str_printf("%s/sessions/-", places->var);

    remove_begun_states(places);
    session_remove_places(directory, var_file);
}
