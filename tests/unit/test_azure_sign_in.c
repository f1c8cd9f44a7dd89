/* SPDX-License-Identifier: MIT */
/* Which way to sign in is taken, and what is said when none serves. */
#include <stdio.h>
#include <string.h>

#include "azure/credential-internal.h"
#include "azure/credential_cli.h"
#include "azure/credential_device.h"
#include "azure/managed_arc.h"
#include "check.h"
#include "util/secret.h"
#include "util/str.h"

static const char *const variables[] = {
    "AZURE_ACCESS_TOKEN",
    "AZURE_TENANT_ID",
    "AZURE_CLIENT_ID",
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
    "IDENTITY_ENDPOINT",
    "IMDS_ENDPOINT",
    "IDENTITY_HEADER",
};

/* Nothing but what a test sets; a metadata service that answers at once that it is not there. */
static void clean_environment(void)
{
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
        unsetenv(variables[i]);
    setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1:1", 1);
}

/* "A=1 B=2" */
static void set_environment(const char *text)
{
    _cleanup_free_ char *copy = str_dup(text);
    char *save = NULL;

    clean_environment();
    for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
        char *value = strchr(word, '=');

        *value = '\0';
        setenv(word, value + 1, 1);
    }
}

#define SECRET_OF(tenant, client) "AZURE_TENANT_ID=" tenant " AZURE_CLIENT_ID=" client " AZURE_CLIENT_SECRET=s3cr3t"

