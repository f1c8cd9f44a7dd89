/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "azure/url.h"
#include "util/str.h"

static void test_base(void **state)
{
    static const struct {
        const char *text, *base; /* NULL: refused */
    } cases[] = {
        {"https://management.azure.com", "https://management.azure.com"},
        {"https://management.azure.com/", "https://management.azure.com"},
        {"HTTPS://localhost:8443", "https://localhost:8443"},
        {"https://127.0.0.1:8443/", "https://127.0.0.1:8443"},
        {"https://[::1]:8443", "https://[::1]:8443"},
        {"http://management.azure.com", NULL},
        {"management.azure.com", NULL},
        {"https://", NULL},
        {"", NULL},
        {"https://user@management.azure.com", NULL},
        {"https://user:password@management.azure.com", NULL},
        {"https://management.azure.com/path", NULL},
        {"https://management.azure.com?x=1", NULL},
        {"https://management.azure.com/#x", NULL},
        {"https://management.azure.com:99999", NULL},
        {"https://management azure.com", NULL},
        {"https://management.azure.com\r\nHost: evil", NULL},
        {"https://management.azure.com\\@evil.example", NULL},
        {"file:///etc/passwd", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_error_ struct error *err = NULL;
        _cleanup_free_ char *base = NULL;
        int result = url_parse_base(cases[i].text, "--endpoint", &base, &err);

        if (result != (cases[i].base ? 0 : -1))
            fail_msg("%s: %d", cases[i].text, result);
        if (cases[i].base) {
            assert_string_equal(base, cases[i].base);
        } else {
            assert_int_equal(err->code, EXIT_USAGE);
            assert_non_null(strstr(err->message, "--endpoint"));
        }
    }
}

/* Each of these would carry the token away if it were taken for our own host. */
static void test_origin(void **state)
{
    static const struct {
        const char *url;
        bool same;
    } cases[] = {
        {"https://management.azure.com/subscriptions/x?api-version=1", true},
        {"https://management.azure.com:443/Subscriptions/x", true},
        {"https://MANAGEMENT.AZURE.COM/x", true},
        {"HTTPS://management.azure.com/x", true},
        {"http://management.azure.com/x", false},
        {"https://management.azure.com:444/x", false},
        {"https://management.azure.com./x", false},
        {"https://management.azure.com.evil.example/x", false},
        {"https://evil.example/management.azure.com", false},
        {"https://management.azure.com@evil.example/x", false},
        {"https://management.azure.com:443@evil.example/x", false},
        {"https://evil.example@management.azure.com/x", false},
        {"https://evil.example#@management.azure.com/x", false},
        {"https://evil.example?@management.azure.com/x", false},
        {"https://evil.example\\@management.azure.com/x", false},
        {"https://management.azure.com\\.evil.example/x", false},
        {"https:\\\\management.azure.com\\x", false},
        {"//management.azure.com/x", false},
        {"/subscriptions/x", false},
        {"management.azure.com/x", false},
        {"https:///x", false},
        {"https://", false},
        {"", false},
        {" https://management.azure.com/x", false},
        {"https://management.azure.com/x\r\nAuthorization: y", false},
        {"https://management.azure.com/\x7f", false},
        {"https://man\xc3\xa4gement.azure.com/x", false},
        {"ftp://management.azure.com/x", false},
        {"file://management.azure.com/x", false},
        {"javascript:alert(1)", false},
        {"https://management.azure.com:0443/x", true},
        {"https://management.azure.com:/x", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (url_same_origin("https://management.azure.com", cases[i].url) != cases[i].same)
            fail_msg("%s", cases[i].url);
    }
    assert_true(url_same_origin("https://localhost:8443", "https://localhost:8443/x"));
    assert_false(url_same_origin("https://localhost:8443", "https://localhost/x"));
}

static void test_accept(void **state)
{
    _cleanup_error_ struct error *err = NULL;
    _cleanup_free_ char *accepted = NULL;
    _cleanup_free_ char *refused = NULL;
    _cleanup_free_ char *huge = xcalloc(40001, 1);

    (void)state;
    assert_int_equal(
        url_accept("https://m.example", "https://m.example/a?$filter=b eq 'c'", "a next page", &accepted, &err), 0);
    assert_string_equal(accepted, "https://m.example/a?$filter=b%20eq%20'c'");
    assert_int_equal(url_accept("https://m.example", "https://evil.example:8/x", "a next page", &refused, &err), -1);
    assert_int_equal(err->code, EXIT_NETWORK);
    assert_non_null(strstr(err->message, "evil.example:8"));
    assert_non_null(strstr(err->message, "a next page"));
    memset(huge, 'a', 40000);
    memcpy(huge, "https://m.example/", 18);
    assert_int_equal(url_accept("https://m.example", huge, "a next page", &refused, NULL), -1);
    assert_null(refused);
}

static void test_host(void **state)
{
    static const struct {
        const char *url, *host;
    } cases[] = {
        {"https://a.example/x", "a.example"},
        {"https://a.example:8443/x", "a.example:8443"},
        {"gopher://a.example", "a.example"},
        {"%%%", "an unreadable URL"},
        {"", "an unreadable URL"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_free_ char *host = url_host(cases[i].url);

        assert_string_equal(host, cases[i].host);
    }
}

static void test_encode(void **state)
{
    _cleanup_free_ char *encoded = url_encode("aZ09-._~;/ ?&=+%'\"\xc3\xbc\n");

    (void)state;
    assert_string_equal(encoded, "aZ09-._~%3B%2F%20%3F%26%3D%2B%25%27%22%C3%BC%0A");
}

static void test_local(void **state)
{
    static const struct {
        const char *url;
        bool local;
    } cases[] = {
        {"http://169.254.169.254/metadata/x?y=z", true},
        {"http://127.0.0.1:40342/x", true},
        {"http://127.8.9.1/", true},
        {"http://localhost:1/", true},
        {"http://[::1]:1/", true},
        {"https://127.0.0.1/", false},
        {"http://169.255.0.1/", false},
        {"http://128.0.0.1/", false},
        {"http://10.0.0.1/", false},
        {"http://localhost.example/", false},
        {"http://127.0.0.1.example/", false},
        {"http://127.0.0.1@evil.example/", false},
        {"http://evil.example#@127.0.0.1/", false},
        {"http://evil.example\\@127.0.0.1/", false},
        {"http://user@127.0.0.1/", false},
        {"http://[fe80::1]/", false},
        {"http:///x", false},
        {"file:///etc/passwd", false},
        {"127.0.0.1/x", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (url_is_local(cases[i].url) != cases[i].local)
            fail_msg("%s", cases[i].url);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_local),  cmocka_unit_test(test_base), cmocka_unit_test(test_origin),
        cmocka_unit_test(test_accept), cmocka_unit_test(test_host), cmocka_unit_test(test_encode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
