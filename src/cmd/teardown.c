/* SPDX-License-Identifier: MIT */
#include "cmd/teardown.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "block/disks.h"
#include "block/dm.h"
#include "block/overlay.h"
#include "block/udev_rules.h"
#include "cmd/keeper_service.h"
#include "iscsi/discovery.h"
#include "iscsi/iscsiadm.h"
#include "iscsi/iscsid.h"
#include "iscsi/sysfs.h"
#include "mount/mounts.h"
#include "tunnel/daemon.h"
#include "util/json.h"
#include "util/log.h"
#include "util/str.h"
#include "volume/btrfs.h"
#include "volume/lvm.h"
#include "volume/md.h"

/* So long past its end an access is gone for certain, whatever the clocks. */
static const time_t CLOCK_MARGIN_S = 10 * 60;

/* How far a failure to undo something reaches. */
enum reach {
    ALONE,     /* the rest can go */
    ALL_BELOW, /* whatever was made before it is still in use */
};

/* Each returns 1 if it undid something, 0 if there was nothing to undo, -1 with err set. */
typedef int undo_function(struct teardown *teardown, const cJSON *arguments, struct error **err);

/* The arguments come from our own file, but a file can be damaged: what is missing must not become a null
 * pointer. */
static const char *text_of(const cJSON *arguments, const char *name)
{
    const char *text = json_string(arguments, name);

    return text ? text : "";
}

