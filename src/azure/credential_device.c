/* SPDX-License-Identifier: MIT */
/* A person signs in with a browser, anywhere, while azilr waits (RFC 8628; Microsoft identity platform, "OAuth 2.0
 * device authorization grant flow"). */
#include "azure/credential_device.h"

#include <string.h>
#include <unistd.h>

#include "azure/cloud_error.h"
#include "azure/oauth.h"
#include "azure/secret_json.h"
#include "azure/url.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/secret.h"
#include "util/str.h"

/* The public client with which Azure's own libraries and its CLI have people sign in (azidentity for Go,
 * developerSignOnClientID; azure-cli, azure-cli-core/azure/cli/core/auth/constants.py, AZURE_CLI_CLIENT_ID), and the
 * tenant for whoever comes from any. */
static const char DEFAULT_CLIENT[] = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
static const char DEFAULT_TENANT[] = "organizations";
static const char GRANT[] = "urn:ietf:params:oauth:grant-type:device_code";

static const double DEFAULT_INTERVAL_S = 5; /* RFC 8628, 3.2 */
static const double MAX_INTERVAL_S = 60;
static const double DEFAULT_LIFETIME_S = 900;
static const double MAX_LIFETIME_S = 3600;
static const int64_t SLOW_DOWN_S = 5; /* RFC 8628, 3.5 */

struct device_state {
    struct oauth oauth;
    char *scope;         /* with offline_access, for which there is a refresh token */
    char *refresh_token; /* secret; NULL before the first sign-in, or if none was given */
};

/* --- answers --- */

void device_code_clear(struct device_code *code)
{
    secret_free(code->code);
    free(code->user_code);
    free(code->page);
    memset(code, 0, sizeof(*code));
}

static int64_t bounded(double value, double missing, double most)
{
    return (int64_t)(!(value >= 1) ? missing : value > most ? most : value);
}

/* A page that azilr sends a person to must be what it looks like. */
static bool is_page(const char *text)
{
    _cleanup_free_ char *path = url_path(text);

    /* libcurl takes "https:/host" for one as well */
    return path && str_starts_with(text, "https://") && strlen(text) < 200;
}

