/* SPDX-License-Identifier: MIT */
/* Logging out as a step of a teardown, with a look at who would lose a disk by it, and cutting off a dead portal. */
#include <string.h>
#include <time.h>

#include "block/disks.h"
#include "block/read_loop.h"
#include "block/udev_rules.h"
#include "cmd/teardown-internal.h"
#include "iscsi/iscsiadm.h"
#include "iscsi/sysfs.h"
#include "mount/mounts.h"
#include "tunnel/daemon.h"
#include "util/clock.h"
#include "util/json.h"
#include "util/log.h"

/* A logout is one question and one answer; a portal that takes longer does not answer at all. */
static const int64_t LOGOUT_LIMIT_MS = 15 * 1000;
/* Once the connection is gone only iscsid and the kernel are still to be waited for. */
static const int64_t CUT_LIMIT_MS = 30 * 1000;
/* An end of the tunnel's time that has gone by whatever the clock says, and is not set anew. */
static const time_t LONG_AGO = 1;

/* Where the device is mounted, from itself or from a loop device in front of it; NULL if nowhere. The caller frees it.
 */
static char *mount_point_by(dev_t device)
{
    char *where = mount_point_of(device);
    dev_t loop = where ? 0 : read_loop_of(device);

    return loop ? mount_point_of(loop) : where;
}

/*
 * A disk that is still mounted somewhere, by a person's own hand perhaps, must not vanish under the mount. What is in
 * use out of this mount namespace's sight, or by LVM or md, shows when the disk is claimed.
 */
static int check_not_mounted(struct teardown *teardown, const char *session_path, struct error **err)
{
    _cleanup_disks_ struct disks disks = {0};

    if (disks_list(session_path, &disks, err) < 0)
        return -1;
    for (size_t i = 0; i < disks.count; i++) {
        const struct disk *disk = &disks.items[i];

        for (size_t j = 0; j <= disk->partition_count; j++) {
            const char *path = j ? disk->partitions[j - 1].path : disk->path;
            _cleanup_free_ char *where = mount_point_by(j ? disk->partitions[j - 1].device : disk->device);

            if (where) {
                error_set(err, EXIT_BUSY, "%s, a disk of this backup, is still mounted on %s", path, where);
                return error_hint(err, "umount %s, then unmount again", where);
            }
        }
        if (disk_is_claimed(disk->path, teardown->wait)) {
            error_set(err, EXIT_BUSY,
                      "%s, a disk of this backup, is in use: mounted in another mount namespace (a "
                      "container?), or by a loop device, LVM, md or device-mapper",
                      disk->path);
            return error_hint(err, "see `lsblk %s`, `losetup -l` and `grep %s /proc/*/mountinfo`, then unmount again",
                              disk->path, disk->path);
        }
    }
    return 0;
}

/*
 * After a cut the person's limit does not count: it may have gone by in waiting for the portal, and a session that is
 * left to iscsid without a portal goes on for ever.
 */
static int log_out(struct teardown *teardown, const char *target, const char *iface, struct error **err)
{
    struct wait bounded = *teardown->wait;
    int64_t end = clock_monotonic_ms() + (teardown->is_cut ? CUT_LIMIT_MS : LOGOUT_LIMIT_MS);

    if (teardown->is_cut || bounded.deadline_ms == 0 || end < bounded.deadline_ms)
        bounded.deadline_ms = end;
    return iscsi_logout(target, iface, &bounded, err);
}

int undo_login(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    const char *target = teardown_text(arguments, "target"), *iface = teardown_text(arguments, "iface");
    _cleanup_iscsi_session_ struct iscsi_session found = {0};
    _cleanup_error_ struct error *problem = NULL;
    int result = iscsi_find_session(target, iface, &found, err);

    if (result < 0)
        return -1;
    if (result == 0)
        return udev_sweep_marks(err);
    if (check_not_mounted(teardown, found.syspath, &problem) < 0) {
        if (teardown->way != TEARDOWN_BY_FORCE)
            return error_move(err, &problem);
        teardown_say_forced(teardown, "logged out although %s", problem->message);
        error_free(steal(problem));
    }
    result = log_out(teardown, target, iface, &problem);
    if (result < 0 && teardown_cut(teardown)) {
        error_free(steal(problem));
        result = log_out(teardown, target, iface, &problem);
    }
    if (result < 0)
        return error_move(err, &problem);
    if (result > 0)
        teardown_say(teardown, "logged out of %s", target);
    return udev_sweep_marks(err) < 0 ? -1 : result;
}

