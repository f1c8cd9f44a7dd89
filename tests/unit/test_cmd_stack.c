/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "check.h"
#include "cmd/mount_stack.h"
#include "util/str.h"

/* An array's or volume group's name is what the backup says, and becomes a directory's. */
static void names_of_a_backup_stay_names(void **state)
{
    static const struct {
        const char *given, *shown;
    } cases[] = {
        {"md-a", "md-a"},
        {"md-a/../../../../../etc/x", "md-a_.._.._.._.._.._etc_x"},
        {"md-a/../../../../../etc/x", "md-a_.._.._.._.._.._etc_x-2"},
        {"md-a/../../../../../etc/x", "md-a_.._.._.._.._.._etc_x-3"},
        {"..", "_."},
        {"..", "_.-2"},
        {"", "_"},
        {"line\nbreak", "line_break"},
        {"\x1b[2Jhome", "_[2Jhome"},
        {"\xff\xfe", "__"},
        {"caf\xe9", "caf_"},
        {"café", "café"},
        {"\u202etxt", "___txt"},
        {".", "_-2"},
        {".hidden", "_hidden"},
    };
    struct mount_run run = {.wait = WAIT_INIT};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct volume *volume = stack_add_unopened(&run, cases[i].given, 4096);

        assert_string_equal(volume->name, cases[i].shown);
        assert_null(strchr(volume->name, '/'));
        assert_true(str_is_printable(volume->name));
        assert_int_equal(volume->state, VOLUME_FAILED);
    }
    volumes_clear(&run.volumes);
}

static void names_of_any_length_are_a_directory_s(void **state)
{
    struct mount_run run = {.wait = WAIT_INIT};
    _cleanup_free_ char *wide = xcalloc(600, 1);
    char name[400];

    (void)state;
    memset(name, 'a', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    for (int i = 0; i < 300; i++)
        memcpy(wide + 2 * i, "é", 2);
    wide[599] = '\0';
    for (int i = 0; i < 12; i++) {
        const struct volume *volume = stack_add_unopened(&run, i % 2 ? name : wide, 4096);

        assert_in_range(strlen(volume->name), 253, 255);
        assert_true(str_is_printable(volume->name));
        for (int j = 0; j < i; j++)
            assert_string_not_equal(run.volumes.items[j].name, volume->name);
    }
    assert_true(str_ends_with(run.volumes.items[11].name, "aaa-6"));
    volumes_clear(&run.volumes);
}

static void a_volume_too_many_is_told_and_no_more(void **state)
{
    struct mount_run run = {.wait = WAIT_INIT};

    (void)state;
    for (size_t i = 0; i < VOLUMES_MAX; i++)
        volumes_add(&run.volumes, "disk0", "/dev/none", 0, 0, 4096, false);
    volumes_tell_left_out(&run.volumes);
    assert_int_equal(run.volumes.count, VOLUMES_MAX);
    for (int i = 0; i < 3; i++) {
        struct volume *volume = stack_add_unopened(&run, "vg-lv", 4096);

        volume_set_reason(volume, VOLUME_FAILED, "not activated");
        volume->alias = str_dup("mapper/vg-lv");
    }
    assert_int_equal(run.volumes.count, VOLUMES_MAX);
    volumes_tell_left_out(&run.volumes);
    assert_int_equal(run.volumes.count, VOLUMES_MAX + 1);
    assert_int_equal(run.volumes.items[VOLUMES_MAX].state, VOLUME_FAILED);
    assert_non_null(strstr(run.volumes.items[VOLUMES_MAX].reason, "3 volumes more"));
    volumes_clear(&run.volumes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_a_backup_stay_names),
        cmocka_unit_test(names_of_any_length_are_a_directory_s),
        cmocka_unit_test(a_volume_too_many_is_told_and_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
