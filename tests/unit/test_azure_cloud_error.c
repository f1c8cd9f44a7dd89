/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "azure/cloud_error.h"
#include "util/str.h"

static struct http_answer make_answer(int status, const char *type, const char *body)
{
    struct http_answer answer = {.status = status, .body = BUFFER_INIT(HTTP_DEFAULT_MAX_BODY)};

    buffer_append(&answer.body, body, strlen(body));
    answer.headers[HTTP_CONTENT_TYPE] = type ? str_dup(type) : NULL;
    answer.headers[HTTP_REQUEST_ID] = str_dup("request-1");
    answer.headers[HTTP_CORRELATION_ID] = str_dup("correlation-1");
    return answer;
}

static const char JSON[] = "application/json; charset=utf-8";

static void test_tree(void **state)
{
    static const char body[] =
        "{\"error\":{\"code\":\"UserErrorX\",\"message\":\"First line.\\r\\nSecond "
        "line.\",\"target\":null,\"details\":["
        "{\"code\":\"Inner\",\"message\":\"Because.\",\"target\":\"properties.x\",\"details\":[{\"code\":\"Core\","
        "\"message\":\"Really.\"}]},7,null],\"additionalInfo\":[{\"type\":\"Recommended\",\"info\":{\"do\":\"this\"}}]}"
        "}";
    _cleanup_http_answer_ struct http_answer answer = make_answer(400, JSON, body);
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *code = cloud_error_code(&answer);

    (void)state;
    assert_int_equal(cloud_error_set("m.example", &answer, &err), -1);
    assert_string_equal(err->message, "m.example answered 400 (Bad Request): UserErrorX: First line.\n"
                                      "  Second line.\n"
                                      "  Inner: Because.\n"
                                      "    target: properties.x\n"
                                      "    Core: Really.\n"
                                      "  Recommended: {\"do\":\"this\"}\n"
                                      "  request id: request-1\n"
                                      "  correlation id: correlation-1");
    assert_int_equal(err->code, EXIT_NETWORK);
    assert_null(err->hint);
    assert_string_equal(code, "UserErrorX");
}

