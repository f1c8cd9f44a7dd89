/* SPDX-License-Identifier: MIT */
/* To which cloud a command goes. A token that is given is enough to "sign in" without a network. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "cmd/azure_access.h"
#include "util/json.h"
#include "util/str.h"

#define PUBLIC CLOUD_PUBLIC_ENDPOINT, CLOUD_PUBLIC_AUTHORITY
#define USGOV "https://management.usgovcloudapi.net", "https://login.microsoftonline.us"
#define CHINA "https://management.chinacloudapi.cn", "https://login.chinacloudapi.cn"

static const struct choice {
    struct options options;
    const char *cloud, *authority_host;        /* variables */
    const char *recorded, *recorded_authority; /* NULL: a new session */
    const char *endpoint, *authority;          /* expected */
} choices[] = {
    {{0}, NULL, NULL, NULL, NULL, PUBLIC},
    {{0}, "", "", NULL, NULL, PUBLIC},
    {{.cloud = "usgov"}, NULL, NULL, NULL, NULL, USGOV},
    {{0}, "AzureChinaCloud", NULL, NULL, NULL, CHINA},
    {{.cloud = "usgov"}, "china", "https://a.example/", NULL, NULL, USGOV},
    {{0}, "china", "https://a.example/", NULL, NULL, "https://management.chinacloudapi.cn", "https://a.example/"},
    {{0}, NULL, "login.microsoftonline.us", NULL, NULL, CLOUD_PUBLIC_ENDPOINT, "https://login.microsoftonline.us"},
    {{.cloud = "china", .endpoint = "https://e.example"},
     NULL,
     NULL,
     NULL,
     NULL,
     "https://e.example",
     "https://login.chinacloudapi.cn"},
    {{.authority = "https://a.example"},
     "usgov",
     NULL,
     NULL,
     NULL,
     "https://management.usgovcloudapi.net",
     "https://a.example"},
    /* a session goes back to where it was made, whatever the variables say now */
    {{0}, NULL, NULL, USGOV, USGOV},
    {{0}, "china", "https://a.example", USGOV, USGOV},
    {{.cloud = "china"}, NULL, NULL, USGOV, CHINA},
    {{.endpoint = "https://e.example"}, NULL, NULL, USGOV, "https://e.example", "https://login.microsoftonline.us"},
    {{.authority = "https://a.example"},
     NULL,
     NULL,
     USGOV,
     "https://management.usgovcloudapi.net",
     "https://a.example"},
};

static void set(const char *name, const char *value)
{
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

static void the_cloud_is_chosen(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
        _cleanup_azure_access_ struct azure_access access = {0};
        _cleanup_json_ cJSON *registration = json_new_object();
        _cleanup_json_ cJSON *again = NULL;
        _cleanup_error_ struct error *err = NULL;
        int result;

        set("AZURE_ACCESS_TOKEN", "a.b.c");
        set("AZURE_CLOUD", choices[i].cloud);
        set("AZURE_AUTHORITY_HOST", choices[i].authority_host);
        json_set_string(registration, "endpoint", choices[i].recorded);
        json_set_string(registration, "authority", choices[i].recorded_authority);
        result = choices[i].recorded
                     ? azure_access_open_recorded(&access, &choices[i].options, registration, NULL, &err)
                     : azure_access_open(&access, &choices[i].options, NULL, &err);
        if (result < 0)
            fail_msg("%zu: %s", i, err->message);
        again = azure_access_registration(&access, "/point");
        assert_string_equal(json_string(again, "endpoint"), choices[i].endpoint);
        assert_string_equal(json_string(again, "authority"), choices[i].authority);
        assert_string_equal(arm_endpoint(access.arm), choices[i].endpoint);
    }
    set("AZURE_CLOUD", NULL);
    set("AZURE_AUTHORITY_HOST", NULL);
}