int device_code_parse(const char *host, const struct http_answer *answer, struct device_code *code, struct error **err)
{
    _cleanup_secret_json_ cJSON *document = json_parse(buffer_text(&answer->body), answer->body.length, "", NULL);
    const char *device = json_string(document, "device_code");
    const char *user = json_string(document, "user_code");
    const char *page = json_string(document, "verification_uri");

    memset(code, 0, sizeof(*code));
    if (!device || !*device || strlen(device) > CREDENTIAL_MAX_TOKEN || !user || !page)
        return cloud_error_set_unreadable(host, answer, "no device code", err);
    if (!str_only(user, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-") || strlen(user) > 32)
        return cloud_error_set_unreadable(host, answer, "a user code that nobody can type", err);
    if (!is_page(page))
        return cloud_error_set_unreadable(host, answer, "a page to sign in at that is not https", err);
    code->code = str_dup(device);
    code->user_code = str_dup(user);
    code->page = str_dup(page);
    code->interval_s = bounded(json_number(document, "interval", 0), DEFAULT_INTERVAL_S, MAX_INTERVAL_S);
    code->lifetime_s = bounded(json_number(document, "expires_in", 0), DEFAULT_LIFETIME_S, MAX_LIFETIME_S);
    return 0;
}

enum device_poll device_poll_outcome(const struct http_answer *answer)
{
    static const struct {
        const char *error;
        enum device_poll outcome;
    } outcomes[] = {
        {"authorization_pending", DEVICE_PENDING}, {"slow_down", DEVICE_SLOW_DOWN},   {"access_denied", DEVICE_DENIED},
        {"authorization_declined", DEVICE_DENIED}, {"expired_token", DEVICE_EXPIRED}, {"code_expired", DEVICE_EXPIRED},
    };
    _cleanup_json_ cJSON *document = json_parse(buffer_text(&answer->body), answer->body.length, "", NULL);
    const char *error = json_string(document, "error");

    /* trouble of the service does not take back the code that a person may be typing */
    if (answer->status == 408 || answer->status == 429 || answer->status >= 500)
        return DEVICE_SLOW_DOWN;
    for (size_t i = 0; answer->status == 400 && error && i < sizeof(outcomes) / sizeof(outcomes[0]); i++)
        if (str_equal(outcomes[i].error, error))
            return outcomes[i].outcome;
    return DEVICE_FAILED;
}

/* --- the grant --- */

static int take_tokens(struct device_state *state, const struct http_answer *answer, struct credential_token *token,
                       struct error **err)
{
    _cleanup_secret_json_ cJSON *document = NULL;
    const char *refresh;

    if (credential_parse_answer(state->oauth.host, answer, token, err) < 0)
        return -1;
    document = json_parse(buffer_text(&answer->body), answer->body.length, "", NULL);
    refresh = json_string(document, "refresh_token");
    if (refresh && *refresh && strlen(refresh) <= CREDENTIAL_MAX_TOKEN) {
        secret_free(state->refresh_token);
        state->refresh_token = str_dup(refresh);
    }
    return 0;
}

static int ask_for_code(struct device_state *state, struct wait *wait, struct device_code *code, struct error **err)
{
    _cleanup_buffer_ struct buffer form = OAUTH_FORM_INIT;
    _cleanup_http_answer_ struct http_answer answer = {0};

    if (oauth_add(&form, "client_id", state->oauth.client, err) < 0 ||
        oauth_add(&form, "scope", state->scope, err) < 0 ||
        oauth_post(&state->oauth, state->oauth.device_url, &form, wait, &answer, err) < 0)
        return -1;
    if (answer.status != 200)
        return cloud_error_set_sign_in(state->oauth.host, &answer, err);
    return device_code_parse(state->oauth.host, &answer, code, err);
}

/* From now on; less often still where the answer, if there is one, asks for that. */
static void poll_less_often(struct device_code *code, const struct http_answer *answer)
{
    const int64_t asked_s = (http_retry_after_ms(answer) + 999) / 1000;

    code->interval_s += SLOW_DOWN_S;
    if (code->interval_s < asked_s)
        code->interval_s = asked_s < code->lifetime_s ? asked_s : code->lifetime_s;
    log_verbose("asking in %d s whether somebody has signed in", (int)code->interval_s);
}

/* The way out of a poll that gave no token: 0 to poll again. */
static int judge(const struct device_state *state, const struct http_answer *answer, struct device_code *code,
                 struct error **err)
{
    switch (device_poll_outcome(answer)) {
    case DEVICE_PENDING:
        return 0;
    case DEVICE_SLOW_DOWN:
        poll_less_often(code, answer);
        return 0;
    case DEVICE_DENIED:
        return error_set(err, EXIT_AUTH, "the sign-in was declined in the browser");
    case DEVICE_EXPIRED:
        return error_set(err, EXIT_AUTH, "nobody has signed in with the code in time");
    case DEVICE_FAILED:
    default:
        return cloud_error_set_sign_in(state->oauth.host, answer, err);
    }
}

static int poll_for_token(struct device_state *state, struct device_code *code, struct wait *wait,
                          struct credential_token *token, struct error **err)
{
    const int64_t end = clock_monotonic_ms() + code->lifetime_s * 1000;
    _cleanup_buffer_ struct buffer form = OAUTH_FORM_INIT;

    if (oauth_add(&form, "grant_type", GRANT, err) < 0 || oauth_add(&form, "client_id", state->oauth.client, err) < 0 ||
        oauth_add(&form, "device_code", code->code, err) < 0)
        return -1;
    while (clock_monotonic_ms() < end) {
        _cleanup_http_answer_ struct http_answer answer = {0};
        _cleanup_error_ struct error *why = NULL;

        if (wait_sleep(wait, code->interval_s * 1000, err) < 0)
            return -1;
        if (oauth_post_once(&state->oauth, state->oauth.token_url, &form, wait, &answer, &why) < 0) {
            if (!answer.transient || wait_check(wait, NULL) < 0)
                return error_move(err, &why);
            log_verbose("%s", why->message);
            poll_less_often(code, &answer);
            continue;
        }
        if (answer.status == 200)
            return take_tokens(state, &answer, token, err);
        if (judge(state, &answer, code, err) < 0)
            return -1;
    }
    return error_set(err, EXIT_AUTH, "nobody has signed in with the code in time");
}

/* Quietly, as long as Azure lets it. */
static int refresh(void *argument, struct wait *wait, struct credential_token *token, struct error **err)
{
    struct device_state *state = argument;
    _cleanup_buffer_ struct buffer form = OAUTH_FORM_INIT;
    _cleanup_http_answer_ struct http_answer answer = {0};

    if (!state->refresh_token)
        return error_set(err, EXIT_AUTH, "somebody has to enter a code for that");
    if (oauth_add(&form, "grant_type", "refresh_token", err) < 0 ||
        oauth_add(&form, "client_id", state->oauth.client, err) < 0 ||
        oauth_add(&form, "scope", state->scope, err) < 0 ||
        oauth_add(&form, "refresh_token", state->refresh_token, err) < 0 ||
        oauth_post(&state->oauth, state->oauth.token_url, &form, wait, &answer, err) < 0)
        return -1;
    if (answer.status != 200)
        return cloud_error_set_sign_in(state->oauth.host, &answer, err);
    return take_tokens(state, &answer, token, err);
}

static int fetch(void *argument, struct wait *wait, struct credential_token *token, struct error **err)
{
    struct device_state *state = argument;
    _cleanup_(device_code_clear) struct device_code code = {0};
    _cleanup_error_ struct error *why = NULL;

    if (refresh(state, wait, token, &why) == 0)
        return 0;
    if (state->refresh_token)
        log_verbose("a code has to be entered once more: %s", why->message);
    if (wait_check(wait, err) < 0 || ask_for_code(state, wait, &code, err) < 0)
        return -1;
    log_prompt("to sign in to Azure, open %s in a browser and enter the code %s there", code.page, code.user_code);
    return poll_for_token(state, &code, wait, token, err);
}

static void free_state(void *argument)
{
    struct device_state *state = argument;

    oauth_clear(&state->oauth);
    free(state->scope);
    secret_free(state->refresh_token);
    free(state);
}

DEFINE_CLEANUP(cleanup_state, struct device_state *, free_state);

static const struct credential_kind kind = {
    .fetch = fetch, .refresh = refresh, .free_state = free_state, .renewable = true};

int credential_open_device(struct credential_setup *setup, struct credential **credential, struct error **err)
{
    const char *tenant = credential_environment("AZURE_TENANT_ID");
    /* unasked, AZURE_CLIENT_ID is meant for another kind of sign-in */
    const char *client = setup->only ? credential_environment("AZURE_CLIENT_ID") : NULL;
    _cleanup_(cleanup_state) struct device_state *state = NULL;

    if (setup->options->unattended && !setup->only)
        return credential_unavailable(err, "nobody is asked to sign in with a browser here");
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return credential_unavailable(err, "there is no terminal to show a code on");
    state = xcalloc(1, sizeof(*state));
    if (oauth_open(&state->oauth, setup->options, tenant ? tenant : DEFAULT_TENANT, client ? client : DEFAULT_CLIENT,
                   err) < 0)
        return -1;
    state->scope = str_printf("%s offline_access", state->oauth.scope);
    *credential = credential_new(&kind, steal(state), str_dup("device code"));
    return 0;
}
