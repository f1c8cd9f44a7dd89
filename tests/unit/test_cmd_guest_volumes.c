/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "cmd/guest_volumes.h"
#include "cmd/stack_members.h"
#include "util/str.h"

/* Two targets, whose LUNs have the same numbers: each has a disk with a partition, and a volume group on it. */
static void add_two_targets(struct mount_run *run)
{
    static const struct {
        const char *name, *device;
        int disk;
    } volumes[] = {
        {"vgdata-root", "/dev/mapper/b", 1}, {"disk0p1", "/dev/sda1", 0},   {"disk1", "/dev/sdb", 1},
        {"md-data", "/dev/md1", -1},         {"disk0p15", "/dev/sda15", 0},
    };

    for (size_t i = 0; i < sizeof(volumes) / sizeof(volumes[0]); i++)
        volumes_add(&run->volumes, volumes[i].name, volumes[i].device, 0, 0, 4096, false)->disk = volumes[i].disk;
}

static void a_volume_is_on_its_disk_whatever_the_lun(void **state)
{
    static const int disks[] = {1, 0, 1, -1, 0}, partitions[] = {-1, 1, 0, -1, 15};
    static const size_t in_order[] = {1, 4, 0, 2, 3};
    struct mount_run run = {.wait = WAIT_INIT};
    _cleanup_free_ struct guest_volume *described = NULL;
    _cleanup_free_ size_t *order = NULL;

    (void)state;
    add_two_targets(&run);
    described = guest_volumes_describe(&run.volumes);
    for (size_t i = 0; i < run.volumes.count; i++) {
        assert_int_equal(described[i].disk, disks[i]);
        assert_int_equal(described[i].partition, partitions[i]);
    }
    order = guest_volumes_in_order(described, run.volumes.count);
    assert_memory_equal(order, in_order, sizeof(in_order));
    volumes_clear(&run.volumes);
}

static void what_is_on_several_disks_is_on_the_first(void **state)
{
    static const char *const both[] = {"/dev/sdb", NULL, "/dev/sda15"}, *const second[] = {"/dev/sdb", "/dev/none"},
                             *const none[] = {NULL, "/dev/md1"};
    struct mount_run run = {.wait = WAIT_INIT};

    (void)state;
    add_two_targets(&run);
    assert_int_equal(stack_disk_of(&run, both, 3), 0);
    assert_int_equal(stack_disk_of(&run, second, 2), 1);
    assert_int_equal(stack_disk_of(&run, none, 2), -1);
    volumes_clear(&run.volumes);
}

static void only_a_disk_s_own_names_are_those_of_partitions(void **state)
{
    static const struct {
        const char *name;
        int partition;
    } cases[] = {
        {"disk0", 0},   {"disk12p3", 3},  {"disk0p", -1},           {"diskp1", -1},      {"disk0p1-2", -1},
        {"disk-x", -1}, {"vg-disk0", -1}, {"disk0p1-unlocked", -1}, {"disk0p99999", -1}, {"", -1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mount_run run = {.wait = WAIT_INIT};
        _cleanup_free_ struct guest_volume *described = NULL;

        volumes_add(&run.volumes, cases[i].name, "/dev/none", 0, 0, 4096, false);
        described = guest_volumes_describe(&run.volumes);
        assert_int_equal(described[0].partition, cases[i].partition);
        volumes_clear(&run.volumes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_volume_is_on_its_disk_whatever_the_lun),
        cmocka_unit_test(what_is_on_several_disks_is_on_the_first),
        cmocka_unit_test(only_a_disk_s_own_names_are_those_of_partitions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
