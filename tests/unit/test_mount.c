/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "check.h"
#include "mount/kernel_log.h"
#include "mount/mounts.h"
#include "util/str.h"

static char *match(const char *record, const char *device)
{
    return kernel_log_match(record, strlen(record), device);
}

static void the_kernels_reason_is_that_of_the_device(void **state)
{
    _cleanup_free_ char *said =
        match("3,586,67723967,-;EXT4-fs (loop0): Invalid log block size: 2650022834\n SUBSYSTEM=block\n", "loop0");
    _cleanup_free_ char *hostile = match("3,1,2,-;EXT4-fs (sdc1): bad \x1b[2J name\n", "sdc1");

    (void)state;
    assert_string_equal(said, "EXT4-fs (loop0): Invalid log block size: 2650022834");
    assert_null(strchr(hostile, '\x1b'));
    /* another device, whose name begins or ends alike */
    assert_null(match("3,1,2,-;EXT4-fs (loop01): broken\n", "loop0"));
    assert_null(match("3,1,2,-;XFS (dm-10): broken\n", "dm-1"));
    assert_null(match("3,1,2,-;XFS (xdm-1): broken\n", "dm-1"));
    /* what goes well, or is advice */
    assert_null(match("6,1,2,-;XFS (dm-1): Mounting V5 Filesystem\n", "dm-1"));
    assert_null(match("1,1,2,-;XFS (dm-1): Unmount and run xfs_repair\n", "dm-1"));
    /* what is no record */
    assert_null(match("", "dm-1"));
    assert_null(match("dm-1", "dm-1"));
    assert_null(match("x,1,2,-;dm-1", "dm-1"));
    assert_null(match("3;dm-1", "dm-1"));
}

/* The root of this very namespace is mounted, and from no device of ours. */
static void what_is_not_ours_stays_mounted(void **state)
{
    const dev_t device = 0xfff0;

    (void)state;
    assert_int_equal(unmount_device("/proc", &device, 1, NULL), 0);
    assert_true(is_mount_point("/proc"));
    assert_null(mount_point_of(device));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernels_reason_is_that_of_the_device),
        cmocka_unit_test(what_is_not_ours_stays_mounted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
