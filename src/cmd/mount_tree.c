/* SPDX-License-Identifier: MIT */
/* The directories that a person browses: made, checked, and entered in the undo list. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/mount_run.h"
#include "cmd/teardown.h"
#include "session/host_lock.h"
#include "util/file.h"
#include "util/json.h"
#include "util/str.h"

static const char BASE[] = "/mnt/azilr";

int mount_tree_make(struct mount_run *run, const char *path, struct error **err)
{
    _cleanup_close_ int lock = host_lock(&session_host_places, &run->wait, err);

    if (lock < 0)
        return -1;
    if (access(path, F_OK) < 0 ||
        session_is_shared(&session_host_places, run->session, CHANGE_DIRECTORY, "path", path)) {
        cJSON *change = json_new_object();

        json_set_string(change, "path", path);
        if (session_will(run->session, CHANGE_DIRECTORY, change, true, err) < 0)
            return -1;
    }
    return file_make_private_dir(path, NULL, err);
}

/* --dir as an absolute path without symbolic links in its parent, which must be there. */
static char *resolve_directory(const char *given, struct error **err)
{
    _cleanup_free_ char *copy = str_dup(given);
    _cleanup_free_ char *parent = NULL;
    const char *name;
    char *slash;

    for (size_t length = strlen(copy); length > 1 && copy[length - 1] == '/'; length--)
        copy[length - 1] = '\0';
    slash = strrchr(copy, '/');
    name = slash ? slash + 1 : copy;
    if (*name == '\0' || str_equal(name, ".") || str_equal(name, "..")) {
        error_set(err, EXIT_USAGE, "--dir %s: name the directory itself", given);
        return NULL;
    }
    if (slash && slash != copy)
        *slash = '\0';
    parent = realpath(slash == copy ? "/" : slash ? copy : ".", NULL);
    if (!parent) {
        error_set_errno(err, EXIT_USAGE, errno, "--dir %s: the directory above it", given);
        return NULL;
    }
    return str_printf("%s/%s", str_equal(parent, "/") ? "" : parent, name);
}

/* Mounts are made by path. */
static int check_ancestors(const char *path, struct error **err)
{
    if (file_check_ancestors(path, err) == 0)
        return 0;
    return error_hint(err, "choose a place with --dir that only root can change");
}

static int check_empty(const char *path, struct error **err)
{
    _cleanup_closedir_ DIR *dir = opendir(path);
    struct dirent *entry;

    if (!dir)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot list %s", path);
    while ((entry = readdir(dir)))
        if (!str_equal(entry->d_name, ".") && !str_equal(entry->d_name, "..")) {
            error_set(err, EXIT_BUSY, "%s is not empty", path);
            return error_hint(err, "choose another place with --dir, or unmount what is there");
        }
    return 0;
}

/* One of the tree, for which there is another place. */
static int make_for_browsing(struct mount_run *run, const char *path, struct error **err)
{
    _cleanup_error_ struct error *problem = NULL;

    if (mount_tree_make(run, path, &problem) == 0)
        return 0;
    if (problem->code == EXIT_HOST)
        error_hint(&problem, "see who made it, and remove it, or choose another place with --dir");
    return error_move(err, &problem);
}

int mount_tree_begin(struct mount_run *run, char **volumes_directory, struct error **err)
{
    /* without symbolic links (/mnt is one on some systems), so that the path is what the mount table says */
    _cleanup_free_ char *given = resolve_directory(run->options->dir ? run->options->dir : BASE, err);

    if (!given || check_ancestors(given, err) < 0)
        return -1;
    if (run->options->dir) {
        run->directory = steal(given);
    } else {
        if (make_for_browsing(run, given, err) < 0)
            return -1;
        run->directory = str_printf("%s/%s", given, run->session->id);
    }
    mount_run_note(run, "directory", run->directory);
    if (make_for_browsing(run, run->directory, err) < 0 || check_empty(run->directory, err) < 0)
        return -1;
    *volumes_directory = str_printf("%s/volumes", run->directory);
    return make_for_browsing(run, *volumes_directory, err);
}
