/* SPDX-License-Identifier: MIT */
#include "cmd/teardown-internal.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "block/udev_rules.h"
#include "cmd/in_use.h"
#include "cmd/keeper_service.h"
#include "cmd/provision.h"
#include "iscsi/discovery.h"
#include "iscsi/iscsiadm.h"
#include "iscsi/iscsid.h"
#include "iscsi/sysfs.h"
#include "mount/mounts.h"
#include "session/host_lock.h"
#include "tunnel/daemon.h"
#include "tunnel/unit.h"
#include "util/json.h"
#include "util/log.h"
#include "util/str.h"

/* With --lazy, users get so long to end before they are left to it. */
static const int64_t LAZY_WAIT_MS = 5 * 1000;

/* How far a failure to undo something reaches. */
enum reach {
    ALONE,     /* the rest can go */
    ALL_BELOW, /* whatever was made before it is still in use */
};

/* Each returns 1 if it undid something, 0 if there was nothing to undo, -1 with err set. */
typedef int undo_function(struct teardown *teardown, const cJSON *arguments, struct error **err);

const char *teardown_text(const cJSON *arguments, const char *name)
{
    const char *text = json_string(arguments, name);

    return text ? text : "";
}

static void tell(cJSON *list, const char *before, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));
static void tell(cJSON *list, const char *before, const char *format, va_list args)
{
    _cleanup_free_ char *text = str_vprintf(format, args);

    log_verbose("%s%s", before, text);
    if (list)
        json_append(list, cJSON_CreateString(text));
}

void teardown_say(struct teardown *teardown, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    tell(teardown->done, "", format, args);
    va_end(args);
}

void teardown_say_forced(struct teardown *teardown, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    tell(teardown->forced, "by force: ", format, args);
    va_end(args);
}

static int undo_directory(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    const char *path = teardown_text(arguments, "path");
    int result;

    /* another session may be about to put something in: the last one that has entered it takes it away */
    if (session_is_shared(&session_host_places, teardown->session, CHANGE_DIRECTORY, "path", path))
        return 0;
    result = *path ? remove_empty_directory(path, err) : 0;
    if (result == 0 && *path && access(path, F_OK) == 0)
        log_verbose("left %s, which is not empty", path);
    return result;
}

/* While the session is there its disks must stay marked: the mark then goes with the login. */
static int undo_udev_mark(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    int session = json_whole(arguments, "session", 0, INT_MAX, -1);

    (void)teardown;
    if (session < 0 || iscsi_session_is_of(session, teardown_text(arguments, "iface")))
        return 0;
    return udev_unmark_session(session, err);
}

static int undo_stack_mark(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    const char *tag = teardown_text(arguments, "tag");

    (void)teardown;
    return *tag ? udev_unmark_stack(tag, err) : 0;
}

static int undo_node(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    int result = iscsi_remove_node(teardown_text(arguments, "target"), teardown_text(arguments, "iface"),
                                   teardown->session->lock_fd, teardown->wait, err);

    if (result > 0)
        teardown_say(teardown, "removed the iSCSI node record of %s", teardown_text(arguments, "target"));
    return result;
}

static int undo_discovery(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    return iscsi_remove_discovery(teardown_text(arguments, "address"), json_whole(arguments, "port", 0, USHRT_MAX, 0),
                                  teardown->session->lock_fd, teardown->wait, err);
}

static int undo_iface(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    int result = iscsi_remove_iface(teardown_text(arguments, "iface"), teardown->session->lock_fd, teardown->wait, err);

    if (result > 0)
        teardown_say(teardown, "removed the iSCSI interface record %s", teardown_text(arguments, "iface"));
    return result;
}

/* The copy of the rules serves every session that has entered it; the last one takes it away. */
static int undo_udev_rules(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    if (session_is_shared(&session_host_places, teardown->session, CHANGE_UDEV_RULES, "path",
                          teardown_text(arguments, "path")))
        return 0;
    return udev_rules_remove(teardown->wait, err);
}

