/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "azure/credential-internal.h"
#include "util/secret.h"
#include "util/str.h"

static struct http_answer make_answer(const char *body)
{
    struct http_answer answer = {.status = 200, .body = BUFFER_INIT(HTTP_DEFAULT_MAX_BODY)};

    answer.body.secret = true;
    buffer_append(&answer.body, body, strlen(body));
    return answer;
}

static void test_answers(void **state)
{
    static const struct {
        const char *body, *token; /* NULL: refused */
        int64_t lifetime_s;
    } cases[] = {
        {"{\"token_type\":\"Bearer\",\"expires_in\":3599,\"access_token\":\"abc.def\"}", "abc.def", 3599},
        {"{\"token_type\":\"bearer\",\"expires_in\":\"86400\",\"access_token\":\"a\"}", "a", 86400},
        {"{\"token_type\":\"Bearer\",\"access_token\":\"a\"}", "a", 0},
        {"{\"token_type\":\"Bearer\",\"expires_in\":-5,\"access_token\":\"a\"}", "a", 0},
        {"{\"token_type\":\"Bearer\",\"expires_in\":1e300,\"access_token\":\"a\"}", "a", 0},
        {"{\"token_type\":\"Bearer\",\"expires_in\":\"soon\",\"access_token\":\"a\"}", "a", 0},
        {"{\"token_type\":\"Bearer\",\"expires_in\":null,\"access_token\":\"a\"}", "a", 0},
        {"{\"token_type\":\"MAC\",\"access_token\":\"a\"}", NULL, 0},
        {"{\"access_token\":\"a\"}", NULL, 0},
        {"{\"token_type\":\"Bearer\"}", NULL, 0},
        {"{\"token_type\":\"Bearer\",\"access_token\":\"\"}", NULL, 0},
        {"{\"token_type\":\"Bearer\",\"access_token\":7}", NULL, 0},
        {"{\"token_type\":\"Bearer\",\"access_token\":\"a\\r\\nX: y\"}", NULL, 0},
        {"{\"token_type\":\"Bearer\",\"access_token\":\"a b\"}", NULL, 0},
        {"{\"token_type\":\"Bearer\",\"access_token\":\"\\u00fc\"}", NULL, 0},
        {"[]", NULL, 0},
        {"", NULL, 0},
        {"<html></html>", NULL, 0},
        {"{\"token_type\":\"Bearer\",\"access_token\":\"abc", NULL, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_http_answer_ struct http_answer answer = make_answer(cases[i].body);
        _cleanup_error_ struct error *err = NULL;
        struct credential_token token = {0};
        int result = credential_parse_answer("login.example", &answer, &token, &err);

        if (result != (cases[i].token ? 0 : -1))
            fail_msg("%s: %d", cases[i].body, result);
        if (cases[i].token) {
            assert_string_equal(token.text, cases[i].token);
            assert_int_equal(token.lifetime_s, cases[i].lifetime_s);
        } else {
            assert_null(token.text);
            assert_null(strstr(err->message, "abc"));
        }
        secret_free(token.text);
    }
}

static void test_token_check(void **state)
{
    _cleanup_free_ char *long_one = xcalloc(CREDENTIAL_MAX_TOKEN + 2, 1);

    (void)state;
    memset(long_one, 'a', CREDENTIAL_MAX_TOKEN + 1);
    assert_int_equal(credential_check_token(long_one, "here", NULL), -1);
    long_one[CREDENTIAL_MAX_TOKEN] = '\0';
    assert_int_equal(credential_check_token(long_one, "here", NULL), 0);
    assert_int_equal(credential_check_token("", "here", NULL), -1);
    assert_int_equal(credential_check_token("{\"accessToken\":\"x\"}", "here", NULL), -1);
    assert_int_equal(credential_check_token("a\tb", "here", NULL), -1);
}

/* What a kind of sign-in that is tried here does: every token is numbered. */
static int fetch_numbered(void *argument, struct wait *wait, struct credential_token *token, struct error **err)
{
    int *count = argument;

    (void)wait;
    if (++*count > 3)
        return error_set(err, EXIT_AUTH, "no more");
    *token = (struct credential_token){.text = str_printf("token%d", *count), .lifetime_s = *count == 1 ? 1 : 3600};
    return 0;
}

static void keep(void *argument)
{
    (void)argument;
}

static void test_cache(void **state)
{
    static const struct credential_kind kind = {.fetch = fetch_numbered, .free_state = keep, .renewable = true};
    int count = 0;
    _cleanup_credential_ struct credential *credential = credential_new(&kind, &count, str_dup("a test"));
    _cleanup_error_ struct error *err = NULL;
    const char *token = NULL;

    (void)state;
    assert_int_equal(credential_get_token(credential, false, NULL, &token, NULL), 0);
    assert_string_equal(token, "token1");
    /* it lives for a second, so it is used up as soon as half of that is over; lifetimes are whole seconds */
    assert_int_equal(credential_get_token(credential, true, NULL, &token, NULL), 0);
    assert_string_equal(token, "token2");
    assert_int_equal(credential_get_token(credential, false, NULL, &token, NULL), 0);
    assert_string_equal(token, "token2");
    assert_int_equal(credential_get_token(credential, true, NULL, &token, NULL), 0);
    assert_string_equal(token, "token3");
    assert_int_equal(credential_get_token(credential, true, NULL, &token, &err), -1);
    assert_string_equal(err->message, "cannot sign in with the a test: no more");
    assert_int_equal(count, 4);
}

/* The first lives for two seconds; then the service is away. */
static int fetch_once(void *argument, struct wait *wait, struct credential_token *token, struct error **err)
{
    int *count = argument;

    (void)wait;
    if (++*count > 1)
        return error_set(err, EXIT_NETWORK, "away");
    *token = (struct credential_token){.text = str_dup("token"), .lifetime_s = 2};
    return 0;
}

static void test_early_renewal_that_fails(void **state)
{
    static const struct credential_kind kind = {.fetch = fetch_once, .free_state = keep, .renewable = true};
    int count = 0;
    _cleanup_credential_ struct credential *credential = credential_new(&kind, &count, str_dup("a test"));
    _cleanup_error_ struct error *err = NULL;
    const char *token = NULL;

    (void)state;
    assert_int_equal(credential_get_token(credential, false, NULL, &token, NULL), 0);
    usleep(1100 * 1000);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(credential_get_token(credential, false, NULL, &token, NULL), 0);
        assert_string_equal(token, "token");
        /* not tried again with every request */
        assert_int_equal(count, 2);
    }
    /* refused by Resource Manager, it is no good whatever its time */
    assert_int_equal(credential_get_token(credential, true, NULL, &token, &err), -1);
    assert_int_equal(err->code, EXIT_NETWORK);
    error_free(err);
    err = NULL;
    usleep(1000 * 1000);
    assert_int_equal(credential_get_token(credential, false, NULL, &token, &err), -1);
    assert_string_equal(err->message, "cannot sign in with the a test: away");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_token_check),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_early_renewal_that_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
