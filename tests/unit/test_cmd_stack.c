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
    };
    struct mount_run run = {.wait = WAIT_INIT};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct volume *volume = stack_add_unopened(&run, cases[i].given, 4096);

        assert_string_equal(volume->name, cases[i].shown);
        assert_null(strchr(volume->name, '/'));
        assert_int_equal(volume->state, VOLUME_FAILED);
    }
    volumes_clear(&run.volumes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_a_backup_stay_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
