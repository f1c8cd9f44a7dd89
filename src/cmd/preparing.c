/* SPDX-License-Identifier: MIT */
#include "cmd/preparing.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "util/json.h"
#include "util/str.h"

bool preparing_is_possible(const cJSON *state)
{
    return json_string(state, "recovery_point") && json_string(json_object(state, "operation"), "url") &&
           json_string(state, "initiator_name");
}

static bool can_be_taken_up(const cJSON *state)
{
    return str_equal(json_string(state, "status"), STATUS_PREPARING) && preparing_is_possible(state) &&
           !session_is_foreign(state);
}

bool preparing_is_of(const cJSON *state, const char *point)
{
    return can_be_taken_up(state) && str_equal_ignoring_case(json_string(state, "recovery_point"), point);
}

static bool is_point_of(const char *point, const char *item)
{
    static const char between[] = "/recoveryPoints/";
    size_t length = strlen(item);

    return strncasecmp(point, item, length) == 0 && strncasecmp(point + length, between, sizeof(between) - 1) == 0;
}

/* RFC 3339 in UTC, as clock_format() writes it, sorts as text. */
static bool is_newer(const cJSON *state, const cJSON *than)
{
    const char *time = json_string(state, "point_time"), *other = json_string(than, "point_time");

    return !other || (time && strcmp(time, other) > 0);
}

bool preparing_find(const struct session_places *places, const char *item, struct preparing *found)
{
    _cleanup_json_ cJSON *best = NULL;
    const time_t now = time(NULL);
    char **ids = NULL;
    size_t count = 0;

    *found = (struct preparing){0};
    if (session_list(places, &ids, &count, NULL) < 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        _cleanup_json_ cJSON *state = NULL;
        bool locked = false;

        if (session_peek(places, ids[i], &state, &locked, NULL) < 0 || !can_be_taken_up(state) ||
            !is_point_of(json_string(state, "recovery_point"), item) || session_has_expired(state, now, true) ||
            (best && !is_newer(state, best)))
            continue;
        cJSON_Delete(best);
        best = steal(state);
        free(found->session);
        found->session = str_dup(ids[i]);
        found->locked = locked;
    }
    session_list_free(ids, count);
    if (best)
        found->point = str_dup(json_string(best, "recovery_point"));
    return best != NULL;
}

void preparing_clear(struct preparing *found)
{
    free(found->session);
    free(found->point);
    *found = (struct preparing){0};
}
