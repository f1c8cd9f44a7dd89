/* SPDX-License-Identifier: MIT */
#include "cmd/results.h"

#include <stdio.h>
#include <string.h>

#include "util/json.h"
#include "util/str.h"

static const char *or_dash(const cJSON *object, const char *name)
{
    const char *text = json_string(object, name);

    return text && *text ? text : "-";
}

/* "29.9 GiB": one decimal, in the unit that keeps the number under 1024. The caller frees it. */
static char *size_text(double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;

    while (bytes >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        bytes /= 1024;
        unit++;
    }
    return str_printf(unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

static void print_heading(const cJSON *state)
{
    static const struct {
        const char *member;
        const char *title;
    } lines[] = {
        {"id", "Session"},           {"status", "Status"},          {"vm", "VM"},
        {"point_time", "Point"},     {"point_type", "Consistency"}, {"directory", "Directory"},
        {"expires", "Access until"}, {"problem", "Problem"},
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (json_string(state, lines[i].member))
            printf("%-13s %s\n", lines[i].title, json_string(state, lines[i].member));
}

/* Columns for the eye; a script reads --json. */
static int width_of(const cJSON *volumes, const char *member, int least)
{
    const cJSON *volume;
    int width = least;

    cJSON_ArrayForEach(volume, volumes)
    {
        int length = (int)strlen(or_dash(volume, member));

        width = length > width ? length : width;
    }
    return width;
}

static void print_volumes(const cJSON *volumes)
{
    int name = width_of(volumes, "name", 6), type = width_of(volumes, "type", 4), label = width_of(volumes, "label", 5);
    const cJSON *volume;

    printf("\n%-*s  %-8s  %-*s  %10s  %-*s  %s\n", name, "VOLUME", "STATUS", type, "TYPE", "SIZE", label, "LABEL",
           "MOUNTED ON");
    cJSON_ArrayForEach(volume, volumes)
    {
        _cleanup_free_ char *size = size_text(json_number(volume, "size", 0));

        printf("%-*s  %-8s  %-*s  %10s  %-*s  %s\n", name, or_dash(volume, "name"), or_dash(volume, "status"), type,
               or_dash(volume, "type"), size, label, or_dash(volume, "label"), or_dash(volume, "mount_point"));
    }
    cJSON_ArrayForEach(volume, volumes)
    {
        const char *reason = json_string(volume, "reason"), *note = json_string(volume, "note");

        if (reason || note)
            printf("%s: %s\n", or_dash(volume, "name"), reason ? reason : note);
    }
}

void results_print(const cJSON *state)
{
    const cJSON *volumes = json_array(state, "volumes");

    print_heading(state);
    if (volumes && cJSON_GetArraySize(volumes))
        print_volumes(volumes);
    results_print_roots(json_array(state, "roots"));
}

cJSON *results_to_json(const cJSON *state)
{
    cJSON *copy = cJSON_Duplicate(state, 1);

    if (!copy)
        abort();
    cJSON_DeleteItemFromObjectCaseSensitive(copy, "undo");
    cJSON_DeleteItemFromObjectCaseSensitive(copy, "version");
    cJSON_DeleteItemFromObjectCaseSensitive(copy, "operation");
    return copy;
}
