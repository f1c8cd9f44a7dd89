/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "check.h"
#include "iscsi/targets.h"
#include "util/str.h"

#define BASE "iqn.2016-01.microsoft.azure.backup:100-1-1-2"

static const char first[] = BASE "0.63";

static void the_names_are_read_out_of_what_iscsiadm_prints(void **state)
{
    struct targets targets;
    struct error *err = NULL;

    (void)state;
    assert_int_equal(targets_parse("127.0.0.1:5365,-1 " BASE "0.63\n"
                                   "127.0.0.1:5365,4294967295 " BASE "1.63\n"
                                   "127.0.0.1:5366,1 " BASE "0.63\n\n",
                                   &targets, &err),
                     0);
    assert_int_equal(targets.count, 2);
    assert_string_equal(targets.names[0], first);
    assert_string_equal(targets.names[1], BASE "1.63");
    targets_clear(&targets);
    assert_int_equal(targets_parse("", &targets, &err), 0);
    assert_int_equal(targets.count, 0);
}

static void a_name_that_is_none_is_refused(void **state)
{
    static const char *const bad[] = {
        "127.0.0.1:5365,1 iqn.2016-01.a:../../x\n",
        "127.0.0.1:5365,1 --login\n",
        "127.0.0.1:5365,1 iqn.2016-01.a:x y\n",
        "127.0.0.1:5365,1 \n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct targets targets;
        struct error *err = NULL;

        assert_int_equal(targets_parse(bad[i], &targets, &err), -1);
        assert_error(err, EXIT_NETWORK, "target");
        targets_clear(&targets);
    }
}

static void there_is_an_end_to_how_many_are_taken(void **state)
{
    char *text = str_dup("");
    struct targets targets;
    struct error *err = NULL;

    (void)state;
    for (int i = 0; i <= TARGETS_MAX; i++) {
        char *longer = str_printf("%s127.0.0.1:1,1 iqn.2016-01.a:x%d\n", text, i);

        free(text);
        text = longer;
    }
    assert_int_equal(targets_parse(text, &targets, &err), -1);
    assert_error(err, EXIT_NETWORK, "more than");
    targets_clear(&targets);
    free(text);
}

static enum targets_state choose(const char *names, bool several, struct targets *ours)
{
    struct targets shown = {0};
    char *copy = str_dup(names), *save = NULL;
    enum targets_state state;

    for (char *name = strtok_r(copy, " ", &save); name; name = strtok_r(NULL, " ", &save))
        targets_add(&shown, name);
    free(copy);
    state = targets_choose(&shown, first, several, ours);
    targets_clear(&shown);
    return state;
}

static void the_scripts_target_comes_first(void **state)
{
    struct targets ours, shown = {0};

    (void)state;
    for (int i = 0; i < 4; i++) {
        _cleanup_free_ char *name = str_printf(BASE "%d.63", (8 + i) % 10);

        targets_add(&shown, name);
    }
    assert_int_equal(targets_choose(&shown, BASE "8.63", true, &ours), TARGETS_READY);
    assert_int_equal(ours.count, 4);
    assert_string_equal(ours.names[0], BASE "8.63");
    assert_string_equal(ours.names[1], BASE "9.63");
    assert_string_equal(ours.names[2], BASE "0.63");
    assert_string_equal(ours.names[3], BASE "1.63");
    targets_clear(&ours);
    targets_clear(&shown);
}

static void a_point_of_several_targets_gets_all_of_them_and_no_other(void **state)
{
    struct targets ours;

    (void)state;
    assert_int_equal(choose(BASE "2.63 " BASE "0.63 " BASE "1.63 "
                            /* another sequence, another resource, something else in between, nothing */
                            BASE "1.64 iqn.2016-01.microsoft.azure.backup:101-1-1-21.63 " BASE "x.63 " BASE
                                 "1234.63 " BASE ".63 " BASE "0.163",
                            true, &ours),
                     TARGETS_READY);
    assert_int_equal(ours.count, 3);
    assert_string_equal(ours.names[0], BASE "0.63");
    assert_string_equal(ours.names[1], BASE "1.63");
    assert_string_equal(ours.names[2], BASE "2.63");
    targets_clear(&ours);
}

static void a_point_of_one_target_gets_that(void **state)
{
    struct targets ours;

    (void)state;
    assert_int_equal(choose(BASE "1.63 " BASE "0.63", false, &ours), TARGETS_READY);
    assert_int_equal(ours.count, 1);
    assert_string_equal(ours.names[0], first);
    targets_clear(&ours);
    assert_int_equal(choose(BASE "1.63", false, &ours), TARGETS_MISSING);
    assert_int_equal(ours.count, 0);
    assert_int_equal(choose("", true, &ours), TARGETS_MISSING);
}

static void marks_are_seen_in_any_case_and_on_any_of_them(void **state)
{
    struct targets ours;

    (void)state;
    assert_int_equal(choose(BASE "0.63 " BASE "1.63-NotReady", true, &ours), TARGETS_PREPARING);
    assert_int_equal(ours.count, 0);
    assert_int_equal(choose(BASE "0.63-notready", false, &ours), TARGETS_PREPARING);
    assert_int_equal(choose(BASE "0.63-Blocked", false, &ours), TARGETS_BLOCKED);
    /* waiting does not help where a part is blocked for good */
    assert_int_equal(choose(BASE "0.63-notready " BASE "1.63-blocked", true, &ours), TARGETS_BLOCKED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_names_are_read_out_of_what_iscsiadm_prints),
        cmocka_unit_test(a_name_that_is_none_is_refused),
        cmocka_unit_test(there_is_an_end_to_how_many_are_taken),
        cmocka_unit_test(the_scripts_target_comes_first),
        cmocka_unit_test(a_point_of_several_targets_gets_all_of_them_and_no_other),
        cmocka_unit_test(a_point_of_one_target_gets_that),
        cmocka_unit_test(marks_are_seen_in_any_case_and_on_any_of_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
