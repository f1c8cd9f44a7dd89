/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "util/str.h"
#include "volume/md-internal.h"

#define UUID "89142a1b:215d4378:1ed8914a:353daa27"

/* As mdadm 4.2 prints them. */
static const char exported_12[] = "MD_LEVEL=raid5\nMD_DEVICES=3\nMD_NAME=web01:x\nMD_ARRAY_SIZE=46.14MB\nMD_UUID=" UUID
                                  "\nMD_UPDATE_TIME=1795614822\nMD_DEV_UUID=34d96357:3e59aba1:b3546601:5a19093d\n"
                                  "MD_EVENTS=18\n";
static const char examined_12[] = "/dev/sdc:\n"
                                  "          Magic : a92b4efc\n"
                                  "        Version : 1.2\n"
                                  "    Feature Map : 0x0\n"
                                  "     Array UUID : " UUID "\n"
                                  "           Name : web01:x\n"
                                  "     Raid Level : raid5\n"
                                  "   Raid Devices : 3\n"
                                  "\n"
                                  "          State : active\n"
                                  "    Device UUID : 34d96357:3e59aba1:b3546601:5a19093d\n"
                                  "         Events : 18\n"
                                  "\n"
                                  "   Device Role : Active device 1\n"
                                  "   Array State : AA. ('A' == active, '.' == missing, 'R' == replacing)\n";
static const char exported_090[] = "MD_LEVEL=raid1\nMD_DEVICES=2\nMD_UUID=2cb45968:5771fb30:87167e15:6b18961d\n"
                                   "MD_UPDATE_TIME=1795614917\nMD_EVENTS=1\n";
static const char examined_090[] = "/dev/sdc:\n          Magic : a92b4efc\n        Version : 0.90.00\n"
                                   "           UUID : 2cb45968:5771fb30:87167e15:6b18961d (local to host lab)\n"
                                   "Preferred Minor : 127\n"
                                   "          State : clean\n         Events : 1\n\n"
                                   "      Number   Major   Minor   RaidDevice State\n"
                                   "this     1       7        4        1      active sync   /dev/loop4\n\n"
                                   "   0     0       7        3        0      active sync   /dev/loop3\n"
                                   "   1     1       7        4        1      active sync   /dev/loop4\n";
static const char exported_ddf[] = "MD_METADATA=ddf\nMD_LEVEL=container\nMD_UUID=d6e4985c:f25f60d4:0bca97fa:d888365d\n"
                                   "MD_DEVICES=2\n";

static void a_superblock_is_read(void **state)
{
    struct md_superblock superblock;
    struct error *err = NULL;

    (void)state;
    assert_int_equal(md_parse(exported_12, examined_12, &superblock, &err), 0);
    assert_string_equal(superblock.uuid, UUID);
    assert_string_equal(superblock.name, "web01:x");
    assert_string_equal(superblock.level, "raid5");
    assert_string_equal(superblock.metadata, "1.2");
    assert_int_equal(superblock.raid_devices, 3);
    assert_int_equal(superblock.role, 1);
    assert_int_equal(superblock.events, 18);
    assert_int_equal(superblock.updated, 1795614822);
    assert_true(superblock.dirty);
    assert_string_equal(superblock.state, "AA.");
    md_superblock_clear(&superblock);
}

static void a_superblock_of_the_old_kind_is_read(void **state)
{
    struct md_superblock superblock;
    struct error *err = NULL;

    (void)state;
    assert_int_equal(md_parse(exported_090, examined_090, &superblock, &err), 0);
    assert_string_equal(superblock.metadata, "0.90");
    assert_string_equal(superblock.name, "127");
    assert_int_equal(superblock.role, 1);
    assert_false(superblock.dirty);
    assert_string_equal(superblock.state, "");
    md_superblock_clear(&superblock);

    assert_int_equal(md_parse("MD_LEVEL=raid1\nMD_DEVICES=2\nMD_UUID=" UUID "\nMD_EVENTS=1.5\n",
                              "Version : 0.90.00\n\nthis     2  7 4   -1  spare   /dev/x\n", &superblock, &err),
                     0);
    assert_true(superblock.events == (UINT64_C(1) << 32 | 5));
    assert_int_equal(superblock.role, MD_SPARE);
    md_superblock_clear(&superblock);
}

