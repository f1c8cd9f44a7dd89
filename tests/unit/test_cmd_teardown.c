/* SPDX-License-Identifier: MIT */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "cmd/teardown.h"
#include "util/json.h"
#include "util/str.h"

/* A teardown of a session with the tag 0123abcd, in which one change is entered. */
static void tear_down_one(const char *kind, cJSON *arguments, const char *said)
{
    char root[] = "/tmp/azilr-teardown-XXXXXX";
    _cleanup_free_ char *run = NULL, *var = NULL, *command = NULL;
    _cleanup_session_ struct session *session = NULL;
    struct wait wait = WAIT_INIT;
    struct teardown down = {.wait = &wait};
    struct error *err = NULL;

    assert_non_null(mkdtemp(root));
    run = str_printf("%s/run", root);
    var = str_printf("%s/var", root);
    command = str_printf("rm -rf '%s'", root);
    const struct session_places places = {.run = run, .var = var};
    assert_int_equal(session_create(&places, "web01", &session, &err), 0);
    json_set_string(session->state, "tag", "0123abcd");
    assert_int_equal(session_will(session, kind, arguments, false, &err), 0);
    down.session = session;
    assert_int_equal(teardown(&down, &err), -1);
    assert_error(err, EXIT_FAILED, said);
    assert_non_null(session_last_change(session));
    assert_int_equal(system(command), 0); // NOLINT(cert-env33-c): a path of mkdtemp's
}

/* A damaged state must not have azilr remove what is the host's, or another session's. */
static void a_device_that_is_none_of_the_session_s_is_left_alone(void **state)
{
    static const char *const names[] = {"vgdata-home",
                                        "",
                                        "azilr-",
                                        "azilr-0123abcd-",
                                        "azilr-0123abce-7",
                                        "azilr-0123abcd-7/../control",
                                        "azilr-0123abcd-7_",
                                        "azilr-0123abcd-x",
                                        "md127",
                                        "md_azilr_0123abce_7",
                                        "\x1b[2J"};
    static const char *const kinds[] = {CHANGE_DM_DEVICE, CHANGE_OVERLAY, CHANGE_ARRAY, CHANGE_BTRFS};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        for (size_t j = 0; j < sizeof(kinds) / sizeof(kinds[0]); j++) {
            _cleanup_free_ char *path = str_printf("/dev/mapper/%s", names[i]);
            cJSON *change = json_new_object();

            json_set_string(change, "name", names[i]);
            json_append(json_set_array(change, "devices"), cJSON_CreateString(path));
            tear_down_one(kinds[j], change, "none of its own");
        }
}

/* An overlay's own name does not make any file its store. */
static void a_store_of_another_name_stays(void **state)
{
    char directory[] = "/tmp/azilr-store-XXXXXX";
    _cleanup_free_ char *store = NULL;
    cJSON *change = json_new_object();

    (void)state;
    assert_non_null(mkdtemp(directory));
    store = str_printf("%s/azilr-0123abce-7.cow", directory);
    close(creat(store, 0600));
    json_set_string(change, "name", "azilr-0123abce-7");
    json_set_string(change, "store", store);
    tear_down_one(CHANGE_OVERLAY, change, "none of its own");
    assert_int_equal(unlink(store), 0);
    assert_int_equal(rmdir(directory), 0);
}

/* A damaged state must not have azilr deactivate what is the host's. */
static void a_volume_group_that_is_none_of_ours_is_left_alone(void **state)
{
    static const char *const names[] = {
        "vgdata", "", "azilr", "azilr-0123abcd-vg0/../../sda", "azilr-\nvg", "azilr-0123abce-vg0"};

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        cJSON *change = json_new_object();

        json_set_string(change, "name", names[i]);
        tear_down_one(CHANGE_VOLUME_GROUP, change, "none of azilr's");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_volume_group_that_is_none_of_ours_is_left_alone),
        cmocka_unit_test(a_device_that_is_none_of_the_session_s_is_left_alone),
        cmocka_unit_test(a_store_of_another_name_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
