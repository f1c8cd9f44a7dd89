/* SPDX-License-Identifier: MIT */
#include "azure/credential.h"

#include <stdarg.h>
#include <string.h>

#include "azure/cloud_error.h"
#include "azure/credential-internal.h"
#include "azure/secret_json.h"
#include "azure/url.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/secret.h"
#include "util/str.h"

/* A token is replaced so long before it expires, as Azure's own libraries do; a short-lived one at half its
 * life. */
static const int64_t REFRESH_EARLY_S = 300;
/* How long that may take, since something waits for it (and half of what the token has left), and when it is tried
 * again after a failure: the double each time. */
static const int64_t REFRESH_LIMIT_MS = 10 * 1000;
static const int64_t REFRESH_AGAIN_MS = 30 * 1000;

const char *const credential_secret_variables[] = {"AZURE_ACCESS_TOKEN", "AZURE_CLIENT_SECRET",
                                                   "AZURE_CLIENT_CERTIFICATE_PASSWORD", NULL};

struct credential {
    const struct credential_kind *kind;
    void *state;
    char *description;
    char *token;           /* secret; NULL before the first sign-in */
    int64_t refresh_at_ms; /* clock_monotonic_ms(); 0 means not by time */
    int64_t expires_at_ms; /* the same */
    int refused;           /* failures to refresh the token in a row */
};

struct credential *credential_new(const struct credential_kind *kind, void *state, char *description)
{
    struct credential *made = xcalloc(1, sizeof(*made));

    *made = (struct credential){.kind = kind, .state = state, .description = description};
    return made;
}

void credential_free(struct credential *credential)
{
    if (!credential)
        return;
    credential->kind->free_state(credential->state);
    secret_free(credential->token);
    free(credential->description);
    free(credential);
}

/* Itself, or the one that it uses. */
static const struct credential *in_use(const struct credential *credential)
{
    return credential->kind->chosen ? credential->kind->chosen(credential->state) : credential;
}

const char *credential_description(const struct credential *credential)
{
    return in_use(credential)->description;
}

bool credential_is_renewable(const struct credential *credential)
{
    return in_use(credential)->kind->renewable;
}

int credential_fetch(struct credential *credential, struct wait *wait, struct credential_token *token,
                     struct error **err)
{
    return credential->kind->fetch(credential->state, wait, token, err);
}

int credential_refresh(struct credential *credential, struct wait *wait, struct credential_token *token,
                       struct error **err)
{
    const struct credential_kind *kind = credential->kind;

    return (kind->refresh ? kind->refresh : kind->fetch)(credential->state, wait, token, err);
}

int credential_unavailable(struct error **err, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    _cleanup_free_ char *text = str_vprintf(format, args);
    va_end(args);
    error_set(err, EXIT_AUTH, "%s", text);
    return CREDENTIAL_UNAVAILABLE;
}

