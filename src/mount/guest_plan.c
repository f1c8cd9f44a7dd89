/* SPDX-License-Identifier: MIT */
#include "mount/guest_plan-internal.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "mount/guest_path.h"
#include "util/str.h"

/* Bytes of a text that is shown, not used: what becomes of each entry is kept in the session, whose state has a cap. */
static const size_t MAX_SHOWN = 64;

void guest_mount_decide(struct guest_mount *mount, enum guest_mount_state state, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    free(mount->why);
    mount->why = str_vprintf(format, args);
    va_end(args);
    mount->state = state;
}

/*
 * A path with one slash between its components and none at its end ("/" alone keeps it). NULL for what is not absolute,
 * has "..", is too long, or cannot be shown. The caller frees it.
 */
static char *clean_path(const char *path)
{
    size_t length = strlen(path);
    _cleanup_free_ char *shown = str_printable(path, length, length);
    _cleanup_free_ char *clean = xcalloc(length + 2, 1);
    char *to = clean;

    if (*path != '/' || length > GUEST_PATH_MAX || !str_equal(shown, path))
        return NULL;
    while (*path) {
        size_t component = strcspn(path, "/");

        if (component == 2 && path[0] == '.' && path[1] == '.')
            return NULL;
        if (component && !(component == 1 && path[0] == '.')) {
            *to++ = '/';
            to = mempcpy(to, path, component);
        }
        path += component + (path[component] == '/');
    }
    if (to == clean)
        *to = '/';
    return steal(clean);
}

bool guest_plan_is_at_or_below(const char *path, const char *above)
{
    size_t length = strlen(above);

    return str_equal(above, "/") || (strncmp(path, above, length) == 0 && (path[length] == '/' || !path[length]));
}

/* proc(5), the kernel's Documentation/filesystems: these have no disk, or are put together from what has been mounted.
 */
