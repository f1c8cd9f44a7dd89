/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "azure/credential-internal.h"
#include "check.h"
#include "util/clock.h"
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

/* The clock of these tests, which the linker puts in the place of the real one (Makefile). */
static int64_t skipped_ms;

int64_t __real_clock_monotonic_ms(void);
int64_t __wrap_clock_monotonic_ms(void);
int64_t __wrap_clock_monotonic_ms(void)
{
    return __real_clock_monotonic_ms() + skipped_ms;
}

/* A service that can be slow, and what was asked of it. */
struct service {
    int fetched, refreshed;
    int64_t slow_ms;  /* until it answers */
    int signal;       /* what comes meanwhile */
    int64_t given_ms; /* how long the last call might have taken; 0: for ever */
    bool away;
};

static int serve(struct service *service, struct wait *wait, struct credential_token *token, struct error **err)
{
    const int64_t limit_ms = wait && wait->deadline_ms ? wait->deadline_ms - clock_monotonic_ms() : 0;

    service->given_ms = limit_ms;
    skipped_ms += limit_ms && limit_ms < service->slow_ms ? limit_ms : service->slow_ms;
    if (service->signal)
        wait->signal = service->signal;
    if (wait_check(wait, err) < 0)
        return -1;
    if (service->away)
        return error_set(err, EXIT_NETWORK, "away");
    *token = (struct credential_token){.text = str_printf("token%d", service->fetched + service->refreshed),
                                       .lifetime_s = 3600};
    return 0;
}

static int serve_fetch(void *argument, struct wait *wait, struct credential_token *token, struct error **err)
{
    struct service *service = argument;

    service->fetched++;
    return serve(service, wait, token, err);
}

static int serve_refresh(void *argument, struct wait *wait, struct credential_token *token, struct error **err)
{
    struct service *service = argument;

    service->refreshed++;
    return serve(service, wait, token, err);
}

static const struct credential_kind served = {.fetch = serve_fetch, .refresh = serve_refresh, .free_state = keep};

static void skip_s(int64_t seconds)
{
    skipped_ms += seconds * 1000;
}

static void assert_token(struct credential *credential, struct wait *wait, const char *expected)
{
    const char *token = NULL;

    assert_int_equal(credential_get_token(credential, false, wait, &token, NULL), 0);
    assert_string_equal(token, expected);
}

static void test_slow_refresh(void **state)
{
    struct service service = {0};
    struct wait wait = WAIT_INIT;
    _cleanup_credential_ struct credential *credential = credential_new(&served, &service, str_dup("a test"));
    int64_t before;

    (void)state;
    assert_token(credential, &wait, "token1");
    assert_int_equal(service.given_ms, 0);
    /* five minutes before its end a token is replaced, if that takes less than ten seconds */
    skip_s(3300 + 1);
    service.slow_ms = 60000;
    before = clock_monotonic_ms();
    assert_token(credential, &wait, "token1");
    assert_int_equal(service.refreshed, 1);
    assert_in_range(service.given_ms, 9900, 10000);
    assert_in_range(clock_monotonic_ms() - before, 9900, 11000);
    assert_int_equal(wait.deadline_ms, 0);
    /* at its end there is no more choice, and no hurry but the person's own */
    skip_s(300);
    assert_token(credential, &wait, "token3");
    assert_int_equal(service.fetched, 2);
    assert_int_equal(service.given_ms, 0);
    /* a limit of the person's that comes before is kept */
    skip_s(3300 + 1);
    service.slow_ms = 0;
    wait.deadline_ms = clock_monotonic_ms() + 5000;
    assert_token(credential, &wait, "token4");
    assert_in_range(service.given_ms, 4900, 5000);
}

/* When it is tried, counted from the first time: after 30 s, and after the double of that. */
static void test_refresh_is_tried_more_and_more_rarely(void **state)
{
    static const int64_t expected[] = {0, 30, 90, 210};
    struct service service = {0};
    _cleanup_credential_ struct credential *credential = credential_new(&served, &service, str_dup("a test"));
    int tried = 0;

    (void)state;
    assert_token(credential, NULL, "token1");
    service.away = true;
    skip_s(3300 + 1);
    for (int64_t second = 0; second < 295; second++) {
        assert_token(credential, NULL, "token1");
        if (service.refreshed > tried) {
            assert_true(tried < 4);
            assert_in_range(second, expected[tried], expected[tried] + 2);
            tried = service.refreshed;
        }
        skip_s(1);
    }
    assert_int_equal(tried, 4);
    /* once it has worked, the next failure begins with 30 s again */
    service.away = false;
    skip_s(6);
    assert_token(credential, NULL, "token6");
    service.away = true;
    skip_s(3300 + 1);
    assert_token(credential, NULL, "token6");
    skip_s(31);
    assert_token(credential, NULL, "token6");
    assert_int_equal(service.refreshed, 6);
}

/* Something is left of it to be used after a refresh that takes too long. */
static void test_refresh_near_the_end(void **state)
{
    struct service service = {0};
    _cleanup_credential_ struct credential *credential = credential_new(&served, &service, str_dup("a test"));

    (void)state;
    assert_token(credential, NULL, "token1");
    skip_s(3595);
    service.slow_ms = 30000;
    assert_token(credential, NULL, "token1");
    assert_in_range(service.given_ms, 2400, 2500);
    skip_s(3);
    assert_token(credential, NULL, "token3");
    assert_int_equal(service.refreshed, 1);
}

static void test_signal_while_refreshing(void **state)
{
    struct service service = {0};
    struct wait wait = WAIT_INIT;
    _cleanup_credential_ struct credential *credential = credential_new(&served, &service, str_dup("a test"));
    struct error *err = NULL;
    const char *token = NULL;

    (void)state;
    assert_token(credential, &wait, "token1");
    skip_s(3300 + 1);
    service.signal = 2;
    assert_int_equal(credential_get_token(credential, false, &wait, &token, &err), -1);
    assert_error(err, EXIT_INTERRUPTED, "interrupted");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_token_check),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_early_renewal_that_fails),
        cmocka_unit_test(test_slow_refresh),
        cmocka_unit_test(test_refresh_is_tried_more_and_more_rarely),
        cmocka_unit_test(test_refresh_near_the_end),
        cmocka_unit_test(test_signal_while_refreshing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
