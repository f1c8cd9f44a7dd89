/* SPDX-License-Identifier: MIT */
#include "cmd/unreached.h"

#include "util/json.h"
#include "util/str.h"

static bool is_same_place(const cJSON *one, const cJSON *other)
{
    return str_equal(json_string(one, "endpoint"), json_string(other, "endpoint")) &&
           str_equal(json_string(one, "authority"), json_string(other, "authority"));
}

static bool is_known(const struct unreached *unreached, const cJSON *registration)
{
    const cJSON *one;

    cJSON_ArrayForEach(one, unreached->registrations)
    {
        if (is_same_place(one, registration))
            return true;
    }
    return false;
}

int64_t unreached_limit_ms(const struct unreached *unreached, const cJSON *registration)
{
    return is_known(unreached, registration) ? UNREACHED_AGAIN_MS : UNREACHED_FIRST_MS;
}

void unreached_note(struct unreached *unreached, const cJSON *registration, const struct error *failure)
{
    /* the details are what Resource Manager or the sign-in has answered */
    if (failure->code != EXIT_NETWORK || failure->details || is_known(unreached, registration))
        return;
    if (!unreached->registrations)
        unreached->registrations = json_new_array();
    json_append(unreached->registrations, cJSON_Duplicate(registration, true));
}

void unreached_clear(struct unreached *unreached)
{
    cJSON_Delete(unreached->registrations);
    *unreached = (struct unreached){0};
}
