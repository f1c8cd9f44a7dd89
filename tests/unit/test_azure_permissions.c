/* SPDX-License-Identifier: MIT */
/* What permissions allow: Azure's rules for wildcards and for what one role takes and another gives. */
#include <string.h>

#include "check.h"

#include "azure/permissions.h"
#include "util/str.h"

#define READ "Microsoft.RecoveryServices/Vaults/read"

static bool allow(const char *permissions, const char *action)
{
    _cleanup_json_ cJSON *json = cJSON_Parse(permissions);

    assert_non_null(json);
    return permissions_allow(json, action);
}

static void wildcards(void **state)
{
    static const struct {
        const char *pattern;
        bool matches;
    } cases[] = {
        {READ, true},
        {"microsoft.recoveryservices/VAULTS/READ", true},
        {"*", true},
        {"**", true},
        {"*/read", true},
        {"Microsoft.RecoveryServices/*", true},
        {"Microsoft.RecoveryServices/Vaults/*", true},
        {"Microsoft.RecoveryServices/*/read", true},
        {"*Vaults*", true},
        {"Microsoft.RecoveryServices/Vaults/read*", true},
        {"*s/r*d", true},
        {"", false},
        {"Microsoft.RecoveryServices/Vaults", false},
        {"Microsoft.RecoveryServices/Vaults/", false},
        {"Microsoft.RecoveryServices/Vaults/rea", false},
        {"Microsoft.RecoveryServices/Vaults/reads", false},
        {"Microsoft.RecoveryServices/*/write", false},
        {"*/reads", false},
        {"*x*", false},
        {"?icrosoft.RecoveryServices/Vaults/read", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *text = str_printf("[{\"actions\":[\"%s\"]}]", cases[i].pattern);

        if (allow(text, READ) != cases[i].matches)
            fail_msg("%s", cases[i].pattern);
    }
}

static void a_role_takes_only_from_itself(void **state)
{
    (void)state;
    assert_false(allow("[{\"actions\":[\"*\"],\"notActions\":[\"" READ "\"]}]", READ));
    assert_false(allow("[{\"actions\":[\"*\"],\"notActions\":[\"*/read\"]}]", READ));
    assert_true(allow("[{\"actions\":[\"*\"],\"notActions\":[\"*/write\"]}]", READ));
    assert_true(allow("[{\"actions\":[\"*\"],\"notActions\":[\"*/read\"]},{\"actions\":[\"*/read\"]}]", READ));
    assert_true(allow("[{\"actions\":[]},{\"actions\":[\"*/read\"],\"notActions\":[]}]", READ));
}

static void what_is_no_permission_allows_nothing(void **state)
{
    static const char *const cases[] = {
        "[]",
        "{}",
        "7",
        "\"*\"",
        "[\"*\"]",
        "[{\"actions\":\"*\"}]",
        "[{\"actions\":{\"a\":7}}]",
        "[{\"actions\":[7,null,[\"*\"]]}]",
        "[{\"notActions\":[]}]",
        "[{\"dataActions\":[\"*\"]}]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (allow(cases[i], READ))
            fail_msg("%s", cases[i]);
    assert_false(permissions_allow(NULL, READ));
}

/* A matcher that tried every length of every star would not come back in this universe. */
static void a_hostile_pattern_takes_no_time(void **state)
{
    char text[512] = "[{\"actions\":[\"";
    size_t length = strlen(text);

    (void)state;
    while (length < 480) {
        text[length++] = '*';
        text[length++] = 'a';
    }
    strcpy(text + length, "b\"]}]");
    assert_false(allow(text, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wildcards),
        cmocka_unit_test(a_role_takes_only_from_itself),
        cmocka_unit_test(what_is_no_permission_allows_nothing),
        cmocka_unit_test(a_hostile_pattern_takes_no_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
