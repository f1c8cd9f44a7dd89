/* SPDX-License-Identifier: MIT */
/* `azilr status`: what is open on this host, as it really is now. */
#include "cmd/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/statvfs.h>
#include <time.h>

#include "block/overlay.h"
#include "cmd/cmd.h"
#include "cmd/host.h"
#include "cmd/keeper_schedule.h"
#include "cmd/keeper_service.h"
#include "cmd/options.h"
#include "cmd/preparing.h"
#include "cmd/results.h"
#include "cmd/teardown.h"
#include "mount/mounts.h"
#include "session/session.h"
#include "tunnel/daemon.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"
#include "util/str.h"

static const double MIB = 1024.0 * 1024.0;

/* The unit of the tunnel or keeper; *is_there says whether there should be one, in a unit or not. */
static const char *unit_of(const cJSON *state, const char *kind, bool *is_there)
{
    const cJSON *change;

    cJSON_ArrayForEach(change, json_array(state, "undo"))
    {
        if (str_equal(json_string(change, "kind"), kind)) {
            *is_there = true;
            return json_string(json_object(change, "arguments"), "unit");
        }
    }
    *is_there = false;
    return NULL;
}

static void set_time(cJSON *object, const char *name, time_t when)
{
    char text[CLOCK_TEXT_SIZE];

    json_set_string(object, name, when ? clock_format(when, text) : NULL);
}

/* What the tunnel says of itself; false if there is none any more. */
static bool check_tunnel(cJSON *state, const char *id)
{
    static const char *const conditions[] = {
        [TUNNEL_GONE] = "gone", [TUNNEL_RESTARTING] = "restarting", [TUNNEL_RUNS] = "running"};
    _cleanup_free_ char *directory = str_printf("%s/sessions/%s", session_host_places.run, id);
    bool is_there;
    const struct tunnel_place place = {.directory = directory, .unit = unit_of(state, CHANGE_TUNNEL, &is_there)};
    struct tunnel_report report;
    enum tunnel_condition condition = tunnel_look(&place, &report);
    cJSON *tunnel = json_set_object(state, "tunnel");

    json_set_string(tunnel, "status", report.expired ? "expired" : conditions[condition]);
    json_set_string(tunnel, "unit", place.unit);
    json_set_number(tunnel, "port", report.port);
    set_time(tunnel, "since", report.since);
    json_set_number(tunnel, "restarts", report.restarts);
    json_set_number(tunnel, "connections", report.open);
    json_set_number(tunnel, "connections_total", (double)report.total);
    json_set_number(tunnel, "connections_refused", (double)report.refused);
    json_set_number(tunnel, "bytes_to_portal", (double)report.to_portal);
    json_set_number(tunnel, "bytes_from_portal", (double)report.from_portal);
    json_set_string(tunnel, "last_error", *report.last_error ? report.last_error : NULL);
    set_time(tunnel, "last_error_time", report.last_error_at);
    return condition != TUNNEL_GONE;
}

