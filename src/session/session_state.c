/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "session/machine.h"
#include "session/session-internal.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/str.h"

void session_keep_lasting(cJSON *state)
{
    cJSON *undo = cJSON_GetObjectItemCaseSensitive(state, "undo");
    cJSON *change = undo ? undo->child : NULL;

    while (change) {
        cJSON *next = change->next;

        if (!json_bool(change, "survives_boot", false))
            cJSON_Delete(cJSON_DetachItemViaPointer(undo, change));
        change = next;
    }
}

/* The numbers of devices and iSCSI sessions mean others now. */
void session_forget_other_boot(cJSON *state)
{
    const char *recorded = json_string(state, "boot");
    _cleanup_free_ char *boot = machine_boot();

    if (recorded && boot && !str_equal(recorded, boot))
        session_keep_lasting(state);
}

void session_note_machine(cJSON *state)
{
    _cleanup_free_ char *machine = machine_identity(), *boot = machine_boot();

    json_set_string(state, "machine", machine);
    if (boot)
        json_set_string(state, "boot", boot);
}

bool session_is_foreign(const cJSON *state)
{
    _cleanup_free_ char *machine = machine_identity();

    return machine_differs(json_string(state, "machine"), machine);
}

const char *session_access_end(const cJSON *state)
{
    const char *ends[] = {json_string(state, "expires"), json_string(state, "may_last_until")};
    const char *latest = NULL;
    time_t latest_when = 0, when;

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (!ends[i] || clock_parse(ends[i], &when) < 0 || (latest && when <= latest_when))
            continue;
        latest = ends[i];
        latest_when = when;
    }
    return latest;
}

bool session_has_expired(const cJSON *state, time_t now, bool unknown)
{
    const char *text = session_access_end(state);
    time_t end;

    return text && clock_parse(text, &end) == 0 ? end <= now : unknown;
}
