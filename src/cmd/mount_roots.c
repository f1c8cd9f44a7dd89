/* SPDX-License-Identifier: MIT */
/*
 * The guest's own tree: its root file system with the volumes that its fstab names in their places. Everything in it is
 * a copy of a mount below volumes/, so nothing is opened twice, and whatever cannot be put in its place can be found
 * there.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/guest_volumes.h"
#include "cmd/mount_run.h"
#include "cmd/teardown.h"
#include "mount/btrfs_tree.h"
#include "mount/guest_bind.h"
#include "mount/guest_path.h"
#include "mount/guest_plan.h"
#include "mount/guest_root.h"
#include "mount/mounts.h"
#include "util/file.h"
#include "util/json.h"
#include "util/log.h"
#include "util/pool.h"
#include "util/str.h"

/* A rescue disk or two beside the VM's own; more is somebody's joke. */
enum { MAX_ROOTS = 8 };

/* One root on its way into the tree. */
struct tree {
    struct mount_run *run;
    struct guest_volume *volumes; /* of all volumes of the run, in their order */
    size_t volume;                /* that with the root */
    struct guest_root root;
    char *directory;
    struct guest_plan plan;
};

static void tree_clear(struct tree *tree)
{
    guest_root_clear(&tree->root);
    guest_plan_clear(&tree->plan);
    free(tree->directory);
}

