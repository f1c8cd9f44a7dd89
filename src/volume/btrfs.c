/* SPDX-License-Identifier: MIT */
#include "volume/btrfs.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>

#include <linux/btrfs.h>
#include <linux/btrfs_tree.h>

#include "util/str.h"
#include "volume/btrfs_checksum.h"
#include "volume/copies.h"

/* The superblock: where it is, and what is where in it (the on-disk format in btrfs's documentation; all is
 * little-endian). */
static const off_t SUPER_OFFSET = 64 * 1024;
enum {
    SUPER_SIZE = 4096,
    AT_FSID = 0x20,
    AT_BYTENR = 0x30,
    AT_FLAGS = 0x38,
    AT_MAGIC = 0x40,
    AT_GENERATION = 0x48,
    AT_LOG_ROOT = 0x60,
    AT_DEVICE_COUNT = 0x88,
    AT_INCOMPAT = 0xbc,
    AT_CSUM_TYPE = 0xc4,
    AT_DEVICE_ID = 0xc9,
    AT_DEVICE_FSID = 0xc9 + 82,
    AT_METADATA_UUID = 0x23b,
};
static const char MAGIC[] = "_BHRfS_M";

static uint64_t get64(const unsigned char *super, size_t at)
{
    uint64_t value;

    memcpy(&value, super + at, sizeof(value));
    return le64toh(value);
}

static void put64(unsigned char *super, size_t at, uint64_t value)
{
    value = htole64(value);
    memcpy(super + at, &value, sizeof(value));
}

static int checksum(const unsigned char *super, unsigned char *sum, struct error **err)
{
    uint16_t type;

    memcpy(&type, super + AT_CSUM_TYPE, sizeof(type));
    return btrfs_checksum(le16toh(type), super + BTRFS_CHECKSUM_SIZE, SUPER_SIZE - BTRFS_CHECKSUM_SIZE, sum, err);
}

