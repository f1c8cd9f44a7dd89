/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "azure/backup.h"
#include "azure/ilr.h"
#include "util/str.h"

#define SUB "/subscriptions/00000000-0000-4000-8000-000000000001"
#define ITEM                                                                                                           \
    SUB "/resourceGroups/rg/providers/Microsoft.RecoveryServices/vaults/v/backupFabrics/Azure/protectionContainers/"   \
        "IaasVMContainer;iaasvmcontainerv2;rg-web;web01/protectedItems/VM;iaasvmcontainerv2;rg-web;web01"
#define POINT ITEM "/recoveryPoints/1"
#define VM SUB "/resourceGroups/rg-web/providers/Microsoft.Compute/virtualMachines/web01"

static void test_point(void **state)
{
    _cleanup_json_ cJSON *json =
        cJSON_Parse("{\"id\":\"" POINT "\",\"properties\":{\"recoveryPointTime\":\"2026-11-20T03:00:00.1234567Z\","
                    "\"recoveryPointType\":\"AppConsistent\",\"osType\":\"Lin\\u001bux\",\"isSourceVMEncrypted\":true,"
                    "\"isInstantIlrSessionActive\":true,\"recoveryPointTierDetails\":[{\"type\":\"InstantRP\","
                    "\"status\":\"Valid\"},"
                    "{\"type\":\"HardenedRP\",\"status\":\"Deleted\"},7,{}]}}");
    _cleanup_recovery_point_ struct recovery_point point = {0};

    (void)state;
    assert_int_equal(backup_parse_point(json, &point, NULL), 0);
    assert_string_equal(point.id.text, POINT);
    assert_int_equal(point.time, 1795143600);
    assert_string_equal(point.type, "AppConsistent");
    assert_string_equal(point.os_type, "Lin\\x1bux");
    assert_string_equal(point.tiers, "InstantRP");
    assert_true(point.encrypted);
    assert_true(point.session_active);
    assert_false(point.archived);
    assert_null(point.vm_id);
}

