/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "block/udev_rules.h"
#include "check.h"
#include "util/file.h"
#include "util/str.h"

static const char ETC[] = "etc/udev/rules.d", RUN[] = "run/udev/rules.d", LIB[] = "usr/lib/udev/rules.d";
static const char *const NAMES[] = {"09-azilr-stacked.rules", "56-azilr.rules"};

/* A root directory with the places that udev reads, in which each case puts its files. */
struct root {
    char top[32];
};

static char *path_in(const struct root *root, const char *directory, const char *name)
{
    return str_printf("%s/%s/%s", root->top, directory, name);
}

static void make_root(struct root *root)
{
    strcpy(root->top, "/tmp/azilr-rules-XXXXXX");
    assert_non_null(mkdtemp(root->top));
    for (size_t i = 0; i < 3; i++) {
        _cleanup_free_ char *path = path_in(root, i == 0 ? ETC : i == 1 ? RUN : LIB, "");

        for (char *slash = path + strlen(root->top) + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
            *slash = '\0';
            mkdir(path, 0700);
        }
    }
}

static void remove_root(struct root *root)
{
    _cleanup_free_ char *command = str_printf("rm -r %s", root->top);

    assert_int_equal(system(command), 0);
}

/* The rules as they are in the source, or other text. */
static void put_rules(const struct root *root, const char *directory, size_t which, const char *text)
{
    _cleanup_free_ char *path = path_in(root, directory, NAMES[which]);
    _cleanup_free_ char *source = str_printf("udev/%s", NAMES[which]);
    _cleanup_free_ char *own = NULL;

    assert_int_equal(file_read(source, 1 << 20, &own, NULL, NULL), 0);
    if (!text)
        text = own;
    assert_int_equal(file_replace(path, text, strlen(text), 0600, false, NULL), 0);
}

static void expect(const struct root *root, enum udev_rules_state state, const char *directory, size_t which)
{
    _cleanup_free_ char *path = NULL, *expected = directory ? path_in(root, directory, NAMES[which]) : NULL;

    assert_int_equal(udev_rules_examine(root->top, &path), state);
    if (expected)
        assert_string_equal(path, expected);
    else
        assert_null(path);
}

static void what_is_in_force_is_told(void **state)
{
    struct root root;

    (void)state;
    make_root(&root);
    expect(&root, UDEV_RULES_MISSING, NULL, 0);
    put_rules(&root, LIB, 1, NULL);
    expect(&root, UDEV_RULES_MISSING, NULL, 0);
    put_rules(&root, LIB, 0, NULL);
    expect(&root, UDEV_RULES_GOOD, NULL, 0);
    /* of another version: a copy of ours counts for more */
    put_rules(&root, LIB, 0, "# other");
    expect(&root, UDEV_RULES_OTHER, LIB, 0);
    put_rules(&root, RUN, 0, NULL);
    expect(&root, UDEV_RULES_COPIED, NULL, 0);
    put_rules(&root, RUN, 0, "# other");
    expect(&root, UDEV_RULES_OTHER, RUN, 0);
    /* a copy by hand where it counts most */
    put_rules(&root, ETC, 0, NULL);
    expect(&root, UDEV_RULES_GOOD, NULL, 0);
    remove_root(&root);
}

static void rules_that_are_switched_off_are_not_installed(void **state)
{
    for (size_t which = 0; which < 2; which++) {
        _cleanup_free_ char *path = NULL;
        struct root root;

        (void)state;
        make_root(&root);
        path = path_in(&root, ETC, NAMES[which]);
        put_rules(&root, LIB, 0, NULL);
        put_rules(&root, LIB, 1, NULL);
        put_rules(&root, RUN, 1 - which, "# other");
        assert_int_equal(symlink("/dev/null", path), 0);
        expect(&root, UDEV_RULES_OVERRIDDEN, ETC, which);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(symlink("/nonexistent", path), 0);
        expect(&root, UDEV_RULES_OVERRIDDEN, ETC, which);
        remove_root(&root);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in_force_is_told),
        cmocka_unit_test(rules_that_are_switched_off_are_not_installed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