const char *credential_environment(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

bool credential_is_id(const char *text)
{
    return str_only(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.") && strlen(text) <= 253;
}

int credential_check_client(const char *text, const char *what, struct error **err)
{
    _cleanup_free_ char *safe = str_printable(text, strlen(text), 80);

    if (!credential_is_id(text) || strlen(text) > 128)
        return error_set(err, EXIT_USAGE, "%s is no application's id: \"%s\"", what, safe);
    return 0;
}

int credential_resource(const struct credential_options *options, char **resource, struct error **err)
{
    _cleanup_free_ char *base = NULL;

    if (url_parse_base(options->endpoint ? options->endpoint : CLOUD_PUBLIC_ENDPOINT, "--endpoint", &base, err) < 0)
        return -1;
    *resource = str_printf("%s/", base);
    return 0;
}

char *credential_take_environment(const char *name)
{
    const char *value = getenv(name);
    char *copy = value && *value ? str_dup(value) : NULL;

    secret_forget_variable(name);
    return copy;
}

int credential_check_token(const char *text, const char *where, struct error **err)
{
    size_t length = strnlen(text, CREDENTIAL_MAX_TOKEN + 1);

    if (length == 0 || length > CREDENTIAL_MAX_TOKEN)
        return error_set(err, EXIT_AUTH, "the token in %s is %s", where, length ? "too long for one" : "empty");
    for (size_t i = 0; i < length; i++) {
        if (text[i] > ' ' && text[i] <= '~' && text[i] != '"')
            continue;
        error_set(err, EXIT_AUTH, "%s does not hold a bearer token (unsuitable character at byte %zu)", where, i + 1);
        return error_hint(err, "it is the bare token: az account get-access-token --query accessToken --output tsv");
    }
    return 0;
}

static int64_t read_lifetime(const cJSON *answer)
{
    const char *text = json_string(answer, "expires_in");
    long seconds = 0;

    if (text)
        return str_to_long(text, 1, 30L * 86400, &seconds) < 0 ? 0 : seconds;
    seconds = 0;
    if (json_number(answer, "expires_in", 0) >= 1 && json_number(answer, "expires_in", 0) <= 30.0 * 86400)
        seconds = (long)json_number(answer, "expires_in", 0);
    return seconds;
}

int credential_parse_answer(const char *host, const struct http_answer *answer, struct credential_token *token,
                            struct error **err)
{
    _cleanup_error_ struct error *why = NULL;
    _cleanup_secret_json_ cJSON *document =
        json_parse(buffer_text(&answer->body), answer->body.length, "the answer", &why);
    const char *type = json_string(document, "token_type");
    const char *text = json_string(document, "access_token");

    if (!document)
        return cloud_error_set_unreadable(host, answer, why->message, err);
    if (!text)
        return cloud_error_set_unreadable(host, answer, "no access_token", err);
    if (!str_equal_ignoring_case(type, "Bearer"))
        return cloud_error_set_unreadable(host, answer, "a token_type other than Bearer", err);
    if (credential_check_token(text, "the sign-in's answer", err) < 0)
        return -1;
    token->text = str_dup(text);
    token->lifetime_s = read_lifetime(document);
    return 0;
}

static bool is_past(int64_t moment_ms)
{
    return moment_ms && clock_monotonic_ms() >= moment_ms;
}

static int renew_token(struct credential *credential, bool needed, struct wait *wait, struct error **err)
{
    struct credential_token fetched = {0};
    int64_t now, early;

    if (credential->token)
        log_verbose("getting a new token: %s", credential_description(credential));
    if ((needed ? credential_fetch : credential_refresh)(credential, wait, &fetched, err) != 0)
        return credential->kind->chosen ? -1 : error_wrap(err, "cannot sign in with the %s", credential->description);
    secret_free(credential->token);
    credential->token = fetched.text;
    now = clock_monotonic_ms();
    early = fetched.lifetime_s > 2 * REFRESH_EARLY_S ? REFRESH_EARLY_S : fetched.lifetime_s / 2;
    credential->refresh_at_ms = fetched.lifetime_s ? now + (fetched.lifetime_s - early) * 1000 : 0;
    credential->expires_at_ms = fetched.lifetime_s ? now + fetched.lifetime_s * 1000 : 0;
    credential->refused = 0;
    return 0;
}

/*
 * While the token at hand is good: it is used on if another is not to be had, or not soon. The wait that is lent for
 * that has a time limit of its own; the rest is the caller's.
 */
static void refresh_token(struct credential *credential, struct wait *wait)
{
    _cleanup_error_ struct error *failure = NULL;
    struct wait hurried = wait ? *wait : WAIT_INIT;
    const int64_t now = clock_monotonic_ms(), left_ms = credential->expires_at_ms - now;
    const int64_t limit_ms = now + (left_ms / 2 < REFRESH_LIMIT_MS ? left_ms / 2 : REFRESH_LIMIT_MS);
    int result;

    if (!hurried.deadline_ms || hurried.deadline_ms > limit_ms)
        hurried.deadline_ms = limit_ms;
    result = renew_token(credential, false, &hurried, &failure);
    if (wait)
        wait->signal = hurried.signal;
    if (result == 0)
        return;
    credential->refresh_at_ms =
        clock_monotonic_ms() + (REFRESH_AGAIN_MS << (credential->refused < 4 ? credential->refused : 4));
    credential->refused++;
    log_verbose("the token at hand is still good, and is used on: %s", failure->message);
}

int credential_get_token(struct credential *credential, bool anew, struct wait *wait, const char **token,
                         struct error **err)
{
    bool good = credential->token && !anew && !is_past(credential->expires_at_ms);

    if (good && is_past(credential->refresh_at_ms)) {
        refresh_token(credential, wait);
        if (wait_check(wait, err) < 0)
            return -1;
        good = !is_past(credential->expires_at_ms);
    }
    if (!good && renew_token(credential, true, wait, err) < 0)
        return -1;
    *token = credential->token;
    return 0;
}
