/* SPDX-License-Identifier: MIT */
/*
 * The managed identity of the machine that azilr runs on: an Azure VM's, from the instance metadata service (IMDS), or
 * an Azure Arc-enabled server's. Requests, answers and what to repeat: Microsoft's pages "How to use managed identities
 * for Azure resources on an Azure VM to acquire an access token" and "IMDS retry" of its MSAL libraries.
 */
#include <string.h>

#include "azure/cloud_error.h"
#include "azure/credential-internal.h"
#include "azure/managed_arc.h"
#include "azure/url.h"
#include "util/log.h"
#include "util/str.h"

static const char IMDS_HOST[] = "http://169.254.169.254";
static const char IMDS_PATH[] = "/metadata/identity/oauth2/token";
static const char IMDS_VERSION[] = "2018-02-01";
static const char ARC_VERSION[] = "2020-06-01";

/* Elsewhere than in Azure nothing answers at that address, and packets to it may just vanish. */
static const int64_t PROBE_MS = 1000;
static const int64_t PATIENT_PROBE_MS = 5000;
static const int64_t REQUEST_MS = 30000;

static const int MAX_RETRIES = 3; /* after 1, 2 and 4 s */
static const int MAX_UPDATING = 7;
static const int64_t UPDATING_MS = 10000; /* 410: an update of IMDS takes up to 70 s */
static const int64_t MAX_RETRY_AFTER_MS = 60000;

struct managed_state {
    struct http *http;
    char *url;
    char *probe_url;  /* NULL for Azure Arc */
    char *arc_folder; /* NULL for IMDS */
    int64_t probe_ms;
    bool present; /* IMDS has answered */
};

/* Without the header IMDS refuses at once (400), whereas a token can take it seconds. */
static int probe(struct managed_state *state, struct wait *wait, struct error **err)
{
    const struct http_request request = {.url = state->probe_url, .local = true, .timeout_ms = state->probe_ms};
    _cleanup_http_answer_ struct http_answer answer = {0};
    _cleanup_error_ struct error *why = NULL;
    _cleanup_free_ char *host = url_host(state->probe_url);

    if (http_send(state->http, &request, wait, &answer, &why) == 0) {
        state->present = true;
        return 0;
    }
    /* the person's signal, or the end of the time they gave */
    if (wait_check(wait, NULL) < 0)
        return error_move(err, &why);
    return credential_unavailable(err, "nothing answers at %s, so this is no Azure VM (%s)", host, why->message);
}

/* How long until the request is to be repeated; -1 if it is not. */
static int64_t delay_after(bool failed, const struct http_answer *answer, int *retries, int *updating)
{
    int64_t asked = failed ? -1 : http_retry_after_ms(answer);
    int64_t delay;

    if (!failed && answer->status == 410)
        return (*updating)++ < MAX_UPDATING ? UPDATING_MS : -1;
    if (failed ? !answer->transient
               : answer->status != 404 && answer->status != 408 && answer->status != 429 && answer->status < 500)
        return -1;
    if (*retries >= MAX_RETRIES || asked > MAX_RETRY_AFTER_MS)
        return -1;
    delay = (int64_t)1000 << (*retries)++;
    return asked > delay ? asked : delay;
}

static int send_patiently(const struct managed_state *state, const char *host, struct wait *wait,
                          struct http_answer *answer, struct error **err)
{
    const struct http_request request = {
        .url = state->url, .local = true, .metadata = true, .secret = true, .timeout_ms = REQUEST_MS};
    int retries = 0;
    int updating = 0;

    for (;;) {
        _cleanup_error_ struct error *why = NULL;
        int result = http_send(state->http, &request, wait, answer, &why);
        int64_t delay =
            result == 0 && answer->status == 200 ? -1 : delay_after(result < 0, answer, &retries, &updating);

        if (delay < 0)
            return result < 0 ? error_move(err, &why) : 0;
        if (result < 0)
            log_info("%s: trying again in %.1f s", why->message, (double)delay / 1000);
        else
            log_info("%s answered %d: trying again in %.1f s", host, answer->status, (double)delay / 1000);
        http_answer_clear(answer);
        if (wait_sleep(wait, delay, err) < 0)
            return -1;
    }
}

/* What else is at this address elsewhere, and a VM to which the identity is not assigned (400), let others be tried. */
static int refused(const char *host, const struct http_answer *answer, struct error **err)
{
    _cleanup_error_ struct error *why = NULL;
    bool transient = answer->status >= 500 || answer->status == 429;

    cloud_error_set_sign_in(host, answer, &why);
    if (answer->status == 400) {
        /* the general one is about applications */
        free(why->hint);
        why->hint = str_dup("no such identity is assigned to this VM; --identity names a user-assigned one");
    }
    error_move(err, &why);
    return transient ? -1 : CREDENTIAL_UNAVAILABLE;
}