static void test_codes(void **state)
{
    static const struct {
        int status;
        const char *type, *body;
        enum exit_code code;
        const char *part, *hint; /* parts of the message and of the hint; NULL for no hint */
    } cases[] = {
        {401, JSON, "{\"error\":{\"code\":\"ExpiredAuthenticationToken\",\"message\":\"m\"}}", EXIT_AUTH,
         "ExpiredAuthenticationToken: m", "get a new one"},
        {403, JSON, "{\"error\":{\"code\":\"AuthorizationFailed\",\"message\":\"m\"}}", EXIT_AUTH, "(Forbidden)",
         "Backup Operator"},
        {404, JSON, "{\"error\":{\"code\":\"ResourceNotFound\",\"message\":\"m\"}}", EXIT_NOT_FOUND, "ResourceNotFound",
         "--vault-name"},
        {409, JSON, "{\"code\":\"Conflict\",\"message\":\"top-level\"}", EXIT_NETWORK, "Conflict: top-level", NULL},
        {400, JSON, "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000215: no\\r\\nTrace ID: 1\"}",
         EXIT_NETWORK, "invalid_client: AADSTS7000215: no\n  Trace ID: 1", "secret"},
        {401, JSON, "{\"error\":\"unauthorized_client\"}", EXIT_AUTH, "unauthorized_client", "AZURE_CLIENT_ID"},
        {503, JSON, "{\"error\":\"temporarily_unavailable\"}", EXIT_NETWORK, "temporarily_unavailable", NULL},
        {429, JSON, "{\"error\":\"invalid_request\"}", EXIT_NETWORK, "(Too Many Requests)", "AZURE_TENANT_ID"},
        {502, "text/html", "<html>\r\n<h1>Bad\tgateway</h1>", EXIT_NETWORK, "text/html\n  <html>  <h1>Bad gateway</h1>",
         NULL},
        {500, NULL, "", EXIT_NETWORK, "an empty body", NULL},
        {403, NULL, "", EXIT_AUTH, "an empty body", NULL},
        {404, "text/plain", "\x1b[2Jgone\xff", EXIT_NOT_FOUND, "\\x1b[2Jgone\\xff", NULL},
        {302, "text/html", "moved", EXIT_NETWORK, "not followed", NULL},
        {599, JSON, "{}", EXIT_NETWORK, "answered 599: ", NULL},
        {400, JSON, "{\"error\":{}}", EXIT_NETWORK, "no code and no message given", NULL},
        {400, JSON, "{\"error\":{\"code\":7,\"message\":[],\"details\":{}}}", EXIT_NETWORK, "no code", NULL},
        {400, JSON, "{\"error\":[]}", EXIT_NETWORK, "{\"error\":[]}", NULL},
        {400, JSON, "[{\"error\":{}}]", EXIT_NETWORK, "[{", NULL},
        {400, JSON, "{\"error\":{\"code\":\"A\",\"mess", EXIT_NETWORK, "{\"error\":{\"code\":\"A\",\"mess", NULL},
        {400, JSON, "{\"error\":{\"code\":\"\\u001b[31mRed\",\"message\":\"\\u0007\"}}", EXIT_NETWORK,
         "\\x1b[31mRed: \\x07", NULL},
        {400, JSON, "null", EXIT_NETWORK, "null", NULL},
        {429, JSON, "{\"error\":{\"code\":\"SubscriptionRequestsThrottled\",\"message\":\"m\"}}", EXIT_NETWORK,
         "Throttled", "try again in a few minutes"},
        {429, NULL, "", EXIT_NETWORK, "an empty body", "try again in a few minutes"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_http_answer_ struct http_answer answer = make_answer(cases[i].status, cases[i].type, cases[i].body);
        _cleanup_error_ struct error *err = NULL;

        assert_int_equal(cloud_error_set("m.example", &answer, &err), -1);
        if (!strstr(err->message, cases[i].part))
            fail_msg("\"%s\" not in: %s", cases[i].part, err->message);
        assert_int_equal(err->code, cases[i].code);
        assert_non_null(strstr(err->message, "request id: request-1"));
        assert_null(strchr(err->message, '\x1b'));
        if (cases[i].hint)
            assert_non_null(strstr(err->hint, cases[i].hint));
        else
            assert_null(err->hint);
    }
}

/* Who could not sign in is not told that nothing was found. */
static void a_refused_sign_in_is_one_whatever_it_looks_like(void **state)
{
    static const char *const bodies[] = {"", "gone", "<html>", "{\"error\":\"invalid_client\"}",
                                         "{\"error\":{\"code\":\"ResourceNotFound\"}}"};
    static const struct {
        int status;
        enum exit_code code;
    } cases[] = {{400, EXIT_AUTH},    {401, EXIT_AUTH},    {403, EXIT_AUTH},    {404, EXIT_AUTH},   {405, EXIT_AUTH},
                 {408, EXIT_NETWORK}, {429, EXIT_NETWORK}, {500, EXIT_NETWORK}, {302, EXIT_NETWORK}};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        for (size_t body = 0; body < sizeof(bodies) / sizeof(bodies[0]); body++) {
            _cleanup_http_answer_ struct http_answer answer = make_answer(cases[i].status, NULL, bodies[body]);
            _cleanup_error_ struct error *err = NULL;

            assert_int_equal(cloud_error_set_sign_in("m.example", &answer, &err), -1);
            assert_int_equal(err->code, cases[i].code);
            assert_int_equal(cloud_error_status(err), cases[i].status);
            assert_int_equal(cloud_error_has_code(err, "resourcenotfound"), body == 4);
        }
}

/* Caps: neither depth nor breadth nor length of what a service says fills a person's screen. */
static void test_capped(void **state)
{
    _cleanup_free_ char *body = xcalloc(2000000, 1);
    char *at = stpcpy(body, "{\"error\":{\"code\":\"Wide\",\"message\":\"");

    (void)state;
    memset(at, 'm', 100000);
    at = stpcpy(at + 100000, "\",\"details\":[");
    for (int i = 0; i < 1000; i++)
        at = stpcpy(
            at, "{\"code\":\"D\",\"message\":\"m\",\"details\":[{\"code\":\"E\",\"details\":[{\"code\":\"F\"}]}]},");
    stpcpy(at - 1, "]}}");
    for (int round = 0; round < 2; round++) {
        _cleanup_http_answer_ struct http_answer answer = make_answer(500, JSON, body);
        _cleanup_error_ struct error *err = NULL;

        assert_int_equal(cloud_error_set("m.example", &answer, &err), -1);
        assert_true(strlen(err->message) < 20000);
        assert_non_null(strstr(err->message, "left out"));
        assert_non_null(strstr(err->message, "…"));
        assert_non_null(strstr(err->message, "correlation-1"));
    }
}

static void test_deep(void **state)
{
    _cleanup_free_ char *body = xcalloc(100000, 1);
    char *at = stpcpy(body, "{\"error\":{\"code\":\"A\"");
    _cleanup_error_ struct error *err = NULL;
    _cleanup_error_ struct error *deeper = NULL;
    struct http_answer answer;

    (void)state;
    for (int i = 0; i < 12; i++)
        at = stpcpy(at, ",\"details\":[{\"code\":\"B\"");
    for (int i = 0; i < 12; i++)
        at = stpcpy(at, "}]");
    stpcpy(at, "}}");
    answer = make_answer(500, JSON, body);
    cloud_error_set("m.example", &answer, &err);
    http_answer_clear(&answer);
    assert_non_null(strstr(err->message, "left out"));
    /* deeper than JSON may be: shown as text */
    memset(body, '[', 50000);
    body[50000] = '\0';
    answer = make_answer(500, JSON, body);
    cloud_error_set("m.example", &answer, &deeper);
    http_answer_clear(&answer);
    assert_true(strlen(deeper->message) < 1000);
}

static void test_operation(void **state)
{
    _cleanup_json_ cJSON *status = cJSON_Parse("{\"status\":\"Failed\",\"error\":{\"code\":\"X\",\"message\":\"m\"}}");
    _cleanup_json_ cJSON *bare = cJSON_Parse("{\"status\":\"Can\\u001bceled\"}");
    _cleanup_http_answer_ struct http_answer answer = make_answer(200, JSON, "");
    _cleanup_error_ struct error *err = NULL;
    _cleanup_error_ struct error *other = NULL;

    (void)state;
    cloud_error_set_operation("m.example", status, &answer, &err);
    assert_non_null(strstr(err->message, "the operation ended as Failed: X: m\n  request id"));
    assert_int_equal(err->code, EXIT_NETWORK);
    cloud_error_set_operation("m.example", bare, &answer, &other);
    assert_non_null(strstr(other->message, "Can\\x1bceled and gave no reason"));
}

static void test_secret_body(void **state)
{
    _cleanup_http_answer_ struct http_answer answer = make_answer(200, JSON, "{\"password\":\"hidden\"");
    _cleanup_http_answer_ struct http_answer page = make_answer(200, "text/html", "<html>a proxy speaks</html>");
    _cleanup_error_ struct error *err = NULL;
    _cleanup_error_ struct error *html = NULL;
    _cleanup_error_ struct error *refusal = NULL;

    (void)state;
    answer.body.secret = page.body.secret = true;
    cloud_error_set_unreadable("m.example", &answer, "it is damaged", &err);
    assert_null(strstr(err->message, "hidden"));
    assert_non_null(strstr(err->message, "it is damaged"));
    cloud_error_set_unreadable("m.example", &page, "not JSON", &html);
    assert_non_null(strstr(html->message, "a proxy speaks"));
    answer.status = 500;
    cloud_error_set("m.example", &answer, &refusal);
    assert_null(strstr(refusal->message, "hidden"));
    assert_null(strstr(refusal->details, "hidden"));
}

static void what_a_gateway_says_is_shown_without_what_may_be_secret(void **state)
{
    static const struct {
        int status;
        const char *body, *part; /* the part of the message; NULL: nothing of the body */
    } cases[] = {
        {502,
         "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure, "
         "delayed connect error: 111",
         "text/plain\n  upstream connect error or disconnect/reset before headers. reset reason: remote connection "
         "failure, delayed connect error: 111\n"},
        {503, "no healthy upstream", "no healthy upstream"},
        {407, "\r\nProxy Authentication Required", "Proxy Authentication Required"},
        {500, "Failed for eyJ0eXAiOiJKV1QiLCJhbGci.eyJhdWQiOiJo.hidden at abc", "Failed for *** at abc"},
        {500, "refresh_token=0.hiddenAAAA", "\n  ***\n"},
        {500, "the password pa$hidden`&d01 is odd", "the password *** is odd"},
        {500, "code abcdefghiddenG is odd", "code *** is odd"},
        {500, "code abchiddenghijk7", "code ***"},
        {200, "upstream connect hidden", NULL},
        {500, "{\"access_token\":\"hidden", NULL},
        {500, " [\"hidden", NULL},
        {500, "\"hidden\"", NULL},
        {500, "\xef\xbb\xbf{\"hidden", NULL},
    };
    static char late[1000];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_http_answer_ struct http_answer answer = make_answer(cases[i].status, "text/plain", cases[i].body);
        _cleanup_error_ struct error *err = NULL;

        answer.body.secret = true;
        if (cases[i].status >= 400)
            cloud_error_set("m.example", &answer, &err);
        else
            cloud_error_set_unreadable("m.example", &answer, "not JSON", &err);
        if (strstr(err->message, "hidden") || strstr(err->details, "hidden") ||
            !strstr(err->message, cases[i].part ? cases[i].part : "not shown, since it may hold secrets"))
            fail_msg("%zu: %s", i, err->message);
    }
    /* nor does a piece of one show where the excerpt ends */
    for (size_t at = 280; at < 310; at++) {
        _cleanup_error_ struct error *err = NULL;

        memset(late, 'a', sizeof(late) - 1);
        for (size_t i = 5; i < at; i += 6)
            late[i] = ' ';
        late[at] = ' ';
        memset(late + at + 1, 'Z', 40);
        late[at + 41] = '\0';
        _cleanup_http_answer_ struct http_answer answer = make_answer(500, "text/plain", late);
        answer.body.secret = true;
        cloud_error_set("m.example", &answer, &err);
        assert_null(strchr(err->message, 'Z'));
    }
}

