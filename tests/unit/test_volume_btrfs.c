/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "util/str.h"
#include "volume/btrfs.h"
#include "volume/btrfs_checksum.h"

/* Offsets of the on-disk format, written down here once more so that a slip in one place shows. */
enum { SUPER_AT = 65536, SUPER_LENGTH = 4096 };

static void put(unsigned char *super, size_t at, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        super[at + i] = (unsigned char)(value >> (8 * i));
}

static void seal(unsigned char *super)
{
    unsigned char sum[BTRFS_CHECKSUM_SIZE];

    assert_int_equal(btrfs_checksum(0, super + 32, SUPER_LENGTH - 32, sum, NULL), 0);
    memcpy(super, sum, sizeof(sum));
}

static void make_super(unsigned char *super, unsigned char fsid, uint64_t device_id, uint64_t flags)
{
    memset(super, 0, SUPER_LENGTH);
    memset(super + 0x20, fsid, 16);
    put(super, 0x30, SUPER_AT, 8);
    put(super, 0x38, flags, 8);
    memcpy(super + 0x40, "_BHRfS_M", 8);
    put(super, 0x48, 77, 8);
    put(super, 0x60, 4096, 8); /* a log tree */
    put(super, 0x88, 2, 8);
    put(super, 0xc9, device_id, 8);
    memset(super + 0xc9 + 82, fsid, 16);
    seal(super);
}

static char *image_of(const unsigned char *super)
{
    char *path = str_dup("/tmp/azilr-btrfs-XXXXXX");
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 1 << 20), 0);
    assert_int_equal(pwrite(fd, super, SUPER_LENGTH, SUPER_AT), SUPER_LENGTH);
    close(fd);
    return path;
}

static void read_back(const char *path, unsigned char *super)
{
    _cleanup_close_ int fd = open(path, O_RDONLY);

    assert_int_equal(pread(fd, super, SUPER_LENGTH, SUPER_AT), SUPER_LENGTH);
}

static void checksums_are_those_of_the_format(void **state)
{
    static const unsigned char check[4] = {0x83, 0x92, 0x06, 0xe3}; /* CRC-32C of "123456789" is 0xe3069283 */
    unsigned char sum[BTRFS_CHECKSUM_SIZE];
    _cleanup_error_ struct error *err = NULL;

    (void)state;
    assert_int_equal(btrfs_checksum(0, "123456789", 9, sum, NULL), 0);
    assert_memory_equal(sum, check, sizeof(check));
    assert_int_equal(sum[4], 0);
    /* SHA-256 of "abc", FIPS 180-2 */
    assert_int_equal(btrfs_checksum(2, "abc", 3, sum, NULL), 0);
    assert_memory_equal(sum, "\xba\x78\x16\xbf\x8f\x01\xcf\xea", 8);
    assert_int_equal(btrfs_checksum(9, "", 0, sum, &err), -1);
}

static void a_superblock_is_read_and_checked(void **state)
{
    unsigned char super[SUPER_LENGTH];
    struct btrfs_member member;
    _cleanup_error_ struct error *damaged = NULL, *missing = NULL;
    char *path;

    (void)state;
    make_super(super, 0x11, 2, 0);
    path = image_of(super);
    assert_int_equal(btrfs_read_member(path, &member, NULL), 0);
    assert_int_equal(member.device_id, 2);
    assert_int_equal(member.device_count, 2);
    assert_int_equal(member.generation, 77);
    assert_true(member.has_log);
    assert_int_equal(member.fsid[15], 0x11);
    assert_string_equal(btrfs_options(&member, 1), "degraded");
    assert_null(btrfs_options(&member, 2));
    unlink(path);
    free(path);

    super[0x48]++;
    path = image_of(super);
    assert_int_equal(btrfs_read_member(path, &member, &damaged), -1);
    assert_non_null(strstr(damaged->message, "checksum"));
    unlink(path);
    free(path);

    memset(super, 0, sizeof(super));
    path = image_of(super);
    assert_int_equal(btrfs_read_member(path, &member, &missing), -1);
    assert_non_null(strstr(missing->message, "no btrfs superblock"));
    unlink(path);
    free(path);
}

