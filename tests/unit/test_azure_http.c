/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "azure/http-internal.h"
#include "util/str.h"

static void add(struct http_answer *answer, const char *line)
{
    http_answer_add_header(answer, line, strlen(line));
}

static void test_headers(void **state)
{
    _cleanup_http_answer_ struct http_answer answer = {0};

    (void)state;
    add(&answer, "AZURE-AsyncOperation:https://a.example/x\r\n");
    add(&answer, "location: \t https://b.example/y \t\r\n");
    add(&answer, "Retry-After: 60\r\n");
    add(&answer, "Retry-After: 1\r\n");
    add(&answer, "x-ms-request-id:\r\n");
    add(&answer, "Set-Cookie: a=b\r\n");
    add(&answer, "no colon at all\r\n");
    add(&answer, "");
    add(&answer, ":");
    add(&answer, "Locatio: short\r\n");
    add(&answer, "Locations: long\r\n");
    assert_string_equal(answer.headers[HTTP_ASYNC_OPERATION], "https://a.example/x");
    assert_string_equal(answer.headers[HTTP_LOCATION], "https://b.example/y");
    assert_string_equal(answer.headers[HTTP_RETRY_AFTER], "60");
    assert_string_equal(answer.headers[HTTP_REQUEST_ID], "");
    assert_null(answer.headers[HTTP_CORRELATION_ID]);
}

static void test_retry_after(void **state)
{
    static const struct {
        const char *value;
        int64_t ms;
    } cases[] = {
        {"0", 0},
        {"1", 1000},
        {"60", 60000},
        {"86400", 86400000},
        {"99999999", 86400000},
        {"-1", -1},
        {"1.5", -1},
        {"soon", -1},
        {"", -1},
        {"1 1", -1},
        {"99999999999999999999999", 86400000},
        {"Fri, 01 Jan 2016 00:00:00 GMT", 0},
    };
    _cleanup_http_answer_ struct http_answer answer = {0};
    time_t later = time(NULL) + 100;
    struct tm utc;
    char text[64];

    (void)state;
    assert_int_equal(http_retry_after_ms(&answer), -1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        free(answer.headers[HTTP_RETRY_AFTER]);
        answer.headers[HTTP_RETRY_AFTER] = str_dup(cases[i].value);
        if (http_retry_after_ms(&answer) != cases[i].ms)
            fail_msg("%s: %ld", cases[i].value, (long)http_retry_after_ms(&answer));
    }
    free(answer.headers[HTTP_RETRY_AFTER]);
    strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&later, &utc));
    answer.headers[HTTP_RETRY_AFTER] = str_dup(text);
    assert_in_range(http_retry_after_ms(&answer), 95000, 100000);
}

static void test_explained(void **state)
{
    static const struct {
        CURLcode result;
        const char *reason, *part;
        enum exit_code code;
        bool transient;
    } cases[] = {
        {CURLE_COULDNT_RESOLVE_HOST, "Could not resolve host: x", "cannot find the address of h.example:8",
         EXIT_NETWORK, true},
        {CURLE_PEER_FAILED_VERIFICATION, "SSL: no alternative certificate subject name matches",
         "cannot trust h.example:8: SSL: no alternative", EXIT_NETWORK, false},
        {CURLE_SSL_CACERT_BADFILE, "", "certificate authorities", EXIT_HOST, false},
        {CURLE_OPERATION_TIMEDOUT, "", "no answer in time", EXIT_NETWORK, true},
        {CURLE_TOO_MANY_REDIRECTS, "odd\x1b[0m", "odd\\x1b", EXIT_NETWORK, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        CURL *easy = curl_easy_init();
        _cleanup_error_ struct error *err = NULL;
        struct http_answer answer = {0};

        assert_int_equal(
            http_explain(easy, cases[i].result, cases[i].reason, NULL, "https://h.example:8/x", &answer, &err), -1);
        curl_easy_cleanup(easy);
        assert_int_equal(err->code, cases[i].code);
        assert_int_equal(answer.transient, cases[i].transient);
        if (!strstr(err->message, cases[i].part))
            fail_msg("%s", err->message);
    }
}

/* Nothing is listening and nothing is looked up: these must fail before that. */
static void test_refused_before_sending(void **state)
{
    static const char *const urls[] = {"http://127.0.0.1:1/", "file:///etc/passwd", "ftp://127.0.0.1:1/",
                                       "127.0.0.1:1"};
    _cleanup_http_ struct http *http = NULL;

    (void)state;
    assert_int_equal(http_open(NULL, &http, NULL), 0);
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        const struct http_request request = {.url = urls[i], .bearer = "token"};
        _cleanup_http_answer_ struct http_answer answer = {0};
        _cleanup_error_ struct error *err = NULL;

        assert_int_equal(http_send(http, &request, NULL, &answer, &err), -1);
        assert_int_equal(err->code, EXIT_NETWORK);
        assert_non_null(strstr(err->message, "only https"));
        assert_false(answer.sent);
        assert_int_equal(answer.status, 0);
    }
}

static void test_authorities(void **state)
{
    _cleanup_error_ struct error *missing = NULL;
    _cleanup_error_ struct error *other = NULL;
    struct http *http = NULL;

    (void)state;
    assert_int_equal(http_open("/nonexistent/ca.pem", &http, &missing), -1);
    assert_int_equal(missing->code, EXIT_NOT_FOUND);
    assert_int_equal(http_open("/etc/passwd", &http, &other), -1);
    assert_int_equal(other->code, EXIT_USAGE);
    assert_null(http);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_headers),     cmocka_unit_test(test_retry_after),
        cmocka_unit_test(test_explained),   cmocka_unit_test(test_refused_before_sending),
        cmocka_unit_test(test_authorities),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