static int read_super(int fd, const char *device, unsigned char *super, struct error **err)
{
    unsigned char sum[BTRFS_CHECKSUM_SIZE];
    ssize_t got = pread(fd, super, SUPER_SIZE, SUPER_OFFSET);

    if (got < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot read the btrfs superblock of %s", device);
    if (got != SUPER_SIZE || memcmp(super + AT_MAGIC, MAGIC, strlen(MAGIC)) != 0 ||
        get64(super, AT_BYTENR) != (uint64_t)SUPER_OFFSET)
        return error_set(err, EXIT_FAILED, "%s has no btrfs superblock", device);
    if (checksum(super, sum, err) < 0)
        return error_wrap(err, "cannot check the btrfs superblock of %s", device);
    if (memcmp(super, sum, sizeof(sum)) != 0)
        return error_set(err, EXIT_FAILED, "the btrfs superblock of %s is damaged: its checksum is wrong", device);
    return 0;
}

static void member_of(const unsigned char *super, struct btrfs_member *member)
{
    memcpy(member->fsid, super + AT_FSID, BTRFS_ID_LENGTH);
    memcpy(member->metadata_uuid, super + AT_DEVICE_FSID, BTRFS_ID_LENGTH);
    member->device_id = get64(super, AT_DEVICE_ID);
    member->device_count = get64(super, AT_DEVICE_COUNT);
    member->generation = get64(super, AT_GENERATION);
    member->has_log = get64(super, AT_LOG_ROOT) != 0;
    member->is_seed = (get64(super, AT_FLAGS) & BTRFS_SUPER_FLAG_SEEDING) != 0;
}

int btrfs_read_member(const char *device, struct btrfs_member *member, struct error **err)
{
    _cleanup_close_ int fd = open(device, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    unsigned char super[SUPER_SIZE];

    *member = (struct btrfs_member){0};
    if (fd < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot open %s", device);
    if (read_super(fd, device, super, err) < 0)
        return -1;
    member_of(super, member);
    return 0;
}

static bool is_of_one(const struct btrfs_member *a, const struct btrfs_member *b)
{
    return memcmp(a->fsid, b->fsid, BTRFS_ID_LENGTH) == 0 &&
           memcmp(a->metadata_uuid, b->metadata_uuid, BTRFS_ID_LENGTH) == 0;
}

/* The devices of one file system, whatever copy of it, out of all. */
struct family {
    size_t *members; /* indices */
    struct copy *copies;
    size_t count;
    uint64_t places;
};

static void find_family(const struct btrfs_member *members, size_t count, size_t first, struct family *family)
{
    family->count = 0;
    family->places = 0;
    for (size_t i = first; i < count; i++) {
        if (!is_of_one(&members[i], &members[first]))
            continue;
        family->members[family->count] = i;
        family->copies[family->count++] =
            (struct copy){.place = members[i].device_id, .counter = members[i].generation};
        if (members[i].device_count > family->places)
            family->places = members[i].device_count;
    }
    copies_divide(family->copies, family->count, family->places);
}

static size_t size_of_set(const struct family *family, size_t set)
{
    size_t size = 0;

    for (size_t i = 0; i < family->count; i++)
        size += family->copies[i].set == set;
    return size;
}

/* The set with the newest member, the first of them where there are several. */
static size_t newest_set(const struct family *family)
{
    size_t newest = 0;

    for (size_t i = 1; i < family->count; i++)
        if (family->copies[i].counter > family->copies[newest].counter)
            newest = i;
    return family->copies[newest].set;
}

static void judge_family(const struct family *family, const struct btrfs_member *members, size_t *groups,
                         enum btrfs_fit *fits)
{
    const size_t newest = newest_set(family);

    for (size_t i = 0; i < family->count; i++) {
        const size_t set = family->copies[i].set, member = family->members[i];

        groups[member] = member;
        for (size_t j = i; j > 0; j--)
            if (family->copies[j - 1].set == set)
                groups[member] = family->members[j - 1];
        if (family->copies[i].is_doubtful)
            fits[member] = BTRFS_DOUBTFUL;
        else if (set != newest && size_of_set(family, set) < members[member].device_count)
            fits[member] = BTRFS_LEFT_OVER;
        else
            fits[member] = BTRFS_FITS;
    }
}

void btrfs_group(const struct btrfs_member *members, size_t count, size_t *groups, enum btrfs_fit *fits)
{
    struct family family = {.members = xcalloc(count + 1, sizeof(*family.members)),
                            .copies = xcalloc(count + 1, sizeof(*family.copies))};

    for (size_t i = 0; i < count; i++) {
        bool is_first = true;

        for (size_t j = 0; j < i; j++)
            is_first = is_first && !is_of_one(&members[i], &members[j]);
        if (!is_first)
            continue;
        find_family(members, count, i, &family);
        judge_family(&family, members, groups, fits);
    }
    free(family.members);
    free(family.copies);
}

const char *btrfs_options(const struct btrfs_member *member, size_t found)
{
    return found < member->device_count ? "degraded" : NULL;
}

static int check_changeable(const unsigned char *super, const char *device, struct error **err)
{
    if (get64(super, AT_FLAGS) & BTRFS_SUPER_FLAG_CHANGING_FSID)
        return error_set(err, EXIT_FAILED,
                         "a change of its id (btrfstune -u) was cut short on %s, which only btrfstune can finish",
                         device);
    if (get64(super, AT_FLAGS) & (BTRFS_SUPER_FLAG_METADUMP | BTRFS_SUPER_FLAG_METADUMP_V2))
        return error_set(err, EXIT_FAILED, "%s is an image made by btrfs-image, without the files' data", device);
    return 0;
}

/*
 * A change that btrfstune -m has begun and not finished (CHANGING_FSID_V2) is finished by this one: the id in the tree
 * blocks is the device item's in either state.
 */
static int change_super(unsigned char *super, const unsigned char *fsid, struct error **err)
{
    unsigned char sum[BTRFS_CHECKSUM_SIZE];

    memcpy(super + AT_METADATA_UUID, super + AT_DEVICE_FSID, BTRFS_ID_LENGTH);
    memcpy(super + AT_FSID, fsid, BTRFS_ID_LENGTH);
    put64(super, AT_INCOMPAT, get64(super, AT_INCOMPAT) | BTRFS_FEATURE_INCOMPAT_METADATA_UUID);
    put64(super, AT_FLAGS, get64(super, AT_FLAGS) & ~BTRFS_SUPER_FLAG_CHANGING_FSID_V2);
    if (checksum(super, sum, err) < 0)
        return -1;
    memcpy(super, sum, sizeof(sum));
    return 0;
}

static int change_device(const char *device, const unsigned char *fsid, struct btrfs_member *before, struct error **err)
{
    /* O_EXCL: on a block device, refused while anything, a mount above all, uses it */
    _cleanup_close_ int fd = open(device, O_RDWR | O_EXCL | O_CLOEXEC);
    unsigned char super[SUPER_SIZE];

    if (fd < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot open %s for writing", device);
    if (read_super(fd, device, super, err) < 0 || check_changeable(super, device, err) < 0)
        return -1;
    member_of(super, before);
    if (change_super(super, fsid, err) < 0)
        return -1;
    errno = EIO;
    if (pwrite(fd, super, sizeof(super), SUPER_OFFSET) != (ssize_t)sizeof(super) || fsync(fd) < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot write the btrfs superblock of %s", device);
    return 0;
}

int btrfs_change_id(const char *const *devices, size_t count, struct error **err)
{
    unsigned char fsid[BTRFS_ID_LENGTH];
    struct btrfs_member first = {0}, next;

    if (getrandom(fsid, sizeof(fsid), 0) != (ssize_t)sizeof(fsid))
        return error_set_errno(err, EXIT_FAILED, errno, "no random numbers");
    /* as RFC 9562 wants a random UUID to look */
    fsid[6] = (unsigned char)((fsid[6] & 0x0f) | 0x40);
    fsid[8] = (unsigned char)((fsid[8] & 0x3f) | 0x80);
    for (size_t i = 0; i < count; i++) {
        if (change_device(devices[i], fsid, &next, err) < 0)
            return -1;
        if (i == 0)
            first = next;
        else if (memcmp(first.metadata_uuid, next.metadata_uuid, BTRFS_ID_LENGTH) != 0)
            return error_set(err, EXIT_FAILED, "%s and %s are not of one btrfs", devices[0], devices[i]);
    }
    return 0;
}

int btrfs_forget(const char *device, struct error **err)
{
    _cleanup_close_ int control = open("/dev/btrfs-control", O_RDWR | O_CLOEXEC);
    struct btrfs_ioctl_vol_args arguments = {0};

    /* no btrfs in this kernel, now or ever: nothing to forget */
    if (control < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO))
        return 0;
    if (control < 0)
        return error_set_errno(err, EXIT_FAILED, errno, "cannot open /dev/btrfs-control");
    if (strlen(device) >= sizeof(arguments.name))
        return error_set(err, EXIT_FAILED, "%s: too long a path for btrfs", device);
    memcpy(arguments.name, device, strlen(device));
    if (ioctl(control, BTRFS_IOC_FORGET_DEV, &arguments) == 0)
        return 1;
    if (errno == ENOENT || errno == ENODEV || errno == ENXIO || errno == ENOTBLK)
        return 0;
    return error_set_errno(err, errno == EBUSY ? EXIT_BUSY : EXIT_FAILED, errno,
                           "cannot make the kernel's btrfs forget %s", device);
}