static int undo_iscsid(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    const char *unit = teardown_text(arguments, "unit");
    int result;

    /* another session that relies on it may not have logged in yet */
    if (session_is_shared(&session_host_places, teardown->session, CHANGE_ISCSID, "unit", unit))
        return 0;
    /* the host shuts down, and systemd stops it once this is through */
    if (*unit && unit_waits_to_stop(unit))
        return 0;
    result = iscsid_stop(unit, teardown->session->lock_fd, teardown->wait, err);
    if (result > 0)
        teardown_say(teardown, "stopped iscsid, which azilr had started");
    return result;
}

static int undo_tunnel(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    const struct tunnel_place place = {.directory = teardown->session->directory,
                                       .unit = json_string(arguments, "unit")};
    bool was_running = false;

    /* what would listen at its port then may be any user's process, and iscsid would connect to that */
    if (teardown_has_session(teardown)) {
        error_set(err, EXIT_FAILED, "the tunnel stays, because an iSCSI session that could not be ended relies on it");
        return error_hint(err, "`azilr unmount %s --force` tries again; `iscsiadm -m session` shows it",
                          teardown->session->id);
    }
    if (tunnel_stop(&place, &was_running, err) < 0)
        return -1;
    if (was_running)
        teardown_say(teardown, "stopped the tunnel");
    return was_running;
}

static int undo_keeper(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    const struct keeper_place place = {.directory = teardown->session->directory,
                                       .unit = json_string(arguments, "unit")};

    return keeper_stop(&place, err);
}

static int undo_registration(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    const char *expires = session_access_end(teardown->session->state);
    _cleanup_error_ struct error *problem = NULL;
    int result;

    if (teardown->keep_access) {
        teardown_say(teardown, "kept the access to the recovery point, which ends by itself %s%s",
                     expires ? "at " : "12 hours after it was given", expires ? expires : "");
        return 1;
    }
    /* that machine may be using it at this moment */
    if (session_is_foreign(teardown->session->state)) {
        teardown_say(teardown,
                     "left the access to the recovery point, which another machine has got (this one is a copy of it "
                     "perhaps); it ends by itself %s%s",
                     expires ? "at " : "12 hours after it was given", expires ? expires : "");
        return 1;
    }
    /* what is open there after that is somebody else's */
    if (session_has_expired(teardown->session->state, time(NULL) - PROVISION_CLOCK_MARGIN_S, false)) {
        teardown_say(teardown, "left the access to the recovery point, which has ended by itself at %s", expires);
        return 1;
    }
    result = teardown->revoke(teardown->argument, arguments, &problem);
    if (result < 0) {
        error_move(err, &problem);
        error_wrap(err, "access to the recovery point could not be revoked");
        return error_hint(err, "`azilr unmount %s` tries again; the access ends by itself 12 hours after it was given",
                          teardown->session->id);
    }
    teardown_say(teardown,
                 result == TEARDOWN_HAD_ENDED
                     ? "found no access to the recovery point that could be revoked: it had ended, or not come to be"
                     : "revoked the access to the recovery point");
    return 1;
}

