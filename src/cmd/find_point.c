/* SPDX-License-Identifier: MIT */
/* Which recovery point `azilr mount` is to open. */
#include <string.h>
#include <time.h>

#include "azure/backup.h"
#include "cmd/find_item.h"
#include "cmd/mount_run.h"
#include "cmd/point_text.h"
#include "session/session.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/str.h"
#include "util/when.h"

/*
 * With --at the service is asked for the four weeks before first, which is where the point mostly is. Longer ranges
 * have come back empty (Azure/azure-powershell issues 10102 and 11693), so all points are listed where that gives none.
 * The day behind absorbs what little the service's idea of the end may differ.
 */
static const time_t WINDOW_BEFORE = 28 * 24L * 60 * 60, WINDOW_AFTER = 24L * 60 * 60;

static bool is_id(const char *text)
{
    return text && text[0] == '/';
}

int find_point_check(struct mount_run *run, struct error **err)
{
    const struct options *options = run->options;
    bool by_id = is_id(run->what) || is_id(options->point);

    if (!run->what && !options->point && !options->item && !options->container)
        return error_set(err, EXIT_USAGE, "no VM or recovery point is named");
    if (options->at && options->point)
        return error_set(err, EXIT_USAGE, "--at and --point (--rp-name) exclude each other");
    if (is_id(run->what) && (options->at || options->point))
        return error_set(err, EXIT_USAGE, "a recovery point's id goes neither with --at nor with --point (--rp-name)");
    if (options->point && !by_id && strchr(options->point, '/'))
        return error_set(err, EXIT_USAGE, "--point takes a recovery point's name, or its ARM id from \"/\" on");
    if (options->point && !by_id && !run->what && !options->item && !options->container)
        return error_set(err, EXIT_USAGE, "a recovery point's name needs the VM's name beside it");
    if (options->at && when_parse(options->at, time(NULL), &run->at, err) < 0)
        return error_wrap(err, "--at");
    return 0;
}

/* An id says all; a VM beside it must be the same one. */
static int get_by_id(struct mount_run *run, const char *id, struct recovery_point *point, struct error **err)
{
    if (backup_get_point(run->access.arm, id, point, err) < 0)
        return -1;
    if (!run->what || run->what == id || find_name_means(run->what, point->id.item, point->id.vm_name))
        return 0;
    error_set(err, EXIT_USAGE, "the recovery point that --point names is of %s, not of %s", point->id.vm_name,
              run->what);
    recovery_point_clear(point);
    return -1;
}

static int get_by_name(struct mount_run *run, const struct backup_item *item, const char *name,
                       struct recovery_point *point, struct error **err)
{
    _cleanup_free_ char *id = str_printf("%s/recoveryPoints/%s", item->id.text, name);

    if (backup_get_point_of(run->access.arm, item, id, point, err) < 0)
        return error_hint(err, "`azilr list points %s` shows the recovery points that there are", item->name);
    return 0;
}

/* The newest, or that at or before --at; points are sorted. */
static struct recovery_point *pick(const struct mount_run *run, const struct recovery_points *points)
{
    for (size_t i = 0; i < points->count; i++)
        if (!run->options->at || points->list[i].time <= run->at)
            return &points->list[i];
    return NULL;
}

static int no_point(const struct mount_run *run, const struct backup_item *item, const struct recovery_points *points,
                    struct error **err)
{
    const struct recovery_point *oldest = points->list ? &points->list[points->count - 1] : NULL;
    char taken[WHEN_TEXT_SIZE], asked[WHEN_TEXT_SIZE];

    if (!oldest) {
        error_set(err, EXIT_NOT_FOUND, "%s has no recovery point in vault %s", item->name, item->id.vault);
        return error_hint(err, "its first backup may not have run yet");
    }
    error_set(err, EXIT_NOT_FOUND, "%s has no recovery point at or before %s: the oldest of its %zu is of %s",
              item->name, when_format_local(run->at, asked), points->count, when_format_local(oldest->time, taken));
    return error_hint(err, "`azilr list points %s` shows them", item->name);
}

