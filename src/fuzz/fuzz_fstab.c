/* SPDX-License-Identifier: MIT */
/* A guest's fstab, read and applied to the volumes of a backup. */
#include <stdint.h>
#include <string.h>

#include "mount/fstab.h"
#include "mount/guest_path.h"
#include "mount/guest_plan.h"
#include "mount/guest_root.h"
#include "util/str.h"

static const struct guest_volume volumes[] = {
    {.name = "disk0p1", .type = "vfat", .label = "EFI", .uuid = "12-34", .disk = 0, .partition = 1, .mounted = true},
    {.name = "disk0p2",
     .type = "ext4",
     .label = "root",
     .uuid = "aa",
     .part_uuid = "p2",
     .part_name = "root",
     .disk = 0,
     .partition = 2,
     .mounted = true},
    {.name = "disk1", .type = "xfs", .label = "data", .uuid = "bb", .disk = 1, .partition = 0, .mounted = true},
    {.name = "disk2p1", .type = "btrfs", .uuid = "cc", .disk = 2, .partition = 1, .mounted = true},
    {.name = "disk3", .type = "ext4", .label = "data", .uuid = "aa", .disk = 3, .partition = 0, .mounted = true},
    {.name = "vg-lv",
     .type = "ext3",
     .aliases = "mapper/vg-lv\nmd/0\nmapper/luks-ee",
     .disk = -1,
     .partition = -1,
     .mounted = true},
    {.name = "locked", .type = "crypto_LUKS", .uuid = "ee", .disk = 0, .partition = 4},
    {.name = "off", .type = "ext4", .uuid = "dd", .disk = -1, .partition = -1, .mounted = false},
};

enum { VOLUMES = sizeof(volumes) / sizeof(volumes[0]), ROOT = 1 };

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void check_printable(const char *text)
{
    _cleanup_free_ char *shown = str_printable(text, strlen(text), strlen(text));

    require(str_equal(shown, text));
}

/* What callers rely on of a path in the guest. */
static void check_path(const char *path)
{
    _cleanup_free_ char *framed = str_printf("%s/", path);

    check_printable(path);
    require(path[0] == '/' && !strstr(framed, "/../") && !strstr(framed, "/./") && !strstr(path, "//"));
}

static void check(const struct guest_mount *mount)
{
    check_printable(mount->target);
    check_printable(mount->source);
    require(strlen(mount->target) <= GUEST_PATH_MAX + 8 && strlen(mount->source) <= GUEST_PATH_MAX + 8);
    require(mount->state == GUEST_MOUNT_PLANNED || (mount->why && *mount->why));
    require(mount->volume == GUEST_NO_VOLUME || mount->volume < VOLUMES);
    if (mount->state != GUEST_MOUNT_PLANNED)
        return;
    check_path(mount->target);
    require(strlen(mount->target) > 1);
    if (mount->path)
        check_path(mount->path);
    if (mount->kind == GUEST_MOUNT_BIND)
        require(mount->path);
    else
        require(mount->volume != GUEST_NO_VOLUME && volumes[mount->volume].mounted);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_crypttab_ struct crypttab crypttab = {0};
    struct guest_volumes vm = {.items = volumes, .count = VOLUMES, .root = ROOT, .crypttab = &crypttab};
    /* a copy of its exact size, so that a read past the end is seen */
    _cleanup_free_ char *text = xcalloc(size ? size : 1, 1);
    _cleanup_guest_plan_ struct guest_plan plan = {0};
    _cleanup_fstab_ struct fstab fstab = {0};
    _cleanup_free_ char *terminated = NULL;
    _cleanup_free_ char *name = NULL;
    size_t planned = 0;

    if (size)
        memcpy(text, data, size);
    require(fstab_parse(text, size, &fstab, NULL) == 0 || size > FSTAB_MAX_BYTES);
    require(fstab.count <= FSTAB_MAX_ENTRIES);
    crypttab_parse(text, size, &crypttab);
    require(crypttab.count <= CRYPTTAB_MAX_ENTRIES);
    guest_plan_make(&fstab, &vm, &plan);
    /* recursive binds bring more of them */
    require(plan.count <= fstab.count + GUEST_PLAN_MAX_MOUNTS);
    if (plan.note)
        check_printable(plan.note);
    for (size_t i = 0; i < plan.count; i++) {
        check(&plan.items[i]);
        planned += plan.items[i].state == GUEST_MOUNT_PLANNED;
        require(planned <= i || planned == i + 1);
    }
    require(planned <= GUEST_PLAN_MAX_MOUNTS);
    terminated = str_ndup(text, size);
    name = guest_root_pretty_name(terminated);
    if (name)
        check_printable(name);
    return 0;
}
