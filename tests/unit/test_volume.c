/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <string.h>

#include "check.h"
#include "util/file.h"
#include "util/str.h"
#include "volume/filesystem.h"
#include "volume/probe.h"
#include "volume/volumes.h"

/* The few bytes by which libblkid knows each: offsets and magics are the formats' own. */
static char *image_with(off_t size, off_t offset, const char *magic, size_t magic_length)
{
    char *path = str_dup("/tmp/azilr-image-XXXXXX");
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, size), 0);
    assert_int_equal(pwrite(fd, magic, magic_length, offset), (ssize_t)magic_length);
    close(fd);
    return path;
}

static void volumes_get_a_verdict(void **state)
{
    _cleanup_free_ char *empty = image_with(8 << 20, 0, "", 0);
    _cleanup_free_ char *swap = image_with(8 << 20, 4086, "SWAPSPACE2", 10);
    _cleanup_volumes_ struct volumes volumes = {0};

    (void)state;
    volume_probe(volumes_add(&volumes, "disk0", empty, 0, 1, 8 << 20, true));
    volume_probe(volumes_add(&volumes, "disk1", swap, 0, 2, 8 << 20, true));
    volume_probe(volumes_add(&volumes, "disk2", "/nonexistent/device", 0, 3, 0, true));
    assert_int_equal(volumes.count, 3);
    assert_int_equal(volumes.items[0].state, VOLUME_FAILED);
    assert_non_null(strstr(volumes.items[0].reason, "no file system"));
    /* version and page count are missing in this one, so that libblkid may well not take it for swap */
    assert_int_not_equal(volumes.items[1].state, VOLUME_FOUND);
    assert_int_equal(volumes.items[2].state, VOLUME_FAILED);
    assert_non_null(strstr(volumes.items[2].reason, "No such file"));
    unlink(empty);
    unlink(swap);
}

/* Of a disk the kernel may not take the table, and of what lies deeper it looks for none. */
static void a_partition_table_is_kept_in_mind_where_the_kernel_reads_none(void **state)
{
    static const char table[] = "\x83\0\0\0\x01\0\0\0\x01";
    _cleanup_volumes_ struct volumes volumes = {0};
    char path[] = "/tmp/azilr-volume-XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 8 << 20), 0);
    assert_int_equal(pwrite(fd, table, sizeof(table) - 1, 446 + 4), sizeof(table) - 1);
    assert_int_equal(pwrite(fd, "\x55\xaa", 2, 510), 2);
    close(fd);
    volume_probe(volumes_add(&volumes, "disk0", path, 0, 1, 8 << 20, true));
    assert_int_equal(volumes.items[0].state, VOLUME_FAILED);
    assert_string_equal(volumes.items[0].table, "dos");
    volume_probe(volumes_add(&volumes, "md-data", path, 0, 1, 8 << 20, false));
    assert_int_equal(volumes.items[1].state, VOLUME_FAILED);
    assert_string_equal(volumes.items[1].table, "dos");
    /* what is known of a partition is not forgotten when it is looked at */
    volumes_add(&volumes, "md-datap1", path, 0, 1, 8 << 20, false);
    volumes.items[2].part_uuid = str_dup("01234567-01");
    volumes.items[2].part_type = str_dup("21686148-6449-6E6F-744E-656564454649");
    volume_probe(&volumes.items[2]);
    assert_string_equal(volumes.items[2].part_uuid, "01234567-01");
    assert_int_equal(volumes.items[2].state, VOLUME_SKIPPED);
    unlink(path);
}

/* A file system at the beginning of such a partition may be a piece of a volume on several disks. */
static void what_windows_manages_is_named_and_never_mounted(void **state)
{
    static const struct {
        const char *type;
        enum volume_state state;
        const char *reason;
    } cases[] = {
        {"AF9B60A0-1431-4F62-BC68-3311714A69AD", VOLUME_FAILED, "dynamic disk"},
        {"0x42", VOLUME_FAILED, "dynamic disk"},
        {"5808c8aa-7e8f-42e0-85d2-e1e90434cfb3", VOLUME_SKIPPED, "dynamic disk"},
        {"e75caf8f-f680-4cee-afa3-b001e56efc2d", VOLUME_FAILED, "Storage Spaces"},
    };
    static const unsigned char empty[2] = {0}, ext2[2] = {0x53, 0xef};

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_volumes_ struct volumes volumes = {0};
        char path[] = "/tmp/azilr-volume-XXXXXX";
        int fd = mkstemp(path);
        struct volume *volume;

        assert_true(fd >= 0);
        assert_int_equal(ftruncate(fd, 8 << 20), 0);
        assert_int_equal(pwrite(fd, i % 2 ? ext2 : empty, 2, 1024 + 0x38), 2);
        close(fd);
        volume = volumes_add(&volumes, "disk0p1", path, 0, 1, 8 << 20, false);
        volume->part_type = str_dup(cases[i / 2].type);
        volume_probe(volume);
        assert_int_equal(volume->state, cases[i / 2].state);
        assert_non_null(strstr(volume->reason, cases[i / 2].reason));
        unlink(path);
    }
}

