/* SPDX-License-Identifier: MIT */
/* What sessions have to know of the host: which machine it is, and who is at work on what they share. */
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "check.h"
#include "session/host_lock.h"
#include "session/machine.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/json.h"
#include "util/str.h"

static void machines_are_told_apart_by_what_is_known(void **state)
{
    static const struct {
        const char *one, *other;
        bool differ;
    } cases[] = {
        {"a b", "a b", false}, {"a b", "c b", true}, {"a b", "a c", true},  {"a -", "a b", false},
        {"- b", "a b", false}, {"- b", "a c", true}, {"- -", "a b", false}, {"a", "a b", false},
        {"", "a b", false},    {NULL, "a b", false}, {"a b", NULL, false},  {"ab -", "a -", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (machine_differs(cases[i].one, cases[i].other) != cases[i].differ)
            fail_msg("case %zu", i);
}

static void a_machine_without_names_is_no_other(void **state)
{
    _cleanup_free_ char *nameless = machine_identity_from("/nowhere"), *own = machine_identity();

    (void)state;
    assert_string_equal(nameless, "- -");
    assert_false(machine_differs(nameless, own));
    assert_false(machine_differs(own, own));
}

static struct session_places make_places(char *root)
{
    assert_non_null(mkdtemp(root));
    return (struct session_places){.run = root, .var = root};
}

static struct wait short_wait(void)
{
    struct wait wait = WAIT_INIT;

    wait.deadline_ms = clock_monotonic_ms() + 200;
    return wait;
}

static void the_lock_has_one_holder_and_dies_with_it(void **state)
{
    char root[] = "/tmp/azilr-host-lock-XXXXXX";
    const struct session_places places = make_places(root);
    struct wait wait = short_wait();
    struct error *err = NULL;
    int ready[2], fd;
    pid_t child;
    char byte;

    (void)state;
    assert_int_equal(pipe(ready), 0);
    child = fork();
    if (child == 0) {
        if (host_lock(&places, NULL, NULL) >= 0)
            (void)!write(ready[1], "x", 1);
        pause();
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_int_equal(host_lock(&places, &wait, &err), -1);
    assert_error(err, EXIT_NETWORK, "time limit");
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    fd = host_lock(&places, NULL, NULL);
    assert_true(fd >= 0);
    close(fd);
    /* nothing is left in the directory */
    assert_int_equal(rmdir(root), 0);
    close(ready[0]);
    close(ready[1]);
}

static void a_directory_made_anew_has_a_lock_of_its_own(void **state)
{
    char root[] = "/tmp/azilr-host-lock-XXXXXX";
    const struct session_places places = make_places(root);
    int old = host_lock(&places, NULL, NULL), new;

    (void)state;
    assert_true(old >= 0);
    assert_int_equal(rmdir(root), 0);
    assert_int_equal(host_lock(&places, NULL, NULL), -1);
    assert_int_equal(mkdir(root, 0700), 0);
    new = host_lock(&places, NULL, NULL);
    assert_true(new >= 0);
    close(old);
    close(new);
    assert_int_equal(rmdir(root), 0);
}

static void state_of_another_boot_keeps_only_what_outlives_it(void **state)
{
    char root[] = "/tmp/azilr-host-lock-XXXXXX";
    _cleanup_free_ char *run = NULL, *var = NULL, *command = NULL;
    struct session_places places;
    struct session *session = NULL;

    (void)state;
    assert_non_null(mkdtemp(root));
    run = str_printf("%s/run", root);
    var = str_printf("%s/var", root);
    places = (struct session_places){.run = run, .var = var};
    assert_int_equal(session_create(&places, "s", &session, NULL), 0);
    assert_false(session_is_foreign(session->state));
    assert_int_equal(session_will(session, "lasting", NULL, true, NULL), 0);
    assert_int_equal(session_will(session, "fleeting", NULL, false, NULL), 0);
    cJSON_DeleteItemFromObjectCaseSensitive(session->state, "boot");
    json_set_string(session->state, "boot", "00000000-0000-0000-0000-000000000000");
    cJSON_DeleteItemFromObjectCaseSensitive(session->state, "machine");
    json_set_string(session->state, "machine", "another 00000000");
    assert_int_equal(session_save(session, NULL), 0);
    session_close(session);
    assert_int_equal(session_open(&places, "s", 0, NULL, &session, NULL), 0);
    assert_string_equal(json_string(session_last_change(session), "kind"), "lasting");
    assert_true(session_is_foreign(session->state));
    session_close(session);
    command = str_printf("rm -rf '%s'", root);
    assert_int_equal(system(command), 0); // NOLINT(cert-env33-c): a path of mkdtemp's
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machines_are_told_apart_by_what_is_known),
        cmocka_unit_test(a_machine_without_names_is_no_other),
        cmocka_unit_test(the_lock_has_one_holder_and_dies_with_it),
        cmocka_unit_test(a_directory_made_anew_has_a_lock_of_its_own),
        cmocka_unit_test(state_of_another_boot_keeps_only_what_outlives_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
