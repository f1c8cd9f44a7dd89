/* SPDX-License-Identifier: MIT */
/*
 * Mounts as users, in all mount namespaces. What another namespace has on the very same directory is no user: it goes
 * with the directory, or is told by propagation (Linux, Documentation/filesystems/sharedsubtree.rst), if no process
 * uses it.
 */
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <libmount/libmount.h>

#include "mount/users-internal.h"
#include "util/str.h"

DEFINE_CLEANUP(cleanup_table_ptr, struct libmnt_table *, mnt_unref_table);
DEFINE_CLEANUP(cleanup_iterator_ptr, struct libmnt_iter *, mnt_free_iter);
#define _cleanup_table_ _cleanup_(cleanup_table_ptr)
#define _cleanup_iterator_ _cleanup_(cleanup_iterator_ptr)

/* A list of texts; looked through from end to end, for none is long. */
struct texts {
    char **items;
    size_t count;
};

static bool texts_have(const struct texts *texts, const char *text)
{
    for (size_t i = 0; i < texts->count; i++)
        if (str_equal(texts->items[i], text))
            return true;
    return false;
}

static void texts_add(struct texts *texts, const char *text)
{
    texts->items = xgrow(texts->items, texts->count, sizeof(*texts->items));
    texts->items[texts->count++] = str_dup(text);
}

static void texts_clear(struct texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        free(texts->items[i]);
    free(texts->items);
}

struct look {
    const struct users_search *search;
    struct grounds *grounds;
    cJSON *users;
    struct texts places; /* directories that known mounts, and those told of already, are on */
};

/* A btrfs has a number of no device, and one of its devices for its source. */
static bool is_ours(const struct look *look, struct libmnt_fs *fs)
{
    const char *source = mnt_fs_get_srcpath(fs);
    struct stat st;

    if (numbers_have(&look->grounds->supers, mnt_fs_get_devno(fs)))
        return true;
    return major(mnt_fs_get_devno(fs)) == 0 && source && str_starts_with(source, "/dev/") && stat(source, &st) == 0 &&
           S_ISBLK(st.st_mode) && numbers_have(&look->grounds->supers, st.st_rdev);
}

static struct libmnt_fs *parent_of(struct libmnt_table *table, struct libmnt_fs *fs)
{
    _cleanup_iterator_ struct libmnt_iter *iterator = mnt_new_iter(MNT_ITER_FORWARD);
    struct libmnt_fs *other = NULL;

    while (iterator && mnt_table_next_fs(table, iterator, &other) == 0)
        if (mnt_fs_get_id(other) == mnt_fs_get_parent_id(fs) && other != fs)
            return other;
    return NULL;
}

/*
 * The directory that a mount is on, in words that are the same in all namespaces: the number of the file system that
 * holds it, and the path in that. The caller frees it.
 */
static char *place_of(struct libmnt_table *table, struct libmnt_fs *fs)
{
    struct libmnt_fs *parent = parent_of(table, fs);
    const char *target = mnt_fs_get_target(fs), *above = parent ? mnt_fs_get_target(parent) : NULL;
    const char *root = parent ? mnt_fs_get_root(parent) : NULL;
    size_t length = above ? strlen(above) : 0;

    if (!root || !target || !str_starts_with(target, above))
        return str_printf("? %s", target ? target : "");
    if (length == 1)
        length = 0;
    return str_printf("%u:%u %s%s", major(mnt_fs_get_devno(parent)), minor(mnt_fs_get_devno(parent)),
                      str_equal(root, "/") ? "" : root, target + length);
}

static bool is_known_directory(const struct users_search *search, const char *target)
{
    for (size_t i = 0; i < search->directory_count; i++)
        if (str_equal(search->directories[i], target))
            return true;
    return false;
}

/* pid is of a process whose namespace it is; 0 for azilr's own, where alone the known directories mean anything. */
static void look_at_mount(struct look *look, struct libmnt_table *table, struct libmnt_fs *fs, pid_t pid)
{
    const char *target = mnt_fs_get_target(fs);
    struct libmnt_fs *parent = parent_of(table, fs);
    bool lies_on_ours = parent && is_ours(look, parent);
    _cleanup_free_ char *place = NULL;

    if (!is_ours(look, fs) && !lies_on_ours)
        return;
    if (is_ours(look, fs)) {
        numbers_add(&look->grounds->supers, mnt_fs_get_devno(fs));
        numbers_add(&look->grounds->mounts, (dev_t)mnt_fs_get_id(fs));
    }
    place = place_of(table, fs);
    if (texts_have(&look->places, place))
        return;
    texts_add(&look->places, place);
    /* what lies on a mount of another namespace goes with that */
    if ((pid == 0 && is_known_directory(look->search, target)) || (pid && lies_on_ours))
        return;
    users_add(look->users, look->search, "mount", pid, NULL, target);
}

static int look_at_table(struct look *look, const char *directory, pid_t pid, struct error **err)
{
    _cleanup_free_ char *path = str_printf("%s/%s/mountinfo", look->search->proc, directory);
    _cleanup_table_ struct libmnt_table *table = mnt_new_table_from_file(path);
    _cleanup_iterator_ struct libmnt_iter *iterator = mnt_new_iter(MNT_ITER_FORWARD);
    struct libmnt_fs *fs = NULL;

    if (!table || !iterator)
        return error_set(err, EXIT_FAILED, "cannot read %s", path);
    while (mnt_table_next_fs(table, iterator, &fs) == 0)
        look_at_mount(look, table, fs, pid);
    return 0;
}

/* The mount namespace of a process as text; NULL for a process that is gone. The caller frees it. */
static char *namespace_of(const struct users_search *search, const char *pid)
{
    _cleanup_free_ char *path = str_printf("%s/%s/ns/mnt", search->proc, pid);
    char text[64];
    ssize_t length = readlink(path, text, sizeof(text) - 1);

    return length < 0 ? NULL : str_ndup(text, (size_t)length);
}

int users_of_mounts(const struct users_search *search, struct grounds *grounds, cJSON *users, struct error **err)
{
    _cleanup_closedir_ DIR *dir = opendir(search->proc);
    _cleanup_(texts_clear) struct texts seen = {0};
    struct look look = {.search = search, .grounds = grounds, .users = users};
    _cleanup_free_ char *own = namespace_of(search, "self");
    struct dirent *entry;
    int result = look_at_table(&look, "self", 0, err);

    if (own)
        texts_add(&seen, own);
    while (result == 0 && dir && (entry = readdir(dir))) {
        pid_t pid = users_pid_of(entry->d_name);
        _cleanup_free_ char *name = pid ? namespace_of(search, entry->d_name) : NULL;

        if (!name || texts_have(&seen, name))
            continue;
        texts_add(&seen, name);
        /* a process that has ended since has taken its mounts along, or others have them too */
        look_at_table(&look, entry->d_name, pid, NULL);
    }
    texts_clear(&look.places);
    return result;
}
