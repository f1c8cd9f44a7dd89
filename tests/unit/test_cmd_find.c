/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "check.h"
#include "cmd/find_item.h"
#include "cmd/point_text.h"
#include "cmd/preparing.h"
#include "util/json.h"
#include "util/str.h"

static void a_name_is_friendly_or_full(void **state)
{
    static const char full[] = "VM;iaasvmcontainerv2;rg-web;web01";
    static const struct {
        const char *name;
        bool means;
    } cases[] = {
        {"web01", true},
        {"WEB01", true},
        {"web1", false},
        {"", false},
        {";", false},
        {full, true},
        {"vm;IAASVMCONTAINERV2;RG-WEB;WEB01", true},
        {"iaasvmcontainerv2;rg-web;web01", true},
        {"rg-web;web01", false},
        {"iaasvmcontainerv2;rg-other;web01", false},
        {"VM;iaasvmcontainerv2;rg-web;web01;", false},
        {"X;iaasvmcontainerv2;rg-web;web01", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (find_name_means(cases[i].name, full, "web01") != cases[i].means)
            fail_msg("%s", cases[i].name);
}

/* A candidate in subscription, resource group, vault and container of these names; all borrowed. */
#define CANDIDATE(sub, rg, vlt, unit)                                                                                  \
    {                                                                                                                  \
        .id = {.subscription = (char[]){sub},                                                                          \
               .resource_group = (char[]){rg},                                                                         \
               .vault = (char[]){vlt},                                                                                 \
               .container = (char[]){unit}},                                                                           \
        .name = (char[])                                                                                               \
        {                                                                                                              \
            "web01"                                                                                                    \
        }                                                                                                              \
    }

static char *told_apart(const struct backup_item *items, size_t count)
{
    const struct backup_item *list[20];

    for (size_t i = 0; i < count; i++)
        list[i] = &items[i];
    return find_tell_apart(list, count);
}

static void as_few_options_as_tell_them_apart(void **state)
{
    const struct backup_item by_vault[] = {CANDIDATE("s", "g", "v1", "c"), CANDIDATE("s", "g", "v2", "c")};
    const struct backup_item by_group[] = {CANDIDATE("s", "g1", "v", "c"), CANDIDATE("s", "g(2)", "V", "c")};
    const struct backup_item by_container[] = {CANDIDATE("s", "g", "v", "k;a"), CANDIDATE("s", "g", "v", "k;b")};
    const struct backup_item by_two[] = {CANDIDATE("s", "g1", "v1", "c"), CANDIDATE("s", "g2", "v1", "c"),
                                         CANDIDATE("s", "g1", "v2", "c"), CANDIDATE("s", "g2", "v2", "c")};
    const struct backup_item by_all[] = {CANDIDATE("s", "g", "v", "c"), CANDIDATE("S", "G", "V", "C")};
    _cleanup_free_ char *vault = told_apart(by_vault, 2), *group = told_apart(by_group, 2);
    _cleanup_free_ char *container = told_apart(by_container, 2), *two = told_apart(by_two, 4);
    _cleanup_free_ char *all = told_apart(by_all, 2);

    (void)state;
    assert_string_equal(vault, "--vault-name v1\n  --vault-name v2");
    assert_string_equal(group, "--resource-group g1\n  --resource-group 'g(2)'");
    assert_string_equal(container, "--container-name 'k;a'\n  --container-name 'k;b'");
    assert_non_null(strstr(two, "--vault-name v2 --resource-group g1"));
    /* nothing tells them apart: then everything is said */
    assert_non_null(strstr(all, "--vault-name v --resource-group g --container-name c --subscription s\n"));
}

static void a_long_list_is_cut(void **state)
{
    struct backup_item items[20];
    _cleanup_free_ char *text = NULL;
    char names[20][8];
    size_t lines = 1;

    (void)state;
    for (size_t i = 0; i < 20; i++) {
        snprintf(names[i], sizeof(names[i]), "v%zu", i);
        items[i] = (struct backup_item)CANDIDATE("s", "g", "v", "c");
        items[i].id.vault = names[i];
    }
    text = told_apart(items, 20);
    for (const char *at = text; (at = strchr(at, '\n')); at++)
        lines++;
    assert_int_equal(lines, 13);
    assert_true(str_ends_with(text, "…"));
}

static void ages_are_told_as_a_person_would(void **state)
{
    static const struct {
        time_t seconds;
        const char *text;
    } cases[] = {
        {-100, "0 minutes old"}, {0, "0 minutes old"},     {59, "0 minutes old"},  {7199, "119 minutes old"},
        {7200, "2 hours old"},   {172799, "47 hours old"}, {172800, "2 days old"}, {86400 * 400, "400 days old"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *text = point_age(1000000000, 1000000000 + cases[i].seconds);

        assert_string_equal(text, cases[i].text);
    }
}

static void what_cannot_be_opened_has_a_reason(void **state)
{
    struct recovery_point fine = {0}, archived = {.archived = true}, encrypted = {.encrypted = true, .archived = true};
    struct error *err = NULL;

    (void)state;
    archived.id.vm_name = (char[]){"web01"};
    assert_null(point_obstacle(&fine));
    assert_int_equal(point_check_openable(&fine, &err), 0);
    assert_string_equal(point_obstacle(&archived), "archive tier");
    assert_int_equal(point_check_openable(&archived, &err), -1);
    assert_non_null(strstr(err->hint, "azilr list points web01"));
    assert_error(err, EXIT_FAILED, "archive tier");
    /* rehydrating would not help this one */
    assert_string_equal(point_obstacle(&encrypted), "encrypted source");
    assert_int_equal(point_check_openable(&encrypted, &err), -1);
    assert_error(err, EXIT_FAILED, "Azure Disk Encryption");
}

static void what_can_be_taken_up_says_all_that_is_needed(void **state)
{
    static const struct {
        const char *text;
        bool possible, of_point;
    } cases[] = {
        {"{\"status\":\"preparing\",\"recovery_point\":\"/P\",\"initiator_name\":\"i\",\"operation\":{\"url\":\"u\"}}",
         true, true},
        {"{\"status\":\"mounting\",\"recovery_point\":\"/P\",\"initiator_name\":\"i\",\"operation\":{\"url\":\"u\"}}",
         true, false},
        /* done at once, with no operation to ask */
        {"{\"status\":\"preparing\",\"recovery_point\":\"/P\",\"initiator_name\":\"i\",\"operation\":{}}", false,
         false},
        /* from a script */
        {"{\"status\":\"preparing\",\"initiator_name\":\"i\"}", false, false},
        {"{\"status\":\"preparing\",\"recovery_point\":\"/P\",\"operation\":{\"url\":\"u\"}}", false, false},
        {"{}", false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_json_ cJSON *document = json_parse(cases[i].text, strlen(cases[i].text), "a state", NULL);

        assert_non_null(document);
        if (preparing_is_possible(document) != cases[i].possible ||
            preparing_is_of(document, "/p") != cases[i].of_point)
            fail_msg("%s", cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_friendly_or_full),
        cmocka_unit_test(as_few_options_as_tell_them_apart),
        cmocka_unit_test(a_long_list_is_cut),
        cmocka_unit_test(ages_are_told_as_a_person_would),
        cmocka_unit_test(what_cannot_be_opened_has_a_reason),
        cmocka_unit_test(what_can_be_taken_up_says_all_that_is_needed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