static bool has_no_disk(const char *type)
{
    static const char *const types[] = {
        "proc",       "sysfs",       "tmpfs",    "ramfs",   "devtmpfs", "devpts",   "mqueue",
        "hugetlbfs",  "cgroup",      "cgroup2",  "debugfs", "tracefs",  "configfs", "securityfs",
        "selinuxfs",  "efivarfs",    "usbfs",    "pstore",  "bpf",      "fusectl",  "autofs",
        "rpc_pipefs", "binfmt_misc", "nfsd",     "overlay", "aufs",     "unionfs",  "usbdevfs",
        "rootfs",     "functionfs",  "virtiofs", "9p",      "bindfs",
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (str_equal(types[i], type))
            return true;
    return false;
}

static bool is_on_network(const struct fstab_entry *entry)
{
    static const char *const types[] = {
        "nfs",  "nfs4",  "cifs",      "smb3",  "smbfs",  "ceph",   "glusterfs", "afs",  "davfs",
        "coda", "sshfs", "blobfuse2", "aznfs", "lustre", "beegfs", "s3fs",      "gfs2",
    };
    const char *source = entry->source;
    size_t name = strcspn(source, "=:");

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (str_equal(types[i], entry->type))
            return true;
    if (source[name] == '=' || str_starts_with(source, "/dev/"))
        return false;
    return str_starts_with(entry->type, "fuse") || str_starts_with(source, "//") ||
           (*source != '/' && strstr(source, ":/"));
}

static bool has_option(const struct fstab_entry *entry, const char *name)
{
    _cleanup_free_ char *value = fstab_option(entry, name);

    return value;
}

static bool is_bind(const struct fstab_entry *entry)
{
    return has_option(entry, "bind") || has_option(entry, "rbind");
}

static void plan_bind(const struct fstab_entry *entry, struct guest_mount *mount)
{
    mount->kind = GUEST_MOUNT_BIND;
    mount->is_recursive = has_option(entry, "rbind");
    mount->path = clean_path(entry->source);
    if (!mount->path)
        guest_mount_decide(mount, GUEST_MOUNT_FAILED, "what it binds is no plain absolute path");
}

/* btrfs(5): subvol= is a path from the top of the file system, whether it begins with a slash or not. */
static void plan_subvolume(const struct fstab_entry *entry, struct guest_mount *mount)
{
    _cleanup_free_ char *given = fstab_option(entry, "subvol");
    _cleanup_free_ char *absolute = given && *given ? str_printf("/%s", given) : NULL;

    mount->subvolume_id = fstab_option(entry, "subvolid");
    if (!absolute)
        return;
    mount->path = clean_path(absolute);
    if (!mount->path)
        guest_mount_decide(mount, GUEST_MOUNT_FAILED, "its subvolume is no plain path");
}

static void plan_volume(const struct fstab_entry *entry, const struct guest_volumes *volumes, struct guest_mount *mount)
{
    _cleanup_guest_device_ struct guest_device device = {0};
    const struct guest_volume *volume;

    guest_device_find(volumes, entry->source, entry->type, &device);
    switch (device.verdict) {
    case GUEST_DEVICE_NOT_BACKED_UP:
    case GUEST_DEVICE_UNKNOWN:
        guest_mount_decide(mount, device.verdict == GUEST_DEVICE_UNKNOWN ? GUEST_MOUNT_FAILED : GUEST_MOUNT_SKIPPED,
                           "%s", device.why);
        return;
    case GUEST_DEVICE_FOUND:
    case GUEST_DEVICE_GUESSED:
        break;
    }
    volume = &volumes->items[device.volume];
    mount->volume = device.volume;
    mount->is_guess = device.verdict == GUEST_DEVICE_GUESSED;
    mount->why = steal(device.why);
    if (!volume->mounted)
        guest_mount_decide(mount, GUEST_MOUNT_FAILED, "%s could not be mounted", volume->name);
    else if (str_equal(volume->type, "btrfs"))
        plan_subvolume(entry, mount);
    if (mount->state == GUEST_MOUNT_PLANNED && !mount->why && has_option(entry, "noauto"))
        mount->why = str_dup("not mounted by the VM until it was asked to (noauto)");
}

static void plan_target(const struct fstab_entry *entry, struct guest_mount *mount)
{
    free(mount->target);
    mount->target = clean_path(entry->target);
    if (mount->target)
        return;
    mount->target = str_printable(entry->target, strlen(entry->target), MAX_SHOWN);
    if (str_equal(entry->target, "none") || str_equal(entry->target, "swap"))
        guest_mount_decide(mount, GUEST_MOUNT_SKIPPED, "goes nowhere");
    else
        guest_mount_decide(mount, GUEST_MOUNT_FAILED, "its place is no plain absolute path");
}

static void plan_entry(const struct fstab_entry *entry, const struct guest_volumes *volumes, struct guest_mount *mount)
{
    *mount = (struct guest_mount){.volume = GUEST_NO_VOLUME,
                                  .source = str_printable(entry->source, strlen(entry->source), MAX_SHOWN)};
    plan_target(entry, mount);
    if (str_equal(entry->type, "swap"))
        guest_mount_decide(mount, GUEST_MOUNT_SKIPPED, "swap space holds no files");
    else if (has_no_disk(entry->type) || str_equal(entry->type, "ignore"))
        guest_mount_decide(mount, GUEST_MOUNT_SKIPPED, "has no disk of its own");
    else if (is_on_network(entry))
        guest_mount_decide(mount, GUEST_MOUNT_SKIPPED, "not on a disk of the VM; a backup is not let onto the network");
    else if (mount->state != GUEST_MOUNT_PLANNED)
        return;
    else if (is_bind(entry))
        plan_bind(entry, mount);
    else if (has_option(entry, "loop") || (*entry->source == '/' && !str_starts_with(entry->source, "/dev/")))
        guest_mount_decide(mount, GUEST_MOUNT_FAILED, "images of file systems are not opened");
    else
        plan_volume(entry, volumes, mount);
}

/* The entry of the root itself says nothing that is not known, unless it means another volume. */
static void judge_root(const struct fstab_entry *entry, const struct guest_volumes *volumes, struct guest_plan *plan)
{
    _cleanup_guest_device_ struct guest_device device = {0};
    _cleanup_free_ char *source = str_printable(entry->source, strlen(entry->source), MAX_SHOWN);

    guest_device_find(volumes, entry->source, entry->type, &device);
    if (device.verdict == GUEST_DEVICE_FOUND && device.volume != volumes->root)
        plan->note = str_printf("its fstab has %s for /, which is %s", source, volumes->items[device.volume].name);
    else if (device.verdict == GUEST_DEVICE_UNKNOWN && strchr(source, '='))
        plan->note = str_printf("its fstab has %s for /, and that is no volume of the backup", source);
}

static void refuse_repeated(struct guest_plan *plan)
{
    size_t planned = 0;

    for (size_t i = 0; i < plan->count; i++) {
        struct guest_mount *mount = &plan->items[i];

        if (mount->state != GUEST_MOUNT_PLANNED)
            continue;
        for (size_t j = 0; j < i; j++)
            if (plan->items[j].state == GUEST_MOUNT_PLANNED && str_equal(plan->items[j].target, mount->target))
                guest_mount_decide(mount, GUEST_MOUNT_FAILED, "named twice in the fstab; the first is taken");
        if (mount->state == GUEST_MOUNT_PLANNED && planned++ >= GUEST_PLAN_MAX_MOUNTS)
            guest_mount_decide(mount, GUEST_MOUNT_FAILED, "more than %d mounts", GUEST_PLAN_MAX_MOUNTS);
    }
}

/* A volume whose place is certain is not another one's, too, by a guess. */
static void refuse_bad_guesses(struct guest_plan *plan, size_t root)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct guest_mount *mount = &plan->items[i];

        for (size_t j = 0; mount->is_guess && j < plan->count && mount->state == GUEST_MOUNT_PLANNED; j++)
            if (mount->volume == root || (j != i && !plan->items[j].is_guess && plan->items[j].volume == mount->volume))
                guest_mount_decide(mount, GUEST_MOUNT_FAILED, "only the running VM knew which disk that was");
    }
}

