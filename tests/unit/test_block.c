/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <linux/dm-ioctl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "block/dm.h"
#include "block/overlay.h"
#include "check.h"
#include "util/file.h"
#include "util/run.h"
#include "util/str.h"

static char *scratch_directory(void)
{
    char *path = str_dup("/tmp/azilr-block-XXXXXX");

    assert_non_null(mkdtemp(path));
    return path;
}

static void remove_scratch(const char *path)
{
    const char *const argv[] = {"rm", "-rf", path, NULL};

    assert_int_equal(run_checked(argv, NULL, NULL, NULL), 0);
}

static void put(const char *directory, const char *name, const char *text)
{
    _cleanup_free_ char *path = str_printf("%s/%s", directory, name);

    assert_int_equal(file_replace(path, text, strlen(text), 0600, false, NULL), 0);
}

/* As /sys/dev/block shows a device-mapper device. */
static void put_device(const char *place, const char *number, const char *uuid, const char *holder)
{
    _cleanup_free_ char *device = str_printf("%s/%s", place, number);
    _cleanup_free_ char *dm = str_printf("%s/dm", device);
    _cleanup_free_ char *holders = str_printf("%s/holders", device);

    assert_int_equal(mkdir(device, 0700), 0);
    assert_int_equal(mkdir(dm, 0700), 0);
    assert_int_equal(mkdir(holders, 0700), 0);
    put(dm, "uuid", uuid);
    if (holder)
        put(holders, holder, "");
}

/* As the kernel lists them; returns how long the list is. */
static size_t put_entry(char *list, size_t at, dev_t device, const char *name, bool last)
{
    size_t length = offsetof(struct dm_name_list, name) + strlen(name) + 1;
    struct dm_name_list entry = {.dev = device, .next = 0};

    length = (length + 7) / 8 * 8;
    entry.next = last ? 0 : (uint32_t)length;
    memcpy(list + at, &entry, offsetof(struct dm_name_list, name));
    memcpy(list + at + offsetof(struct dm_name_list, name), name, strlen(name) + 1);
    return at + length;
}

static const struct dm_device *called(const struct dm_devices *devices, const char *name)
{
    for (size_t i = 0; i < devices->count; i++)
        if (str_equal(devices->items[i].name, name))
            return &devices->items[i];
    return NULL;
}

static void devices_are_found_by_prefix(void **state)
{
    _cleanup_free_ char *place = scratch_directory();
    _cleanup_dm_devices_ struct dm_devices found = {0};
    const struct dm_device *device;
    char list[1024] = {0};
    size_t length = 0;

    (void)state;
    put_device(place, "253:0", "AZILR-0123abcd-0\n", "dm-1");
    put_device(place, "253:1", "LVM-x\n", NULL);
    length = put_entry(list, length, makedev(253, 0), "azilr-0123abcd-0", false);
    length = put_entry(list, length, makedev(253, 1), "azilr--0123abcd--vgdata-root", false);
    length = put_entry(list, length, makedev(253, 2), "azilr-ffffffff-0", false);
    length = put_entry(list, length, makedev(253, 3), "vgdata-root", false);
    length = put_entry(list, length, makedev(253, 700), "azilr-0123abcd-half", false);
    length = put_entry(list, length, makedev(253, 5), "xazilr-0123abcd-0", true);

    assert_int_equal(dm_read_list(list, length, "azilr-0123abcd-", place, &found, NULL), 0);
    assert_int_equal(found.count, 3);
    device = called(&found, "azilr-0123abcd-0");
    assert_non_null(device);
    assert_string_equal(device->path, "/dev/mapper/azilr-0123abcd-0");
    assert_string_equal(device->uuid, "AZILR-0123abcd-0");
    assert_true(device->device == makedev(253, 0));
    assert_true(device->has_user);
    device = called(&found, "azilr--0123abcd--vgdata-root");
    assert_non_null(device);
    assert_false(device->has_user);
    /* without a table, sysfs has nothing on it */
    device = called(&found, "azilr-0123abcd-half");
    assert_non_null(device);
    assert_string_equal(device->uuid, "");
    assert_true(device->device == makedev(253, 700));
    remove_scratch(place);
}

