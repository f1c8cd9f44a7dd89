/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "azure/redact.h"
#include "util/cleanup.h"
#include "util/clock.h"
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

static void what_reads_as_an_encoding_may_be_meant(void **state)
{
    static const char *const secrets[] = {"abc%25def-s3cr3t",  "abc\\user-s3cr3t", "a\\\\b-s3cr3t",
                                          "me&amp;you-s3cr3t", "a&#38;b-s3cr3t",   "%25%2525%25"};

    (void)state;
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        _cleanup_free_ char *text = str_printf("<%s>", secrets[i]);

        redact(text, strlen(text), secrets[i]);
        assert_int_equal(strspn(text + 1, "*"), strlen(secrets[i]));
    }
}

static void a_long_one_that_was_cut_off_is_found(void **state)
{
    char text[] = "abcdefghijklmnopqrstuvw abcdefghijklmnopqrstuvwx abcdefghijklmnopqrstuvwxyz0";

    (void)state;
    redact(text, strlen(text), "abcdefghijklmnopqrstuvwxyz01");
    assert_string_equal(text, "abcdefghijklmnopqrstuvw ************************ ***************************");
}

static void the_time_is_linear(void **state)
{
    const size_t length = (size_t)8 << 20;
    _cleanup_free_ char *text = xcalloc(length + 1, 1);
    _cleanup_free_ char *secret = xcalloc(16384 + 1, 1);
    int64_t start = clock_monotonic_ms();

    (void)state;
    memset(text, 'a', length);
    memset(secret, 'a', 16384);
    secret[20] = 'b';
    redact(text, length, secret);
    secret[20] = 'a';
    secret[16383] = 'b';
    redact(text, length, secret);
    assert_int_equal(strspn(text, "*"), length);
    /* with the square of it, hours */
    assert_true(clock_monotonic_ms() - start < 60000);
}

static void json_stays_json(void **state)
{
    char text[] = "{\"a\":\"DOMAIN\\\\s3cret-word \\u0073\\u0033cret-word\"}";

    (void)state;
    redact(text, strlen(text), "s3cret-word");
    assert_string_equal(text, "{\"a\":\"DOMAIN\\\\*********** *********************\"}");
}

static void what_is_none_is_left(void **state)
{
    static const char *const texts[] = {
        "",     "%",     "%7",        "\\",      "\\u",         "\\u00",          "&", "&#", "&#x",
        "&#x7", "&#116", "token-123", "token%2", "token%2D123", "&#116oken-1234",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const size_t length = strlen(texts[i]);
        /* of exactly this size, so that a sanitizer notices a byte too many */
        _cleanup_free_ char *text = malloc(length ? length : 1);

        assert_non_null(text);
        memcpy(text, texts[i], length);
        redact(text, length, "token-1234");
        assert_memory_equal(text, texts[i], length);
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
    static const char *const names[] = {"client_secret", "client_assertion", "refresh_token", "device_code", "sig"};
    char text[] = "client 0000-1111 sent s3cr%2Bt~x and refresh&amp;me, for https://x/.default";

    (void)state;
    redact_fields(
        text, strlen(text),
        "grant_type=client_credentials&client_id=0000-1111&client_secret=s3cr%2Bt~x&refresh_token=refresh%26me&"
        "sig&device_code=&scope=https%3A%2F%2Fx%2F.default%");
    assert_string_equal(text, "client 0000-1111 sent ********** and **************, for https://x/.default");
    {
        char twice[] = "?url=https%3A%2F%2Fx%2F%3Fclient_secret%3Ds3cr%252Bt~x";

        redact_fields(twice, strlen(twice), "client_secret=s3cr%2Bt~x");
        assert_string_equal(twice, "?url=https%3A%2F%2Fx%2F%3Fclient_secret%3D************");
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        char sent[] = "what was sent";
        _cleanup_free_ char *form = str_printf("a=b&%s=what+was+sent&c=d", names[i]);

        redact_fields(sent, strlen(sent), form);
        assert_string_equal(sent, "*************");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_goes_in_whatever_way_it_is_written),
        cmocka_unit_test(what_reads_as_an_encoding_may_be_meant),
        cmocka_unit_test(a_long_one_that_was_cut_off_is_found),
        cmocka_unit_test(the_time_is_linear),
        cmocka_unit_test(json_stays_json),
        cmocka_unit_test(what_is_none_is_left),
        cmocka_unit_test(a_word_is_no_secret),
        cmocka_unit_test(only_a_form_s_secrets_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
