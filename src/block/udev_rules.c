/* SPDX-License-Identifier: MIT */
#include "block/udev_rules.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "util/file.h"
#include "util/run.h"
#include "util/str.h"

#define PLACE "/run/udev/rules.d"

/* Both are needed: the first for what is stacked on the disks, the second for the disks. */
static const struct rules_file {
    const char *name;
    const char *placed;
    const char *text;
} FILES[] = {
    {
        "09-azilr-stacked.rules",
        PLACE "/09-azilr-stacked.rules",
#include "09-azilr-stacked.rules.inc"
    },
    {
        "56-azilr.rules",
        PLACE "/56-azilr.rules",
#include "56-azilr.rules.inc"
    },
};
static const size_t FILE_COUNT = sizeof(FILES) / sizeof(FILES[0]);

static const size_t MAX_RULES = (size_t)1 << 20;

/* the rules test for a file in here; the path stands in both */
static const char MARKS[] = "/run/azilr/iscsi";
enum { MARK_TRIES = 10 };

bool udev_is_running(void)
{
    return access("/run/udev/control", F_OK) == 0;
}

/* Where udev looks, what counts most first (udev(7)). */
static const char *const SOURCES[] = {"/etc/udev/rules.d", PLACE, "/usr/local/lib/udev/rules.d",
                                      "/usr/lib/udev/rules.d", "/lib/udev/rules.d"};
enum { SOURCE_COUNT = sizeof(SOURCES) / sizeof(SOURCES[0]), SOURCE_ETC = 0, SOURCE_RUN = 1 };

/* The first of udev's places that has the file, and which it is. The caller frees it; NULL if none has. */
static char *file_in_force(const char *root, const struct rules_file *file, size_t *place)
{
    for (size_t i = 0; i < SOURCE_COUNT; i++) {
        char *path = str_printf("%s%s/%s", root, SOURCES[i], file->name);
        struct stat st;

        *place = i;
        if (lstat(path, &st) == 0)
            return path;
        free(path);
    }
    return NULL;
}

static enum udev_rules_state examine_file(const char *root, const struct rules_file *file, char **path)
{
    size_t place;
    _cleanup_free_ char *found = file_in_force(root, file, &place);
    _cleanup_free_ char *text = NULL;

    if (!found)
        return UDEV_RULES_MISSING;
    /* a link to /dev/null, which is how a rule is switched off, reads as an empty file */
    if (file_read(found, MAX_RULES, &text, NULL, NULL) == 0 && str_equal(text, file->text))
        return place == SOURCE_RUN ? UDEV_RULES_COPIED : UDEV_RULES_GOOD;
    *path = steal(found);
    return place == SOURCE_ETC ? UDEV_RULES_OVERRIDDEN : UDEV_RULES_OTHER;
}

enum udev_rules_state udev_rules_examine(const char *root, char **path)
{
    enum udev_rules_state worst = UDEV_RULES_GOOD;

    *path = NULL;
    for (size_t i = 0; i < FILE_COUNT; i++) {
        _cleanup_free_ char *other = NULL;
        enum udev_rules_state state = examine_file(root, &FILES[i], &other);

        if (state <= worst)
            continue;
        worst = state;
        free(*path);
        *path = steal(other);
    }
    return worst;
}

int udev_rules_check(struct error **err)
{
    _cleanup_free_ char *path = NULL;

    if (!udev_is_running() || udev_rules_examine("", &path) != UDEV_RULES_OVERRIDDEN)
        return 0;
    error_set(err, EXIT_HOST, "%s replaces the rules that keep LVM, md and automounters away from a backup's disks",
              path);
    return error_hint(err, "rm %s && udevadm control --reload", path);
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
    if (mkdir(PLACE, 0755) < 0 && errno != EEXIST)
        return error_set_errno(err, EXIT_HOST, errno, "cannot make %s", PLACE);
    for (size_t i = 0; i < FILE_COUNT; i++)
        if (file_replace(FILES[i].placed, FILES[i].text, strlen(FILES[i].text), 0644, false, err) < 0)
            return -1;
    return reload(wait, err);
}

const char *udev_rules_path(void)
{
    return PLACE "/56-azilr.rules";
}

