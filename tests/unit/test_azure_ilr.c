/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "azure/ilr.h"
#include "check.h"

static const struct arm_id ID = {.text = (char[]){"/x"}, .point = (char[]){"63"}, .item = (char[]){"VM;a;b;c"}};

static void assert_body(const struct ilr_request *request, const char *expected)
{
    _cleanup_json_ cJSON *body = ilr_request_body(request);
    _cleanup_free_ char *text = json_text(body, false);

    assert_string_equal(text, expected);
}

static void bodies_have_the_fields_of_their_kind(void **state)
{
    static const struct ilr_tag tags[] = {{"a", "b"}, {"c", ""}};
    const struct ilr_request vm = {.id = &ID, .vm_id = "/vm", .initiator_name = "iqn.x", .renew = true};
    struct ilr_request share = {.kind = ILR_FILE_SHARE, .id = &ID, .source_resource_id = "/account"};

    (void)state;
    assert_body(&vm, "{\"properties\":{\"objectType\":\"IaasVMILRRegistrationRequest\",\"recoveryPointId\":\"63\","
                     "\"virtualMachineId\":\"/vm\",\"initiatorName\":\"iqn.x\",\"renewExistingRegistration\":true}}");
    share.etag = "e";
    share.location = "weu";
    share.tags = tags;
    share.tag_count = 2;
    assert_body(&share, "{\"tags\":{\"a\":\"b\",\"c\":\"\"},\"eTag\":\"e\",\"location\":\"weu\",\"properties\":{"
                        "\"objectType\":\"AzureFileShareProvisionILRRequest\",\"recoveryPointId\":\"63\","
                        "\"sourceResourceId\":\"/account\"}}");
}

static void scripts_come_from_two_places(void **state)
{
    static const struct {
        const char *url;
        bool allowed;
    } cases[] = {
        {"https://arm.example:8443/x", true},
        {"https://ARM.example:8443/x?sig=y", true},
        {"https://download.microsoft.com/download/a/b.py", true},
        {"https://Download.Microsoft.com:443/x", true},
        {"https://arm.example/x", false},
        {"http://arm.example:8443/x", false},
        {"http://download.microsoft.com/x", false},
        {"https://download.microsoft.com:8443/x", false},
        {"https://download.microsoft.com.evil.example/x", false},
        {"https://evildownload.microsoft.com/x", false},
        {"https://a.download.microsoft.com/x", false},
        {"https://download.microsoft.com@evil.example/x", false},
        {"https://evil.example/https://download.microsoft.com/x", false},
        {"https://evil.example\\@download.microsoft.com/x", false},
        {"https://acct.blob.core.windows.net/x", false},
        {"//download.microsoft.com/x", false},
        {"file:///etc/passwd", false},
        {"ftp://download.microsoft.com/x", false},
        {"NA", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (ilr_script_url_is_allowed("https://arm.example:8443", cases[i].url) != cases[i].allowed)
            fail_msg("%s", cases[i].url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bodies_have_the_fields_of_their_kind),
        cmocka_unit_test(scripts_come_from_two_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