static int fetch_imds(const struct managed_state *state, struct wait *wait, struct credential_token *token,
                      struct error **err)
{
    _cleanup_http_answer_ struct http_answer answer = {0};
    _cleanup_free_ char *host = url_host(state->url);

    if (send_patiently(state, host, wait, &answer, err) < 0)
        return -1;
    if (answer.status != 200)
        return refused(host, &answer, err);
    return credential_parse_answer(host, &answer, token, err) < 0 ? CREDENTIAL_UNAVAILABLE : 0;
}

static int fetch(void *argument, struct wait *wait, struct credential_token *token, struct error **err)
{
    struct managed_state *state = argument;
    int result = 0;

    if (state->arc_folder)
        return managed_arc_fetch(state->http, state->url, state->arc_folder, wait, token, err);
    if (!state->present)
        result = probe(state, wait, err);
    return result ? result : fetch_imds(state, wait, token, err);
}

static void free_state(void *argument)
{
    struct managed_state *state = argument;

    http_close(state->http);
    free(state->url);
    free(state->probe_url);
    free(state->arc_folder);
    free(state);
}

DEFINE_CLEANUP(cleanup_state, struct managed_state *, free_state);

static const struct credential_kind kind = {.fetch = fetch, .free_state = free_state, .renewable = true};

/* The host can be moved by the variable that Azure's libraries know for that, on this machine only. */
static int set_imds_urls(struct managed_state *state, const char *resource, const char *client, struct error **err)
{
    const char *moved = credential_environment("AZURE_POD_IDENTITY_AUTHORITY_HOST");
    _cleanup_free_ char *host = str_dup(moved ? moved : IMDS_HOST);

    if (str_ends_with(host, "/"))
        host[strlen(host) - 1] = '\0';
    state->probe_url = str_printf("%s%s?api-version=%s", host, IMDS_PATH, IMDS_VERSION);
    state->url =
        str_printf("%s&resource=%s%s%s", state->probe_url, resource, client ? "&client_id=" : "", client ? client : "");
    if (!url_is_local(state->url) || strpbrk(host, "?#"))
        return error_set(err, EXIT_USAGE,
                         "AZURE_POD_IDENTITY_AUTHORITY_HOST does not lead to a service of this "
                         "machine: plain http is used for no other");
    return 0;
}

/* An identity that was named must not silently become another. */
static int refuse_client(const struct credential_setup *setup, struct error **err)
{
    if (setup->options->identity)
        return error_set(err, EXIT_USAGE, "--identity: a server of Azure Arc has no identity but its own");
    return credential_unavailable(err, "a server of Azure Arc has no identity but its own, and AZURE_CLIENT_ID names "
                                       "one");
}

int credential_open_managed(struct credential_setup *setup, struct credential **credential, struct error **err)
{
    const char *client =
        setup->options->identity ? setup->options->identity : credential_environment("AZURE_CLIENT_ID");
    _cleanup_(cleanup_state) struct managed_state *state = xcalloc(1, sizeof(*state));
    _cleanup_free_ char *arc = NULL;
    _cleanup_free_ char *audience = NULL;
    _cleanup_free_ char *resource = NULL;

    if ((client && credential_check_client(client, "AZURE_CLIENT_ID", err) < 0) ||
        credential_resource(setup->options, &audience, err) < 0 || managed_arc_find(&arc, err) < 0 ||
        http_open(NULL, &state->http, err) < 0)
        return -1;
    if (arc && client)
        return refuse_client(setup, err);
    resource = url_encode(audience);
    state->probe_ms = setup->only ? PATIENT_PROBE_MS : PROBE_MS;
    if (arc) {
        state->url = str_printf("%s?api-version=%s&resource=%s", arc, ARC_VERSION, resource);
        state->arc_folder = str_dup(setup->options->arc_folder ? setup->options->arc_folder : MANAGED_ARC_FOLDER);
    } else if (set_imds_urls(state, resource, client, err) < 0) {
        return -1;
    }
    *credential = credential_new(&kind, steal(state),
                                 arc      ? str_dup("managed identity of this server in Azure Arc")
                                 : client ? str_printf("managed identity %s", client)
                                          : str_dup("managed identity of this VM"));
    return 0;
}
