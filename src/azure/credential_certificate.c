/* SPDX-License-Identifier: MIT */
/* An application's certificate: the client credentials grant with a signed assertion (RFC 7523, 2.2). */
#include <time.h>

#include "azure/assertion.h"
#include "azure/oauth.h"
#include "util/secret.h"
#include "util/str.h"

struct certificate_state {
    struct oauth oauth;
    struct assertion_key *key;
};

static int fetch(void *argument, struct wait *wait, struct credential_token *token, struct error **err)
{
    const struct certificate_state *state = argument;
    _cleanup_buffer_ struct buffer form = OAUTH_FORM_INIT;
    _cleanup_secret_ char *assertion = NULL;

    if (assertion_make(state->key, state->oauth.client, state->oauth.token_url, time(NULL), &assertion, err) < 0 ||
        oauth_add(&form, "grant_type", "client_credentials", err) < 0 ||
        oauth_add(&form, "client_assertion_type", OAUTH_ASSERTION_TYPE, err) < 0 ||
        oauth_add(&form, "client_assertion", assertion, err) < 0)
        return -1;
    return oauth_request_token(&state->oauth, &form, wait, token, err);
}

static void free_state(void *argument)
{
    struct certificate_state *state = argument;

    oauth_clear(&state->oauth);
    assertion_key_free(state->key);
    free(state);
}

DEFINE_CLEANUP(cleanup_state, struct certificate_state *, free_state);

static const struct credential_kind kind = {.fetch = fetch, .free_state = free_state, .renewable = true};

int credential_new_certificate(const struct credential_options *options, const char *tenant, const char *client,
                               const char *path, const char *password, struct credential **credential,
                               struct error **err)
{
    _cleanup_(cleanup_state) struct certificate_state *state = xcalloc(1, sizeof(*state));

    if (oauth_open(&state->oauth, options, tenant, client, err) < 0)
        return -1;
    if (assertion_key_load(path, password, &state->key, err) < 0)
        return error_wrap(err, "AZURE_CLIENT_CERTIFICATE_PATH");
    *credential =
        credential_new(&kind, steal(state), str_printf("certificate of application %s in tenant %s", client, tenant));
    return 0;
}