static void portals_are_in_the_domain_of_the_cloud(void **state)
{
    static const struct {
        struct options options;
        const char *cloud, *recorded, *domain;
    } cases[] = {
        {{0}, NULL, NULL, "backup.windowsazure.com"},
        {{0}, "AzureUSGovernment", NULL, "backup.windowsazure.us"},
        {{.cloud = "china"}, "usgov", NULL, "backup.windowsazure.cn"},
        {{.cloud = "usgov", .endpoint = "https://e.example"}, NULL, NULL, "backup.windowsazure.us"},
        {{.endpoint = "https://Management.chinacloudapi.cn/"}, NULL, NULL, "backup.windowsazure.cn"},
        {{.endpoint = "https://e.example"}, "china", NULL, "backup.windowsazure.cn"},
        {{.endpoint = "https://e.example", .authority = "https://a.example"}, "mars", NULL, "backup.windowsazure.com"},
        /* renewed where it was made */
        {{0}, NULL, "https://management.usgovcloudapi.net", "backup.windowsazure.us"},
        {{0}, "china", "https://management.azure.com", "backup.windowsazure.com"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_azure_access_ struct azure_access access = {0};
        _cleanup_json_ cJSON *registration = json_new_object();
        const char *domain;

        set("AZURE_ACCESS_TOKEN", "a.b.c");
        set("AZURE_CLOUD", cases[i].cloud);
        json_set_string(registration, "endpoint", cases[i].recorded);
        if (azure_access_open_recorded(&access, &cases[i].options, registration, NULL, NULL) < 0)
            fail_msg("%zu", i);
        assert_string_equal(access.portal_domain, cases[i].domain);
        if (cases[i].recorded)
            continue;
        assert_int_equal(azure_access_portal_domain(&cases[i].options, &domain, NULL), 0);
        assert_string_equal(domain, cases[i].domain);
    }
    set("AZURE_CLOUD", NULL);
}

static void unknown_clouds_are_named(void **state)
{
    const struct options by_option = {.cloud = "germany"};
    const struct options none = {0};
    struct azure_access access = {0};
    struct error *err = NULL;

    (void)state;
    assert_int_equal(azure_access_open(&access, &by_option, NULL, &err), -1);
    assert_error(err, EXIT_USAGE, "--cloud knows no cloud \"germany\"");
    set("AZURE_CLOUD", "mars");
    assert_int_equal(azure_access_open(&access, &none, NULL, &err), -1);
    assert_error(err, EXIT_USAGE, "AZURE_CLOUD knows no cloud \"mars\"");
    set("AZURE_CLOUD", NULL);
    azure_access_close(&access);
}

static void one_command_stays_in_one_cloud(void **state)
{
    const struct options options = {.cloud = "usgov"};
    const struct options none = {0};
    _cleanup_azure_access_ struct azure_access access = {0};
    _cleanup_json_ cJSON *registration = json_new_object();
    struct error *err = NULL;

    (void)state;
    set("AZURE_ACCESS_TOKEN", "a.b.c");
    assert_int_equal(azure_access_open(&access, &options, NULL, NULL), 0);
    json_set_string(registration, "endpoint", "https://management.chinacloudapi.cn");
    json_set_string(registration, "authority", "https://login.chinacloudapi.cn");
    assert_int_equal(azure_access_open_recorded(&access, &none, registration, NULL, &err), -1);
    assert_error(err, EXIT_USAGE, "this command has signed in to https://management.usgovcloudapi.net");
}

static void one_command_signs_in_at_one_place(void **state)
{
    const struct options none = {0};
    _cleanup_azure_access_ struct azure_access access = {0};
    _cleanup_json_ cJSON *registration = json_new_object(), *other = json_new_object();
    struct error *err = NULL;

    (void)state;
    set("AZURE_ACCESS_TOKEN", "a.b.c");
    json_set_string(registration, "endpoint", "https://management.usgovcloudapi.net");
    json_set_string(registration, "authority", "https://login.microsoftonline.us");
    json_set_string(other, "endpoint", "https://Management.usgovcloudapi.net");
    json_set_string(other, "authority", "https://a.example");
    assert_int_equal(azure_access_open_recorded(&access, &none, registration, NULL, NULL), 0);
    assert_int_equal(azure_access_open_recorded(&access, &none, registration, NULL, NULL), 0);
    assert_int_equal(azure_access_open_recorded(&access, &none, other, NULL, &err), -1);
    assert_error(err, EXIT_USAGE, "(sign-in at https://a.example), and this command has signed in to");
}

static void a_failed_sign_in_is_not_tried_again(void **state)
{
    char folder[] = "/tmp/azilr-test-XXXXXX";
    _cleanup_free_ char *name = mkdtemp(folder) ? str_printf("%s/token", folder) : NULL;
    const struct options options = {.token_file = name};
    _cleanup_azure_access_ struct azure_access access = {0};
    _cleanup_json_ cJSON *registration = json_new_object();
    _cleanup_error_ struct error *first = NULL;
    _cleanup_error_ struct error *second = NULL;
    _cleanup_fclose_ FILE *file = NULL;

    (void)state;
    assert_non_null(name);
    assert_int_equal(azure_access_open_recorded(&access, &options, registration, NULL, &first), -1);
    assert_null(access.arm);
    assert_null(access.credential);
    /* what would serve now must not be looked at */
    umask(077);
    file = fopen(name, "w");
    assert_non_null(file);
    fputs("a.b.c", file);
    fflush(file);
    assert_int_equal(azure_access_open_recorded(&access, &options, registration, NULL, &second), -1);
    assert_string_equal(second->message, first->message);
    assert_int_equal(second->code, first->code);
    unlink(name);
    rmdir(folder);
}

static void refused_at(struct azure_access *access, const struct options *options, const char *endpoint,
                       const char *authority, enum exit_code code, const char *part)
{
    _cleanup_json_ cJSON *registration = json_new_object();
    struct error *err = NULL;

    json_set_string(registration, "endpoint", endpoint);
    json_set_string(registration, "authority", authority);
    assert_int_equal(azure_access_open_recorded(access, options, registration, NULL, &err), -1);
    assert_error(err, code, part);
}

static void a_failure_is_of_one_place(void **state)
{
    _cleanup_azure_access_ struct azure_access access = {0};
    struct options options = {.token_file = "/nonexistent/token"};

    (void)state;
    set("AZURE_ACCESS_TOKEN", NULL);
    refused_at(&access, &options, USGOV, EXIT_NOT_FOUND, "/nonexistent/token");
    /* the same failure is told at the same place only; elsewhere what serves now may be looked at */
    options.token_file = "/nonexistent/other";
    refused_at(&access, &options, USGOV, EXIT_NOT_FOUND, "/nonexistent/token");
    refused_at(&access, &options, "https://management.usgovcloudapi.net", "https://a.example", EXIT_NOT_FOUND,
               "/nonexistent/other");
    refused_at(&access, &options, CHINA, EXIT_NOT_FOUND, "/nonexistent/other");
}

static void a_secret_that_is_used_up_serves_nowhere_else(void **state)
{
    _cleanup_azure_access_ struct azure_access access = {0};
    const struct options options = {0};

    (void)state;
    set("AZURE_ACCESS_TOKEN", "not a token");
    refused_at(&access, &options, USGOV, EXIT_AUTH, "bearer token");
    refused_at(&access, &options, USGOV, EXIT_AUTH, "bearer token");
    refused_at(&access, &options, CHINA, EXIT_USAGE,
               "it was given by https://management.chinacloudapi.cn (sign-in at https://login.chinacloudapi.cn), and "
               "this command has failed to sign in to https://management.usgovcloudapi.net");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cloud_is_chosen),
        cmocka_unit_test(portals_are_in_the_domain_of_the_cloud),
        cmocka_unit_test(unknown_clouds_are_named),
        cmocka_unit_test(one_command_stays_in_one_cloud),
        cmocka_unit_test(one_command_signs_in_at_one_place),
        cmocka_unit_test(a_failed_sign_in_is_not_tried_again),
        cmocka_unit_test(a_failure_is_of_one_place),
        cmocka_unit_test(a_secret_that_is_used_up_serves_nowhere_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