static void test_tiers(void **state)
{
    static const struct {
        const char *details;
        bool archived;
    } cases[] = {
        {"[]", false},
        {"null", false},
        {"[{\"type\":\"ArchivedRP\",\"status\":\"Valid\"}]", true},
        {"[{\"type\":\"ArchivedRP\",\"status\":\"Valid\"},{\"type\":\"HardenedRP\",\"status\":\"Deleted\"}]", true},
        {"[{\"type\":\"ArchivedRP\",\"status\":\"Valid\"},{\"type\":\"InstantRP\",\"status\":\"Valid\"}]", false},
        {"[{\"type\":\"ArchivedRP\",\"status\":\"Rehydrated\"}]", false},
        {"[{\"type\":\"ArchivedRP\",\"status\":\"Valid\"},{\"type\":\"HardenedRP\",\"status\":\"Rehydrated\"}]", false},
        {"[{\"type\":\"HardenedRP\",\"status\":\"Valid\"}]", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *text = str_printf("{\"id\":\"%s\",\"properties\":{\"recoveryPointTime\":"
                                               "\"2026-11-20T03:00:00Z\",\"recoveryPointTierDetails\":%s}}",
                                               POINT, cases[i].details);
        _cleanup_json_ cJSON *json = cJSON_Parse(text);
        _cleanup_recovery_point_ struct recovery_point point = {0};

        assert_int_equal(backup_parse_point(json, &point, NULL), 0);
        if (point.archived != cases[i].archived)
            fail_msg("%s", cases[i].details);
    }
}

/* Answers that are none, and answers made to harm: the parsers refuse them, and say so without passing them on raw. */
static void test_bad_points(void **state)
{
    static const char *const cases[] = {
        "null",
        "true",
        "7",
        "[]",
        "{}",
        "\"text\"",
        "{\"id\":null}",
        "{\"id\":7,\"properties\":{}}",
        "{\"id\":\"" POINT "\"}",
        "{\"id\":\"" POINT "\",\"properties\":[]}",
        "{\"id\":\"" POINT "\",\"properties\":{}}",
        "{\"id\":\"" POINT "\",\"properties\":{\"recoveryPointTime\":null}}",
        "{\"id\":\"" POINT "\",\"properties\":{\"recoveryPointTime\":1795143600}}",
        "{\"id\":\"" POINT "\",\"properties\":{\"recoveryPointTime\":\"\"}}",
        "{\"id\":\"" POINT "\",\"properties\":{\"recoveryPointTime\":\"yesterday\"}}",
        "{\"id\":\"" POINT "\",\"properties\":{\"recoveryPointTime\":\"2026-13-01T00:00:00Z\"}}",
        "{\"id\":\"\",\"properties\":{\"recoveryPointTime\":\"2026-11-20T03:00:00Z\"}}",
        "{\"id\":\"/\",\"properties\":{\"recoveryPointTime\":\"2026-11-20T03:00:00Z\"}}",
        "{\"id\":\"" ITEM "\",\"properties\":{\"recoveryPointTime\":\"2026-11-20T03:00:00Z\"}}",
        "{\"id\":\"" POINT "/..\",\"properties\":{\"recoveryPointTime\":\"2026-11-20T03:00:00Z\"}}",
        "{\"id\":\"" ITEM "/recoveryPoints/..\",\"properties\":{\"recoveryPointTime\":\"2026-11-20T03:00:00Z\"}}",
        "{\"id\":\"" ITEM "/recoveryPoints/1?x=y\",\"properties\":{\"recoveryPointTime\":\"2026-11-20T03:00:00Z\"}}",
        "{\"id\":\"" ITEM
        "/recoveryPoints/\\u001b[2J\",\"properties\":{\"recoveryPointTime\":\"2026-11-20T03:00:00Z\"}}",
        "{\"id\":\"https://evil.example" POINT "\",\"properties\":{\"recoveryPointTime\":\"2026-11-20T03:00:00Z\"}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_json_ cJSON *json = cJSON_Parse(cases[i]);
        _cleanup_recovery_point_ struct recovery_point point = {0};
        _cleanup_error_ struct error *err = NULL;

        assert_non_null(json);
        assert_int_equal(backup_parse_point(json, &point, &err), -1);
        assert_int_equal(err->code, EXIT_NETWORK);
        assert_null(strchr(err->message, '\x1b'));
        assert_null(point.id.text);
    }
}

static void test_items(void **state)
{
    static const struct {
        const char *properties, *name, *vm_id;
    } cases[] = {
        {"{\"friendlyName\":\"Web01\",\"virtualMachineId\":\"" VM "\"}", "Web01", VM},
        {"{\"sourceResourceId\":\"" VM "\"}", "web01", VM},
        {"{\"virtualMachineId\":\"/subscriptions/../x\",\"sourceResourceId\":\"" VM "\"}", "web01", VM},
        {"{\"virtualMachineId\":7}", "web01", NULL},
        {"{\"friendlyName\":\"\\u0007\"}", "\\x07", NULL},
        {"{}", "web01", NULL},
    };
    _cleanup_json_ cJSON *none = cJSON_Parse("{\"id\":\"" POINT "\",\"properties\":{}}");
    struct backup_item refused;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *text = str_printf("{\"id\":\"%s\",\"properties\":%s}", ITEM, cases[i].properties);
        _cleanup_json_ cJSON *json = cJSON_Parse(text);
        _cleanup_backup_item_ struct backup_item item = {0};

        assert_int_equal(backup_parse_item(json, &item, NULL), 0);
        assert_string_equal(item.name, cases[i].name);
        if (cases[i].vm_id)
            assert_string_equal(item.vm_id, cases[i].vm_id);
        else
            assert_null(item.vm_id);
    }
    assert_int_equal(backup_parse_item(none, &refused, NULL), -1);
}

static void test_item_facts(void **state)
{
    _cleanup_json_ cJSON *json = cJSON_Parse(
        "{\"id\":\"" ITEM
        "\",\"properties\":{\"protectionState\":\"Protected\",\"lastBackupStatus\":\"Comp\\u001bleted\","
        "\"lastBackupTime\":\"2026-11-20T03:00:00.1234567Z\",\"lastRecoveryPoint\":\"0001-01-01T00:00:00Z\"}}");
    _cleanup_json_ cJSON *bare =
        cJSON_Parse("{\"id\":\"" ITEM "\",\"properties\":{\"protectionState\":7,\"lastBackupTime\":\"soon\"}}");
    _cleanup_backup_item_ struct backup_item item = {0};
    _cleanup_backup_item_ struct backup_item empty = {0};

    (void)state;
    assert_int_equal(backup_parse_item(json, &item, NULL), 0);
    assert_string_equal(item.protection_state, "Protected");
    assert_string_equal(item.last_status, "Comp\\x1bleted");
    assert_int_equal(item.last_backup, 1795143600);
    assert_int_equal(item.newest_point, 0);
    assert_int_equal(backup_parse_item(bare, &empty, NULL), 0);
    assert_null(empty.protection_state);
    assert_null(empty.last_status);
    assert_int_equal(empty.last_backup, 0);
}