/* Whether `mount` can only be made after `other`. */
static bool comes_after(const struct guest_mount *mount, const struct guest_mount *other)
{
    return guest_plan_is_at_or_below(mount->target, other->target) ||
           (mount->kind == GUEST_MOUNT_BIND && guest_plan_is_at_or_below(mount->path, other->target));
}

static bool must_wait(const struct guest_plan *plan, size_t from, size_t index)
{
    for (size_t i = from; i < plan->count; i++)
        if (i != index && plan->items[i].state == GUEST_MOUNT_PLANNED &&
            comes_after(&plan->items[index], &plan->items[i]))
            return true;
    return false;
}

/* What others need comes first; else the fstab's order is kept. Binds that go round in circles are taken as they come.
 */
static void put_in_order(struct guest_plan *plan)
{
    for (size_t at = 0; at < plan->count; at++) {
        size_t next = plan->count, first = plan->count;
        struct guest_mount chosen;

        for (size_t i = at; i < plan->count && next == plan->count; i++) {
            if (plan->items[i].state != GUEST_MOUNT_PLANNED)
                continue;
            first = first == plan->count ? i : first;
            if (!must_wait(plan, at, i))
                next = i;
        }
        next = next == plan->count ? first : next;
        if (next == plan->count)
            return;
        chosen = plan->items[next];
        memmove(&plan->items[at + 1], &plan->items[at], (next - at) * sizeof(chosen));
        plan->items[at] = chosen;
    }
}

static const struct fstab_entry *root_entry(const struct fstab *fstab)
{
    for (size_t i = 0; i < fstab->count; i++)
        if (str_equal(fstab->items[i].target, "/"))
            return &fstab->items[i];
    return NULL;
}

void guest_plan_make(const struct fstab *fstab, struct guest_volumes *volumes, struct guest_plan *plan)
{
    const struct fstab_entry *root = root_entry(fstab);

    *plan = (struct guest_plan){0};
    volumes->root_source = root ? root->source : NULL;
    if (root)
        judge_root(root, volumes, plan);
    plan->items = xcalloc(fstab->count + GUEST_PLAN_MAX_MOUNTS, sizeof(*plan->items));
    for (size_t i = 0; i < fstab->count; i++) {
        struct guest_mount *mount = &plan->items[plan->count];

        if (&fstab->items[i] == root)
            continue;
        plan->count++;
        plan_entry(&fstab->items[i], volumes, mount);
        if (mount->state == GUEST_MOUNT_PLANNED && str_equal(mount->target, "/"))
            guest_mount_decide(mount, GUEST_MOUNT_FAILED, "the root is there already");
    }
    refuse_bad_guesses(plan, volumes->root);
    guest_plan_follow_recursive(plan, GUEST_PLAN_MAX_MOUNTS);
    refuse_repeated(plan);
    put_in_order(plan);
}

const char *guest_mount_state_name(enum guest_mount_state state)
{
    static const char *const names[] = {
        [GUEST_MOUNT_PLANNED] = "planned",
        [GUEST_MOUNT_MOUNTED] = "mounted",
        [GUEST_MOUNT_SKIPPED] = "skipped",
        [GUEST_MOUNT_FAILED] = "failed",
    };

    return names[state];
}

void guest_plan_clear(struct guest_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        struct guest_mount *mount = &plan->items[i];

        free(mount->target);
        free(mount->source);
        free(mount->path);
        free(mount->subvolume_id);
        free(mount->where);
        free(mount->why);
    }
    free(plan->items);
    free(plan->note);
    *plan = (struct guest_plan){0};
}
