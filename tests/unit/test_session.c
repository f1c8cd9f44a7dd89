/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "check.h"
#include "session/session.h"
#include "util/file.h"
#include "util/json.h"
#include "util/run.h"
#include "util/str.h"

struct fixture {
    char *root, *run, *var;
    struct session_places places;
};

static int set_up(void **state)
{
    struct fixture *fixture = xcalloc(1, sizeof(*fixture));

    fixture->root = str_dup("/tmp/azilr-session-XXXXXX");
    assert_non_null(mkdtemp(fixture->root));
    fixture->run = str_printf("%s/run", fixture->root);
    fixture->var = str_printf("%s/var", fixture->root);
    fixture->places = (struct session_places){.run = fixture->run, .var = fixture->var};
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_free_ char *command = str_printf("rm -rf '%s'", fixture->root);
    int status = system(command); // NOLINT(cert-env33-c): a path of mkdtemp's

    free(fixture->root);
    free(fixture->run);
    free(fixture->var);
    free(fixture);
    return status;
}

static void ids_are_checked_and_made_fit(void **state)
{
    static const char *const bad[] = {"",
                                      ".",
                                      "..",
                                      "../x",
                                      "a/b",
                                      "-x",
                                      ".x",
                                      "a b",
                                      "a\n",
                                      "ä",
                                      "0123456789012345678901234567890123456789012345678"};
    static const struct {
        const char *vm, *mark, *id;
    } made[] = {
        {"web01", "20261120T030000Z", "web01-20261120T030000Z"},
        {"web 01/../x", "m", "web-01-..-x-m"},
        {"..", "m", "_.-m"},
        {"", "m", "vm-m"},
        {"averyveryveryverylongnameofavirtualmachine", "20261120T030000Z",
         "averyveryveryverylongnameofavir-20261120T030000Z"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_false(session_id_is_valid(bad[i]));
    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        _cleanup_free_ char *id = session_make_id(made[i].vm, made[i].mark);

        assert_string_equal(id, made[i].id);
        assert_true(session_id_is_valid(id));
    }
}

static void a_session_comes_and_goes_without_a_trace(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_session_ struct session *session = NULL;
    struct error *err = NULL;
    struct stat st;

    assert_int_equal(session_create(&fixture->places, "web01-a", &session, &err), 0);
    assert_int_equal(stat(session->directory, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_int_equal(session_will(session, "registration", NULL, true, &err), 0);
    assert_int_equal(stat(session->var_file, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(session_remove(session, &err), -1);
    assert_error(err, EXIT_FAILED, "still has changes to undo");
    assert_int_equal(session_undone(session, session_last_change(session), &err), 0);
    assert_int_equal(access(session->var_file, F_OK), -1);
    assert_int_equal(session_remove(session, &err), 0);
    assert_int_equal(access(fixture->run, F_OK), -1);
    assert_int_equal(access(fixture->var, F_OK), -1);
}

static void places_that_another_one_took_away_are_made_again(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_session_ struct session *session = NULL;
    _cleanup_free_ char *sessions = str_printf("%s/sessions", fixture->var);
    struct error *err = NULL;

    assert_int_equal(session_create(&fixture->places, "web01-a", &session, &err), 0);
    /* what an azilr does that ends before this one has anything lasting */
    assert_int_equal(rmdir(sessions), 0);
    assert_int_equal(rmdir(fixture->var), 0);
    assert_int_equal(session_will(session, "registration", NULL, true, &err), 0);
    assert_int_equal(access(session->var_file, F_OK), 0);
    assert_int_equal(session_undone(session, session_last_change(session), &err), 0);
    assert_int_equal(session_remove(session, &err), 0);
    assert_int_equal(access(fixture->var, F_OK), -1);
}

static void the_undo_list_runs_backwards_and_survives_a_crash(void **state)
{
    static const char *const kinds[] = {"registration", "tunnel", "node"};
    struct fixture *fixture = *state;
    struct session *session = NULL;
    struct error *err = NULL;
    const cJSON *change;

    assert_int_equal(session_create(&fixture->places, "s", &session, &err), 0);
    for (int i = 0; i < 3; i++) {
        cJSON *arguments = json_new_object();

        json_set_number(arguments, "n", i);
        assert_int_equal(session_will(session, kinds[i], arguments, i != 1, &err), 0);
    }
    /* the process is gone, and the lock with it */
    session_close(steal(session));
    assert_int_equal(session_open(&fixture->places, "s", 0, NULL, &session, &err), 0);
    change = session_last_change(session);
    for (int i = 2; i >= 0; i--) {
        assert_non_null(change);
        assert_string_equal(json_string(change, "kind"), kinds[i]);
        assert_int_equal((int)json_number(json_object(change, "arguments"), "n", -1), i);
        change = session_change_before(session, change);
    }
    assert_null(change);
    session_close(session);
}

static void after_a_boot_only_what_outlives_it_is_left(void **state)
{
    struct fixture *fixture = *state;
    _cleanup_free_ char *command = str_printf("rm -rf '%s'", fixture->run);
    struct session *session = NULL;
    struct error *err = NULL;
    const cJSON *change;
    char **ids;
    size_t count;

    assert_int_equal(session_create(&fixture->places, "s", &session, &err), 0);
    assert_int_equal(session_will(session, "registration", NULL, true, &err), 0);
    assert_int_equal(session_will(session, "tunnel", NULL, false, &err), 0);
    assert_int_equal(session_will(session, "node", NULL, true, &err), 0);
    session_close(steal(session));
    assert_int_equal(system(command), 0); // NOLINT(cert-env33-c): what a reboot does to a tmpfs
    assert_int_equal(session_list(&fixture->places, &ids, &count, &err), 0);
    assert_int_equal(count, 1);
    assert_string_equal(ids[0], "s");
    session_list_free(ids, count);
    assert_int_equal(session_open(&fixture->places, "s", 0, NULL, &session, &err), 0);
    change = session_last_change(session);
    assert_string_equal(json_string(change, "kind"), "node");
    change = session_change_before(session, change);
    assert_string_equal(json_string(change, "kind"), "registration");
    assert_null(session_change_before(session, change));
    assert_int_equal(session_undone(session, session_last_change(session), &err), 0);
    assert_int_equal(session_undone(session, session_last_change(session), &err), 0);
    assert_int_equal(session_remove(session, &err), 0);
    session_close(session);
}

static void a_session_has_one_holder(void **state)
{
    struct fixture *fixture = *state;
    struct session *session = NULL, *second = NULL;
    cJSON *seen = NULL;
    struct error *err = NULL;
    bool locked = false;

    assert_int_equal(session_create(&fixture->places, "s", &session, &err), 0);
    assert_int_equal(session_create(&fixture->places, "s", &second, &err), -1);
    assert_error(err, EXIT_BUSY, "already a session s");
    assert_int_equal(session_open(&fixture->places, "s", 100, NULL, &second, &err), -1);
    assert_error(err, EXIT_BUSY, "another azilr is working");
    assert_int_equal(session_peek(&fixture->places, "s", &seen, &locked, &err), 0);
    assert_true(locked);
    cJSON_Delete(seen);
    session_close(session);
    assert_int_equal(session_peek(&fixture->places, "s", &seen, &locked, &err), 0);
    assert_false(locked);
    cJSON_Delete(seen);
    assert_int_equal(session_open(&fixture->places, "s", 0, NULL, &second, &err), 0);
    session_close(second);
}

static void a_child_in_flight_keeps_the_lock_of_a_killed_parent(void **state)
{
    struct fixture *fixture = *state;
    struct session *session = NULL, *second = NULL;
    struct error *err = NULL;
    int ready[2];
    char byte;
    pid_t child;

    assert_int_equal(pipe(ready), 0);
    assert_int_equal(session_create(&fixture->places, "s", &session, &err), 0);
    child = fork();
    if (child == 0) {
        /* what iscsiadm is to azilr: the descriptor lives on in it */
        (void)!write(ready[1], "x", 1);
        usleep(300 * 1000);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    session_close(session);
    assert_int_equal(session_open(&fixture->places, "s", 0, NULL, &second, &err), -1);
    assert_error(err, EXIT_BUSY, "another azilr");
    assert_int_equal(session_open(&fixture->places, "s", 5000, NULL, &second, &err), 0);
    session_close(second);
    waitpid(child, NULL, 0);
    close(ready[0]);
    close(ready[1]);
}

static void what_a_child_leaves_in_the_background_locks_nothing(void **state)
{
    static const char *const argv[] = {"sh", "-c", "sleep 20 >&- 2>&- & echo $!", NULL};
    struct fixture *fixture = *state;
    struct session *session = NULL, *second = NULL;
    struct run_options options = RUN_OPTIONS_INIT;
    struct run_result result = {0};
    struct error *err = NULL;
    long pid;

    assert_int_equal(session_create(&fixture->places, "s", &session, &err), 0);
    options.inherit_fd = session->lock_fd;
    options.guard_inherited = 1;
    assert_int_equal(run(argv, &options, NULL, &result, &err), 0);
    session_close(session);
    assert_int_equal(session_open(&fixture->places, "s", 0, NULL, &second, &err), 0);
    session_close(second);
    pid = strtol(buffer_text(&result.output), NULL, 10);
    assert_true(pid > 1);
    assert_int_equal(kill((pid_t)pid, SIGKILL), 0);
    run_result_clear(&result);
}

/* What lvm2 is to azilr: it closes what it inherits, and its own end is what counts. */
static void a_child_that_closes_descriptors_is_waited_for_too(void **state)
{
    static const char *const argv[] = {"sh", "-c", "exec 3<&-; echo; sleep 0.6; exit 3", NULL};
    struct fixture *fixture = *state;
    struct session *session = NULL, *second = NULL;
    struct run_options options = RUN_OPTIONS_INIT;
    struct run_result result = {0};
    struct error *err = NULL;
    pid_t killed;

    assert_int_equal(session_create(&fixture->places, "s", &session, &err), 0);
    options.inherit_fd = session->lock_fd;
    options.guard_inherited = 1;
    assert_int_equal(run(argv, &options, NULL, &result, &err), 0);
    assert_int_equal(result.exit_code, 3);
    run_result_clear(&result);

    killed = fork();
    if (killed == 0) {
        run(argv, &options, NULL, &result, NULL);
        _exit(0);
    }
    usleep(200 * 1000);
    kill(killed, SIGKILL);
    waitpid(killed, NULL, 0);
    session_close(session);
    assert_int_equal(session_open(&fixture->places, "s", 0, NULL, &second, &err), -1);
    assert_error(err, EXIT_BUSY, "another azilr");
    assert_int_equal(session_open(&fixture->places, "s", 5000, NULL, &second, &err), 0);
    session_close(second);
}

/* By way of the process that holds the lock for it, which is there until it has ended. */
static void a_child_that_does_not_end_in_time_is_killed_and_holds_no_lock(void **state)
{
    static const char *const argv[] = {"sh", "-c", "trap '' TERM; while :; do sleep 0.1; done", NULL};
    struct fixture *fixture = *state;
    struct session *session = NULL, *second = NULL;
    struct run_options options = RUN_OPTIONS_INIT;
    struct run_result result = {0};
    struct error *err = NULL;

    assert_int_equal(session_create(&fixture->places, "s", &session, &err), 0);
    options.inherit_fd = session->lock_fd;
    options.guard_inherited = 1;
    options.timeout_ms = 200;
    assert_int_equal(run(argv, &options, NULL, &result, &err), -1);
    assert_error(err, EXIT_FAILED, "did not finish");
    run_result_clear(&result);
    session_close(session);
    assert_int_equal(session_open(&fixture->places, "s", 0, NULL, &second, &err), 0);
    session_close(second);
}

static void state_that_is_damaged_or_missing_is_told_apart(void **state)
{
    struct fixture *fixture = *state;
    struct session *session = NULL;
    struct error *err = NULL;
    char *path;

    assert_int_equal(session_open(&fixture->places, "none", 0, NULL, &session, &err), -1);
    assert_error(err, EXIT_NOT_FOUND, "there is no session none");
    assert_int_equal(session_open(&fixture->places, "../x", 0, NULL, &session, &err), -1);
    assert_error(err, EXIT_NOT_FOUND, "there is no session");
    assert_int_equal(session_create(&fixture->places, "s", &session, &err), 0);
    path = str_printf("%s/state.json", session->directory);
    session_close(steal(session));

    assert_int_equal(file_replace(path, "{\"undo\":", 8, 0600, false, NULL), 0);
    assert_int_equal(session_open(&fixture->places, "s", 0, NULL, &session, &err), -1);
    assert_error(err, EXIT_FAILED, "not valid JSON");
    assert_int_equal(file_replace(path, "[]", 2, 0600, false, NULL), 0);
    assert_int_equal(session_open(&fixture->places, "s", 0, NULL, &session, &err), -1);
    assert_error(err, EXIT_FAILED, "not a session's state");

    /* killed between making the directory and the first save: nothing was changed yet */
    unlink(path);
    assert_int_equal(session_open(&fixture->places, "s", 0, NULL, &session, &err), 0);
    assert_null(session_last_change(session));
    assert_int_equal(session_remove(session, &err), 0);
    session_close(session);
    free(path);
}

static void an_access_has_an_end(void **state)
{
    static const time_t noon = 1795176000; /* 2026-11-20T12:00:00Z */
    static const struct {
        const char *expires;
        time_t now;
        bool unknown, ended;
    } cases[] = {
        {"2026-11-20T12:00:00Z", noon - 1, true, false},
        {"2026-11-20T12:00:00Z", noon, false, true},
        {"2026-11-20T12:00:00Z", noon + 1, false, true},
        {"2026-11-20T13:00:00+01:00", noon - 1, true, false},
        {"soon", noon, true, true},
        {"soon", noon, false, false},
        {NULL, noon, true, true},
        {NULL, noon, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_json_ cJSON *document = json_new_object();

        json_set_string(document, "expires", cases[i].expires);
        if (session_has_expired(document, cases[i].now, cases[i].unknown) != cases[i].ended)
            fail_msg("case %zu", i);
    }
}

/* A renewal whose outcome nobody knows may have made it last longer. */
static void an_end_may_be_later_than_what_is_certain(void **state)
{
    static const struct {
        const char *expires, *may_last_until, *end;
    } cases[] = {
        {"2026-11-20T12:00:00Z", NULL, "2026-11-20T12:00:00Z"},
        {"2026-11-20T12:00:00Z", "2026-11-20T20:00:00Z", "2026-11-20T20:00:00Z"},
        {"2026-11-20T12:00:00Z", "2026-11-20T11:00:00Z", "2026-11-20T12:00:00Z"},
        {"2026-11-20T12:00:00Z", "later", "2026-11-20T12:00:00Z"},
        {NULL, "2026-11-20T20:00:00Z", "2026-11-20T20:00:00Z"},
        {NULL, NULL, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_json_ cJSON *document = json_new_object();

        json_set_string(document, "expires", cases[i].expires);
        json_set_string(document, "may_last_until", cases[i].may_last_until);
        if (!str_equal(session_access_end(document), cases[i].end))
            fail_msg("case %zu", i);
    }
}

/* What is left when azilr is killed between two of the calls that make a session. */
static void what_has_not_come_to_be_is_swept(void **state)
{
    const struct fixture *fixture = *state;
    _cleanup_free_ char *var_sessions = str_printf("%s/sessions", fixture->var);
    _cleanup_free_ char *run_sessions = str_printf("%s/sessions", fixture->run);
    _cleanup_free_ char *begun = str_printf("%s/one.json.new", var_sessions);
    _cleanup_session_ struct session *session = NULL;
    _cleanup_error_ struct error *err = NULL;

    session_sweep(&fixture->places);
    assert_int_equal(mkdir(fixture->run, 0700), 0);
    assert_int_equal(mkdir(fixture->var, 0700), 0);
    session_sweep(&fixture->places);
    assert_int_equal(access(fixture->run, F_OK), -1);
    assert_int_equal(access(fixture->var, F_OK), -1);
    for (int begin = 0; begin < 2; begin++) {
        assert_int_equal(mkdir(fixture->run, 0700), 0);
        assert_int_equal(mkdir(run_sessions, 0700), 0);
        assert_int_equal(mkdir(fixture->var, 0700), 0);
        assert_int_equal(mkdir(var_sessions, 0700), 0);
        if (begin)
            assert_int_equal(file_replace(begun, "{", 1, 0600, false, NULL), 0);
        session_sweep(&fixture->places);
        assert_int_equal(access(fixture->run, F_OK), -1);
        assert_int_equal(access(fixture->var, F_OK), -1);
    }

    /* a session that is there is nothing of that kind, whatever it is writing */
    assert_int_equal(session_create(&fixture->places, "one", &session, &err), 0);
    assert_int_equal(file_replace(begun, "{", 1, 0600, false, NULL), 0);
    session_sweep(&fixture->places);
    assert_int_equal(access(begun, F_OK), 0);
    assert_int_equal(session_remove(session, &err), 0);
    assert_int_equal(access(fixture->var, F_OK), -1);
}

/* Many short entries, as thousands of volumes make them. */
static void enter_many(struct session *session, size_t bytes)
{
    _cleanup_free_ char *path = xcalloc(1001, 1);

    memset(path, 'x', 1000);
    for (size_t i = 0; i < bytes / 1000; i++) {
        cJSON *arguments = json_new_object();

        json_set_string(arguments, "path", path);
        session_enter(session, "directory", arguments, false);
    }
}

static void what_is_saved_can_be_read_again_however_much_it_is(void **state)
{
    struct fixture *fixture = *state;
    struct session *session = NULL;
    struct error *err = NULL;

    assert_int_equal(session_create(&fixture->places, "many", &session, &err), 0);
    enter_many(session, 6000000);
    assert_int_equal(session_save(session, &err), 0);
    session_close(steal(session));
    assert_int_equal(session_open(&fixture->places, "many", 0, NULL, &session, &err), 0);
    assert_int_equal(cJSON_GetArraySize(json_array(session->state, "undo")), 6000);

    /* too much is refused while what is there can still be undone, and is undone from what was saved before */
    enter_many(session, 12000000);
    assert_int_equal(session_save(session, &err), -1);
    assert_error(err, EXIT_FAILED, "could not be read again");
    assert_int_equal(session_will(session, "mount", NULL, false, &err), -1);
    assert_error(err, EXIT_FAILED, "could not be read again");
    assert_int_equal(session_undone(session, session_last_change(session), &err), 0);
    session_close(steal(session));
    assert_int_equal(session_open(&fixture->places, "many", 0, NULL, &session, &err), 0);
    assert_int_equal(cJSON_GetArraySize(json_array(session->state, "undo")), 17999);
    session_close(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_checked_and_made_fit),
        cmocka_unit_test(an_access_has_an_end),
        cmocka_unit_test(an_end_may_be_later_than_what_is_certain),
        cmocka_unit_test_setup_teardown(a_session_comes_and_goes_without_a_trace, set_up, tear_down),
        cmocka_unit_test_setup_teardown(places_that_another_one_took_away_are_made_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_undo_list_runs_backwards_and_survives_a_crash, set_up, tear_down),
        cmocka_unit_test_setup_teardown(after_a_boot_only_what_outlives_it_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_has_not_come_to_be_is_swept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_session_has_one_holder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_child_in_flight_keeps_the_lock_of_a_killed_parent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_child_leaves_in_the_background_locks_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_child_that_closes_descriptors_is_waited_for_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_child_that_does_not_end_in_time_is_killed_and_holds_no_lock, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(state_that_is_damaged_or_missing_is_told_apart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_saved_can_be_read_again_however_much_it_is, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
