/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "check.h"
#include "cmd/config.h"
#include "util/str.h"

/* Notes every setting as "name=value;". */
static int note(const char *name, const char *value, void *argument, struct error **err)
{
    char **noted = argument;
    char *longer;

    if (str_equal(name, "refused"))
        return error_set(err, EXIT_USAGE, "no");
    longer = str_printf("%s%s=%s;", *noted ? *noted : "", name, value);
    free(*noted);
    *noted = longer;
    return 0;
}

static void settings_are_taken_line_by_line(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", NULL},
        {"\n\n  \t\n", NULL},
        {"# vault-name = x", NULL},
        {"  # indented", NULL},
        {"a = b", "a=b;"},
        {"a=b\n", "a=b;"},
        {"\t a \t=\t b \t\r\nc = d", "a=b;c=d;"},
        {"a = b c  d", "a=b c  d;"},
        {"a = b = c", "a=b = c;"},
        {"a = \"b\"", "a=\"b\";"},
        {"a = b # no comment here", "a=b # no comment here;"},
        {"a = #b", "a=#b;"},
        {"a = bürö-東京", "a=bürö-東京;"},
        {"a = b\n#\nc = d\n", "a=b;c=d;"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *text = str_dup(cases[i].text);
        _cleanup_free_ char *noted = NULL;
        struct error *err = NULL;

        if (config_parse(text, strlen(text), note, &noted, &err) < 0)
            fail_msg("\"%s\": %s", cases[i].text, err->message);
        if (!str_equal(noted, cases[i].expected))
            fail_msg("\"%s\" gave %s", cases[i].text, noted);
    }
}

static void mistakes_are_named_with_their_line(void **state)
{
    static const struct {
        const char *text, *why;
    } cases[] = {
        {"a", "line 1: it is no \"name = value\""},
        {"a = b\n\nc d", "line 3: it is no"},
        {"=", "line 1: it has no name"},
        {" = x", "line 1: it has no name"},
        {"a =", "line 1: it has no value"},
        {"a = \t ", "line 1: it has no value"},
        {"a = b\nc = d\na = e", "line 3: a was given before"},
        {"a = b\n refused = d", "line 2: no"},
        {"a = \x1b[2J", "line 1: it holds control characters"},
        {"a\tb = \xff", "line 1: it holds control characters, or is not UTF-8"},
        {"a = b\x7f", "line 1: it holds"},
        {"a = \xe2\x80\xae", "line 1: it holds"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *text = str_dup(cases[i].text);
        _cleanup_free_ char *noted = NULL;
        struct error *err = NULL;

        if (config_parse(text, strlen(text), note, &noted, &err) == 0)
            fail_msg("\"%s\"", cases[i].text);
        assert_error(err, EXIT_USAGE, cases[i].why);
    }
}

static void a_nul_byte_is_refused(void **state)
{
    char text[] = "a = b\n\0c = d\n";
    _cleanup_free_ char *noted = NULL;
    struct error *err = NULL;

    (void)state;
    assert_int_equal(config_parse(text, sizeof(text) - 1, note, &noted, &err), -1);
    assert_error(err, EXIT_USAGE, "not a text file");
    assert_null(noted);
}

static void a_missing_file_matters_only_if_it_was_named(void **state)
{
    struct error *err = NULL;
    char *text = NULL;
    size_t length;

    (void)state;
    assert_int_equal(config_read("/nonexistent/azilr.conf", false, &text, &length, &err), 0);
    assert_null(text);
    assert_int_equal(config_read("/nonexistent/azilr.conf", true, &text, &length, &err), -1);
    assert_error(err, EXIT_NOT_FOUND, "cannot open /nonexistent/azilr.conf");
    assert_int_equal(config_read("/dev/null", true, &text, &length, &err), -1);
    assert_error(err, EXIT_HOST, "not a regular file");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_taken_line_by_line),
        cmocka_unit_test(mistakes_are_named_with_their_line),
        cmocka_unit_test(a_nul_byte_is_refused),
        cmocka_unit_test(a_missing_file_matters_only_if_it_was_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
