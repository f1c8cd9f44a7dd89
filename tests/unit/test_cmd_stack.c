/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "cmd/mount_stack.h"
#include "util/json.h"
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

/* A disk of 8 MiB with these bytes in its MBR's first entry. */
static void add_disk(struct mount_run *run, char *path, const char *entry)
{
    int fd = mkstemp(path);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 8 << 20), 0);
    assert_int_equal(pwrite(fd, entry, 16, 446), 16);
    assert_int_equal(pwrite(fd, "\x55\xaa", 2, 510), 2);
    close(fd);
    volume_probe(volumes_add(&run->volumes, "disk0", path, 0, 0, 8 << 20, true));
}

/* The kernel shows no partition of such a disk, which must not look as if nothing were missing. */
static void a_disk_with_a_table_is_only_empty_if_the_table_is(void **state)
{
    static const struct {
        const char *entry;
        enum volume_state state;
        const char *reason;
    } cases[] = {
        {"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", VOLUME_SKIPPED, "without partitions"},
        {"\0\0\2\0\xee\xff\xff\xff\1\0\0\0\xff\x3f\0\0", VOLUME_FAILED, "neither that nor the backup"},
        {"\0\0\2\0\x83\xff\xff\xff\0\x10\0\0\0\x40\0\0", VOLUME_FAILED, "do not lie on it"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct mount_run run = {.wait = WAIT_INIT};
        char path[] = "/tmp/azilr-disk-XXXXXX";
        struct error *err = NULL;

        add_disk(&run, path, cases[i].entry);
        assert_int_equal(stack_open_partitions(&run, &err), 0);
        assert_int_equal(run.volumes.items[0].state, cases[i].state);
        if (!strstr(run.volumes.items[0].reason, cases[i].reason))
            fail_msg("case %zu: %s", i, run.volumes.items[0].reason);
        unlink(path);
        volumes_clear(&run.volumes);
    }
}

/* What cannot be entered in the undo list must not be made: that ends the mount, and is not one volume's failure. */
static void a_state_that_cannot_be_saved_ends_the_mount(void **state)
{
    char root[] = "/tmp/azilr-stack-XXXXXX";
    _cleanup_free_ char *run_dir = NULL, *var_dir = NULL, *command = NULL;
    struct options options = {0};
    struct mount_run run = {.wait = WAIT_INIT, .options = &options};
    struct buffer key = BUFFER_INIT(16);
    struct error *err = NULL;

    (void)state;
    assert_non_null(mkdtemp(root));
    run_dir = str_printf("%s/run", root);
    var_dir = str_printf("%s/var", root);
    command = str_printf("rm -rf '%s'", root);
    const struct session_places places = {.run = run_dir, .var = var_dir};
    assert_int_equal(session_create(&places, "web01", &run.session, &err), 0);
    json_set_string(run.session->state, "tag", "0123abcd");
    volumes_add(&run.volumes, "disk0", "/dev/null", 0, 0, 4096, true)->type = str_dup("crypto_LUKS");
    assert_int_equal(buffer_append(&key, "key", 3), 0);
    run.keys = &key;
    run.key_count = 1;
    assert_int_equal(system(command), 0); // NOLINT(cert-env33-c): a path of mkdtemp's
    assert_int_equal(stack_unlock(&run, &err), -1);
    assert_error(err, EXIT_FAILED, "cannot save the session's state");
    buffer_clear(&key);
    volumes_clear(&run.volumes);
    session_close(run.session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_a_backup_stay_names),
        cmocka_unit_test(names_of_any_length_are_a_directory_s),
        cmocka_unit_test(a_volume_too_many_is_told_and_no_more),
        cmocka_unit_test(a_disk_with_a_table_is_only_empty_if_the_table_is),
        cmocka_unit_test(a_state_that_cannot_be_saved_ends_the_mount),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