static void the_first_that_is_set_up_is_taken(void **state)
{
    static const struct {
        const char *environment, *auth, *description;
    } cases[] = {
        {"AZURE_ACCESS_TOKEN=a.b.c " SECRET_OF("t", "c"), NULL, "token in AZURE_ACCESS_TOKEN"},
        {"AZURE_ACCESS_TOKEN=a.b.c " SECRET_OF("t", "c"), "environment", "client secret of application c in tenant t"},
        {SECRET_OF("contoso.example", "c-1"), NULL, "client secret of application c-1 in tenant contoso.example"},
        {SECRET_OF("t", "c") " AZURE_CLIENT_CERTIFICATE_PATH=/nowhere", NULL,
         "client secret of application c in tenant t"},
        {SECRET_OF("t", "c") " AZURE_FEDERATED_TOKEN_FILE=/nowhere", "workload-identity",
         "workload identity of application c in tenant t"},
        {"AZURE_FEDERATED_TOKEN_FILE=/nowhere AZURE_TENANT_ID=t AZURE_CLIENT_ID=c", NULL,
         "workload identity of application c in tenant t"},
        {"AZURE_TENANT_ID=t AZURE_CLIENT_SECRET=s", NULL, "managed identity of this VM"},
        {"AZURE_CLIENT_ID=c", NULL, "managed identity c"},
        {"IDENTITY_ENDPOINT=http://localhost:40342/x IMDS_ENDPOINT=http://localhost:40342", NULL,
         "managed identity of this server in Azure Arc"},
        {"A=", "managed-identity", "managed identity of this VM"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct credential_options options = {.endpoint = "https://m.example", .auth = cases[i].auth};
        _cleanup_credential_ struct credential *credential = NULL;
        _cleanup_error_ struct error *err = NULL;

        set_environment(cases[i].environment);
        if (credential_open(&options, &credential, &err) < 0)
            fail_msg("%s: %s", cases[i].environment, err->message);
        assert_string_equal(credential_description(credential), cases[i].description);
        assert_null(getenv("AZURE_ACCESS_TOKEN"));
        assert_null(getenv("AZURE_CLIENT_SECRET"));
    }
}

static void an_identity_that_is_named_is_the_only_one(void **state)
{
    static const char *const environments[] = {
        SECRET_OF("t", "c"),
        "AZURE_FEDERATED_TOKEN_FILE=/nowhere AZURE_TENANT_ID=t AZURE_CLIENT_ID=c",
        "AZURE_ACCESS_TOKEN=a.b.c",
        "AZURE_CLIENT_ID=c",
        "A=",
    };
    const struct credential_options options = {.endpoint = "https://m.example", .identity = "x"};

    (void)state;
    for (size_t i = 0; i < sizeof(environments) / sizeof(environments[0]); i++) {
        _cleanup_credential_ struct credential *credential = NULL;
        _cleanup_error_ struct error *err = NULL;
        const char *token = NULL;

        set_environment(environments[i]);
        if (credential_open(&options, &credential, &err) < 0)
            fail_msg("%s: %s", environments[i], err->message);
        assert_string_equal(credential_description(credential), "managed identity x");
        assert_null(getenv("AZURE_CLIENT_SECRET"));
        /* nothing else is tried behind it */
        assert_int_equal(credential_get_token(credential, false, NULL, &token, &err), -1);
        assert_non_null(strstr(err->message, "managed identity x"));
        assert_null(strstr(err->message, "azure-cli"));
    }
}

static void what_cannot_be_used_is_refused(void **state)
{
    static const struct {
        const char *environment;
        struct credential_options options;
        enum exit_code code;
        const char *part;
    } cases[] = {
        {"AZURE_ACCESS_TOKEN=a\"b", {0}, EXIT_AUTH, "AZURE_ACCESS_TOKEN does not hold a bearer token"},
        {SECRET_OF("../evil", "c"), {0}, EXIT_USAGE, "AZURE_TENANT_ID"},
        {SECRET_OF("a..b", "c"), {0}, EXIT_USAGE, "AZURE_TENANT_ID"},
        {SECRET_OF("t/x?y", "c"), {0}, EXIT_USAGE, "AZURE_TENANT_ID"},
        {SECRET_OF("t", "c/1"), {0}, EXIT_USAGE, "AZURE_CLIENT_ID"},
        {"A=", {.auth = "kerberos"}, EXIT_USAGE, "--auth knows no way to sign in that is called \"kerberos\""},
        {"A=", {.auth = "token"}, EXIT_AUTH, "neither --token-file nor AZURE_ACCESS_TOKEN is given"},
        {"A=", {.auth = "environment"}, EXIT_AUTH, "not set: AZURE_TENANT_ID AZURE_CLIENT_ID AZURE_CLIENT_SECRET or"},
        {"AZURE_TENANT_ID=t",
         {.auth = "workload-identity"},
         EXIT_AUTH,
         "cannot sign in by workload-identity: not set: AZURE_FEDERATED_TOKEN_FILE AZURE_CLIENT_ID"},
        {"A=", {.auth = "device-code"}, EXIT_AUTH, "no terminal"},
        {"A=", {.auth = "azure-cli", .token_file = "/x"}, EXIT_USAGE, "--token-file goes with --auth token"},
        {"A=", {.auth = "azure-cli", .identity = "x"}, EXIT_USAGE, "--identity goes with a managed identity"},
        {"A=", {.token_file = "/x", .identity = "x"}, EXIT_USAGE, "--identity goes with a managed identity"},
        {"A=", {.identity = "a&resource=b"}, EXIT_USAGE, "--identity is no application's id"},
        {"AZURE_POD_IDENTITY_AUTHORITY_HOST=http://10.0.0.1", {0}, EXIT_USAGE, "plain http"},
        {"AZURE_POD_IDENTITY_AUTHORITY_HOST=http://169.254.169.254.evil.example", {0}, EXIT_USAGE, "plain http"},
        {"IDENTITY_ENDPOINT=http://evil.example/ IMDS_ENDPOINT=x", {0}, EXIT_USAGE, "IDENTITY_ENDPOINT"},
        {"IDENTITY_ENDPOINT=http://127.0.0.1/ IMDS_ENDPOINT=x",
         {.identity = "x"},
         EXIT_USAGE,
         "no identity but its own"},
        {"AZURE_TENANT_ID=t AZURE_CLIENT_ID=c AZURE_CLIENT_CERTIFICATE_PATH=/nowhere",
         {0},
         EXIT_NOT_FOUND,
         "AZURE_CLIENT_CERTIFICATE_PATH: cannot open /nowhere"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_credential_ struct credential *credential = NULL;
        struct error *err = NULL;

        set_environment(cases[i].environment);
        if (credential_open(&cases[i].options, &credential, &err) >= 0)
            fail_msg("taken: %s", cases[i].environment);
        assert_error(err, cases[i].code, cases[i].part);
    }
}

static void each_way_says_why_it_does_not_serve(void **state)
{
    static const char *const lines[] = {
        "\n  token: neither --token-file nor AZURE_ACCESS_TOKEN is given",
        "\n  environment: not set: AZURE_CLIENT_ID",
        "\n  workload-identity: not set: AZURE_FEDERATED_TOKEN_FILE AZURE_CLIENT_ID",
        "\n  managed-identity: nothing answers at 127.0.0.1:1, so this is no Azure VM (",
        "\n  azure-cli: /nowhere/az is not installed",
        "\n  device-code: there is no terminal",
    };
    const struct credential_options options = {.endpoint = "https://m.example", .cli_program = "/nowhere/az"};
    _cleanup_credential_ struct credential *credential = NULL;
    _cleanup_error_ struct error *err = NULL;
    const char *token = NULL;
    const char *at;

    (void)state;
    set_environment("AZURE_TENANT_ID=t AZURE_CLIENT_SECRET=s3cr3t");
    assert_int_equal(credential_open(&options, &credential, &err), 0);
    assert_int_equal(credential_get_token(credential, false, NULL, &token, &err), -1);
    assert_int_equal(err->code, EXIT_AUTH);
    assert_non_null(err->hint);
    assert_null(strstr(err->message, "s3cr3t"));
    at = err->message;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        at = strstr(at, lines[i]);
        if (!at)
            fail_msg("not in its place: %s in %s", lines[i], err->message);
        at++;
    }
    assert_null(strchr(at, '\n'));
}

static void clouds_have_names(void **state)
{
    static const struct {
        const char *name, *endpoint, *authority, *portals;
    } cases[] = {
        {"public", "https://management.azure.com", "https://login.microsoftonline.com", "backup.windowsazure.com"},
        {"AzureCloud", "https://management.azure.com", "https://login.microsoftonline.com", "backup.windowsazure.com"},
        {"USGov", "https://management.usgovcloudapi.net", "https://login.microsoftonline.us", "backup.windowsazure.us"},
        {"AzureUSGovernment", "https://management.usgovcloudapi.net", "https://login.microsoftonline.us",
         "backup.windowsazure.us"},
        {"china", "https://management.chinacloudapi.cn", "https://login.chinacloudapi.cn", "backup.windowsazure.cn"},
    };
    struct error *err = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct cloud *cloud = cloud_find(cases[i].name, "--cloud", NULL);

        assert_non_null(cloud);
        assert_string_equal(cloud->endpoint, cases[i].endpoint);
        assert_string_equal(cloud->authority, cases[i].authority);
        assert_string_equal(cloud->portal_domain, cases[i].portals);
    }
    assert_null(cloud_find("germany\x1b[2J", "AZURE_CLOUD", &err));
    assert_error(err, EXIT_USAGE, "AZURE_CLOUD knows no cloud \"germany\\x1b");
}