static int choose(struct mount_run *run, const struct backup_item *item, struct recovery_point *point,
                  struct error **err)
{
    _cleanup_recovery_points_ struct recovery_points points = {0};
    struct recovery_point *chosen = NULL;

    /* a moment to come asks for the newest, which nobody knows the time of */
    if (run->options->at && run->at <= time(NULL)) {
        time_t from = run->at > WINDOW_BEFORE ? run->at - WINDOW_BEFORE : 0;

        if (backup_list_points(run->access.arm, item, from, run->at + WINDOW_AFTER, &points, err) < 0)
            return -1;
        chosen = pick(run, &points);
    }
    if (!chosen) {
        recovery_points_clear(&points);
        if (backup_list_points(run->access.arm, item, 0, 0, &points, err) < 0)
            return -1;
        chosen = pick(run, &points);
    }
    if (!chosen)
        return no_point(run, item, &points, err);
    /* a list need not say whether a session is active, and may be older than the point's own document */
    return backup_get_point_of(run->access.arm, item, chosen->id.text, point, err);
}

/*
 * Without a choice of a point, what is being prepared comes before the newest: since that mount, a backup may have run,
 * and every point that is opened is prepared from the start. Returns 1 if there is such a point, 0 if not, or -1.
 */
static int take_up(struct mount_run *run, const struct backup_item *item, struct recovery_point *point,
                   struct error **err)
{
    _cleanup_preparing_ struct preparing found = {0};
    _cleanup_error_ struct error *problem = NULL;
    char taken[CLOCK_TEXT_SIZE];

    if (!preparing_find(&session_host_places, item->id.text, &found))
        return 0;
    if (found.locked) {
        error_set(err, EXIT_BUSY, "another azilr is at work on session %s, whose disks Azure is preparing",
                  found.session);
        return error_hint(err, "wait for it, or open the newest recovery point besides: --at now");
    }
    if (backup_get_point(run->access.arm, found.point, point, &problem) < 0) {
        if (problem->code != EXIT_NOT_FOUND)
            return error_move(err, &problem);
        log_warning("session %s: its recovery point is gone; `azilr unmount %s` clears it away", found.session,
                    found.session);
        return 0;
    }
    log_info("an earlier mount of %s has had Azure prepare the recovery point of %s: taking that up (session %s); to "
             "open the newest one instead, give --at now, or --point ID",
             item->name, clock_format(point->time, taken), found.session);
    return 1;
}

static int find(struct mount_run *run, struct recovery_point *point, struct error **err)
{
    const struct options *options = run->options;
    _cleanup_backup_item_ struct backup_item item = {0};
    int taken_up = 0;

    if (is_id(run->what))
        return get_by_id(run, run->what, point, err);
    if (is_id(options->point))
        return get_by_id(run, options->point, point, err);
    if (find_item(run->access.arm, options, run->what, &item, err) < 0)
        return -1;
    if (options->point)
        return get_by_name(run, &item, options->point, point, err);
    if (!options->at)
        taken_up = take_up(run, &item, point, err);
    return taken_up ? (taken_up < 0 ? -1 : 0) : choose(run, &item, point, err);
}

int find_point(struct mount_run *run, struct recovery_point *point, struct error **err)
{
    char text[WHEN_TEXT_SIZE], taken[CLOCK_TEXT_SIZE];
    _cleanup_free_ char *age = NULL;

    memset(point, 0, sizeof(*point));
    if (run->options->at)
        progress_begin(&run->progress, "Finding the newest recovery point at or before %s",
                       when_format_local(run->at, text));
    else
        progress_begin(&run->progress, "Finding the recovery point");
    if (find(run, point, err) < 0)
        return -1;
    age = point_age(point->time, time(NULL));
    progress_end(&run->progress, "%s of %s, %s", point->id.vm_name, clock_format(point->time, taken), age);
    return point_check_openable(point, err);
}