typedef void login_function(struct teardown *teardown, const char *target, const char *iface, int number, void *answer);

static void each_session(struct teardown *teardown, login_function *function, void *answer)
{
    const cJSON *change;

    cJSON_ArrayForEach(change, json_array(teardown->session->state, "undo"))
    {
        const cJSON *arguments = json_object(change, "arguments");
        const char *target = teardown_text(arguments, "target"), *iface = teardown_text(arguments, "iface");
        _cleanup_iscsi_session_ struct iscsi_session found = {0};

        if (strcmp(teardown_text(change, "kind"), CHANGE_LOGIN) == 0 &&
            iscsi_find_session(target, iface, &found, NULL) > 0)
            function(teardown, target, iface, found.number, answer);
    }
}

bool teardown_has_session(const struct teardown *teardown)
{
    const cJSON *change;

    cJSON_ArrayForEach(change, json_array(teardown->session->state, "undo"))
    {
        const cJSON *arguments = json_object(change, "arguments");
        _cleanup_iscsi_session_ struct iscsi_session found = {0};

        /* one that cannot be made out is one */
        if (strcmp(teardown_text(change, "kind"), CHANGE_LOGIN) == 0 &&
            iscsi_find_session(teardown_text(arguments, "target"), teardown_text(arguments, "iface"), &found, NULL) !=
                0)
            return true;
    }
    return false;
}

static void note_lost(struct teardown *teardown, const char *target, const char *iface, int number, void *answer)
{
    (void)teardown;
    (void)target;
    (void)iface;
    if (!iscsi_session_is_logged_in(number))
        *(bool *)answer = true;
}

bool teardown_connection_is_lost(const struct teardown *teardown)
{
    bool lost = false;

    each_session((struct teardown *)(uintptr_t)teardown, note_lost, &lost);
    return lost;
}

static void fail_soon(struct teardown *teardown, const char *target, const char *iface, int number, void *answer)
{
    (void)teardown;
    (void)target;
    (void)iface;
    (void)answer;
    iscsi_session_fail_soon(number);
}

/* The kernel fails what waits for the disks of a session that is being removed, however long the rest of it takes. */
static void log_out_dead(struct teardown *teardown, const char *target, const char *iface, int number, void *answer)
{
    _cleanup_error_ struct error *problem = NULL;

    (void)number;
    (void)answer;
    teardown_say_forced(teardown, "cut the connection to %s, which did not answer", target);
    if (log_out(teardown, target, iface, &problem) < 0)
        log_verbose("%s", problem->message);
}

/*
 * The connections end, and the port is kept: iscsid connects to it anew for as long as there is a session, and whatever
 * other user's process listened there instead would be the disks.
 */
static void end_relaying(struct teardown *teardown, const char *unit)
{
    const struct tunnel_place place = {.directory = teardown->session->directory, .unit = unit};
    _cleanup_error_ struct error *problem = NULL;
    struct tunnel_report report;

    if (tunnel_look(&place, &report) == TUNNEL_GONE)
        return;
    if (tunnel_extend(&place, LONG_AGO, &problem) < 0)
        log_verbose("%s", problem->message);
    else
        teardown_say_forced(teardown, "ended the tunnel's connections to a portal that did not answer");
}

bool teardown_cut(struct teardown *teardown)
{
    const cJSON *change;

    if (teardown->is_cut)
        return false;
    teardown->is_cut = true;
    each_session(teardown, fail_soon, NULL);
    cJSON_ArrayForEach(change, json_array(teardown->session->state, "undo"))
    {
        if (strcmp(teardown_text(change, "kind"), CHANGE_TUNNEL) == 0)
            end_relaying(teardown, json_string(json_object(change, "arguments"), "unit"));
    }
    each_session(teardown, log_out_dead, NULL);
    return true;
}
