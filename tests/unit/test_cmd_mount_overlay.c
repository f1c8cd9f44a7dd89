/* SPDX-License-Identifier: MIT */
/* Where overlays go, and what becomes of a mount that cannot have any. */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block/overlay.h"
#include "check.h"
#include "cmd/mount_overlay.h"
#include "util/json.h"
#include "util/run.h"
#include "util/str.h"

static char *scratch(void)
{
    char *path = str_dup("/tmp/azilr-overlay-XXXXXX");

    assert_non_null(mkdtemp(path));
    return path;
}

static void remove_scratch(const char *path)
{
    const char *const argv[] = {"rm", "-rf", path, NULL};

    assert_int_equal(run_checked(argv, NULL, NULL, NULL), 0);
}

static void a_senseless_directory_is_refused_at_once(void **state)
{
    _cleanup_free_ char *place = scratch();
    _cleanup_free_ char *good = str_printf("%s/good", place), *open_one = str_printf("%s/open", place);
    _cleanup_free_ char *below = str_printf("%s/open/below", place), *link = str_printf("%s/link", place);
    _cleanup_free_ char *file = str_printf("%s/file", place), *none = str_printf("%s/none", place);
    const struct {
        char *given;
        const char *why;
    } cases[] = {
        {none, "No such file"},
        {file, "Not a directory"},
        {open_one, "can be changed by others than root"},
        {below, "open"},
    };

    (void)state;
    if (geteuid() != 0) {
        remove_scratch(place);
        skip();
    }
    assert_int_equal(mkdir(good, 0700), 0);
    assert_int_equal(mkdir(open_one, 0700) | chmod(open_one, 0777) | mkdir(below, 0700), 0);
    assert_int_equal(symlink("good", link), 0);
    assert_int_equal(mknod(file, S_IFREG | 0600, 0), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct options options = {.overlay_dir = cases[i].given};
        struct mount_run run = {.options = &options, .wait = WAIT_INIT};
        struct error *err = NULL;

        assert_int_equal(mount_overlay_check(&run, &err), -1);
        assert_true(str_starts_with(err->message, "--overlay-dir: "));
        assert_error(err, EXIT_USAGE, cases[i].why);
        assert_null(run.overlay_directory);
    }
    for (int by_link = 0; by_link < 2; by_link++) {
        struct options options = {.overlay_dir = by_link ? link : good};
        struct mount_run run = {.options = &options, .wait = WAIT_INIT};

        assert_int_equal(mount_overlay_check(&run, NULL), 0);
        /* the real place, which a link that is changed meanwhile does not move */
        assert_string_equal(run.overlay_directory, good);
        free(run.overlay_directory);
    }
    remove_scratch(place);
}

static void sizes_are_checked(void **state)
{
    static const char *const bad[] = {"0", "1023K", "x", "-1M", "1.5G", "99999999999G"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct options options = {.overlay_size = (char *)bad[i]};
        struct mount_run run = {.options = &options, .wait = WAIT_INIT};
        struct error *err = NULL;

        assert_int_equal(mount_overlay_check(&run, &err), -1);
        assert_error(err, EXIT_USAGE, "--overlay-size takes");
    }
}

/* The default directory's parent is only there while azilr's own state is, which the session below has elsewhere. */
static void without_a_directory_only_overlays_are_missing(void **state)
{
    _cleanup_free_ char *place = scratch();
    _cleanup_free_ char *run_place = str_printf("%s/run", place), *var_place = str_printf("%s/var", place);
    const struct session_places places = {.run = run_place, .var = var_place};
    struct options options = {0};
    struct mount_run run = {.options = &options, .wait = WAIT_INIT};
    struct overlay_wish wishes[] = {{.origin = "/dev/null", .volume = "disk1"}, {.origin = "/dev/null", .volume = "b"}};
    const char *problem;

    (void)state;
    if (access("/var/lib/azilr", F_OK) == 0)
        skip();
    assert_int_equal(session_create(&places, "web01-x", &run.session, NULL), 0);
    json_set_string(run.session->state, "tag", "0123abcd");
    for (int again = 0; again < 2; again++) {
        assert_int_equal(mount_overlays(&run, wishes, 2, NULL), 0);
        for (size_t i = 0; i < 2; i++) {
            assert_null(wishes[i].path);
            assert_non_null(strstr(wishes[i].problem->message, OVERLAY_DIRECTORY));
            assert_non_null(strstr(wishes[i].problem->message, "choose another one with --overlay-dir"));
        }
        overlay_wishes_clear(wishes, 2);
        memset(wishes, 0, sizeof(wishes));
    }
    /* told once, of the first */
    problem = json_string(run.session->state, "problem");
    assert_non_null(problem);
    assert_true(str_starts_with(problem, "no overlay of disk1 could be made: "));
    assert_null(strstr(problem + 1, "no overlay of"));
    error_free(run.overlay_problem);
    session_close(run.session);
    remove_scratch(place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_senseless_directory_is_refused_at_once),
        cmocka_unit_test(sizes_are_checked),
        cmocka_unit_test(without_a_directory_only_overlays_are_missing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
