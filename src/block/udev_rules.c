/* SPDX-License-Identifier: MIT */
#include "block/udev_rules.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "util/file.h"
#include "util/run.h"
#include "util/str.h"

static const char RULES[] =
#include "udev_rules.inc"
    ;

static const char PLACED[] = "/run/udev/rules.d/56-azilr.rules";
/* the rules test for a file in here; the path stands in udev/56-azilr.rules too */
static const char MARKS[] = "/run/azilr/iscsi";

bool udev_is_running(void)
{
    return access("/run/udev/control", F_OK) == 0;
}

bool udev_rules_are_installed(void)
{
    static const char *const places[] = {"/etc/udev/rules.d", "/usr/local/lib/udev/rules.d", "/usr/lib/udev/rules.d",
                                         "/lib/udev/rules.d"};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        _cleanup_free_ char *path = str_printf("%s/56-azilr.rules", places[i]);

        if (access(path, R_OK) == 0)
            return true;
    }
    return false;
}

static int reload(struct wait *wait, struct error **err)
{
    const char *const argv[] = {"udevadm", "control", "--reload", NULL};

    if (!udev_is_running())
        return 0;
    if (run_checked(argv, NULL, wait, err) < 0)
        return error_wrap(err, "cannot have udev read its rules again");
    return 0;
}

int udev_rules_place(struct wait *wait, struct error **err)
{
    if (mkdir("/run/udev/rules.d", 0755) < 0 && errno != EEXIST)
        return error_set_errno(err, EXIT_HOST, errno, "cannot make /run/udev/rules.d");
    if (file_replace(PLACED, RULES, sizeof(RULES) - 1, 0644, false, err) < 0)
        return -1;
    return reload(wait, err);
}

const char *udev_rules_path(void)
{
    return PLACED;
}

int udev_rules_remove(struct wait *wait, struct error **err)
{
    bool was_there = unlink(PLACED) == 0;

    if (!was_there && errno != ENOENT)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot remove %s", PLACED);
    file_remove_leftover(PLACED);
    /* most hosts do not have this directory; with somebody else's rules in it, it stays */
    rmdir("/run/udev/rules.d");
    if (!was_there)
        return 0;
    return reload(wait, err) < 0 ? -1 : 1;
}

int udev_mark_session(int session, struct error **err)
{
    _cleanup_free_ char *path = str_printf("%s/session%d", MARKS, session);
    _cleanup_close_ int fd = -1;

    if (file_make_private_dir(MARKS, NULL, err) < 0)
        return -1;
    fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot make %s", path);
    return 0;
}

int udev_unmark_session(int session, struct error **err)
{
    _cleanup_free_ char *path = str_printf("%s/session%d", MARKS, session);

    if (unlink(path) < 0 && errno != ENOENT)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot remove %s", path);
    /* the last one leaves no empty directory behind */
    rmdir(MARKS);
    return 0;
}

int udev_sweep_marks(struct error **err)
{
    _cleanup_closedir_ DIR *dir = opendir(MARKS);
    struct dirent *entry;
    int result = 0;

    while (dir && (entry = readdir(dir))) {
        _cleanup_free_ char *session = str_printf("/sys/class/iscsi_session/%s", entry->d_name);
        long number;

        if (!str_starts_with(entry->d_name, "session") ||
            str_to_long(entry->d_name + strlen("session"), 0, INT_MAX, &number) < 0 || access(session, F_OK) == 0)
            continue;
        if (udev_unmark_session((int)number, result < 0 ? NULL : err) < 0)
            result = -1;
    }
    return result;
}
