/* SPDX-License-Identifier: MIT */
/* Whose child a child is: the person who called sudo. */
#include <string.h>
#include <sys/stat.h>

#include "check.h"
#include "util/person.h"
#include "util/run.h"
#include "util/secret.h"
#include "util/str.h"

static const long NOBODY = 65534;

static void set(const char *name, const char *value)
{
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

static void without_sudo_it_is_oneself(void **state)
{
    _cleanup_person_ struct person person = {0};

    (void)state;
    set("SUDO_UID", NULL);
    assert_int_equal(person_find(&person, NULL), 0);
    assert_int_equal(person.uid, geteuid());
    assert_false(person.other);
    assert_true(person.group_count >= 1);
    assert_non_null(person.home);
}

static void who_sudo_names_must_be_somebody(void **state)
{
    static const char *const wrong[] = {"", "-1", "x", "0x1", "1 ", "4294967296", "99999999999999999999", "1234567"};

    (void)state;
    if (geteuid() != 0)
        skip();
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        _cleanup_person_ struct person person = {0};
        struct error *err = NULL;

        set("SUDO_UID", wrong[i]);
        if (person_find(&person, &err) == 0)
            fail_msg("%s", wrong[i]);
        assert_error(err, EXIT_HOST, "");
    }
    set("SUDO_UID", NULL);
}

static void a_child_becomes_the_person_for_good(void **state)
{
    const char *const argv[] = {"sh", "-c",
                                "id -u; id -g; echo $HOME $USER $LOGNAME $MORE; grep -h -e ^Cap[EP] -e NoNewPrivs "
                                "/proc/self/status; cat /proc/1/environ > /dev/null || echo no",
                                NULL};
    static const char *const more[] = {"MORE=more", NULL};
    struct run_options options = RUN_OPTIONS_INIT;
    _cleanup_person_ struct person person = {0};
    _cleanup_run_result_ struct run_result result = {0};
    _cleanup_free_ char *expected = NULL;

    (void)state;
    if (geteuid() != 0)
        skip();
    set("SUDO_UID", "65534");
    assert_int_equal(person_find(&person, NULL), 0);
    set("SUDO_UID", NULL);
    assert_true(person.other && person.uid == NOBODY);
    options.person = &person;
    options.environment = more;
    assert_int_equal(run(argv, &options, NULL, &result, NULL), 0);
    expected = str_printf("%u\n%u\n%s %s %s more\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
                          "NoNewPrivs:\t1\nno\n",
                          person.uid, person.gid, person.home, person.name, person.name);
    assert_string_equal(buffer_text(&result.output), expected);
}

static void secret_output_is_not_quoted(void **state)
{
    const char *const argv[] = {"sh", "-c", "echo s3cr3t; exit 3", NULL};
    struct run_options options = RUN_OPTIONS_INIT;
    _cleanup_run_result_ struct run_result result = {0};
    _cleanup_free_ char *words = NULL;
    struct error *err = NULL;

    (void)state;
    options.secret_output = 1;
    assert_int_equal(run(argv, &options, NULL, &result, NULL), 0);
    assert_string_equal(buffer_text(&result.output), "s3cr3t\n");
    words = run_last_words(&result);
    assert_string_equal(words, "(it said nothing)");
    assert_int_equal(run_checked(argv, &options, NULL, &err), -1);
    assert_null(strstr(err->message, "s3cr3t"));
    error_free(err);
}

static void a_secret_file_of_another_keeper_is_read(void **state)
{
    char path[] = "/tmp/azilr-secret-XXXXXX";
    int fd = mkstemp(path);
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(5);
    _cleanup_buffer_ struct buffer small = BUFFER_INIT(4);
    struct error *err = NULL;

    (void)state;
    assert_true(fd >= 0 && write(fd, "a\nb\n\n", 5) == 5 && fchmod(fd, 0644) == 0);
    close(fd);
    assert_int_equal(secret_read(path, SECRET_ANY_MODE, &text, NULL), 0);
    assert_string_equal(buffer_text(&text), "a\nb\n\n");
    assert_true(text.secret);
    assert_int_equal(secret_read(path, SECRET_ANY_MODE, &small, &err), -1);
    assert_error(err, EXIT_USAGE, "more than the 4 bytes");
    assert_int_equal(secret_read(path, SECRET_OWNER_ONLY, &small, &err), -1);
    assert_error(err, EXIT_USAGE, "mode 0644");
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_sudo_it_is_oneself),
        cmocka_unit_test(who_sudo_names_must_be_somebody),
        cmocka_unit_test(a_child_becomes_the_person_for_good),
        cmocka_unit_test(secret_output_is_not_quoted),
        cmocka_unit_test(a_secret_file_of_another_keeper_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
