/* SPDX-License-Identifier: MIT */
#include "cmd/results.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cmd/keeper_schedule.h"
#include "util/json.h"
#include "util/str.h"
#include "util/table.h"

/* The state's texts come from a service and from a backup's disks, or from a file that may be damaged. */
static const size_t MAX_SHOWN = 4096;

/* A title in so many columns, and what there is to say of it. */
static void print_line(const char *title, int columns, const char *separator, const char *text)
{
    _cleanup_free_ char *safe_title = str_printable(title, strlen(title), MAX_SHOWN);
    _cleanup_free_ char *safe = str_printable(text, strlen(text), MAX_SHOWN);

    printf("%-*s%s%s\n", columns, safe_title, separator, safe);
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

/* "2026-11-20T23:58:11Z (ends in 3 h 12 min)"; without the rest where nobody has looked at the clock. */
static void print_end(const cJSON *state)
{
    const char *expires = json_string(state, "expires");
    double left = json_number(state, "expires_in", NAN);
    _cleanup_free_ char *duration = NULL, *text = NULL;

    if (!expires)
        return;
    if (!isfinite(left) || fabs(left) > 1e9) {
        print_line("Access until", 13, " ", expires);
        return;
    }
    duration = keeper_duration((time_t)left);
    text = left > 0 ? str_printf("%s (ends in %s)", expires, duration) : str_printf("%s (has ended)", expires);
    print_line("Access until", 13, " ", text);
}

static void print_heading(const cJSON *state)
{
    static const struct {
        const char *member;
        const char *title;
    } lines[] = {
        {"id", "Session"},       {"status", "Status"},          {"vm", "VM"},
        {"point_time", "Point"}, {"point_type", "Consistency"}, {"directory", "Directory"},
        {"problem", "Problem"},
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (json_string(state, lines[i].member))
            print_line(lines[i].title, 13, " ", json_string(state, lines[i].member));
}

/* "running, 1 connection, 12.0 MiB read, 2 restarts", and what went wrong last. */
static void print_tunnel(const cJSON *tunnel)
{
    const char *status = json_string(tunnel, "status"), *error = json_string(tunnel, "last_error");
    const char *when = json_string(tunnel, "last_error_time");
    double open = json_number(tunnel, "connections", 0), restarts = json_number(tunnel, "restarts", 0);
    _cleanup_free_ char *size = size_text(json_number(tunnel, "bytes_from_portal", 0));
    _cleanup_free_ char *text = NULL;

    if (!status)
        return;
    text = str_printf("%s, %.0f connection%s, %s read, %.0f restart%s", status, open, open == 1 ? "" : "s", size,
                      restarts, restarts == 1 ? "" : "s");
    print_line("Tunnel", 13, " ", text);
    if (error) {
        _cleanup_free_ char *last = str_printf("%s: %s", when ? when : "-", error);

        print_line("Its last error", 13, " ", last);
    }
}

static void add_volume(struct table *table, const cJSON *volume)
{
    _cleanup_free_ char *size = size_text(json_number(volume, "size", 0));

    table_add(table, json_string(volume, "name"));
    table_add(table, json_string(volume, "status"));
    table_add(table, json_string(volume, "type"));
    table_add(table, size);
    table_add(table, json_string(volume, "label"));
    table_add(table, json_string(volume, "mount_point"));
}

static void print_volumes(const cJSON *volumes)
{
    static const char *const titles[] = {"VOLUME", "STATUS", "TYPE", "SIZE", "LABEL", "MOUNTED ON"};
    enum { SIZE_COLUMN = 3 };
    _cleanup_table_ struct table table = {0};
    const cJSON *volume;

    table_open(&table, titles, sizeof(titles) / sizeof(titles[0]));
    table_align_right(&table, SIZE_COLUMN);
    cJSON_ArrayForEach(volume, volumes) add_volume(&table, volume);
    puts("");
    table_print(&table, stdout);
    cJSON_ArrayForEach(volume, volumes)
    {
        const char *name = json_string(volume, "name");
        const char *reason = json_string(volume, "reason"), *note = json_string(volume, "note");

        if (reason || note)
            print_line(name ? name : "-", 0, ": ", reason ? reason : note);
    }
}

/* That one is small is told from the beginning; that it is full is the session's problem by then. */
static void print_overlays(const cJSON *overlays)
{
    const cJSON *overlay;

    cJSON_ArrayForEach(overlay, overlays)
    {
        const char *volume = json_string(overlay, "volume"), *directory = json_string(overlay, "directory");
        _cleanup_free_ char *size = size_text(json_number(overlay, "size", 0)), *text = NULL;

        if (!json_bool(overlay, "short_of_room", false))
            continue;
        text = str_printf("its overlay may take %s only, for want of room in %s", size, directory ? directory : "-");
        print_line(volume ? volume : "-", 0, ": ", text);
    }
}

void results_print(const cJSON *state)
{
    const cJSON *volumes = json_array(state, "volumes");

    print_heading(state);
    print_end(state);
    print_tunnel(json_object(state, "tunnel"));
    if (volumes && cJSON_GetArraySize(volumes))
        print_volumes(volumes);
    print_overlays(json_array(state, "overlays"));
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
    json_make_valid(copy);
    return copy;
}
