/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "azure/arm_id.h"
#include "util/str.h"

#define SUB "/subscriptions/00000000-0000-4000-8000-000000000001"
#define VAULT SUB "/resourceGroups/rg-backup/providers/Microsoft.RecoveryServices/vaults/vault1"
#define ITEM                                                                                                           \
    VAULT "/backupFabrics/Azure/protectionContainers/IaasVMContainer;iaasvmcontainerv2;rg-web;web01"                   \
          "/protectedItems/VM;iaasvmcontainerv2;rg-web;web01"
#define POINT ITEM "/recoveryPoints/630000000000000002"

static void test_parts(void **state)
{
    _cleanup_arm_id_ struct arm_id id = {0};
    _cleanup_free_ char *vault = NULL;
    _cleanup_free_ char *item = NULL;
    _cleanup_free_ char *vm = NULL;

    (void)state;
    assert_int_equal(arm_id_parse_point(POINT, &id, NULL), 0);
    assert_string_equal(id.text, POINT);
    assert_string_equal(id.subscription, "00000000-0000-4000-8000-000000000001");
    assert_string_equal(id.resource_group, "rg-backup");
    assert_string_equal(id.vault, "vault1");
    assert_string_equal(id.container, "IaasVMContainer;iaasvmcontainerv2;rg-web;web01");
    assert_string_equal(id.item, "VM;iaasvmcontainerv2;rg-web;web01");
    assert_string_equal(id.point, "630000000000000002");
    assert_string_equal(id.vm_resource_group, "rg-web");
    assert_string_equal(id.vm_name, "web01");
    vault = arm_id_vault(&id);
    item = arm_id_item(&id);
    vm = arm_id_guess_vm(&id);
    assert_string_equal(vault, VAULT);
    assert_string_equal(item, ITEM);
    assert_string_equal(vm, SUB "/resourceGroups/rg-web/providers/Microsoft.Compute/virtualMachines/web01");
}

static void test_accepted(void **state)
{
    static const char *const points[] = {
        POINT,
        POINT "/",
        "/Subscriptions/s/resourcegroups/g/PROVIDERS/microsoft.recoveryservices/VAULTS/v/backupfabrics/azure/"
        "protectioncontainers/iaasvmcontainer;iaasvmcontainerv2;g;m/protecteditems/vm;iaasvmcontainerv2;g;m/"
        "recoverypoints/1",
        /* a classic machine, and letters that resource groups may have */
        "/subscriptions/s/resourceGroups/Gr\xc3\xbcn_(1)/providers/Microsoft.RecoveryServices/vaults/v/backupFabrics/"
        "Azure/"
        "protectionContainers/IaasVMContainer;iaasvmcontainer;g;m/protectedItems/VM;iaasvmcontainer;g;m/"
        "recoveryPoints/1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
        _cleanup_arm_id_ struct arm_id id = {0};
        _cleanup_error_ struct error *err = NULL;

        if (arm_id_parse_point(points[i], &id, &err) < 0)
            fail_msg("%s: %s", points[i], err->message);
        assert_false(str_ends_with(id.text, "/"));
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *text;
        const char *why; /* part of the message */
    } cases[] = {
        {"", "does not begin"},
        {"/", "empty part"},
        {"web01", "does not begin"},
        {"https://management.azure.com" POINT, "does not begin"},
        {ITEM, "without \"/recoveryPoints/"},
        {VAULT, "ends too early"},
        {SUB, "ends too early"},
        {POINT "/more", "too many parts"},
        {POINT "?api-version=1", "URL is more than an id"},
        {POINT "#x", "URL is more than an id"},
        {POINT "\n", "control characters"},
        {POINT "\x1b[31m", "control characters"},
        {POINT " x", "blanks"},
        {POINT "\xff", "control characters"},
        {ITEM "/recoveryPoints//", "empty part"},
        {ITEM "/recoveryPoints/..", "\"..\""},
        {ITEM "/recoveryPoints/.", "\"..\""},
        {ITEM "/recoveryPoints/a..b", "\"..\""},
        {ITEM "/recoveryPoints/%2e%2e", "\"%\""},
        {ITEM "/recoveryPoints/a%3Bb", "instead of \"%3B\""},
        {ITEM "/recoveryPoints/a\\b", "no Azure name has"},
        {ITEM "/recoveryPoints/a'b", "no Azure name has"},
        {ITEM "/recoverypointz/1", "\"recoverypointz\" stands where"},
        {"/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/vaults/v/backupFabrics/Azure/"
         "protectionContainers/c/protectedItems/VM;iaasvmcontainerv2;g;m/recoveryPoints/1",
         "\"Microsoft.Compute\" stands where"},
        {"/subscriptions/s/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/v/backupFabrics/Azure/"
         "protectionContainers/StorageContainer;storage;g;a/protectedItems/AzureFileShare;x/recoveryPoints/1",
         "not an Azure VM's"},
        {"/subscriptions/s/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/v/backupFabrics/Azure/"
         "protectionContainers/c/protectedItems/VM;iaasvmcontainerv2;g;/recoveryPoints/1",
         "not an Azure VM's"},
        {"/subscriptions/s/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/v/backupFabrics/Azure/"
         "protectionContainers/c/protectedItems/VM;iaasvmcontainerv2;g;m;x/recoveryPoints/1",
         "not an Azure VM's"},
        {"/subscriptions/s/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/v/backupFabrics/Azure/"
         "protectionContainers/c/protectedItems/VM;;;m/recoveryPoints/1",
         "not an Azure VM's"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_arm_id_ struct arm_id id = {0};
        _cleanup_error_ struct error *err = NULL;

        assert_int_equal(arm_id_parse_point(cases[i].text, &id, &err), -1);
        assert_int_equal(err->code, EXIT_USAGE);
        if (!strstr(err->message, cases[i].why))
            fail_msg("\"%s\" not in: %s", cases[i].why, err->message);
        assert_null(strpbrk(err->message, "\n\x1b"));
        assert_null(id.text);
    }
}

static void test_too_long(void **state)
{
    _cleanup_free_ char *segment = xcalloc(402, 1);
    _cleanup_free_ char *text = NULL;
    _cleanup_free_ char *whole = xcalloc(3000, 1);
    struct arm_id id;

    (void)state;
    memset(segment, 'a', 401);
    text = str_printf("%s/recoveryPoints/%s", ITEM, segment);
    assert_int_equal(arm_id_parse_point(text, &id, NULL), -1);
    memset(whole, '/', 2999);
    assert_int_equal(arm_id_parse_point(whole, &id, NULL), -1);
}

static void test_path(void **state)
{
    _cleanup_free_ char *path = arm_id_path("/a;b/c d/\xc3\xbc/e?f#g%h/");

    (void)state;
    assert_string_equal(path, "/a%3Bb/c%20d/%C3%BC/e%3Ff%23g%25h/");
}

static void test_vault(void **state)
{
    static const struct {
        const char *subscription, *group, *vault, *option;
    } bad[] = {
        {NULL, "g", "v", "--subscription"},
        {"My subscription", "g", "v", "--subscription"},
        {"mine", "g", "v", "--subscription"},
        {"00000000-0000-4000-8000-000000000001", "", "v", "--resource-group"},
        {"00000000-0000-4000-8000-000000000001", "../g", "v", "--resource-group"},
        {"00000000-0000-4000-8000-000000000001", "g", "a/b", "--vault-name"},
        {"00000000-0000-4000-8000-000000000001", "g", "v?x", "--vault-name"},
        {"00000000-0000-4000-8000-000000000001", "g", "012345678901234567890123456789012345678901234567890",
         "--vault-name"},
    };
    _cleanup_free_ char *id = NULL;

    (void)state;
    assert_int_equal(arm_id_make_vault("00000000-0000-4000-8000-000000000001", "rg-backup", "vault1", &id, NULL), 0);
    assert_string_equal(id, VAULT);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        _cleanup_error_ struct error *err = NULL;
        char *none = NULL;

        assert_int_equal(arm_id_make_vault(bad[i].subscription, bad[i].group, bad[i].vault, &none, &err), -1);
        assert_int_equal(err->code, EXIT_USAGE);
        assert_non_null(strstr(err->message, bad[i].option));
    }
}