static const struct {
    const char *kind;
    undo_function *undo;
    enum reach reach;
    bool is_shared; /* between sessions: nobody may come to rely on it while it is being undone */
} changes[] = {
    {CHANGE_MOUNT, undo_mount, ALL_BELOW, false},
    {CHANGE_BTRFS, undo_btrfs, ALL_BELOW, false},
    {CHANGE_DM_DEVICE, undo_dm_device, ALL_BELOW, false},
    {CHANGE_VOLUME_GROUP, undo_volume_group, ALL_BELOW, false},
    {CHANGE_ARRAY, undo_array, ALL_BELOW, false},
    {CHANGE_OVERLAY, undo_overlay, ALL_BELOW, false},
    {CHANGE_STACK_MARK, undo_stack_mark, ALONE, false},
    {CHANGE_DIRECTORY, undo_directory, ALONE, true},
    {CHANGE_UDEV_MARK, undo_udev_mark, ALONE, false},
    {CHANGE_LOGIN, undo_login, ALL_BELOW, false},
    {CHANGE_NODE, undo_node, ALONE, false},
    {CHANGE_DISCOVERY, undo_discovery, ALONE, false},
    {CHANGE_IFACE, undo_iface, ALONE, false},
    {CHANGE_UDEV_RULES, undo_udev_rules, ALONE, true},
    {CHANGE_ISCSID, undo_iscsid, ALONE, true},
    {CHANGE_KEEPER, undo_keeper, ALONE, false},
    {CHANGE_TUNNEL, undo_tunnel, ALONE, false},
    {CHANGE_REGISTRATION, undo_registration, ALONE, false},
};

static int index_of(const char *kind)
{
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++)
        if (str_equal(changes[i].kind, kind))
            return (int)i;
    return -1;
}

/* The first reason goes to the caller; the others must reach the person too. */
static void keep_first(struct error **first, struct error *next)
{
    if (!*first) {
        *first = next;
        return;
    }
    log_warning("%s", next->message);
    error_free(next);
}

/*
 * Once something that all below depends on could not be undone, only more of its own kind is tried: with one
 * volume in use the other volumes can go, but not the disks.
 */
static bool is_blocked(const char *blocker, const char *kind)
{
    return blocker && !str_equal(blocker, kind);
}

/*
 * Takes a change off the list. A state that cannot be saved (a full /run) must not stop the rest from going: at worst
 * the change is undone once more, which does nothing.
 */
static void strike(struct teardown *teardown, const cJSON *change)
{
    _cleanup_error_ struct error *problem = NULL;

    if (session_undone(teardown->session, change, &problem) < 0)
        log_warning("%s", problem->message);
}

/*
 * As long as something has not been undone, the directory that it is in cannot go, and iscsiadm makes those of its
 * records anew whenever it is asked: so they are removed once more the next time.
 */
static bool may_come_again(const char *kind, const struct error *first)
{
    return first && str_equal(kind, CHANGE_DIRECTORY);
}

static void set_status(struct teardown *teardown, const char *status)
{
    cJSON_DeleteItemFromObjectCaseSensitive(teardown->session->state, "status");
    json_set_string(teardown->session->state, "status", status);
}

/* What has not been begun when the time is over is left for the next time. */
static bool is_late(const struct teardown *teardown, struct error **err)
{
    struct wait time_only = WAIT_INIT;

    time_only.deadline_ms = teardown->wait->deadline_ms;
    if (wait_check(&time_only, NULL) == 0)
        return false;
    error_set(err, EXIT_NETWORK, "the time limit is over before all could be taken down");
    error_hint(err, "`azilr unmount %s` goes on with the rest", teardown->session->id);
    return true;
}

/*
 * Whether this change is left for another time: with users of a tree that is out of sight, all but what that tree was.
 */
static bool is_held(const struct teardown *teardown, const cJSON *change)
{
    const char *kind = teardown_text(change, "kind"), *top = json_string(teardown->session->state, "directory");
    const char *path = teardown_text(json_object(change, "arguments"), "path");

    if (str_equal(kind, CHANGE_MOUNT))
        return false;
    /* the tree itself, and what it is in */
    return !str_equal(kind, CHANGE_DIRECTORY) || !top || !*path ||
           !(str_starts_with(path, top) || str_starts_with(top, path));
}

static bool is_left(const struct teardown *teardown, const cJSON *change, const char *blocker, bool held)
{
    const char *kind = teardown_text(change, "kind");

    return is_blocked(blocker, kind) || (held && is_held(teardown, change)) ||
           (teardown->keep_access_as && str_equal(kind, CHANGE_REGISTRATION));
}

