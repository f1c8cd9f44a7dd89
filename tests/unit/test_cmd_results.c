/* SPDX-License-Identifier: MIT */
/* How a session is shown whose texts come from a hostile backup, or out of a damaged state file. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "cmd/results.h"
#include "util/file.h"
#include "util/json.h"
#include "util/str.h"

static const char *const hostile[] = {
    "..",   "a/b", "line\nbreak", "\x1b[2J\x1b]0;title\a", "\xff\xfe", "caf\xe9", "half \xe2\x82", "\u202egnp.exe",
    "\"}]",
};

static cJSON *state_of(const char *text)
{
    cJSON *state = json_new_object(), *object, *mounts;

    json_set_string(state, "id", text);
    json_set_string(state, "directory", text);
    json_set_string(state, "problem", text);
    json_set_array(state, "undo");
    object = json_new_object();
    json_append(json_set_array(state, "volumes"), object);
    json_set_string(object, "name", text);
    json_set_string(object, "label", text);
    json_set_string(object, "mount_point", text);
    json_set_string(object, "note", text);
    object = json_new_object();
    json_append(json_set_array(state, "overlays"), object);
    json_set_string(object, "volume", text);
    json_set_string(object, "directory", text);
    json_set_bool(object, "short_of_room", true);
    json_set_number(object, "size", 12.0 * 1024 * 1024);
    object = json_new_object();
    json_append(json_set_array(state, "roots"), object);
    json_set_string(object, "directory", text);
    json_set_string(object, "status", "mounted");
    json_set_string(object, "os", text);
    json_set_string(object, "note", text);
    mounts = json_set_array(object, "mounts");
    for (int i = 0; i < 2; i++) {
        object = json_new_object();
        json_append(mounts, object);
        json_set_string(object, "status", i ? "failed" : "mounted");
        json_set_string(object, "target", i ? text : NULL);
        json_set_string(object, "note", text);
        json_set_string(object, "reason", text);
    }
    return state;
}

/* What is printed on standard output. The caller frees it. */
static char *printed(const cJSON *state)
{
    _cleanup_fclose_ FILE *file = tmpfile();
    _cleanup_free_ char *place = str_printf("/proc/self/fd/%d", fileno(file));
    int before;
    char *text = NULL;

    fflush(stdout);
    before = dup(STDOUT_FILENO);
    assert_true(before >= 0 && dup2(fileno(file), STDOUT_FILENO) >= 0);
    results_print(state);
    fflush(stdout);
    dup2(before, STDOUT_FILENO);
    close(before);
    assert_int_equal(file_read(place, 65536, &text, NULL, NULL), 0);
    return text;
}

static void a_table_is_safe_on_a_terminal(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        _cleanup_json_ cJSON *session = state_of(hostile[i]);
        _cleanup_free_ char *text = printed(session);
        size_t lines = 0;

        assert_non_null(strstr(text, "its overlay may take 12.0 MiB only"));
        assert_non_null(strstr(text, " is not in its place: "));
        for (char *at = text; *at; at++) {
            lines += *at == '\n';
            *at = *at == '\n' ? ' ' : *at;
        }
        /* no text has broken a line */
        assert_int_equal(lines, 14);
        if (!str_is_printable(text))
            fail_msg("case %zu: %s", i, text);
    }
}

static void a_root_that_is_not_shown_is_listed_with_the_reason(void **state)
{
    _cleanup_json_ cJSON *session = json_new_object();
    cJSON *root = json_new_object();
    _cleanup_free_ char *text = NULL;

    (void)state;
    json_append(json_set_array(session, "roots"), root);
    json_set_string(root, "directory", NULL);
    json_set_string(root, "status", "failed");
    json_set_string(root, "volume", "disk8p1");
    json_set_string(root, "reason", "no more than 8 root file systems are");
    text = printed(session);
    assert_non_null(strstr(text, "disk8p1 is not shown as a tree: no more than 8"));
}

static void a_document_is_valid(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        _cleanup_json_ cJSON *session = state_of(hostile[i]), *document = results_to_json(session), *again = NULL;
        _cleanup_free_ char *text = json_text(document, true);
        const cJSON *volume;

        assert_true(str_is_utf8(text));
        again = json_parse(text, strlen(text), "the document", NULL);
        assert_non_null(again);
        assert_null(json_array(again, "undo"));
        volume = json_array(again, "volumes")->child;
        if (str_is_utf8(hostile[i]))
            assert_string_equal(json_string(volume, "name"), hostile[i]);
        else
            assert_non_null(strstr(json_string(volume, "name"), "\\x"));
        /* the state itself is left as it is: it names what is to be undone */
        assert_string_equal(json_string(session, "directory"), hostile[i]);
    }
}

static void a_further_text_stands_behind_the_first(void **state)
{
    _cleanup_json_ cJSON *object = json_new_object();

    (void)state;
    json_add_text(object, "problem", "one");
    assert_string_equal(json_string(object, "problem"), "one");
    json_add_text(object, "problem", "two");
    assert_string_equal(json_string(object, "problem"), "one; two");
    assert_int_equal(cJSON_GetArraySize(object), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_safe_on_a_terminal),
        cmocka_unit_test(a_root_that_is_not_shown_is_listed_with_the_reason),
        cmocka_unit_test(a_document_is_valid),
        cmocka_unit_test(a_further_text_stands_behind_the_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
