/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "check.h"
#include "cmd/teardown.h"
#include "util/json.h"
#include "util/str.h"

/* A damaged state must not have azilr deactivate what is the host's. */
static void a_volume_group_that_is_none_of_ours_is_left_alone(void **state)
{
    static const char *const names[] = {"vgdata", "", "azilr", "azilr-0123abcd-vg0/../../sda", "azilr-\nvg"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char root[] = "/tmp/azilr-teardown-XXXXXX";
        _cleanup_free_ char *run = NULL, *var = NULL, *command = NULL;
        _cleanup_session_ struct session *session = NULL;
        struct wait wait = WAIT_INIT;
        struct teardown down = {.wait = &wait};
        struct error *err = NULL;
        cJSON *change = json_new_object();

        assert_non_null(mkdtemp(root));
        run = str_printf("%s/run", root);
        var = str_printf("%s/var", root);
        command = str_printf("rm -rf '%s'", root);
        const struct session_places places = {.run = run, .var = var};
        assert_int_equal(session_create(&places, "web01", &session, &err), 0);
        json_set_string(change, "name", names[i]);
        assert_int_equal(session_will(session, CHANGE_VOLUME_GROUP, change, false, &err), 0);
        down.session = session;
        assert_int_equal(teardown(&down, &err), -1);
        assert_error(err, EXIT_FAILED, "none of azilr's");
        assert_non_null(session_last_change(session));
        assert_int_equal(system(command), 0); // NOLINT(cert-env33-c): a path of mkdtemp's
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_volume_group_that_is_none_of_ours_is_left_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
