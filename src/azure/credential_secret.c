/* SPDX-License-Identifier: MIT */
/* An application's client secret: the client credentials grant (RFC 6749, 4.4; Microsoft identity platform,
 * v2.0). */
#include "azure/oauth.h"
#include "util/secret.h"
#include "util/str.h"

struct secret_state {
    struct oauth oauth;
    char *secret;
};

static int fetch(void *argument, struct wait *wait, struct credential_token *token, struct error **err)
{
    const struct secret_state *state = argument;
    _cleanup_buffer_ struct buffer form = OAUTH_FORM_INIT;

    if (oauth_add(&form, "grant_type", "client_credentials", err) < 0 ||
        oauth_add(&form, "client_secret", state->secret, err) < 0)
        return -1;
    return oauth_request_token(&state->oauth, &form, wait, token, err);
}

static void free_state(void *argument)
{
    struct secret_state *state = argument;

    oauth_clear(&state->oauth);
    secret_free(state->secret);
    free(state);
}

DEFINE_CLEANUP(cleanup_state, struct secret_state *, free_state);

static const struct credential_kind kind = {.fetch = fetch, .free_state = free_state, .renewable = true};

int credential_new_secret(const struct credential_options *options, const char *tenant, const char *client,
                          char *secret, struct credential **credential, struct error **err)
{
    _cleanup_(cleanup_state) struct secret_state *state = xcalloc(1, sizeof(*state));

    state->secret = secret;
    if (oauth_open(&state->oauth, options, tenant, client, err) < 0)
        return -1;
    *credential =
        credential_new(&kind, steal(state), str_printf("client secret of application %s in tenant %s", client, tenant));
    return 0;
}