static void test_vaults(void **state)
{
    static const char VAULT[] = SUB "/resourceGroups/rg/providers/Microsoft.RecoveryServices/vaults/v";
    static const char *const bad[] = {
        "null",
        "7",
        "{}",
        "{\"id\":7}",
        "{\"id\":\"\"}",
        "{\"id\":\"" SUB "\"}",
        "{\"id\":\"" ITEM "\"}",
        "{\"id\":\"" SUB "/resourceGroups/rg/providers/Microsoft.RecoveryServices/vaults/..\"}",
        "{\"id\":\"" SUB "/resourceGroups/rg/providers/Microsoft.RecoveryServices/vaults/a\\u001b\"}",
        "{\"id\":\"" SUB "/resourceGroups/rg/providers/Microsoft.RecoveryServices/vaults\"}",
        "{\"id\":\"" SUB "/resourceGroups/rg/providers/Microsoft.Compute/vaults/v\"}",
    };
    _cleanup_json_ cJSON *json = cJSON_Parse("{\"id\":\"" SUB "/resourceGroups/rg/providers/Microsoft.RecoveryServices/"
                                             "vaults/v\",\"location\":\"west\\u0007europe\"}");
    _cleanup_backup_vault_ struct backup_vault vault = {0};

    (void)state;
    assert_int_equal(backup_parse_vault(json, &vault, NULL), 0);
    assert_string_equal(vault.id.text, VAULT);
    assert_string_equal(vault.id.vault, "v");
    assert_string_equal(vault.id.resource_group, "rg");
    assert_null(vault.id.item);
    assert_string_equal(vault.location, "west\\x07europe");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        _cleanup_json_ cJSON *document = cJSON_Parse(bad[i]);
        _cleanup_backup_vault_ struct backup_vault none = {0};
        _cleanup_error_ struct error *err = NULL;

        assert_non_null(document);
        if (backup_parse_vault(document, &none, &err) == 0)
            fail_msg("%s", bad[i]);
        assert_int_equal(err->code, EXIT_NETWORK);
        assert_null(strchr(err->message, '\x1b'));
    }
}

