/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "azure/redact.h"
#include "util/cleanup.h"
#include "util/str.h"

static void a_secret_goes_in_whatever_way_it_is_written(void **state)
{
    static const char secret[] = "a+b/c \"<&'%d\\~z";
    static const char *const ways[] = {
        "a+b/c \"<&'%d\\~z",
        "a%2Bb%2fc%20%22%3C%26%27%25d%5C%7Ez",
        "a%2Bb%2Fc+%22%3c%26%27%25d%5c~z",
        "a+b\\/c \\\"<&'%d\\\\~z",
        "a\\u002Bb/c \\u0022\\u003c\\u0026\\u0027%d\\\\~z",
        "a&#43;b/c &quot;&lt;&amp;&#39;%d\\~z",
        "a&#x2B;b&#x2f;c &quot;&lt;&amp;&apos;%d\\~z",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        _cleanup_free_ char *text = str_printf("<%s> and a+b/c <%s%s", ways[i], ways[i], ways[i]);
        const size_t length = strlen(text);

        redact(text, length, secret);
        assert_int_equal(strlen(text), length);
        assert_int_equal(strspn(text + 1, "*"), strlen(ways[i]));
        assert_int_equal(strncmp(text + 1 + strlen(ways[i]), "> and a+b/c <*", 14), 0);
        assert_int_equal(strspn(strrchr(text, '<') + 1, "*"), 2 * strlen(ways[i]));
    }
}

static void what_is_none_is_left(void **state)
{
    static const char *const texts[] = {
        "",     "%",     "%7",        "\\",      "\\u",         "\\u00",          "&", "&#", "&#x",
        "&#x7", "&#116", "token-123", "token%2", "token%2D123", "&#116oken-1234",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        /* of exactly this size, so that a byte too many is noticed */
        const size_t length = strlen(texts[i]);
        _cleanup_free_ char *text = xcalloc(length + 1, 1);
        char *exact = memcpy(text, texts[i], length);

        redact(exact, length, "token-1234");
        assert_string_equal(text, texts[i]);
    }
}

static void a_word_is_no_secret(void **state)
{
    char text[] = "to be or not";

    (void)state;
    redact(text, strlen(text), "to be");
    assert_string_equal(text, "to be or not");
}

static void only_a_form_s_secrets_go(void **state)
{
    char text[] = "client 0000-1111 sent s3cr%2Bt~x and refresh&amp;me, for https://x/.default";

    (void)state;
    redact_fields(
        text, strlen(text),
        "grant_type=client_credentials&client_id=0000-1111&client_secret=s3cr%2Bt~x&refresh_token=refresh%26me&"
        "sig&device_code=&scope=https%3A%2F%2Fx%2F.default%");
    assert_string_equal(text, "client 0000-1111 sent ********** and **************, for https://x/.default");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_goes_in_whatever_way_it_is_written),
        cmocka_unit_test(what_is_none_is_left),
        cmocka_unit_test(a_word_is_no_secret),
        cmocka_unit_test(only_a_form_s_secrets_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
