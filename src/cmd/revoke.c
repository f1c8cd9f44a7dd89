/* SPDX-License-Identifier: MIT */
#include "cmd/revoke.h"

#include "util/clock.h"
#include "util/json.h"

/* A mount gives up on an operation after 30 minutes (arm_operation_wait()); clocks may differ a little. */
static const time_t LONGEST_OPENING_S = 40 * 60;

struct ilr_opening revoke_opening(const cJSON *state, time_t now)
{
    const cJSON *operation = json_object(state, "operation");
    const char *url = json_string(operation, "url");
    const char *created = json_string(state, "created");
    time_t when = 0;
    const bool is_old = created && clock_parse(created, &when) == 0 && now - when > LONGEST_OPENING_S;

    return (struct ilr_opening){
        /* an operation without an address was done as soon as it was accepted */
        .ended = is_old || (operation && !url),
        .operation_url = url,
        .by_location = json_bool(operation, "by_location", false),
    };
}

int revoke_session(struct arm *arm, const cJSON *state, const char *point, struct error **err)
{
    const struct ilr_opening opening = revoke_opening(state, time(NULL));

    return ilr_revoke(arm, point, &opening, NULL, err);
}