/* The mount of a volume below volumes/, whose directory nobody but root can reach. */
static int open_volume(const struct volume *volume, struct error **err)
{
    int fd = open(volume->mount_point, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return fd < 0 ? error_set_errno(err, EXIT_FAILED, errno, "cannot open %s", volume->mount_point) : fd;
}

/*
 * Enters a mount in the undo list and makes it. Returns 1 with *where set (the caller frees it) if it was made, 0 with
 * reason set if it could not be, -1 with err set if it must not be tried.
 */
static int bind(struct tree *tree, int source, int target, char **where, struct error **reason, struct error **err)
{
    _cleanup_free_ char *path = guest_path_on_host(target, tree->directory, reason);
    _cleanup_close_ int copy = -1;
    cJSON *change;
    dev_t device;

    if (!path)
        return 0;
    copy = guest_bind_prepare(source, &device, reason);
    if (copy < 0)
        return 0;
    change = json_new_object();
    json_set_string(change, "directory", path);
    json_set_device(change, device);
    if (session_will(tree->run->session, CHANGE_MOUNT, change, false, err) < 0)
        return -1;
    if (guest_bind_attach(copy, target, reason) < 0)
        return 0;
    *where = steal(path);
    return 1;
}

/* A btrfs subvolume's path in the volume: what the fstab says, or else the default one's. NULL with err set. */
static char *subvolume_path(const struct guest_mount *mount, int top, struct error **err)
{
    _cleanup_close_ int directory = openat(top, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    uint64_t id = BTRFS_TOP;
    long number = 0;

    if (directory < 0) {
        error_set_errno(err, EXIT_FAILED, errno, "cannot open the volume");
        return NULL;
    }
    if (btrfs_subvolume_of(directory, &id, err) < 0)
        return NULL;
    if (id != BTRFS_TOP) {
        error_set(err, EXIT_FAILED, "only subvolume %llu of the volume is mounted", (unsigned long long)id);
        return NULL;
    }
    if (mount->path)
        return str_dup(mount->path);
    if (mount->subvolume_id && str_to_long(mount->subvolume_id, 0, LONG_MAX, &number) < 0) {
        error_set(err, EXIT_FAILED, "its subvolume has no number");
        return NULL;
    }
    if (!mount->subvolume_id && btrfs_default_subvolume(directory, &id, err) < 0)
        return NULL;
    /* the kernel takes 0 for the top, too */
    return btrfs_subvolume_path(directory, number ? (uint64_t)number : id, err);
}

/* What is to be shown, as a descriptor; -1 with reason set. */
static int open_source(const struct tree *tree, const struct guest_mount *mount, int root, struct error **reason)
{
    _cleanup_free_ char *path = NULL;
    _cleanup_close_ int top = -1;

    if (mount->kind == GUEST_MOUNT_BIND)
        return guest_path_open(root, mount->path, reason);
    top = open_volume(&tree->run->volumes.items[mount->volume], reason);
    if (top < 0 || !str_equal(tree->volumes[mount->volume].type, "btrfs"))
        return steal_fd(&top);
    path = subvolume_path(mount, top, reason);
    return path ? guest_path_open(top, path, reason) : -1;
}

static int make_mount(struct tree *tree, struct guest_mount *mount, int root, struct error **err)
{
    _cleanup_error_ struct error *reason = NULL;
    _cleanup_close_ int source = open_source(tree, mount, root, &reason);
    _cleanup_close_ int target = source < 0 ? -1 : guest_path_open(root, mount->target, &reason);
    int made = 0;

    if (target >= 0)
        made = bind(tree, source, target, &mount->where, &reason, err);
    if (made < 0)
        return -1;
    if (made == 0)
        guest_mount_decide(mount, GUEST_MOUNT_FAILED, "%s", reason->message);
    else
        mount->state = GUEST_MOUNT_MOUNTED;
    return 0;
}

static int apply_fstab(struct tree *tree, int root, struct error **err)
{
    _cleanup_crypttab_ struct crypttab crypttab = {0};
    struct guest_volumes volumes = {
        .items = tree->volumes, .count = tree->run->volumes.count, .root = tree->volume, .crypttab = &crypttab};
    _cleanup_fstab_ struct fstab fstab = {0};
    _cleanup_error_ struct error *reason = NULL;

    if (guest_root_read_fstab(root, &fstab, &reason) < 0) {
        tree->plan.note = str_dup(reason->message);
        return 0;
    }
    guest_root_read_crypttab(root, &crypttab);
    guest_plan_make(&fstab, &volumes, &tree->plan);
    for (size_t i = 0; i < tree->plan.count; i++) {
        struct guest_mount *mount = &tree->plan.items[i];

        if (wait_check(&tree->run->wait, err) < 0 ||
            (mount->state == GUEST_MOUNT_PLANNED && make_mount(tree, mount, root, err) < 0))
            return -1;
    }
    if (fstab.left_out && !tree->plan.note)
        tree->plan.note = str_printf("lines of its fstab that are no entries: %zu", fstab.left_out);
    return 0;
}

/* The directory is in the session's own, which was empty. */
static int make_directory(struct tree *tree, size_t number, struct error **err)
{
    cJSON *change = json_new_object();

    tree->directory = number ? str_printf("%s/root%zu", tree->run->directory, number + 1)
                             : str_printf("%s/root", tree->run->directory);
    json_set_string(change, "path", tree->directory);
    return session_will(tree->run->session, CHANGE_DIRECTORY, change, true, err) < 0 ||
                   file_make_private_dir(tree->directory, NULL, err) < 0
               ? -1
               : 0;
}

/* Returns 1 if the root is in its place, 0 if it could not be, which *reason says, -1 with err set. */
static int show_root(struct tree *tree, size_t number, struct error **reason, struct error **err)
{
    _cleanup_close_ int top = open_volume(&tree->run->volumes.items[tree->volume], reason);
    _cleanup_close_ int source = top < 0 ? -1 : guest_path_open(top, tree->root.path, reason);
    _cleanup_close_ int target = -1;
    _cleanup_free_ char *where = NULL;
    int made;

    if (source < 0)
        return 0;
    if (make_directory(tree, number, err) < 0)
        return -1;
    target = open(tree->directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (target < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot open %s", tree->directory);
    made = bind(tree, source, target, &where, reason, err);
    /* an empty directory would look like an empty root */
    if (made == 0 && remove_empty_directory(tree->directory, err) < 0)
        return -1;
    return made;
}

/* reason: why it is not shown; NULL if it is. */
static cJSON *tree_to_json(const struct tree *tree, const char *reason)
{
    cJSON *object = json_new_object(), *mounts;

    json_set_string(object, "directory", reason ? NULL : tree->directory);
    json_set_string(object, "status", reason ? "failed" : "mounted");
    json_set_string(object, "reason", reason);
    json_set_string(object, "volume", tree->volumes[tree->volume].name);
    json_set_string(object, "subvolume", str_equal(tree->root.path, "/") ? NULL : tree->root.path);
    json_set_string(object, "os", tree->root.os);
    json_set_string(object, "hostname", tree->root.hostname);
    json_set_string(object, "note", tree->plan.note);
    mounts = json_set_array(object, "mounts");
    for (size_t i = 0; i < tree->plan.count; i++) {
        const struct guest_mount *mount = &tree->plan.items[i];
        bool is_made = mount->state == GUEST_MOUNT_MOUNTED;
        cJSON *item = json_new_object();

        json_set_string(item, "target", mount->target);
        json_set_string(item, "source", mount->source);
        json_set_string(item, "volume", mount->volume == GUEST_NO_VOLUME ? NULL : tree->volumes[mount->volume].name);
        json_set_string(item, "status", guest_mount_state_name(mount->state));
        json_set_string(item, "mount_point", mount->where);
        json_set_string(item, "reason", is_made ? NULL : mount->why);
        json_set_string(item, "note", is_made ? mount->why : NULL);
        json_append(mounts, item);
    }
    return object;
}

/* Lists one that is not shown; its files can be had below volumes/ all the same. */
static void add_unshown(const struct tree *tree, const char *reason, cJSON *roots)
{
    log_warning("the root file system on %s is not shown as a tree: %s", tree->volumes[tree->volume].name, reason);
    json_append(roots, tree_to_json(tree, reason));
}

static int add_root(struct tree *tree, size_t number, cJSON *roots, struct error **err)
{
    _cleanup_error_ struct error *reason = NULL;
    _cleanup_close_ int root = -1;
    int shown = show_root(tree, number, &reason, err);

    if (shown < 0)
        return -1;
    if (shown == 0) {
        add_unshown(tree, reason->message, roots);
        return 0;
    }
    root = open(tree->directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (root < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot open %s", tree->directory);
    guest_root_describe(root, &tree->root);
    if (apply_fstab(tree, root, err) < 0)
        return -1;
    guest_root_describe(root, &tree->root);
    json_append(roots, tree_to_json(tree, NULL));
    return 1;
}

/* The volumes in which a root is looked for, in the order in which roots are shown. */
struct search {
    const struct mount_run *run;
    struct guest_volume *volumes;
    size_t *order;
    bool *has_root;
    struct guest_root *roots; /* side by side with the order */
};

static void search_clear(struct search *search)
{
    for (size_t i = 0; i < search->run->volumes.count; i++)
        guest_root_clear(&search->roots[i]);
    free(search->volumes);
    free(search->order);
    free(search->has_root);
    free(search->roots);
}

/* In a thread of its own: what is read has come over the network by then. Looks only where files can be read. */
static void find_root(void *argument, size_t i, struct wait *wait)
{
    struct search *search = argument;
    const struct volume *volume = &search->run->volumes.items[search->order[i]];
    _cleanup_close_ int top = volume->state == VOLUME_MOUNTED ? open_volume(volume, NULL) : -1;

    (void)wait;
    search->has_root[i] = top >= 0 && guest_root_find(top, str_equal(volume->type, "btrfs"), &search->roots[i]);
}

/* Shows what was found. Returns how many are shown. */
static int show_roots(struct mount_run *run, struct search *search, cJSON *roots, struct error **err)
{
    int shown = 0;

    for (size_t i = 0; i < run->volumes.count; i++) {
        _cleanup_(tree_clear) struct tree tree = {
            .run = run, .volumes = search->volumes, .volume = search->order[i], .root = search->roots[i]};
        int result;

        search->roots[i] = (struct guest_root){0};
        if (!search->has_root[i])
            continue;
        if (wait_check(&run->wait, err) < 0)
            return -1;
        if (shown == MAX_ROOTS) {
            _cleanup_free_ char *reason = str_printf("no more than %d root file systems are", MAX_ROOTS);

            add_unshown(&tree, reason, roots);
            continue;
        }
        result = add_root(&tree, (size_t)shown, roots, err);
        if (result < 0)
            return -1;
        shown += result;
    }
    return shown;
}

static int add_roots(struct mount_run *run, cJSON *roots, struct error **err)
{
    const size_t count = run->volumes.count;
    struct guest_volume *volumes = guest_volumes_describe(&run->volumes);
    _cleanup_(search_clear) struct search search = {.run = run,
                                                    .volumes = volumes,
                                                    .order = guest_volumes_in_order(volumes, count),
                                                    .has_root = xcalloc(count + 1, sizeof(bool)),
                                                    .roots = xcalloc(count + 1, sizeof(*search.roots))};

    if (pool_run(count, find_root, &search, &run->wait, err) < 0)
        return -1;
    return show_roots(run, &search, roots, err);
}

int mount_roots(struct mount_run *run, struct error **err)
{
    const cJSON *first;
    cJSON *roots;
    int shown;

    progress_begin(&run->progress, "Putting the VM's own tree together");
    cJSON_DeleteItemFromObjectCaseSensitive(run->session->state, "roots");
    roots = json_set_array(run->session->state, "roots");
    shown = add_roots(run, roots, err);
    if (shown < 0)
        return -1;
    for (first = roots->child; first && !json_string(first, "directory");)
        first = first->next;
    if (shown == 1)
        progress_end(&run->progress, "%s", json_string(first, "directory"));
    else if (shown == 0)
        progress_end(&run->progress, roots->child ? "none could be shown" : "no volume holds a Linux root file system");
    else
        progress_end(&run->progress, "%d roots", shown);
    return 0;
}
