/* SPDX-License-Identifier: MIT */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>

#include "util/str.h"
#include "volume/btrfs.h"

/* A file system may have any number of snapshots; a person looks at the first so many, and at a path of this length. */
static const size_t MAX_SUBVOLUMES = 1000;
static const size_t MAX_DEPTH = 64;
static const size_t MAX_PATH = 1024;
static const uint64_t ROOT_TREE = 1;
static const uint8_t DIR_ITEM = 84;

struct subvolume {
    uint64_t id, parent, directory; /* the directory's inode, in the parent */
    char *name;
};

struct listing {
    int fd;
    struct subvolume *items;
    size_t count;
    uint64_t initial;
    bool has_more;
};

static void listing_clear(struct listing *listing)
{
    for (size_t i = 0; i < listing->count; i++)
        free(listing->items[i].name);
    free(listing->items);
    if (listing->fd >= 0)
        close(listing->fd);
}

/* A ROOT_BACKREF item: where in its parent a subvolume is. */
static void take_reference(struct listing *listing, const struct btrfs_ioctl_search_header *header, const char *data)
{
    struct btrfs_root_ref reference;
    struct subvolume *item;
    size_t length;

    if (header->len < sizeof(reference))
        return;
    memcpy(&reference, data, sizeof(reference));
    length = le16toh(reference.name_len);
    if (length == 0 || length > NAME_MAX || header->len - sizeof(reference) < length)
        return;
    if (listing->count == MAX_SUBVOLUMES) {
        listing->has_more = true;
        return;
    }
    listing->items = xgrow(listing->items, listing->count, sizeof(*listing->items));
    item = &listing->items[listing->count++];
    *item = (struct subvolume){.id = header->objectid,
                               .parent = header->offset,
                               .directory = le64toh(reference.dirid),
                               .name = str_printable(data + sizeof(reference), length, NAME_MAX)};
}

/* The entry "default" of the root tree's own directory, which names the subvolume that is mounted if none is asked for.
 */
static void take_default(struct listing *listing, const struct btrfs_ioctl_search_header *header, const char *data)
{
    static const char name[] = "default";
    struct btrfs_dir_item entry;

    if (header->len < sizeof(entry) + strlen(name))
        return;
    memcpy(&entry, data, sizeof(entry));
    if (le16toh(entry.name_len) == strlen(name) && memcmp(data + sizeof(entry), name, strlen(name)) == 0)
        listing->initial = le64toh(entry.location.objectid);
}

typedef void take_function(struct listing *listing, const struct btrfs_ioctl_search_header *header, const char *data);

/* Hands every item of that type in the root tree on. */
static int search(struct listing *listing, struct btrfs_ioctl_search_key key, take_function *take)
{
    const uint8_t type = (uint8_t)key.min_type;

    while (!listing->has_more) {
        struct btrfs_ioctl_search_args arguments = {.key = key};
        struct btrfs_ioctl_search_header header = {0};
        size_t at = 0;

        if (ioctl(listing->fd, BTRFS_IOC_TREE_SEARCH, &arguments) < 0)
            return -1;
        if (arguments.key.nr_items == 0)
            return 0;
        for (unsigned i = 0; i < arguments.key.nr_items && sizeof(arguments.buf) - at >= sizeof(header); i++) {
            memcpy(&header, arguments.buf + at, sizeof(header));
            at += sizeof(header);
            if (header.len > sizeof(arguments.buf) - at)
                return 0;
            if (header.type == type)
                take(listing, &header, arguments.buf + at);
            at += header.len;
        }
        /* the next key in the tree's order */
        key.min_objectid = header.objectid;
        key.min_type = header.type;
        key.min_offset = header.offset + 1;
        if (key.min_offset == 0)
            return 0;
    }
    return 0;
}

static const struct subvolume *by_id(const struct listing *listing, uint64_t id)
{
    for (size_t i = 0; i < listing->count; i++)
        if (listing->items[i].id == id)
            return &listing->items[i];
    return NULL;
}

/* The path from the top level; "…/" for what is above a loop or something that is not there. The caller frees it. */
static char *path_of(const struct listing *listing, const struct subvolume *subvolume)
{
    char *path = str_dup(subvolume->name);

    for (size_t depth = 0; subvolume; depth++) {
        struct btrfs_ioctl_ino_lookup_args lookup = {.treeid = subvolume->parent, .objectid = subvolume->directory};
        _cleanup_free_ char *directory = NULL, *shorter = path;
        const bool is_top = subvolume->parent == BTRFS_FS_TREE_OBJECTID;
        const struct subvolume *parent = is_top ? NULL : by_id(listing, subvolume->parent);

        if (ioctl(listing->fd, BTRFS_IOC_INO_LOOKUP, &lookup) < 0 || depth == MAX_DEPTH || strlen(path) > MAX_PATH)
            return str_printf("…/%s", shorter);
        /* it ends in "/" unless it is the parent's own top */
        directory = str_printable(lookup.name, strnlen(lookup.name, sizeof(lookup.name)), MAX_PATH);
        path = str_printf("%s%s%s%s", parent ? parent->name : is_top ? "" : "…", is_top ? "" : "/", directory, shorter);
        subvolume = parent;
    }
    return path;
}

int btrfs_list_subvolumes(const char *directory, struct btrfs_subvolumes *subvolumes, struct error **err)
{
    _cleanup_(listing_clear) struct listing listing = {
        .fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), .initial = BTRFS_FS_TREE_OBJECTID};
    const struct btrfs_ioctl_search_key references = {.tree_id = ROOT_TREE,
                                                      .min_type = BTRFS_ROOT_BACKREF_KEY,
                                                      .max_objectid = UINT64_MAX,
                                                      .max_type = BTRFS_ROOT_BACKREF_KEY,
                                                      .max_offset = UINT64_MAX,
                                                      .max_transid = UINT64_MAX,
                                                      .nr_items = 4096};
    struct btrfs_ioctl_search_key names = references;

    *subvolumes = (struct btrfs_subvolumes){0};
    names.min_objectid = names.max_objectid = BTRFS_ROOT_TREE_DIR_OBJECTID;
    names.min_type = names.max_type = DIR_ITEM;
    if (listing.fd < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot open %s", directory);
    if (search(&listing, references, take_reference) < 0 || search(&listing, names, take_default) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot list the subvolumes of %s", directory);
    subvolumes->paths = xcalloc(listing.count + 1, sizeof(*subvolumes->paths));
    for (size_t i = 0; i < listing.count; i++) {
        subvolumes->paths[subvolumes->count++] = path_of(&listing, &listing.items[i]);
        if (listing.items[i].id == listing.initial)
            subvolumes->initial = str_dup(subvolumes->paths[i]);
    }
    subvolumes->has_more = listing.has_more;
    return 0;
}

void btrfs_subvolumes_clear(struct btrfs_subvolumes *subvolumes)
{
    for (size_t i = 0; i < subvolumes->count; i++)
        free(subvolumes->paths[i]);
    free(subvolumes->paths);
    free(subvolumes->initial);
    *subvolumes = (struct btrfs_subvolumes){0};
}