/* The field is "any" in Azure's common types. */
static void additional_information_may_be_of_any_shape(void **state)
{
    static const struct {
        const char *info, *line;
    } cases[] = {
        {"\"in words\\u001b\"", "\n  Policy: in words\\x1b"},
        {"[\"a\",1]", "\n  Policy: [\"a\",1]"},
        {"{\"a\":1}", "\n  Policy: {\"a\":1}"},
        {"7", "\n  Policy: 7"},
        {"false", "\n  Policy: false"},
        {"null", "\n  Policy\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *body =
            str_printf("{\"error\":{\"code\":\"C\",\"message\":\"m\",\"additionalInfo\":[{\"type\":"
                       "\"Policy\",\"info\":%s}]}}",
                       cases[i].info);
        _cleanup_http_answer_ struct http_answer answer = make_answer(400, JSON, body);
        _cleanup_error_ struct error *err = NULL;

        cloud_error_set("m.example", &answer, &err);
        if (!strstr(err->message, cases[i].line))
            fail_msg("%s: %s", cases[i].info, err->message);
    }
}

/* What a person can do about the codes that are met, wherever in the tree they stand. */
static void test_advice(void **state)
{
    static const struct {
        const char *error, *hint; /* the error's JSON, and a part of the hint; NULL for none */
    } cases[] = {
        {"{\"code\":\"AuthorizationFailed\",\"message\":\"The client 'c' with object id 'o' does not have "
         "authorization to "
         "perform action 'Microsoft.X/read' over scope '/subscriptions/1/v' or the scope is invalid.\"}",
         "lacks the action Microsoft.X/read on /subscriptions/1/v; the role Backup Operator on the vault has it; a "
         "new"},
        {"{\"code\":\"AuthorizationFailed\",\"message\":\"does not have authorization to perform action "
         "'Microsoft.R/V/recoveryPoints/listInstantItemRecoveryOperationResult/action' over scope '/s'\"}",
         "from API version 2026-08-01 on"},
        {"{\"code\":\"LinkedAuthorizationFailed\",\"message\":\"The client has permission to perform action 'a/b' on "
         "scope "
         "'/v'; however, it does not have permission to perform action 'c/d' on the linked scope(s) '/vm' or\"}",
         "lacks the action c/d on /vm too; the role Backup Operator on the virtual machine"},
        {"{\"code\":\"AuthorizationFailed\",\"message\":\"perform action '\\u001b[2J' over scope 'x'\"}",
         "lacks the action \\x1b[2J on x"},
        {"{\"code\":\"AuthorizationFailed\",\"message\":\"perform action 'never ends\"}",
         "needs this action on the vault"},
        {"{\"code\":\"AuthorizationFailed\",\"message\":\"perform action '' over scope ''\"}", "needs this action"},
        {"{\"code\":\"AuthorizationFailed\"}", "needs this action"},
        {"{\"code\":\"UserErrorInstantRpILRSessionActive\"}", "has this recovery point open"},
        {"{\"code\":\"UserErrorILRSessionInactive\"}", NULL},
        {"{\"code\":\"UserErrorInstantRpILRNoActiveSession\"}", NULL},
        {"{\"code\":\"BMSUserErrorRecoveryPointNotFound\"}", "has expired or was deleted"},
        {"{\"code\":\"UserErrorInstantRpNotFound\"}", "its snapshot is gone"},
        {"{\"code\":\"UserErrorRecoveryPointNotRehydrated\"}", "rehydrate it"},
        {"{\"code\":\"UserErrorVmEncrypted\"}", "Azure Disk Encryption"},
        {"{\"code\":\"VaultPublicNetworkAccessDisabled\"}", "private endpoint"},
        {"{\"code\":\"Forbidden\",\"message\":\"Public network access is disabled for this vault.\"}",
         "private endpoint"},
        {"{\"code\":\"OperationThrottled\"}", "try again in a few minutes"},
        {"{\"code\":\"ScopeLocked\"}", "read-only lock"},
        {"{\"code\":\"BMSUserErrorDataSourceObjectNotFound\"}", "does not protect that machine"},
        {"{\"code\":\"Outer\",\"details\":[7,{\"code\":\"Other\"},{\"code\":\"X\",\"details\":[{\"code\":"
         "\"ScopeLocked\"}]}]}",
         "read-only lock"},
        {"{\"code\":\"Outer\",\"message\":7,\"details\":{}}", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *body = str_printf("{\"error\":%s}", cases[i].error);
        _cleanup_http_answer_ struct http_answer answer = make_answer(400, JSON, body);
        _cleanup_error_ struct error *err = NULL;

        cloud_error_set("m.example", &answer, &err);
        if (!cases[i].hint)
            assert_null(err->hint);
        else if (!err->hint || !strstr(err->hint, cases[i].hint))
            fail_msg("\"%s\" not in the hint \"%s\"", cases[i].hint, err->hint);
    }
}

static cJSON *azure_of(const struct error *err)
{
    _cleanup_json_ cJSON *details = json_parse(err->details, strlen(err->details), "details", NULL);

    return cJSON_DetachItemFromObjectCaseSensitive(details, "azure");
}

static void test_document(void **state)
{
    static const char body[] =
        "{\"error\":{\"code\":\"Outer\",\"message\":\"One.\\r\\nTwo.\",\"details\":[{\"code\":\"In\\u0007ner\","
        "\"target\":\"t\"}],"
        "\"additionalInfo\":[{\"type\":\"T\",\"info\":{\"a\":[1,true,null,\"\\u001b\"],\"b\":{\"c\":\"d\"}}}]}}";
    _cleanup_http_answer_ struct http_answer answer = make_answer(409, JSON, body);
    _cleanup_error_ struct error *err = NULL;
    _cleanup_json_ cJSON *azure = NULL;
    _cleanup_free_ char *text = NULL;

    (void)state;
    cloud_error_set("m.example", &answer, &err);
    azure = azure_of(err);
    text = json_text(azure, false);
    assert_string_equal(
        text, "{\"host\":\"m.example\",\"status\":409,\"code\":\"Outer\",\"message\":\"One.\\nTwo.\",\"target\":null,"
              "\"details\":[{\"code\":\"In\\\\x07ner\",\"message\":null,\"target\":\"t\",\"details\":[],"
              "\"additionalInfo\":[]}],"
              "\"additionalInfo\":[{\"type\":\"T\",\"info\":{\"a\":[1,true,null,\"\\\\x1b\"],\"b\":{\"c\":\"d\"}}}],"
              "\"request_id\":\"request-1\",\"correlation_id\":\"correlation-1\"}");
}

/* The ids are told, and the document stays small, however much the service says. */
static void test_document_is_capped(void **state)
{
    _cleanup_free_ char *body = xcalloc(4000000, 1);
    char *at = stpcpy(body, "{\"error\":{\"code\":\"Wide\",\"details\":[");
    _cleanup_error_ struct error *err = NULL;
    _cleanup_json_ cJSON *azure = NULL;
    struct http_answer answer;

    (void)state;
    for (int i = 0; i < 300; i++) {
        at = stpcpy(at, "{\"code\":\"D\",\"message\":\"");
        memset(at, 'm', 3000);
        at = stpcpy(at + 3000, "\",\"additionalInfo\":[{\"type\":\"T\",\"info\":[");
        for (int j = 0; j < 500; j++)
            at = stpcpy(at, "[[[]]],");
        at = stpcpy(at - 1, "]}]},");
    }
    stpcpy(at - 1, "]}}");
    answer = make_answer(500, JSON, body);
    cloud_error_set("m.example", &answer, &err);
    http_answer_clear(&answer);
    assert_true(strlen(err->details) < 200000);
    assert_true(strlen(err->message) < 20000);
    assert_non_null(strstr(err->message, "correlation-1"));
    azure = azure_of(err);
    assert_string_equal(json_string(azure, "correlation_id"), "correlation-1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(a_refused_sign_in_is_one_whatever_it_looks_like),
        cmocka_unit_test(test_capped),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_operation),
        cmocka_unit_test(test_secret_body),
        cmocka_unit_test(what_a_gateway_says_is_shown_without_what_may_be_secret),
        cmocka_unit_test(additional_information_may_be_of_any_shape),
        cmocka_unit_test(test_advice),
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_document_is_capped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