/* The service's clock has twelve hours, of which the first is called 12. */
static void test_points_filter(void **state)
{
    static const struct {
        time_t from, to;
        const char *filter;
    } cases[] = {
        {0, 1795143600, "startDate eq '1970-01-01 12:00:00 AM' and endDate eq '2026-11-20 03:00:00 AM'"},
        {1795177800, 1795219199, "startDate eq '2026-11-20 12:30:00 PM' and endDate eq '2026-11-20 11:59:59 PM'"},
        {1795136400, 1795179661, "startDate eq '2026-11-20 01:00:00 AM' and endDate eq '2026-11-20 01:01:01 PM'"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *filter = backup_points_filter(cases[i].from, cases[i].to);

        assert_string_equal(filter, cases[i].filter);
    }
}

static void test_scripts(void **state)
{
    _cleanup_json_ cJSON *json = cJSON_Parse(
        "{\"status\":\"Succeeded\",\"properties\":{\"objectType\":\"x\",\"recoveryTarget\":{\"clientScripts\":["
        "{\"scriptContent\":\"aGVsbG8K\",\"scriptExtension\":\".py\",\"osType\":\"Linux\",\"url\":\"\","
        "\"scriptNameSuffix\":\"web01_weu\"},{\"scriptContent\":\"NA\",\"scriptExtension\":\".exe\",\"osType\":"
        "\"Windows\",\"url\":\"https://download.example/x.exe\",\"scriptNameSuffix\":null}]}}}");
    _cleanup_client_scripts_ struct client_scripts scripts = {0};

    (void)state;
    assert_int_equal(ilr_parse_scripts(ilr_recovery_target(json), &scripts, NULL), 0);
    assert_int_equal(scripts.count, 2);
    assert_string_equal(scripts.list[0].content, "hello\n");
    assert_int_equal(scripts.list[0].length, 6);
    assert_string_equal(scripts.list[0].name_suffix, "web01_weu");
    assert_null(scripts.list[0].url);
    assert_null(scripts.list[1].content);
    assert_string_equal(scripts.list[1].url, "https://download.example/x.exe");
}

static void test_no_scripts(void **state)
{
    static const char *const cases[] = {
        "{}",
        "{\"properties\":null}",
        "{\"properties\":{\"recoveryTarget\":null}}",
        "{\"properties\":{\"recoveryTarget\":{}}}",
        "{\"properties\":{\"recoveryTarget\":{\"clientScripts\":null}}}",
        "{\"properties\":{\"recoveryTarget\":{\"clientScripts\":[]}}}",
        "{\"properties\":{\"recoveryTarget\":{\"clientScripts\":\"x\"}}}",
        "[]",
        "null",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_json_ cJSON *json = cJSON_Parse(cases[i]);
        _cleanup_client_scripts_ struct client_scripts scripts = {0};

        assert_int_equal(ilr_parse_scripts(ilr_recovery_target(json), &scripts, NULL), 0);
        assert_int_equal(scripts.count, 0);
    }
}

static void test_bad_scripts(void **state)
{
    static const char *const cases[] = {
        "[null]",
        "[7]",
        "[\"x\"]",
        "[{\"scriptContent\":\"a\"}]",
        "[{\"scriptContent\":\"ab=\"}]",
        "[{\"scriptContent\":\"====\"}]",
        "[{\"scriptContent\":\"=\"}]",
        "[{\"scriptContent\":\"ab==cd==\"}]",
        "[{\"scriptContent\":\"aGVsb G8K\"}]",
        "[{\"scriptContent\":\"aGVs*G8K\"}]",
        "[{\"scriptContent\":\"aGVsbG8\"}]",
        "[{\"scriptContent\":\"\\n\"}]",
        "[{\"scriptExtension\":\".\\u001b\"}]",
        "[{\"scriptNameSuffix\":\"secret\\n\"}]",
        "[{\"url\":\"https://x/\\u007f\"}]",
        "[{},{},{},{},{},{},{},{},{}]",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *text = str_printf("{\"clientScripts\":%s}", cases[i]);
        _cleanup_json_ cJSON *json = cJSON_Parse(text);
        _cleanup_client_scripts_ struct client_scripts scripts = {0};
        _cleanup_error_ struct error *err = NULL;

        /* a document that is refused while it is parsed never gets so far */
        if (!json)
            continue;
        if (ilr_parse_scripts(json, &scripts, &err) != -1)
            fail_msg("%s", cases[i]);
        assert_int_equal(err->code, EXIT_NETWORK);
        assert_null(strstr(err->message, "secret"));
        assert_int_equal(scripts.count, 0);
    }
}

static void test_base64(void **state)
{
    static const struct {
        const char *encoded, *plain;
    } cases[] = {
        {"Zg==", "f"}, {"Zm8=", "fo"}, {"Zm9v", "foo"}, {"Zm9vYg==", "foob"}, {"Zm9v\\r\\nYmFy\\r\\n", "foobar"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *text = str_printf("{\"clientScripts\":[{\"scriptContent\":\"%s\"}]}", cases[i].encoded);
        _cleanup_json_ cJSON *json = cJSON_Parse(text);
        _cleanup_client_scripts_ struct client_scripts scripts = {0};

        assert_int_equal(ilr_parse_scripts(json, &scripts, NULL), 0);
        assert_string_equal(scripts.list[0].content, cases[i].plain);
        assert_int_equal(scripts.list[0].length, strlen(cases[i].plain));
    }
}

static void test_huge_script(void **state)
{
    const size_t size = ((size_t)4 << 20) * 4 / 3 + 64;
    char *content = xcalloc(size + 1, 1);
    _cleanup_json_ cJSON *json = json_new_object();
    cJSON *entry = json_new_object();
    _cleanup_client_scripts_ struct client_scripts scripts = {0};
    _cleanup_error_ struct error *err = NULL;

    (void)state;
    memset(content, 'A', size);
    json_append(json_set_array(json, "clientScripts"), entry);
    json_set_string(entry, "scriptContent", content);
    free(content);
    assert_int_equal(ilr_parse_scripts(json, &scripts, &err), -1);
    assert_non_null(strstr(err->message, "4 MiB"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_point),       cmocka_unit_test(test_tiers),   cmocka_unit_test(test_bad_points),
        cmocka_unit_test(test_item_facts),  cmocka_unit_test(test_vaults),  cmocka_unit_test(test_points_filter),
        cmocka_unit_test(test_items),       cmocka_unit_test(test_scripts), cmocka_unit_test(test_no_scripts),
        cmocka_unit_test(test_bad_scripts), cmocka_unit_test(test_base64),  cmocka_unit_test(test_huge_script),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