static void say(struct teardown *teardown, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void say(struct teardown *teardown, const char *format, ...)
{
    _cleanup_free_ char *text = NULL;
    va_list args;

    va_start(args, format);
    text = str_vprintf(format, args);
    va_end(args);
    log_verbose("%s", text);
    if (teardown->done)
        json_append(teardown->done, cJSON_CreateString(text));
}

static dev_t device_of(const cJSON *object)
{
    return makedev((unsigned)json_whole(object, "major", 0, INT_MAX, 0),
                   (unsigned)json_whole(object, "minor", 0, INT_MAX, 0));
}

static int undo_mount(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    const char *directory = text_of(arguments, "directory");
    const cJSON *companions = json_array(arguments, "companions"), *companion;
    _cleanup_free_ dev_t *devices = xcalloc((size_t)cJSON_GetArraySize(companions) + 1, sizeof(*devices));
    size_t count = 0;
    int result;

    devices[count++] = device_of(arguments);
    cJSON_ArrayForEach(companion, companions) devices[count++] = device_of(companion);
    result = unmount_device(directory, devices, count, err);
    if (result > 0)
        say(teardown, "unmounted %s", directory);
    return result;
}

/* What the kernel remembers of a btrfs's devices it would look for again with the host's own. */
static int undo_btrfs(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    const cJSON *device;

    (void)teardown;
    cJSON_ArrayForEach(device, json_array(arguments, "devices"))
    {
        if (cJSON_IsString(device) && btrfs_forget(device->valuestring, err) < 0)
            return -1;
    }
    return 0;
}

/* As dm_remove(), which needs no answer of the disks below. */
static int undo_overlay(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    const char *name = text_of(arguments, "name"), *store = text_of(arguments, "store");
    int result = overlay_remove(name, teardown->session->lock_fd, teardown->wait, err);

    if (result < 0)
        return -1;
    /* its file has a name only for the moment in which it is made */
    if (overlay_is_store(store) && unlink(store) < 0 && errno != ENOENT)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot remove %s", store);
    return result;
}

static int undo_dm_device(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    return dm_remove(text_of(arguments, "name"), teardown->session->lock_fd, teardown->wait, err);
}

/* By device-mapper rather than LVM, which would have to read the disks. */
static int undo_volume_group(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    const char *prefix = text_of(arguments, "prefix");
    int result = *prefix ? dm_remove_all(prefix, DM_KEEP_USED, teardown->session->lock_fd, teardown->wait, err) : 0;

    if (result > 0)
        say(teardown, "deactivated the backup's volume group, which was called %s here", text_of(arguments, "name"));
    if (result >= 0)
        lvm_remove_copies("/etc/lvm", text_of(arguments, "name"));
    return result;
}

static int undo_array(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    int result = md_stop(text_of(arguments, "name"), teardown->wait, err);

    if (result > 0)
        say(teardown, "stopped the backup's array, which was called %s here", text_of(arguments, "name"));
    return result;
}

static int undo_directory(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    const char *path = text_of(arguments, "path");
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
    if (session < 0 || iscsi_session_is_of(session, text_of(arguments, "iface")))
        return 0;
    return udev_unmark_session(session, err);
}

static int undo_stack_mark(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    const char *tag = text_of(arguments, "tag");

    (void)teardown;
    return *tag ? udev_unmark_stack(tag, err) : 0;
}

/*
 * A disk that is still mounted somewhere, by a person's own hand perhaps, must not vanish under the mount. What is in
 * use out of this mount namespace's sight, or by LVM or md, shows when the disk is claimed.
 */
static int check_not_mounted(const char *session_path, bool is_logged_in, struct error **err)
{
    _cleanup_disks_ struct disks disks = {0};

    if (disks_list(session_path, &disks, err) < 0)
        return -1;
    for (size_t i = 0; i < disks.count; i++) {
        const struct disk *disk = &disks.items[i];

        for (size_t j = 0; j <= disk->partition_count; j++) {
            const char *path = j ? disk->partitions[j - 1].path : disk->path;
            _cleanup_free_ char *where = mount_point_of(j ? disk->partitions[j - 1].device : disk->device);

            if (where) {
                error_set(err, EXIT_BUSY, "%s, a disk of this backup, is still mounted on %s", path, where);
                return error_hint(err, "umount %s, then unmount again", where);
            }
        }
        if (is_logged_in && disk_is_claimed(disk->path)) {
            error_set(err, EXIT_BUSY,
                      "%s, a disk of this backup, is in use: mounted in another mount namespace (a "
                      "container?), or by LVM, md or device-mapper",
                      disk->path);
            return error_hint(err, "see `lsblk %s` and `grep %s /proc/*/mountinfo`, then unmount again", disk->path,
                              disk->path);
        }
    }
    return 0;
}

static int undo_login(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    const char *target = text_of(arguments, "target"), *iface = text_of(arguments, "iface");
    _cleanup_iscsi_session_ struct iscsi_session found = {0};
    int result = iscsi_find_session(target, iface, &found, err);

    if (result < 0)
        return -1;
    if (result == 0)
        return udev_sweep_marks(err);
    if (check_not_mounted(found.syspath, iscsi_session_is_logged_in(found.number), err) < 0)
        return -1;
    result = iscsi_logout(target, iface, teardown->wait, err);
    if (result > 0)
        say(teardown, "logged out of %s", target);
    return result < 0 || udev_sweep_marks(err) < 0 ? -1 : result;
}

static int undo_node(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    int result = iscsi_remove_node(text_of(arguments, "target"), text_of(arguments, "iface"), teardown->wait, err);

    if (result > 0)
        say(teardown, "removed the iSCSI node record of %s", text_of(arguments, "target"));
    return result;
}

static int undo_discovery(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    return iscsi_remove_discovery(text_of(arguments, "address"), json_whole(arguments, "port", 0, USHRT_MAX, 0),
                                  teardown->wait, err);
}

static int undo_iface(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    int result = iscsi_remove_iface(text_of(arguments, "iface"), teardown->wait, err);

    if (result > 0)
        say(teardown, "removed the iSCSI interface record %s", text_of(arguments, "iface"));
    return result;
}

/* The copy of the rules serves every session that has entered it; the last one takes it away. */
static int undo_udev_rules(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    if (session_is_shared(&session_host_places, teardown->session, CHANGE_UDEV_RULES, "path",
                          text_of(arguments, "path")))
        return 0;
    return udev_rules_remove(teardown->wait, err);
}

static int undo_iscsid(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    const char *unit = text_of(arguments, "unit");
    int result;

    /* another session that relies on it may not have logged in yet */
    if (session_is_shared(&session_host_places, teardown->session, CHANGE_ISCSID, "unit", unit))
        return 0;
    result = iscsid_stop(unit, teardown->wait, err);
    if (result > 0)
        say(teardown, "stopped iscsid, which azilr had started");
    return result;
}

static int undo_tunnel(struct teardown *teardown, const cJSON *arguments, struct error **err)
{
    const struct tunnel_place place = {.directory = teardown->session->directory,
                                       .unit = json_string(arguments, "unit")};
    bool was_running = false;

    if (tunnel_stop(&place, &was_running, err) < 0)
        return -1;
    if (was_running)
        say(teardown, "stopped the tunnel");
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
    const char *expires = json_string(teardown->session->state, "expires");
    _cleanup_error_ struct error *problem = NULL;

    if (teardown->keep_access) {
        say(teardown, "kept the access to the recovery point, which ends by itself %s%s",
            expires ? "at " : "12 hours after it was given", expires ? expires : "");
        return 1;
    }
    /* what is open there after that is somebody else's */
    if (session_has_expired(teardown->session->state, time(NULL) - CLOCK_MARGIN_S, false)) {
        say(teardown, "left the access to the recovery point, which has ended by itself at %s", expires);
        return 1;
    }
    if (teardown->revoke(teardown->argument, arguments, &problem) < 0) {
        error_move(err, &problem);
        error_wrap(err, "access to the recovery point could not be revoked");
        return error_hint(err, "`azilr unmount %s` tries again; the access ends by itself 12 hours after it was given",
                          teardown->session->id);
    }
    say(teardown, "revoked the access to the recovery point");
    return 1;
}

static const struct {
    const char *kind;
    undo_function *undo;
    enum reach reach;
} changes[] = {
    {CHANGE_MOUNT, undo_mount, ALL_BELOW},
    {CHANGE_BTRFS, undo_btrfs, ALL_BELOW},
    {CHANGE_DM_DEVICE, undo_dm_device, ALL_BELOW},
    {CHANGE_VOLUME_GROUP, undo_volume_group, ALL_BELOW},
    {CHANGE_ARRAY, undo_array, ALL_BELOW},
    {CHANGE_OVERLAY, undo_overlay, ALL_BELOW},
    {CHANGE_STACK_MARK, undo_stack_mark, ALONE},
    {CHANGE_DIRECTORY, undo_directory, ALONE},
    {CHANGE_UDEV_MARK, undo_udev_mark, ALONE},
    {CHANGE_LOGIN, undo_login, ALL_BELOW},
    {CHANGE_NODE, undo_node, ALONE},
    {CHANGE_DISCOVERY, undo_discovery, ALONE},
    {CHANGE_IFACE, undo_iface, ALONE},
    {CHANGE_UDEV_RULES, undo_udev_rules, ALONE},
    {CHANGE_ISCSID, undo_iscsid, ALONE},
    {CHANGE_KEEPER, undo_keeper, ALONE},
    {CHANGE_TUNNEL, undo_tunnel, ALONE},
    {CHANGE_REGISTRATION, undo_registration, ALONE},
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

int teardown(struct teardown *teardown, struct error **err)
{
    const cJSON *change = session_last_change(teardown->session);
    struct error *first = NULL;
    const char *blocker = NULL;

    /* saved with the first change that is undone: from then on it is not what it was */
    cJSON_DeleteItemFromObjectCaseSensitive(teardown->session->state, "status");
    json_set_string(teardown->session->state, "status",
                    teardown->keep_access_as ? teardown->keep_access_as : "unmounting");
    while (change) {
        const cJSON *next = session_change_before(teardown->session, change);
        const char *kind = text_of(change, "kind");
        int known = index_of(kind);
        struct error *reason = NULL;

        if (is_blocked(blocker, kind) || (teardown->keep_access_as && str_equal(kind, CHANGE_REGISTRATION))) {
            change = next;
            continue;
        }
        if (is_late(teardown, &reason)) {
            keep_first(&first, reason);
            break;
        }
        if (known < 0)
            error_set(&reason, EXIT_FAILED,
                      "the session's state names a change that this version does not know: \"%s\"", kind);
        else if (changes[known].undo(teardown, json_object(change, "arguments"), &reason) >= 0)
            strike(teardown, change);
        if (reason) {
            if (known < 0 || changes[known].reach == ALL_BELOW)
                blocker = known < 0 ? "" : changes[known].kind;
            keep_first(&first, reason);
        }
        change = next;
    }
    if (!first && teardown->keep_access_as && session_last_change(teardown->session))
        return session_save(teardown->session, err);
    if (!first && session_remove(teardown->session, &first) == 0)
        return 0;
    return error_move(err, &first);
}