static void every_type_is_mountable_or_says_why_not(void **state)
{
    static const char *const mountable[] = {"ext2", "ext3",  "ext4", "xfs",     "btrfs",
                                            "vfat", "exfat", "ntfs", "iso9660", "udf"};
    static const char *const others[] = {
        "swap", "LVM2_member", "linux_raid_member", "crypto_LUKS", "BitLocker", "bcache", "zfs_member",
        "ReFS", "VMFS",        "reiserfs",          "f2fs",        "hfsplus"};

    (void)state;
    for (size_t i = 0; i < sizeof(mountable) / sizeof(mountable[0]); i++) {
        assert_null(filesystem_by_type(mountable[i])->reason);
        assert_non_null(filesystem_by_type(mountable[i])->drivers[0].type);
    }
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        assert_non_null(filesystem_by_type(others[i])->reason);
        assert_null(filesystem_by_type(others[i])->drivers[0].type);
    }
    assert_true(filesystem_by_type("swap")->harmless);
    assert_true(filesystem_by_type("jbd")->harmless);
    assert_true(filesystem_by_type("xfs_external_log")->harmless);
    assert_false(filesystem_by_type("bcache")->harmless);
    assert_null(filesystem_by_type("no-such-thing"));
    /* every option list is added to the common one, which is what makes a mount harmless */
    assert_string_equal(FILESYSTEM_COMMON_OPTIONS, "ro,nosuid,nodev,noexec");
}

static void damage_must_not_stop_the_host(void **state)
{
    static const char *const panicky[] = {"ext2", "ext3", "ext4", "vfat", "exfat"};
    static const char *const journaled[] = {"ext3", "ext4", "xfs"};

    (void)state;
    for (size_t i = 0; i < sizeof(panicky) / sizeof(panicky[0]); i++) {
        const struct filesystem_driver *driver = &filesystem_by_type(panicky[i])->drivers[0];

        assert_non_null(strstr(driver->options, "errors=continue"));
        if (driver->unreplayed_options)
            assert_non_null(strstr(driver->unreplayed_options, "errors=continue"));
    }
    for (size_t i = 0; i < sizeof(journaled) / sizeof(journaled[0]); i++) {
        assert_int_equal(filesystem_by_type(journaled[i])->overlay, FILESYSTEM_OVERLAY_IF_DIRTY);
        assert_non_null(filesystem_by_type(journaled[i])->drivers[0].unreplayed_options);
    }
    assert_int_equal(filesystem_by_type("btrfs")->overlay, FILESYSTEM_OVERLAY_ALWAYS);
    assert_string_equal(filesystem_by_type("ntfs")->drivers[0].type, "ntfs3");
    assert_string_equal(filesystem_by_type("ntfs")->drivers[1].program, "ntfs-3g");
}

static void json_of_volumes_has_every_member(void **state)
{
    _cleanup_volumes_ struct volumes volumes = {0};
    _cleanup_json_ cJSON *array = NULL;

    (void)state;
    volume_probe(volumes_add(&volumes, "disk0", "/nonexistent/device", 0, 3, 4096, true));
    array = volumes_to_json(&volumes);
    assert_string_equal(json_string(array->child, "name"), "disk0");
    assert_string_equal(json_string(array->child, "status"), "failed");
    assert_int_equal((int)json_number(array->child, "lun", -1), 3);
    assert_int_equal((int)json_number(array->child, "size", -1), 4096);
    assert_true(cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(array->child, "mount_point")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(volumes_get_a_verdict),
        cmocka_unit_test(a_partition_table_is_kept_in_mind_where_the_kernel_reads_none),
        cmocka_unit_test(what_windows_manages_is_named_and_never_mounted),
        cmocka_unit_test(every_type_is_mountable_or_says_why_not),
        cmocka_unit_test(damage_must_not_stop_the_host),
        cmocka_unit_test(json_of_volumes_has_every_member),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