static int remove_if_empty(const char *path, struct error **err)
{
    if (rmdir(path) < 0 && errno != ENOENT && errno != ENOTEMPTY && errno != EEXIST)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot remove %s", path);
    return 0;
}

int udev_rules_remove(struct wait *wait, struct error **err)
{
    bool was_there = false;

    for (size_t i = 0; i < FILE_COUNT; i++) {
        if (unlink(FILES[i].placed) == 0)
            was_there = true;
        else if (errno != ENOENT)
            return error_set_errno(err, EXIT_FAILED, errno, "cannot remove %s", FILES[i].placed);
        file_remove_leftover(FILES[i].placed);
    }
    /* most hosts do not have this directory; with somebody else's rules in it, it stays */
    if (remove_if_empty(PLACE, err) < 0)
        return -1;
    if (!was_there)
        return 0;
    return reload(wait, err) < 0 ? -1 : 1;
}

/*
 * The rules import it as properties of the devices. The directory goes away with the last mark, which may be at this
 * very moment, by a session that ends: then it is made once more.
 */
static int write_mark(const char *path, const char *text, struct error **err)
{
    for (int tries = 0;; tries++) {
        _cleanup_error_ struct error *problem = NULL;

        if (file_make_private_dir(MARKS, NULL, err) < 0)
            return -1;
        if (file_replace(path, text, strlen(text), 0600, false, &problem) == 0)
            return 0;
        if (tries == MARK_TRIES || access(MARKS, F_OK) == 0)
            return error_move(err, &problem);
    }
}

static int remove_mark(const char *path, struct error **err)
{
    if (unlink(path) < 0 && errno != ENOENT)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot remove %s", path);
    file_remove_leftover(path);
    /* the last one leaves no empty directory behind */
    return remove_if_empty(MARKS, err);
}

int udev_mark_session(int session, const char *id, size_t target, struct error **err)
{
    _cleanup_free_ char *path = str_printf("%s/session%d", MARKS, session);
    _cleanup_free_ char *text = NULL;

    if (target)
        text = str_printf("AZILR_SESSION=%s\nAZILR_TARGET=target%zu-\n", id, target);
    else
        text = str_printf("AZILR_SESSION=%s\n", id);
    return write_mark(path, text, err);
}

int udev_unmark_session(int session, struct error **err)
{
    _cleanup_free_ char *path = str_printf("%s/session%d", MARKS, session);

    return remove_mark(path, err);
}

int udev_mark_stack(const char *tag, const char *id, struct error **err)
{
    _cleanup_free_ char *path = str_printf("%s/stack-%s", MARKS, tag);
    _cleanup_free_ char *text = str_printf("AZILR_SESSION=%s\n", id);

    return write_mark(path, text, err);
}

int udev_unmark_stack(const char *tag, struct error **err)
{
    _cleanup_free_ char *path = str_printf("%s/stack-%s", MARKS, tag);

    return remove_mark(path, err);
}

/* "session7", and "session7.new" of somebody who was killed while writing it; -1 for anything else. */
static int session_of_mark(const char *name)
{
    static const char prefix[] = "session", begun[] = ".new";
    size_t length = strlen(name) - (str_ends_with(name, begun) ? strlen(begun) : 0);
    _cleanup_free_ char *number = NULL;
    long session;

    if (!str_starts_with(name, prefix) || length <= strlen(prefix))
        return -1;
    number = str_ndup(name + strlen(prefix), length - strlen(prefix));
    return str_to_long(number, 0, INT_MAX, &session) < 0 ? -1 : (int)session;
}

int udev_sweep_marks(struct error **err)
{
    _cleanup_closedir_ DIR *dir = opendir(MARKS);
    struct dirent *entry;
    int result = 0;

    while (dir && (entry = readdir(dir))) {
        int session = session_of_mark(entry->d_name);
        _cleanup_free_ char *path = str_printf("/sys/class/iscsi_session/session%d", session);

        if (session < 0 || access(path, F_OK) == 0)
            continue;
        if (udev_unmark_session(session, result < 0 ? NULL : err) < 0)
            result = -1;
    }
    /* with no mark in it when its maker was killed */
    if (dir && result == 0)
        result = remove_if_empty(MARKS, err);
    return result;
}