static void arc_may_name_its_own_files_only(void **state)
{
    static const char folder[] = "/var/opt/azcmagent/tokens";
    static const struct {
        const char *challenge, *path; /* NULL: refused */
    } cases[] = {
        {"Basic realm=/var/opt/azcmagent/tokens/a-1.key", "/var/opt/azcmagent/tokens/a-1.key"},
        {"basic REALM=\"/var/opt/azcmagent/tokens/a.key\"", "/var/opt/azcmagent/tokens/a.key"},
        {"Basic realm=/etc/shadow", NULL},
        {"Basic realm=/etc/x.key", NULL},
        {"Basic realm=/var/opt/azcmagent/tokens/../../../../etc/x.key", NULL},
        {"Basic realm=/var/opt/azcmagent/tokens/sub/x.key", NULL},
        {"Basic realm=/var/opt/azcmagent/tokens-evil/x.key", NULL},
        {"Basic realm=/var/opt/azcmagent/tokens/.key", NULL},
        {"Basic realm=/var/opt/azcmagent/tokens/x.key.txt", NULL},
        {"Basic realm=/var/opt/azcmagent/tokens/x y.key", NULL},
        {"Basic realm=\"/var/opt/azcmagent/tokens/x.key", NULL},
        {"Basic realm=\"", NULL},
        {"Basic realm=", NULL},
        {"Bearer realm=/var/opt/azcmagent/tokens/a.key", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *path = NULL;
        _cleanup_error_ struct error *err = NULL;
        int result = managed_arc_key_path(cases[i].challenge, folder, &path, &err);

        if (result != (cases[i].path ? 0 : -1))
            fail_msg("%s", cases[i].challenge);
        if (cases[i].path)
            assert_string_equal(path, cases[i].path);
        else
            assert_int_equal(err->code, EXIT_AUTH);
    }
}

static void az_is_understood(void **state)
{
    static const struct {
        const char *text, *token; /* NULL: refused */
        int64_t lifetime_s;
    } cases[] = {
        {"{\"accessToken\":\"a.b\",\"expires_on\":1700003600,\"expiresOn\":\"2023-11-14 23:13:20.000000\","
         "\"subscription\":\"s\",\"tenant\":\"t\",\"tokenType\":\"Bearer\"}\n",
         "a.b", 3600},
        {"{\"accessToken\":\"a.b\",\"expiresOn\":\"2023-11-14 23:13:20.000000\",\"tokenType\":\"Bearer\"}", "a.b", 0},
        {"{\"accessToken\":\"a\",\"expires_on\":1600000000,\"tokenType\":\"Bearer\"}", "a", 0},
        {"{\"accessToken\":\"a\",\"expires_on\":1e300,\"tokenType\":\"Bearer\"}", "a", 0},
        {"{\"accessToken\":\"abc def\",\"tokenType\":\"Bearer\"}", NULL, 0},
        {"{\"accessToken\":\"abc\",\"tokenType\":\"pop\"}", NULL, 0},
        {"{\"accessToken\":\"abc\"}", NULL, 0},
        {"{\"tokenType\":\"Bearer\"}", NULL, 0},
        {"\"abc\"", NULL, 0},
        {"", NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct credential_token token = {0};
        _cleanup_error_ struct error *err = NULL;
        int result = credential_cli_parse(cases[i].text, strlen(cases[i].text), 1700000000, &token, &err);

        if (result != (cases[i].token ? 0 : -1))
            fail_msg("%s", cases[i].text);
        if (cases[i].token) {
            assert_string_equal(token.text, cases[i].token);
            assert_int_equal(token.lifetime_s, cases[i].lifetime_s);
        } else {
            assert_null(strstr(err->message, "abc"));
        }
        secret_free(token.text);
    }
}

static struct http_answer make_answer(int status, const char *body)
{
    struct http_answer answer = {.status = status, .body = BUFFER_INIT(HTTP_DEFAULT_MAX_BODY)};

    answer.body.secret = true;
    buffer_append(&answer.body, body, strlen(body));
    return answer;
}

#define PAGE "\"verification_uri\":\"https://microsoft.com/devicelogin\""

static void device_codes_are_checked(void **state)
{
    static const struct {
        const char *body;
        int64_t interval_s, lifetime_s; /* 0: refused */
    } cases[] = {
        {"{\"device_code\":\"dc\",\"user_code\":\"ABC-123\"," PAGE ",\"expires_in\":900,\"interval\":5}", 5, 900},
        {"{\"device_code\":\"dc\",\"user_code\":\"A\"," PAGE "}", 5, 900},
        {"{\"device_code\":\"dc\",\"user_code\":\"A\"," PAGE ",\"expires_in\":1e99,\"interval\":1e99}", 60, 3600},
        {"{\"device_code\":\"dc\",\"user_code\":\"A\"," PAGE ",\"expires_in\":-1,\"interval\":-1}", 5, 900},
        {"{\"user_code\":\"A\"," PAGE "}", 0, 0},
        {"{\"device_code\":\"dc\"," PAGE "}", 0, 0},
        {"{\"device_code\":\"dc\",\"user_code\":\"A\"}", 0, 0},
        {"{\"device_code\":\"dc\",\"user_code\":\"A\",\"verification_uri\":\"http://microsoft.com/x\"}", 0, 0},
        {"{\"device_code\":\"dc\",\"user_code\":\"A\",\"verification_uri\":\"https://microsoft.com@evil.example/\"}", 0,
         0},
        {"{\"device_code\":\"dc\",\"user_code\":\"A\",\"verification_uri\":\"https:/microsoft.com/x\"}", 0, 0},
        {"{\"device_code\":\"dc\",\"user_code\":\"A\\u001b[2J\"," PAGE "}", 0, 0},
        {"{\"device_code\":\"dc\",\"user_code\":\"\"," PAGE "}", 0, 0},
        {"[]", 0, 0},
        {"", 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_http_answer_ struct http_answer answer = make_answer(200, cases[i].body);
        _cleanup_error_ struct error *err = NULL;
        struct device_code code;
        int result = device_code_parse("login.example", &answer, &code, &err);

        if (result != (cases[i].interval_s ? 0 : -1))
            fail_msg("%s", cases[i].body);
        assert_int_equal(code.interval_s, cases[i].interval_s);
        assert_int_equal(code.lifetime_s, cases[i].lifetime_s);
        device_code_clear(&code);
    }
}

static void polls_have_outcomes(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum device_poll outcome;
    } cases[] = {
        {400, "{\"error\":\"authorization_pending\"}", DEVICE_PENDING},
        {400, "{\"error\":\"slow_down\"}", DEVICE_SLOW_DOWN},
        {400, "{\"error\":\"access_denied\"}", DEVICE_DENIED},
        {400, "{\"error\":\"authorization_declined\"}", DEVICE_DENIED},
        {400, "{\"error\":\"expired_token\"}", DEVICE_EXPIRED},
        {400, "{\"error\":\"invalid_grant\"}", DEVICE_FAILED},
        {500, "{\"error\":\"authorization_pending\"}", DEVICE_SLOW_DOWN},
        {502, "<html>", DEVICE_SLOW_DOWN},
        {408, "", DEVICE_SLOW_DOWN},
        {429, "{\"error\":\"invalid_request\"}", DEVICE_SLOW_DOWN},
        {404, "", DEVICE_FAILED},
        {302, "", DEVICE_FAILED},
        {400, "", DEVICE_FAILED},
        {400, "{\"error\":7}", DEVICE_FAILED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_http_answer_ struct http_answer answer = make_answer(cases[i].status, cases[i].body);

        assert_int_equal(device_poll_outcome(&answer), cases[i].outcome);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_that_is_set_up_is_taken),
        cmocka_unit_test(an_identity_that_is_named_is_the_only_one),
        cmocka_unit_test(what_cannot_be_used_is_refused),
        cmocka_unit_test(each_way_says_why_it_does_not_serve),
        cmocka_unit_test(clouds_have_names),
        cmocka_unit_test(arc_may_name_its_own_files_only),
        cmocka_unit_test(az_is_understood),
        cmocka_unit_test(device_codes_are_checked),
        cmocka_unit_test(polls_have_outcomes),
    };

    /* a terminal would make a device code one of the ways */
    if (!freopen("/dev/null", "r", stdin))
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
