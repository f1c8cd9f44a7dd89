/* SPDX-License-Identifier: MIT */
#include "cmd/preparing.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "util/json.h"
#include "util/str.h"

static bool can_be_taken_up(const cJSON *state)
{
    return str_equal(json_string(state, "status"), STATUS_PREPARING) && json_string(state, "recovery_point") &&
           json_string(json_object(state, "operation"), "url") && json_string(state, "initiator_name");
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
static bool is_newer(const cJSON *state, const char *than)
{
    const char *time = json_string(state, "point_time");

    return !*than || (time && strcmp(time, than) > 0);
}

bool preparing_find(const struct session_places *places, const char *item, struct preparing *found)
{
    _cleanup_free_ char *newest = str_dup("");
    char **ids = NULL;
    size_t count = 0;

    *found = (struct preparing){0};
    if (session_list(places, &ids, &count, NULL) < 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        _cleanup_json_ cJSON *state = NULL;
        const char *taken;
        bool locked = false;

        if (session_peek(places, ids[i], &state, &locked, NULL) < 0 || !can_be_taken_up(state) ||
            !is_point_of(json_string(state, "recovery_point"), item) || session_has_expired(state, time(NULL), true) ||
            !is_newer(state, newest))
            continue;
        taken = json_string(state, "point_time");
        free(newest);
        newest = str_dup(taken ? taken : "");
        preparing_clear(found);
        *found = (struct preparing){
            .session = str_dup(ids[i]), .point = str_dup(json_string(state, "recovery_point")), .locked = locked};
    }
    session_list_free(ids, count);
    return found->session != NULL;
}

void preparing_clear(struct preparing *found)
{
    free(found->session);
    free(found->point);
    *found = (struct preparing){0};
}
