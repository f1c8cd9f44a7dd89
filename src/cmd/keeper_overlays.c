/* SPDX-License-Identifier: MIT */
#include "cmd/keeper_overlays.h"

#include <stdbool.h>
#include <stdlib.h>

#include "util/json.h"
#include "util/str.h"

static bool was_told(const struct keeper_overlays *overlays, const char *name)
{
    for (size_t i = 0; i < overlays->told_count; i++)
        if (str_equal(overlays->told[i], name))
            return true;
    return false;
}

/* Adds to the text what it is the overlay of, if it is full. */
static void look_at(struct keeper_overlays *overlays, const cJSON *overlay, keeper_usage *usage, char **text)
{
    const char *name = json_string(overlay, "name"), *volume = json_string(overlay, "volume");
    _cleanup_free_ char *before = NULL;
    struct overlay_usage now = {0};

    /* one that is not there any more, or cannot be asked, is not for this to tell of */
    if (usage(name, NULL, &now, NULL) < 0 || now.state == OVERLAY_GOOD)
        return;
    overlays->told = xgrow(overlays->told, overlays->told_count, sizeof(*overlays->told));
    overlays->told[overlays->told_count++] = str_dup(name);
    before = *text;
    *text = str_printf("%s%s%s (%s)", before ? before : "", before ? ", " : "", volume ? volume : name,
                       now.state == OVERLAY_FULL ? "full" : "out of room on its disk");
}

char *keeper_overlays_look(struct keeper_overlays *overlays, const cJSON *state, time_t now, keeper_usage *usage)
{
    const cJSON *overlay;
    char *text = NULL;
    bool has_more = false;

    if (now < overlays->again || !str_equal(json_string(state, "status"), "mounted"))
        return NULL;
    cJSON_ArrayForEach(overlay, json_array(state, "overlays"))
    {
        const char *name = json_string(overlay, "name");

        if (!name || was_told(overlays, name))
            continue;
        look_at(overlays, overlay, usage, &text);
        has_more = has_more || !was_told(overlays, name);
    }
    overlays->again = has_more ? now + KEEPER_OVERLAYS_S : 0;
    return text;
}

void keeper_overlays_clear(struct keeper_overlays *overlays)
{
    for (size_t i = 0; i < overlays->told_count; i++)
        free(overlays->told[i]);
    free(overlays->told);
}
