/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "util/table.h"

static const char *const titles[] = {"NAME", "PLACE", "NOTE"};

static char *printed(const struct table *table)
{
    char *text = NULL;
    size_t length;
    FILE *to = open_memstream(&text, &length);

    table_print(table, to);
    fclose(to);
    return text;
}

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
    _cleanup_table_ struct table table;
    _cleanup_free_ char *text = NULL;

    (void)state;
    table_open(&table, titles, 3);
    table_add(&table, "a");
    table_add(&table, "westeurope");
    table_add(&table, "one");
    table_add(&table, "longer");
    table_add(&table, NULL);
    table_add(&table, "");
    text = printed(&table);
    assert_string_equal(text, "NAME    PLACE       NOTE\n"
                              "a       westeurope  one\n"
                              "longer  -           -\n");
}

static void numbers_stand_at_the_right(void **state)
{
    _cleanup_table_ struct table table;
    _cleanup_free_ char *text = NULL;

    (void)state;
    table_open(&table, titles, 3);
    table_align_right(&table, 1);
    table_align_right(&table, 2);
    table_add(&table, "a");
    table_add(&table, "29.9 GiB");
    table_add(&table, "東京東京");
    table_add(&table, "b");
    table_add(&table, "512 B");
    table_add(&table, "1");
    text = printed(&table);
    assert_string_equal(text, "NAME     PLACE      NOTE\n"
                              "a     29.9 GiB  東京東京\n"
                              "b        512 B         1\n");
}

static void letters_take_the_columns_that_a_terminal_gives_them(void **state)
{
    static const struct {
        const char *text;
        size_t width;
    } cases[] = {
        {"", 0},      {"web01", 5},
        {"büro", 4},  {"Bürö-Straße", 11},
        {"бэкап", 5}, {"東京", 4},
        {"東京a", 5}, {"e\u0301", 1},
        {"…", 1},     {"🗄", 1 + (sizeof(wchar_t) == 1)},
    };
    _cleanup_table_ struct table table;
    _cleanup_free_ char *text = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (table_width(cases[i].text) != cases[i].width)
            fail_msg("\"%s\" is %zu wide, not %zu", cases[i].text, table_width(cases[i].text), cases[i].width);
    table_open(&table, titles, 2);
    table_add(&table, "東京");
    table_add(&table, "x");
    table_add(&table, "é");
    table_add(&table, "y");
    text = printed(&table);
    assert_string_equal(text, "NAME  PLACE\n東京  x\né     y\n");
}

static void hostile_text_is_harmless(void **state)
{
    char longer[3000];
    _cleanup_table_ struct table table;
    _cleanup_free_ char *text = NULL;

    (void)state;
    table_open(&table, titles, 2);
    table_add(&table, "\x1b[2J\n\xff");
    table_add(&table, "x");
    memset(longer, 'a', sizeof(longer));
    longer[sizeof(longer) - 1] = '\0';
    table_add(&table, longer);
    table_add(&table, "\u202e");
    table_add(&table, "half a row");
    text = printed(&table);
    assert_null(strchr(text, '\x1b'));
    assert_null(strstr(text, "\u202e"));
    assert_null(strstr(text, "half a row"));
    assert_non_null(strstr(text, "\\x1b[2J\\x0a\\xff"));
    assert_true(strlen(text) < 3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
        cmocka_unit_test(numbers_stand_at_the_right),
        cmocka_unit_test(letters_take_the_columns_that_a_terminal_gives_them),
        cmocka_unit_test(hostile_text_is_harmless),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