/*
 * Undoes one change and takes it off the list; `first` is what failed before it, if anything did. What fails for want
 * of an answer of the portal is tried once more without the portal; the mounts see to that by themselves.
 */
static void undo(struct teardown *teardown, const cJSON *change, const struct error *first, struct error **reason)
{
    int known = index_of(teardown_text(change, "kind"));
    const cJSON *arguments = json_object(change, "arguments");
    _cleanup_close_ int shared = -1;
    int result;

    if (known < 0) {
        error_set(reason, EXIT_FAILED, "the session's state names a change that this version does not know: \"%s\"",
                  teardown_text(change, "kind"));
        return;
    }
    if (changes[known].is_shared) {
        shared = host_lock(&session_host_places, teardown->wait, reason);
        if (shared < 0)
            return;
    }
    result = changes[known].undo(teardown, arguments, reason);
    if (result < 0 && changes[known].reach == ALL_BELOW && (*reason)->code != EXIT_BUSY &&
        teardown_connection_is_lost(teardown) && teardown_cut(teardown)) {
        error_free(steal(*reason));
        result = changes[known].undo(teardown, arguments, reason);
    }
    if (result >= 0 && !may_come_again(changes[known].kind, first))
        strike(teardown, change);
}

/* Undoes what is in the list, the newest first. Gives the first reason why something could not be; NULL if all could.
 */
static struct error *undo_list(struct teardown *teardown, bool held)
{
    const cJSON *change = session_last_change(teardown->session);
    struct error *first = NULL;
    const char *blocker = NULL;

    while (change) {
        const cJSON *next = session_change_before(teardown->session, change);
        int known = index_of(teardown_text(change, "kind"));
        struct error *reason = NULL;

        if (is_left(teardown, change, blocker, held)) {
            change = next;
            continue;
        }
        if (is_late(teardown, &reason)) {
            keep_first(&first, reason);
            break;
        }
        undo(teardown, change, first, &reason);
        if (reason) {
            if (teardown->way != TEARDOWN_BY_FORCE && (known < 0 || changes[known].reach == ALL_BELOW))
                blocker = known < 0 ? "" : changes[known].kind;
            keep_first(&first, reason);
        }
        change = next;
    }
    return first;
}

/* Takes the whole tree out of sight, and then waits for its users to end. EXIT_BUSY if they do not. */
static int detach_all(struct teardown *teardown, struct error **err)
{
    const cJSON *change = session_last_change(teardown->session);
    struct error *first = NULL;

    while (change) {
        const cJSON *next = session_change_before(teardown->session, change);
        struct error *reason = NULL;

        if (str_equal(teardown_text(change, "kind"), CHANGE_MOUNT))
            undo(teardown, change, NULL, &reason);
        if (reason)
            keep_first(&first, reason);
        change = next;
    }
    if (first)
        return error_move(err, &first);
    if (in_use_wait(teardown->session->state, LAZY_WAIT_MS, teardown->wait, err) == 0)
        return 0;
    set_status(teardown, STATUS_DETACHED);
    return error_hint(err, "the disks stay for them; once they have ended, `azilr unmount %s` takes down the rest",
                      teardown->session->id);
}

int teardown(struct teardown *teardown, struct error **err)
{
    struct error *first = NULL, *rest;

    /* saved with the first change that is undone: from then on it is not what it was */
    set_status(teardown, teardown->keep_access_as ? teardown->keep_access_as : "unmounting");
    if (teardown->way == TEARDOWN_LAZILY)
        detach_all(teardown, &first);
    rest = undo_list(teardown, first != NULL);
    if (rest)
        keep_first(&first, rest);
    if (!first && teardown->keep_access_as && session_last_change(teardown->session))
        return session_save(teardown->session, err);
    if (!first && session_remove(teardown->session, &first) == 0)
        return 0;
    session_save(teardown->session, NULL);
    return error_move(err, &first);
}