static void nonsense_is_refused(void **state)
{
    static const struct {
        const char *exported, *examined;
    } cases[] = {
        {"", ""},
        {"MD_LEVEL=raid1\nMD_DEVICES=2\n", "Version : 1.2\n"},
        {"MD_LEVEL=raid1\nMD_DEVICES=2\nMD_UUID=x\n", "Version : 1.2\n"},
        {"MD_LEVEL=raid1\nMD_DEVICES=-2\nMD_UUID=" UUID "\n", "Version : 1.2\n"},
        {"MD_LEVEL=raid1\nMD_DEVICES=99999\nMD_UUID=" UUID "\n", "Version : 1.2\n"},
        {"MD_LEVEL=raid1\nMD_DEVICES=2\nMD_UUID=" UUID "\n", ""},
        {"MD_DEVICES=2\nMD_UUID=" UUID "\n", "Version : 1.2\n"},
        {"MD_LEVEL=raid1\nMD_DEVICES=2\nMD_UUID=" UUID "-\n", "Version : 1.2\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct md_superblock superblock;
        struct error *err = NULL;

        assert_int_equal(md_parse(cases[i].exported, cases[i].examined, &superblock, &err), -1);
        assert_error(err, EXIT_FAILED, "makes no sense");
    }
}

static void odd_roles_are_those_of_a_spare(void **state)
{
    static const char *const roles[] = {
        "spare", "Active device", "Active device -1", "Active device 512", "Active device 1x", "Journal", ""};

    (void)state;
    for (size_t i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {
        char *examined = str_printf("Version : 1.2\n   Device Role : %s\n", roles[i]);
        struct md_superblock superblock;

        assert_int_equal(md_parse(exported_12, examined, &superblock, NULL), 0);
        assert_int_equal(superblock.role, MD_SPARE);
        md_superblock_clear(&superblock);
        free(examined);
    }
}

/* "ROLE/EVENTS[d] …" of an array of this level and size; "s" is a spare's role. */
static void make(struct md_arrays *arrays, const char *level, int raid_devices, const char *recorded,
                 const char *members)
{
    char role[8], dirty[2];
    unsigned events;
    int used;

    for (const char *at = members; sscanf(at, " %7[0-9s]/%u%n", role, &events, &used) == 2; at += used) {
        struct md_superblock superblock = {.uuid = str_dup(UUID),
                                           .level = str_dup(level),
                                           .metadata = str_dup("1.2"),
                                           .raid_devices = raid_devices,
                                           .events = events};

        superblock.role = *role == 's' ? MD_SPARE : (int)strtol(role, NULL, 10);
        superblock.dirty = sscanf(at + used, "%1[d]", dirty) == 1;
        used += superblock.dirty;
        strncpy(superblock.state, recorded, sizeof(superblock.state) - 1);
        md_add(arrays, "/dev/sdx", &superblock);
    }
    md_judge(arrays);
}

static void what_can_be_done_with_an_array_follows_from_its_members(void **state)
{
    static const struct {
        const char *level;
        int raid_devices;
        const char *recorded, *members;
        enum md_state state;
        int missing;
        bool needs_force;
    } cases[] = {
        {"raid1", 2, "AA", "0/5 1/5", MD_WHOLE, 0, false},
        {"raid1", 2, "AA", "1/5", MD_DEGRADED, 1, false},
        {"raid1", 2, "AA", "1/5d", MD_DEGRADED, 1, false},
        {"raid1", 3, "AAA", "2/1", MD_DEGRADED, 2, false},
        /* one behind is the backup's doing, two are not */
        {"raid1", 2, "AA", "0/4 1/5", MD_WHOLE, 0, false},
        {"raid1", 2, "AA", "0/3 1/5", MD_DEGRADED, 1, false},
        /* dropped out just before the backup: the count is near, but the others know */
        {"raid1", 2, ".A", "0/4 1/5", MD_DEGRADED, 1, false},
        {"raid1", 2, "AA", "s/5 1/5", MD_DEGRADED, 1, false},
        /* twice the same one */
        {"raid1", 2, "AA", "1/5 1/5", MD_DEGRADED, 1, false},
        {"raid5", 3, "AAA", "0/5 1/5 2/5", MD_WHOLE, 0, false},
        {"raid5", 3, "AAA", "0/5d 1/5d 2/5d", MD_WHOLE, 0, false},
        {"raid5", 3, "AAA", "0/5 2/5", MD_DEGRADED, 1, false},
        {"raid5", 3, "AAA", "0/5 2/5d", MD_DEGRADED, 1, true},
        {"raid5", 3, "AAA", "0/5", MD_INCOMPLETE, 2, false},
        {"raid5", 3, "AAA", "0/5 1/5 2/5 s/5", MD_WHOLE, 0, false},
        {"raid6", 4, "AAAA", "0/5 3/5", MD_DEGRADED, 2, false},
        {"raid6", 4, "AAAA", "3/5", MD_INCOMPLETE, 3, false},
        {"raid10", 4, "AAAA", "0/5 2/5", MD_DEGRADED, 2, false},
        {"raid10", 4, "AAAA", "0/5", MD_INCOMPLETE, 3, false},
        {"raid0", 2, "AA", "0/0 1/0", MD_WHOLE, 0, false},
        {"raid0", 2, "AA", "1/0", MD_INCOMPLETE, 1, false},
        {"linear", 2, "AA", "1/0", MD_INCOMPLETE, 1, false},
        {"raid1", 2, "AA", "s/5", MD_INCOMPLETE, 2, false},
        /* a place that the array does not have */
        {"raid1", 2, "AA", "7/5 1/5", MD_DEGRADED, 1, false},
        {"raid1", 0, "", "0/5", MD_UNSUPPORTED, 0, false},
        {"container", 2, "", "s/0 s/0", MD_UNSUPPORTED, 2, false},
        {"faulty", 1, "A", "0/5", MD_UNSUPPORTED, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_md_arrays_ struct md_arrays arrays = {0};
        const struct md_array *array;

        make(&arrays, cases[i].level, cases[i].raid_devices, cases[i].recorded, cases[i].members);
        assert_int_equal(arrays.count, 1);
        array = &arrays.items[0];
        if (array->state != cases[i].state || array->missing != cases[i].missing ||
            array->needs_force != cases[i].needs_force)
            fail_msg("%s of %d with %s: state %d, missing %d, force %d", cases[i].level, cases[i].raid_devices,
                     cases[i].members, array->state, array->missing, array->needs_force);
        assert_true((array->reason != NULL) == (array->state != MD_WHOLE));
    }
}

/* "ROLE/EVENTS[@TIME][d] …", in the order of the disks sda, sdb…, divided and judged. */
static void make_copies(struct md_arrays *arrays, const char *level, int raid_devices, const char *members)
{
    struct md_superblock superblocks[16] = {0};
    size_t count = 0;
    int used = 0;

    for (const char *at = members; *at; at += used, at += strspn(at, " ")) {
        struct md_superblock *one = &superblocks[count++];
        char word[32] = "";
        unsigned role, events, time = 0;

        assert_int_equal(sscanf(at, "%31s%n", word, &used), 1);
        assert_true(sscanf(word, "%u/%u@%u", &role, &events, &time) >= 2);
        *one = (struct md_superblock){.uuid = str_dup(UUID),
                                      .level = str_dup(level),
                                      .metadata = str_dup("1.2"),
                                      .raid_devices = raid_devices,
                                      .role = (int)role,
                                      .events = events,
                                      .updated = time,
                                      .dirty = word[strlen(word) - 1] == 'd'};
        memset(one->state, 'A', (size_t)raid_devices);
    }
    md_divide(superblocks, count);
    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *device = str_printf("/dev/sd%c", 'a' + (int)i);

        md_add(arrays, device, &superblocks[i]);
    }
    md_judge(arrays);
}

/* "W:ab L:c": of each array its state's first letter, and the letters of its members' disks. The caller frees it. */
static char *shown(const struct md_arrays *arrays)
{
    static const char letters[] = {[MD_WHOLE] = 'W',     [MD_DEGRADED] = 'D', [MD_INCOMPLETE] = 'I',
                                   [MD_LEFT_OVER] = 'L', [MD_DOUBTFUL] = '?', [MD_UNSUPPORTED] = 'U'};
    char *text = str_dup("");

    for (size_t i = 0; i < arrays->count; i++) {
        const struct md_array *array = &arrays->items[i];
        char *before = text;

        text = str_printf("%s%s%c:", before, *before ? " " : "", letters[array->state]);
        free(before);
        for (size_t j = 0; j < array->member_count; j++) {
            before = text;
            text = str_printf("%s%s%c", before, array->members[j].stale ? "-" : "", array->members[j].device[7]);
            free(before);
        }
    }
    return text;
}

static void members_of_copies_are_not_put_together(void **state)
{
    static const struct {
        const char *level;
        int raid_devices;
        const char *members, *arrays;
    } cases[] = {
        /* disks with their clones, all of which are whole */
        {"raid1", 2, "0/5 1/5 0/9 1/9", "W:ab W:cd"},
        {"raid1", 2, "0/5 0/9 1/5 1/9", "W:ac W:bd"},
        {"raid0", 2, "0/0@7 0/0@8 1/0@7 1/0@8", "W:ac W:bd"},
        {"raid0", 2, "0/0 1/0 0/0 1/0", "W:ab W:cd"},
        {"raid5", 3, "0/5@7 1/5@7 0/5@8 2/5@7 1/5@8 2/5@8", "W:abd W:cef"},
        /* which are whose cannot be told */
        {"raid0", 2, "0/0 0/0 1/0 1/0", "?:a-bc-d"},
        {"raid1", 2, "0/5d 0/5d 1/5d 1/5d", "?:a-bc-d"},
        /* nothing was written since */
        {"raid1", 2, "0/5 0/5 1/5 1/5", "W:ac W:bd"},
        /* a member that was replaced, or a part of a copy */
        {"raid1", 2, "0/9 1/9 1/5", "W:ab L:c"},
        {"raid1", 2, "1/5 0/9 1/9", "L:a W:bc"},
        {"raid1", 2, "0/9 0/5", "D:a L:b"},
        {"raid1", 2, "0/9 0/5 1/5", "D:a W:bc"},
        {"raid0", 2, "0/0@7 0/0@8 1/0@8", "L:a W:bc"},
        /* one that had dropped out is not a copy */
        {"raid1", 2, "0/9 1/5", "D:a-b"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_md_arrays_ struct md_arrays arrays = {0};
        _cleanup_free_ char *text = NULL;

        make_copies(&arrays, cases[i].level, cases[i].raid_devices, cases[i].members);
        text = shown(&arrays);
        if (!str_equal(text, cases[i].arrays))
            fail_msg("%s with %s: %s and not %s", cases[i].level, cases[i].members, text, cases[i].arrays);
        for (size_t j = 0; j < arrays.count; j++)
            assert_int_equal(arrays.items[j].is_copy, arrays.count > 1);
    }
}

static void an_array_is_known_by_what_the_vm_calls_it(void **state)
{
    static const struct {
        const char *name, *alias;
    } cases[] = {
        {"web01:data", "md/data"}, {"0", "md/0"}, {"web01:../sda", NULL}, {"web01:a/b", NULL},
        {"web01:", NULL},          {"..", NULL},  {NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct md_array array = {.name = (char *)(uintptr_t)cases[i].name};
        char *alias = md_alias(&array);

        if (cases[i].alias)
            assert_string_equal(alias, cases[i].alias);
        else
            assert_null(alias);
        free(alias);
    }
}

static void firmware_raid_is_named_as_such(void **state)
{
    _cleanup_md_arrays_ struct md_arrays arrays = {0};
    struct md_superblock superblock;
    struct error *err = NULL;

    (void)state;
    assert_int_equal(md_parse(exported_ddf, "Version : 01.02.00\n", &superblock, &err), 0);
    md_add(&arrays, "/dev/sdx", &superblock);
    md_judge(&arrays);
    assert_int_equal(arrays.items[0].state, MD_UNSUPPORTED);
    assert_string_equal(arrays.items[0].reason, "firmware RAID (ddf)");
}

static void only_arrays_of_ours_are_stopped_or_started(void **state)
{
    static const char *const names[] = {"md127", "md_azilr_../sda", "md_azilr_0a0b0c0d_0000000000000000", "", "md/x"};
    _cleanup_md_arrays_ struct md_arrays arrays = {0};
    struct error *err = NULL;
    char *name = md_kernel_name("0a0b0c0d", 12);

    (void)state;
    make(&arrays, "raid1", 2, "AA", "0/5 1/5");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct md_place place = {.kernel_name = names[i], .directory = "/nonexistent", .lock_fd = -1};

        assert_int_equal(md_stop(names[i], NULL, &err), -1);
        assert_error(err, EXIT_FAILED, "not the name of an array");
        assert_int_equal(md_assemble(&arrays.items[0], &place, NULL, &err), -1);
        assert_error(err, EXIT_FAILED, "not a name for an array");
    }
    assert_string_equal(name, "md_azilr_0a0b0c0d_12");
    assert_int_equal(md_stop(name, NULL, &err), 0);
    free(name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_superblock_is_read),
        cmocka_unit_test(a_superblock_of_the_old_kind_is_read),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(odd_roles_are_those_of_a_spare),
        cmocka_unit_test(what_can_be_done_with_an_array_follows_from_its_members),
        cmocka_unit_test(members_of_copies_are_not_put_together),
        cmocka_unit_test(an_array_is_known_by_what_the_vm_calls_it),
        cmocka_unit_test(firmware_raid_is_named_as_such),
        cmocka_unit_test(only_arrays_of_ours_are_stopped_or_started),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