static void a_list_is_empty_or_whole(void **state)
{
    _cleanup_dm_devices_ struct dm_devices found = {0};
    struct error *err = NULL;
    char list[64] = {0};
    size_t length = put_entry(list, 0, makedev(253, 0), "azilr-0", false);

    (void)state;
    assert_int_equal(dm_read_list(list, length, "azilr-", "/nonexistent", &found, &err), -1);
    assert_error(err, EXIT_FAILED, "ends half-way");
    dm_devices_clear(&found);
    assert_int_equal(dm_read_list(list, 4, "azilr-", "/nonexistent", &found, &err), -1);
    assert_error(err, EXIT_FAILED, "ends half-way");
    /* no device at all is one entry without a number */
    length = put_entry(list, 0, 0, "", true);
    assert_int_equal(dm_read_list(list, length, "azilr-", "/nonexistent", &found, NULL), 0);
    assert_int_equal(found.count, 0);
}

static void names_are_checked(void **state)
{
    char name[DM_NAME_LENGTH + 2];

    (void)state;
    memset(name, 'a', sizeof(name));
    name[DM_NAME_LENGTH] = '\0';
    assert_true(dm_name_is_valid(name));
    name[DM_NAME_LENGTH] = 'a';
    name[DM_NAME_LENGTH + 1] = '\0';
    assert_false(dm_name_is_valid(name));
    assert_true(dm_name_is_valid("azilr-0123abcd-0"));
    assert_true(dm_name_is_valid("azilr--0123abcd--a+b_c.d-root"));
    assert_false(dm_name_is_valid(""));
    assert_false(dm_name_is_valid("--force"));
    assert_false(dm_name_is_valid("../azilr"));
    assert_false(dm_name_is_valid("azilr 0"));
    assert_false(dm_name_is_valid("azilr\n0"));
}

static void a_full_store_holds_the_whole_origin(void **state)
{
    /* a header, a list of 256 chunks, the chunks themselves, as dm-snap-persistent.c lays them out */
    static const uint64_t sizes[] = {512, 4096, 256 * 4096, 257 * 4096, 4096 + 1, UINT64_C(1) << 40};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint64_t chunks = (sizes[i] + 4095) / 4096;
        uint64_t lists = chunks / 256 + 1;
        uint64_t store = overlay_full_store_size(sizes[i]);

        assert_true(store >= (1 + lists + chunks) * 4096);
        assert_true(store <= (1 + lists + chunks + 3) * 4096);
        assert_int_equal(store % 4096, 0);
    }
}

static void a_state_is_read(void **state)
{
    static const char *const refused[] = {
        "", "Unknown", "Merge failed", "16", "16/", "/2048 16", "a/b c", "-1/2048 16", "16/99999999999999999999 16"};
    struct overlay_usage usage = {0};

    (void)state;
    assert_int_equal(overlay_parse_status("16/2048 24", &usage, NULL), 0);
    assert_int_equal(usage.state, OVERLAY_GOOD);
    assert_true(usage.used == 16 * 512);
    assert_true(usage.total == 2048 * 512);
    assert_int_equal(overlay_parse_status("Overflow", &usage, NULL), 0);
    assert_int_equal(usage.state, OVERLAY_FULL);
    assert_int_equal(overlay_parse_status("Invalid", &usage, NULL), 0);
    assert_int_equal(usage.state, OVERLAY_BROKEN);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        struct error *err = NULL;

        assert_int_equal(overlay_parse_status(refused[i], &usage, &err), -1);
        assert_error(err, EXIT_FAILED, "azilr does not know");
    }
}

static void what_cannot_be_overlaid_is_refused(void **state)
{
    struct overlay_request request = {.directory = "/tmp", .lock_fd = -1};
    struct overlay made = {0};
    struct error *err = NULL;

    (void)state;
    request.name = "vgdata-root";
    request.origin = "/dev/null";
    assert_int_equal(overlay_create(&request, NULL, &made, &err), -1);
    assert_error(err, EXIT_FAILED, "cannot be called so");
    request.name = "azilr-0123abcd-0/..";
    assert_int_equal(overlay_create(&request, NULL, &made, &err), -1);
    assert_error(err, EXIT_FAILED, "cannot be called so");
    request.name = "azilr-0123abcd-0";
    assert_int_equal(overlay_create(&request, NULL, &made, &err), -1);
    assert_error(err, EXIT_FAILED, "not a block device");
    request.origin = "/nonexistent/device";
    assert_int_equal(overlay_create(&request, NULL, &made, &err), -1);
    assert_error(err, EXIT_FAILED, "cannot open /nonexistent/device");
    assert_null(made.path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_are_found_by_prefix),
        cmocka_unit_test(a_list_is_empty_or_whole),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(a_full_store_holds_the_whole_origin),
        cmocka_unit_test(a_state_is_read),
        cmocka_unit_test(what_cannot_be_overlaid_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
