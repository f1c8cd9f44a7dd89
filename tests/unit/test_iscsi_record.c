/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "check.h"
#include "iscsi/iscsiadm.h"
#include "iscsi/record.h"
#include "util/str.h"

static const char record[] = "# BEGIN RECORD 2.1.8\n"
                             "node.name = iqn.2016-01.example:x\n"
                             "node.session.auth.authmethod = None\n"
                             "node.session.auth.username_in=old\n"
                             "node.conn[0].address = 127.0.0.1\n"
                             "# END RECORD\n";

static void settings_are_put_in_once_and_taken_out(void **state)
{
    const struct record_setting settings[] = {
        {"node.session.auth.authmethod", "CHAP"},
        {"node.session.auth.username", "Debian;12;u"},
        {"node.session.auth.username_in", NULL},
    };
    struct buffer changed;
    struct error *err = NULL;

    (void)state;
    assert_int_equal(record_edit(record, settings, 3, &changed, &err), 0);
    assert_string_equal(buffer_text(&changed), "# BEGIN RECORD 2.1.8\n"
                                               "node.name = iqn.2016-01.example:x\n"
                                               "node.conn[0].address = 127.0.0.1\n"
                                               "node.session.auth.authmethod = CHAP\n"
                                               "node.session.auth.username = Debian;12;u\n"
                                               "# END RECORD\n");
    assert_true(changed.secret);
    buffer_clear(&changed);
}

static void what_is_no_record_or_no_value_is_refused(void **state)
{
    const struct record_setting injected = {"node.session.auth.username", "u\nnode.startup = automatic"};
    const struct record_setting fine = {"node.startup", "manual"};
    struct buffer changed = BUFFER_INIT(0);
    struct error *err = NULL;

    (void)state;
    assert_int_equal(record_edit(record, &injected, 1, &changed, &err), -1);
    assert_error(err, EXIT_USAGE, "line end");
    buffer_clear(&changed);
    assert_int_equal(record_edit("hello\n", &fine, 1, &changed, &err), -1);
    assert_error(err, EXIT_FAILED, "no open-iscsi node record");
    buffer_clear(&changed);
    assert_int_equal(record_edit("# BEGIN RECORD\nnode.name = x\n", &fine, 1, &changed, &err), -1);
    assert_error(err, EXIT_FAILED, "no open-iscsi node record");
    buffer_clear(&changed);
}

static void initiator_names_are_checked(void **state)
{
    static const char *const good[] = {"iqn.2026-11.com.example:web01", "eui.02004567A425678D", "naa.52004567BA64678D"};
    static const char *const bad[] = {"", "web01", "iqn.", "iqn.x y", "iqn.x;reboot", "iqn.x\n", "IQN.2026-11.x:y"};
    _cleanup_free_ char *first = iscsi_make_initiator_name();
    _cleanup_free_ char *second = iscsi_make_initiator_name();
    struct error *err = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(iscsi_check_name(good[i], NULL), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(iscsi_check_name(bad[i], &err), -1);
        assert_error(err, EXIT_USAGE, "not an iSCSI name");
    }
    assert_int_equal(iscsi_check_name(first, NULL), 0);
    assert_string_not_equal(first, second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_put_in_once_and_taken_out),
        cmocka_unit_test(what_is_no_record_or_no_value_is_refused),
        cmocka_unit_test(initiator_names_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