static void test_vm(void **state)
{
    static const char *const bad[] = {
        "",
        "/",
        SUB,
        VAULT,
        SUB "/resourceGroups/g/providers/Microsoft.Storage/virtualMachines/m",
        SUB "/resourceGroups/g/providers/Microsoft.Compute/virtualMachines",
        SUB "/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/m/extensions/e",
        SUB "/resourceGroups/../providers/Microsoft.Compute/virtualMachines/m",
    };

    (void)state;
    assert_int_equal(arm_id_check_vm(SUB "/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/m", NULL), 0);
    assert_int_equal(
        arm_id_check_vm(SUB "/resourcegroups/g/providers/microsoft.classiccompute/virtualmachines/m", NULL), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(arm_id_check_vm(bad[i], NULL), -1);
}

static void test_shares(void **state)
{
    static const char stem[] =
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/v/backupFabrics/"
        "Azure/protectionContainers/StorageContainer;storage;rg;acct/protectedItems/";
    static const struct {
        const char *rest;
        bool good;
    } cases[] = {
        {"AzureFileShare;files1/recoveryPoints/1", true},
        {"azurefileshare;0A1B/recoveryPoints/1", true},
        {"AzureFileShare;/recoveryPoints/1", false},
        {"VM;iaasvmcontainerv2;rg;vm/recoveryPoints/1", false},
        {"AzureFileShare;files1", false},
        {"AzureFileShare;files1/recoveryPoints/..", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *text = str_printf("%s%s", stem, cases[i].rest);
        _cleanup_arm_id_ struct arm_id id = {0};

        assert_int_equal(arm_id_parse_share_point(text, &id, NULL), cases[i].good ? 0 : -1);
        if (cases[i].good) {
            assert_string_equal(id.point, "1");
            assert_null(id.vm_name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares),  cmocka_unit_test(test_parts),    cmocka_unit_test(test_accepted),
        cmocka_unit_test(test_refused), cmocka_unit_test(test_too_long), cmocka_unit_test(test_path),
        cmocka_unit_test(test_vault),   cmocka_unit_test(test_vm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