static void add_problem(cJSON *state, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add_problem(cJSON *state, const char *format, ...)
{
    _cleanup_free_ char *text = NULL;
    va_list args;

    va_start(args, format);
    text = str_vprintf(format, args);
    va_end(args);
    json_add_text(state, "problem", text);
}

static void set_status(cJSON *state, const char *status, const char *problem)
{
    cJSON_DeleteItemFromObjectCaseSensitive(state, "status");
    json_set_string(state, "status", status);
    if (problem)
        json_add_text(state, "problem", problem);
}

/* How long its access lasts, and whether somebody watches that. */
static void check_end(cJSON *state, const char *id)
{
    _cleanup_free_ char *directory = str_printf("%s/sessions/%s", session_host_places.run, id);
    const char *text = json_string(state, "expires");
    bool is_there;
    const struct keeper_place place = {.directory = directory, .unit = unit_of(state, CHANGE_KEEPER, &is_there)};
    bool runs = is_there && keeper_is_running(&place);
    time_t expires;

    if (text && clock_parse(text, &expires) == 0)
        json_set_number(state, "expires_in", (double)(expires - time(NULL)));
    json_set_string(state, "keeper", runs ? "running" : "gone");
    if (!runs && str_equal(json_string(state, "status"), "mounted"))
        add_problem(state, "nobody watches its end; unmount it in time");
}

/* A volume that was mounted need not be so any more: an unmount was stopped half-way, or a person was at work. */
static void check_volumes(const cJSON *volumes)
{
    cJSON *volume;

    cJSON_ArrayForEach(volume, volumes)
    {
        const char *where = json_string(volume, "mount_point");

        if (!where || is_mount_point(where))
            continue;
        cJSON_DeleteItemFromObjectCaseSensitive(volume, "mount_point");
        cJSON_DeleteItemFromObjectCaseSensitive(volume, "status");
        json_set_string(volume, "mount_point", NULL);
        json_set_string(volume, "status", "unmounted");
    }
}

/* How it is with one overlay; returns how much it may still come to take, in bytes. */
static double check_overlay(cJSON *state, cJSON *overlay)
{
    const char *name = json_string(overlay, "name"), *volume = json_string(overlay, "volume");
    _cleanup_error_ struct error *problem = NULL;
    struct overlay_usage usage = {0};

    if (!name || overlay_usage(name, NULL, &usage, &problem) < 0) {
        log_verbose("%s", problem ? problem->message : "an overlay without a name");
        return 0;
    }
    json_set_string(overlay, "status", overlay_state_name(usage.state));
    if (usage.state == OVERLAY_GOOD) {
        json_set_number(overlay, "used", (double)usage.used);
        return usage.total > usage.used ? (double)(usage.total - usage.used) : 0;
    }
    add_problem(state,
                "%s: the overlay that it needs to be readable is %s; unmount, and mount again with a larger "
                "--overlay-size or another --overlay-dir",
                volume ? volume : name, usage.state == OVERLAY_FULL ? "full" : "out of room on its disk");
    return 0;
}

/* An overlay that has run full takes nobody down but its own volume, and nothing but this tells of it. */
static void check_overlays(cJSON *state)
{
    const cJSON *overlays = json_array(state, "overlays");
    const char *directory = json_string(overlays ? overlays->child : NULL, "directory");
    struct statvfs vfs;
    double needed = 0, available;
    cJSON *overlay;

    cJSON_ArrayForEach(overlay, overlays) needed += check_overlay(state, overlay);
    if (!directory || statvfs(directory, &vfs) < 0)
        return;
    available = (double)vfs.f_bavail * (double)vfs.f_frsize;
    if (available < needed)
        add_problem(state,
                    "%s has %.0f MiB of room left, and the overlays there may come to need %.0f; make room, for once "
                    "there is none their volumes can't be read",
                    directory, available / MIB, needed / MIB);
}

static void check_place(cJSON *object, const char *place)
{
    const char *where = json_string(object, place);

    if (!where || is_mount_point(where))
        return;
    cJSON_DeleteItemFromObjectCaseSensitive(object, "status");
    json_set_string(object, "status", "unmounted");
}

/* The same for what is mounted in the guest's own trees. */
static void check_roots(const cJSON *roots)
{
    cJSON *root, *mount;

    cJSON_ArrayForEach(root, roots)
    {
        check_place(root, "directory");
        cJSON_ArrayForEach(mount, json_array(root, "mounts"))
        {
            check_place(mount, "mount_point");
        }
    }
}

/*
 * What the state file says holds for the moment it was written; whoever was at work may have been killed
 * since, and the tunnel with it.
 */
static void judge(cJSON *state, const char *id, bool locked)
{
    _cleanup_free_ char *run_state = str_printf("%s/sessions/%s/state.json", session_host_places.run, id);
    bool is_mounted = str_equal(json_string(state, "status"), "mounted");
    bool has_tunnel = access(run_state, F_OK) == 0 && check_tunnel(state, id);

    check_volumes(json_array(state, "volumes"));
    check_end(state, id);
    check_overlays(state);
    check_roots(json_array(state, "roots"));
    if (locked)
        set_status(state, "working", NULL);
    else if (session_is_foreign(state))
        set_status(state, "incomplete",
                   "made on another machine, of which this one is a copy perhaps; `azilr unmount` clears it away here, "
                   "and leaves that machine's access alone");
    else if (access(run_state, F_OK) < 0 && !str_equal(json_string(state, "status"), STATUS_PREPARING))
        set_status(state, "incomplete", "left from before this host was started; `azilr unmount` takes down the rest");
    else if (str_equal(json_string(state, "status"), STATUS_PREPARING) && session_has_expired(state, time(NULL), true))
        set_status(state, "incomplete",
                   "its access has ended while Azure prepared its disks; `azilr unmount` clears it away");
    else if (str_equal(json_string(state, "status"), STATUS_PREPARING))
        set_status(state, STATUS_PREPARING,
                   "Azure is preparing its disks; mounting it again goes on waiting, `azilr unmount` gives it up");
    else if (str_equal(json_string(state, "status"), STATUS_DETACHED))
        set_status(state, "incomplete",
                   "taken out of sight while it was in use; `azilr unmount` takes down the rest once nobody uses it");
    else if (!is_mounted)
        set_status(state, "incomplete", "left half-way; `azilr unmount` takes it down");
    else if (!has_tunnel)
        set_status(state, "broken", "its tunnel does not run any more; unmount it and mount it again");
}

static cJSON *damaged(const char *id, const struct error *problem)
{
    cJSON *state = json_new_object();

    json_set_string(state, "id", id);
    json_set_string(state, "status", "damaged");
    json_set_string(state, "problem", problem->message);
    return state;
}

int status_collect(cJSON *sessions, struct error **err)
{
    char **ids = NULL;
    size_t count = 0;

    if (session_list(&session_host_places, &ids, &count, err) < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        _cleanup_json_ cJSON *state = NULL;
        _cleanup_error_ struct error *problem = NULL;
        bool locked = false;

        if (session_peek(&session_host_places, ids[i], &state, &locked, &problem) < 0) {
            /* taken down between the list and the look */
            if (problem->code == EXIT_NOT_FOUND)
                continue;
            /* the others are shown all the same */
            json_append(sessions, damaged(ids[i], problem));
            continue;
        }
        judge(state, ids[i], locked);
        json_append(sessions, results_to_json(state));
    }
    session_list_free(ids, count);
    return 0;
}

static void print(const cJSON *sessions)
{
    const cJSON *state;

    if (cJSON_GetArraySize(sessions) == 0)
        puts("nothing is open on this host");
    cJSON_ArrayForEach(state, sessions)
    {
        if (state != sessions->child)
            puts("");
        results_print(state);
    }
}

int cmd_status(int argc, char **argv, struct error **err)
{
    _cleanup_json_ cJSON *document = json_new_object();
    cJSON *sessions = json_set_array(document, "sessions");
    _cleanup_options_ struct options options = {0};
    char **rest;
    int rest_count;

    if (options_parse(argc, argv, OPTIONS_STATUS, &options, &rest, &rest_count, err) < 0)
        return -1;
    if (options.help) {
        options_print_help("azilr status [OPTIONS]", OPTIONS_STATUS);
        return EXIT_DONE;
    }
    if (rest_count)
        return error_set(err, EXIT_USAGE, "status takes no argument");
    if (host_require_root("status", err) < 0 || status_collect(sessions, err) < 0)
        return -1;
    if (options.json) {
        _cleanup_free_ char *text = json_result(document);

        puts(text);
    } else {
        print(sessions);
    }
    return EXIT_DONE;
}
