/* SPDX-License-Identifier: MIT */
/* udev and its rules, the directories that azilr uses, and what earlier sessions have left. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "block/overlay.h"
#include "block/udev_rules.h"
#include "cmd/doctor.h"
#include "cmd/preparing.h"
#include "cmd/status.h"
#include "util/file.h"
#include "util/json.h"
#include "util/str.h"

#define MOUNTS_PARENT "/mnt"
static const char MOUNTS[] = MOUNTS_PARENT "/azilr";
/* the default of --overlay-size, of which one volume may take so much */
static const unsigned long long ENOUGH_FOR_OVERLAYS = 1ULL << 30;
/* a session's state takes a few KiB */
static const unsigned long long ENOUGH_FOR_STATE = 1ULL << 20;

void doctor_udev(struct doctor *doctor, struct doctor_findings *findings, struct wait *wait)
{
    _cleanup_free_ char *path = NULL;

    (void)wait;
    if (!udev_is_running()) {
        doctor_warn(findings, "udev", NULL, doctor_install(&doctor->release, PACKAGE_UDEV),
                    "does not run: nobody acts on new disks, but nobody names them either");
        doctor_skip(findings, "udev-rules", NULL, "udev does not run");
        return;
    }
    doctor_ok(findings, "udev", NULL, "runs");
    switch (udev_rules_examine("", &path)) {
    case UDEV_RULES_GOOD:
        doctor_ok(findings, "udev-rules", NULL, "are installed");
        return;
    case UDEV_RULES_COPIED:
    case UDEV_RULES_MISSING:
        doctor_warn(findings, "udev-rules", NULL, str_dup("install azilr with its rules (make install)"),
                    "are not installed; mount puts a copy in /run/udev/rules.d while a session lasts");
        return;
    case UDEV_RULES_OVERRIDDEN:
        doctor_fail(findings, "udev-rules", NULL, EXIT_HOST, str_printf("rm %s && udevadm control --reload", path),
                    "%s replaces the rules that keep LVM, md and automounters away from a backup's disks", path);
        return;
    case UDEV_RULES_OTHER:
        doctor_warn(findings, "udev-rules", NULL, str_dup("install azilr with its rules (make install)"),
                    "%s is of another version of azilr", path);
        return;
    }
}

/* The nearest directory above that there is; of an absolute path. The caller frees it. */
static char *nearest(const char *path)
{
    char *at = str_dup(path);
    char *slash;

    while (access(at, F_OK) < 0 && (slash = strrchr(at, '/')))
        slash[slash == at ? 1 : 0] = '\0';
    return at;
}

static void check_room(const char *check, const char *path, unsigned long long enough, const char *why,
                       struct doctor_findings *findings)
{
    _cleanup_free_ char *there = nearest(path);
    struct statvfs file_system;
    unsigned long long room;

    if (statvfs(there, &file_system) < 0) {
        doctor_skip(findings, check, path, "cannot look at %s: %s", there, strerror(errno));
        return;
    }
    room = (unsigned long long)file_system.f_bavail * file_system.f_frsize;
    if (file_system.f_flag & ST_RDONLY)
        doctor_fail(findings, check, path, EXIT_HOST, str_printf("mount -o remount,rw %s", there),
                    "the file system of %s is read-only", there);
    else if (room < enough)
        doctor_warn(findings, check, path, str_printf("make room on the file system of %s", there),
                    "%llu MiB are free: %s", room >> 20, why);
    else
        doctor_ok(findings, check, path, "%llu MiB are free", room >> 20);
}

/* What mount asks of the directory below which it mounts. */
static void check_mounts(struct doctor_findings *findings)
{
    _cleanup_free_ char *parent = realpath(MOUNTS_PARENT, NULL);
    _cleanup_free_ char *resolved = str_printf("%s/azilr", parent ? parent : MOUNTS_PARENT);
    _cleanup_error_ struct error *problem = NULL;
    struct stat status;

    if (!parent)
        doctor_fail(findings, "directory", MOUNTS, EXIT_HOST, str_printf("mkdir %s", MOUNTS_PARENT), "there is no %s",
                    MOUNTS_PARENT);
    else if (lstat(MOUNTS, &status) == 0 &&
             (!S_ISDIR(status.st_mode) || status.st_uid != 0 || (status.st_mode & (S_IWGRP | S_IWOTH))))
        doctor_fail(findings, "directory", MOUNTS, EXIT_HOST,
                    str_printf("mv %s %s.old, or mount with --dir", MOUNTS, MOUNTS),
                    "it is not a directory that only root can change");
    else if (file_check_ancestors(resolved, &problem) < 0)
        doctor_fail(findings, "directory", MOUNTS, EXIT_HOST, str_dup("mount with --dir below another directory"), "%s",
                    problem->message);
    else
        doctor_ok(findings, "directory", MOUNTS, "backups can be mounted below it");
}

void doctor_places(struct doctor *doctor, struct doctor_findings *findings, struct wait *wait)
{
    const char *overlays = doctor->options->overlay_dir ? doctor->options->overlay_dir : OVERLAY_DIRECTORY;

    (void)wait;
    check_room("space", overlays, ENOUGH_FOR_OVERLAYS,
               "replaying a journal may need up to 1 GiB; --overlay-dir names another place", findings);
    check_room("space", "/run/azilr", ENOUGH_FOR_STATE, "the state of a session is kept there", findings);
    check_room("space", "/var/lib/azilr", ENOUGH_FOR_STATE, "what survives a reboot is kept there", findings);
    check_mounts(findings);
}

static void judge_session(const cJSON *session, struct doctor_findings *findings)
{
    const char *id = json_string(session, "id"), *status = json_string(session, "status");
    const char *problem = json_string(session, "problem");

    if (str_equal(status, "mounted") || str_equal(status, "working") || str_equal(status, STATUS_PREPARING))
        doctor_ok(findings, "session", id, "%s%s%s", status, problem ? ": " : "", problem ? problem : "");
    else
        doctor_warn(findings, "session", id, str_printf("azilr unmount %s", id ? id : "--all"), "%s%s%s",
                    status ? status : "unknown", problem ? ": " : "", problem ? problem : "");
}

void doctor_sessions(struct doctor *doctor, struct doctor_findings *findings, struct wait *wait)
{
    _cleanup_json_ cJSON *sessions = json_new_array();
    _cleanup_error_ struct error *problem = NULL;
    const cJSON *session;

    (void)doctor;
    (void)wait;
    if (geteuid() != 0) {
        doctor_skip(findings, "session", NULL, "only root can see whether any is left over");
        return;
    }
    if (status_collect(sessions, &problem) < 0) {
        doctor_fail_by(findings, "session", NULL, problem);
        return;
    }
    if (cJSON_GetArraySize(sessions) == 0)
        doctor_ok(findings, "session", NULL, "none is open, and none is left over");
    cJSON_ArrayForEach(session, sessions) judge_session(session, findings);
}
