/* SPDX-License-Identifier: MIT */
#include <linux/major.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "block/read_loop.h"
#include "check.h"
#include "cmd/mount_batch.h"

static void ways_to_read_ahead(void **state)
{
    static const struct {
        const char *how;
        bool by_file;
    } good[] = {{NULL, false}, {"volume", false}, {"file", true}};
    static const char *const bad[] = {"Volume", "files", "off", "0"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        struct options options = {.read_ahead = good[i].how};
        struct mount_run run = {.options = &options, .wait = WAIT_INIT};

        assert_int_equal(mount_batch_check(&run, NULL), 0);
        assert_int_equal(run.reads_by_file, good[i].by_file);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct options options = {.read_ahead = bad[i]};
        struct mount_run run = {.options = &options, .wait = WAIT_INIT};
        struct error *err = NULL;

        assert_int_equal(mount_batch_check(&run, &err), -1);
        assert_error(err, EXIT_USAGE, "--read-ahead is");
    }
}

/* Those that are bound are met in the lab. */
static void only_loop_devices_can_be_foreign(void **state)
{
    const dev_t devices[] = {makedev(SCSI_DISK0_MAJOR, 1), makedev(LOOP_MAJOR, 0xfffff)};

    (void)state;
    assert_false(read_loop_is_foreign(devices[0], devices, 2));
    /* free, or not there at all */
    assert_true(read_loop_is_foreign(devices[1], devices, 2));
}

static void what_is_not_there_is_not_waited_for(void **state)
{
    const dev_t devices[] = {makedev(SCSI_DISK0_MAJOR, 1), makedev(LOOP_MAJOR, 0xfffff)};
    struct read_loop none = {.descriptor = -1, .below = -1};
    struct wait wait = WAIT_INIT;

    (void)state;
    read_loop_await_gone(devices, 2, &wait);
    read_loop_release(&none, &wait);
}

static void a_device_that_is_none_has_no_loop(void **state)
{
    struct read_loop loop;
    struct wait wait = WAIT_INIT;
    struct error *err = NULL;

    (void)state;
    assert_int_equal(read_loop_attach("/dev/azilr-none", false, &wait, &loop, &err), -1);
    assert_error(err, EXIT_FAILED, "cannot open /dev/azilr-none");
    assert_null(loop.path);
}

static void messages_name_the_device_below(void **state)
{
    static const char *const texts[][2] = {
        {"EXT4-fs (loop1): bad", "EXT4-fs (azilr-x): bad"},
        {"loop1", "azilr-x"},
        {"loop12: not ours", "loop12: not ours"},
        {"/dev/loop1: a, /dev/loop12: b, loop1", "/dev/mapper/azilr-x: a, /dev/loop12: b, azilr-x"},
        {"nothing of it", "nothing of it"},
    };
    const struct read_loop loop = {.path = (char *)"/dev/loop1", .below_path = (char *)"/dev/mapper/azilr-x"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        _cleanup_error_ struct error *err = NULL;

        error_set(&err, EXIT_FAILED, "%s", texts[i][0]);
        read_loop_rename(&loop, err);
        assert_string_equal(err->message, texts[i][1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ways_to_read_ahead),
        cmocka_unit_test(only_loop_devices_can_be_foreign),
        cmocka_unit_test(what_is_not_there_is_not_waited_for),
        cmocka_unit_test(a_device_that_is_none_has_no_loop),
        cmocka_unit_test(messages_name_the_device_below),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
