/* SPDX-License-Identifier: MIT */
#include "mount/btrfs_tree.h"

#include <endian.h>
#include <errno.h>
#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>
#include <string.h>
#include <sys/ioctl.h>

#include "util/str.h"

/* Subvolumes lie in each other; a damaged file system may have them do so in a circle. */
static const int MAX_DEPTH = 32;

int btrfs_subvolume_of(int directory, uint64_t *id, struct error **err)
{
    struct btrfs_ioctl_ino_lookup_args lookup = {.objectid = BTRFS_FIRST_FREE_OBJECTID};

    if (ioctl(directory, BTRFS_IOC_INO_LOOKUP, &lookup) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot tell the subvolume of a directory");
    *id = lookup.treeid;
    return 0;
}

/* All items of the tree of roots with that object id and type, as far as they go into one answer. */
static int search(int directory, uint64_t object, uint32_t type, struct btrfs_ioctl_search_args *args,
                  struct error **err)
{
    *args = (struct btrfs_ioctl_search_args){.key = {.tree_id = BTRFS_ROOT_TREE_OBJECTID,
                                                     .min_objectid = object,
                                                     .max_objectid = object,
                                                     .min_type = type,
                                                     .max_type = type,
                                                     .max_offset = UINT64_MAX,
                                                     .max_transid = UINT64_MAX,
                                                     .nr_items = 64}};
    if (ioctl(directory, BTRFS_IOC_TREE_SEARCH, args) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot look for subvolumes");
    return 0;
}

/*
 * The next item of an answer, whose contents of at least `least` bytes are put to *data. Returns 0 at the end, and
 * where the answer makes no sense.
 */
static int next_item(const struct btrfs_ioctl_search_args *args, size_t *at, struct btrfs_ioctl_search_header *header,
                     size_t least, const char **data)
{
    if (*at + sizeof(*header) > sizeof(args->buf))
        return 0;
    memcpy(header, args->buf + *at, sizeof(*header));
    *at += sizeof(*header);
    if (header->len > sizeof(args->buf) - *at || header->len < least)
        return 0;
    *data = args->buf + *at;
    *at += header->len;
    return 1;
}

int btrfs_default_subvolume(int directory, uint64_t *id, struct error **err)
{
    static const char NAME[] = "default";
    struct btrfs_ioctl_search_args args;
    struct btrfs_ioctl_search_header header;
    struct btrfs_dir_item item;
    const char *data;
    size_t at = 0;

    if (search(directory, BTRFS_ROOT_TREE_DIR_OBJECTID, BTRFS_DIR_ITEM_KEY, &args, err) < 0)
        return -1;
    *id = BTRFS_TOP;
    for (uint32_t i = 0; i < args.key.nr_items && next_item(&args, &at, &header, sizeof(item), &data); i++) {
        memcpy(&item, data, sizeof(item));
        if (le16toh(item.name_len) == strlen(NAME) && header.len >= sizeof(item) + strlen(NAME) &&
            memcmp(data + sizeof(item), NAME, strlen(NAME)) == 0)
            *id = le64toh(item.location.objectid);
    }
    return 0;
}

/* One step up: the path of a subvolume inside of the one that holds it. NULL with err set if there is none. */
static char *path_in_parent(int directory, uint64_t id, uint64_t *parent, struct error **err)
{
    struct btrfs_ioctl_ino_lookup_args lookup = {0};
    struct btrfs_ioctl_search_args args;
    struct btrfs_ioctl_search_header header;
    struct btrfs_root_ref ref;
    const char *data;
    size_t at = 0;

    if (search(directory, id, BTRFS_ROOT_BACKREF_KEY, &args, err) < 0)
        return NULL;
    if (args.key.nr_items == 0 || !next_item(&args, &at, &header, sizeof(ref), &data)) {
        error_set(err, EXIT_NOT_FOUND, "there is no subvolume %llu", (unsigned long long)id);
        return NULL;
    }
    memcpy(&ref, data, sizeof(ref));
    if (le16toh(ref.name_len) > header.len - sizeof(ref)) {
        error_set(err, EXIT_FAILED, "the entry of subvolume %llu is damaged", (unsigned long long)id);
        return NULL;
    }
    *parent = header.offset;
    lookup.treeid = header.offset;
    lookup.objectid = le64toh(ref.dirid);
    if (ioctl(directory, BTRFS_IOC_INO_LOOKUP, &lookup) < 0) {
        error_set_errno(err, EXIT_FAILED, errno, "cannot tell where subvolume %llu is", (unsigned long long)id);
        return NULL;
    }
    lookup.name[sizeof(lookup.name) - 1] = '\0';
    /* the kernel's text ends in a slash, or is empty */
    return str_printf("/%s%.*s", lookup.name, (int)le16toh(ref.name_len), data + sizeof(ref));
}

char *btrfs_subvolume_path(int directory, uint64_t id, struct error **err)
{
    _cleanup_free_ char *path = str_dup("");

    for (int depth = 0; id != BTRFS_TOP; depth++) {
        _cleanup_free_ char *step = depth < MAX_DEPTH ? path_in_parent(directory, id, &id, err) : NULL;
        char *longer;

        if (depth == MAX_DEPTH)
            error_set(err, EXIT_FAILED, "its subvolumes lie in each other too deep");
        if (!step)
            return NULL;
        longer = str_printf("%s%s", step, path);
        free(path);
        path = longer;
    }
    return *path ? steal(path) : str_dup("/");
}
