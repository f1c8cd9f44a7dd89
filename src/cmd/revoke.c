/* SPDX-License-Identifier: MIT */
#include "cmd/revoke.h"

#include "util/clock.h"
#include "util/json.h"

/* A mount gives up on an operation after 30 minutes (arm_operation_wait()); clocks may differ a little. */
static const time_t LONGEST_OPENING_S = 40 * 60;
/* By then every copy of the service knows of an operation, whatever the clocks. */
static const time_t RECENT_S = 5 * 60;

/* Whether a moment that the state tells is more than so long ago; false where it tells none. */
static bool is_past(const char *moment, time_t now, time_t age)
{
    time_t when = 0;

    return moment && clock_parse(moment, &when) == 0 && now - when > age;
}

struct ilr_opening revoke_opening(const cJSON *state, time_t now)
{
    const cJSON *operation = json_object(state, "operation");
    const char *url = json_string(operation, "url");
    const char *created = json_string(state, "created"), *accepted = json_string(operation, "accepted");

    return (struct ilr_opening){
        /* an operation without an address was done as soon as it was accepted */
        .ended = is_past(created, now, LONGEST_OPENING_S) || (operation && !url),
        .is_recent = !is_past(accepted ? accepted : created, now, RECENT_S),
        .operation_url = url,
        .by_location = json_bool(operation, "by_location", false),
    };
}

int revoke_session(struct arm *arm, const cJSON *state, const char *point, struct error **err)
{
    const struct ilr_opening opening = revoke_opening(state, time(NULL));
    bool done_before = false;

    if (ilr_revoke(arm, point, &opening, &done_before, err) < 0)
        return -1;
    return done_before;
}