static void a_new_id_changes_three_fields_and_no_other(void **state)
{
    static const uint64_t changing_v2 = 1ULL << 36;
    unsigned char before[2][SUPER_LENGTH], after[2][SUPER_LENGTH];
    const char *devices[2];
    struct btrfs_member member;

    (void)state;
    make_super(before[0], 0x22, 1, changing_v2);
    make_super(before[1], 0x22, 2, 0);
    for (size_t i = 0; i < 2; i++)
        devices[i] = image_of(before[i]);
    assert_int_equal(btrfs_change_id(devices, 2, NULL), 0);
    for (size_t i = 0; i < 2; i++) {
        read_back(devices[i], after[i]);
        assert_int_equal(btrfs_read_member(devices[i], &member, NULL), 0);
        assert_memory_not_equal(member.fsid, before[i] + 0x20, 16);
        assert_memory_equal(member.metadata_uuid, before[i] + 0x20, 16);
        assert_memory_equal(after[i] + 0x23b, before[i] + 0x20, 16);
        assert_int_equal(after[i][0xbd], 0x04); /* METADATA_UUID is bit 10 */
        /* put back, it is what it was */
        memcpy(after[i] + 0x20, before[i] + 0x20, 16);
        memset(after[i] + 0x23b, 0, 16);
        after[i][0xbd] = 0;
        put(before[i], 0x38, 0, 8);
        assert_memory_equal(after[i] + 32, before[i] + 32, SUPER_LENGTH - 32);
        unlink(devices[i]);
    }
    free((char *)(uintptr_t)devices[0]);
    free((char *)(uintptr_t)devices[1]);
}

static void what_cannot_be_changed_is_refused(void **state)
{
    unsigned char super[SUPER_LENGTH], other[SUPER_LENGTH], after[SUPER_LENGTH];
    _cleanup_error_ struct error *changing = NULL, *strangers = NULL;
    const char *devices[2];

    (void)state;
    make_super(super, 0x33, 1, 1ULL << 35);
    devices[0] = image_of(super);
    assert_int_equal(btrfs_change_id(devices, 1, &changing), -1);
    assert_non_null(strstr(changing->message, "btrfstune -u"));
    read_back(devices[0], after);
    assert_memory_equal(after, super, SUPER_LENGTH);
    unlink(devices[0]);
    free((char *)(uintptr_t)devices[0]);

    make_super(super, 0x33, 1, 0);
    make_super(other, 0x44, 2, 0);
    devices[0] = image_of(super);
    devices[1] = image_of(other);
    assert_int_equal(btrfs_change_id(devices, 2, &strangers), -1);
    assert_non_null(strstr(strangers->message, "not of one btrfs"));
    for (size_t i = 0; i < 2; i++) {
        unlink(devices[i]);
        free((char *)(uintptr_t)devices[i]);
    }
}

/* One file system for each letter; "a1/5" is the device 1 of one of two, of generation 5. Returns how many. */
static size_t read_members(const char *text, struct btrfs_member *members)
{
    size_t count = 0;
    int used = 0;

    for (const char *at = text; *at; at += used, at += strspn(at, " ")) {
        unsigned device_id, generation;
        char id;

        assert_int_equal(sscanf(at, "%c%u/%u%n", &id, &device_id, &generation, &used), 3);
        members[count] = (struct btrfs_member){.device_id = device_id, .device_count = 2, .generation = generation};
        memset(members[count].fsid, id, sizeof(members[count].fsid));
        memset(members[count].metadata_uuid, id, sizeof(members[count].metadata_uuid));
        count++;
    }
    return count;
}

static void devices_are_grouped_by_file_system_and_copies_kept_apart(void **state)
{
    static const struct {
        const char *members;
        const char *groups; /* a digit for each: its group's first member */
        const char *fits;   /* 'f'its, 'l'eft over, '?' */
    } cases[] = {
        {"a1/5", "0", "f"},
        {"a1/5 b1/5 a2/5", "010", "fff"},
        {"a2/5 a1/4", "00", "ff"},
        /* disks and their clones, one after the other or in turn */
        {"a1/5 a2/5 a1/5 a2/5", "0022", "ffff"},
        {"a1/5 a1/9 a2/9 a2/5", "0110", "ffff"},
        {"a1/5 a1/5 a2/5 a2/5", "0000", "????"},
        /* what was written since makes it another one, even where its other half is not there */
        {"a1/5 a2/9", "01", "lf"},
        {"a1/9 a2/9 a2/5", "002", "ffl"},
        {"a1/5 a1/5", "01", "fl"},
        {"a1/9 a1/5 a2/5", "011", "fff"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        static const char letters[] = {[BTRFS_FITS] = 'f', [BTRFS_LEFT_OVER] = 'l', [BTRFS_DOUBTFUL] = '?'};
        struct btrfs_member members[8];
        enum btrfs_fit fits[8];
        size_t groups[8];
        const size_t count = read_members(cases[i].members, members);

        btrfs_group(members, count, groups, fits);
        for (size_t j = 0; j < count; j++)
            if (groups[j] != (size_t)(cases[i].groups[j] - '0') || letters[fits[j]] != cases[i].fits[j])
                fail_msg("%s: device %zu is in group %zu, %c", cases[i].members, j, groups[j], letters[fits[j]]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksums_are_those_of_the_format),
        cmocka_unit_test(a_superblock_is_read_and_checked),
        cmocka_unit_test(a_new_id_changes_three_fields_and_no_other),
        cmocka_unit_test(what_cannot_be_changed_is_refused),
        cmocka_unit_test(devices_are_grouped_by_file_system_and_copies_kept_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
