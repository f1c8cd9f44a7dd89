/* SPDX-License-Identifier: MIT */
/* An application's client secret: the client credentials grant (RFC 6749, 4.4; Microsoft identity platform,
 * v2.0). */
#include <string.h>

#include "azure/cloud_error.h"
#include "azure/credential-internal.h"
#include "azure/retry.h"
#include "azure/url.h"
#include "util/secret.h"
#include "util/str.h"

struct secret_state {
    struct http *http;
    char *url;
    char *client;
    char *scope;
    char *secret;
};

static int append_field(struct buffer *form, const char *name, const char *value)
{
    _cleanup_secret_ char *encoded = url_encode(value);

    if (buffer_append(form, name, strlen(name)) < 0)
        return -1;
    return buffer_append(form, encoded, strlen(encoded));
}

static int fetch(void *argument, struct wait *wait, struct credential_token *token, struct error **err)
{
    const struct secret_state *state = argument;
    _cleanup_buffer_ struct buffer form = BUFFER_INIT(65536);
    _cleanup_http_answer_ struct http_answer answer = {0};
    struct http_request request = {
        .url = state->url,
        .content_type = "application/x-www-form-urlencoded",
        .secret = true,
    };
    _cleanup_free_ char *host = url_host(state->url);

    form.secret = true;
    if (append_field(&form, "grant_type=", "client_credentials") < 0 ||
        append_field(&form, "&client_id=", state->client) < 0 ||
        append_field(&form, "&client_secret=", state->secret) < 0 || append_field(&form, "&scope=", state->scope) < 0)
        return error_set(err, EXIT_AUTH, "the client secret is too long for one");
    request.body = buffer_text(&form);
    /* asking for a token twice does no harm */
    if (retry_send(state->http, &request, RETRY_SAFE, wait, &answer, err) < 0)
        return -1;
    if (answer.status != 200)
        return cloud_error_set(host, &answer, err);
    return credential_parse_answer(host, &answer, token, err);
}

static void free_state(void *argument)
{
    struct secret_state *state = argument;

    if (!state)
        return;
    http_close(state->http);
    free(state->url);
    free(state->client);
    free(state->scope);
    secret_free(state->secret);
    free(state);
}

static void free_state_ptr(struct secret_state **state)
{
    free_state(*state);
}

static const struct credential_kind kind = {.fetch = fetch, .free_state = free_state, .renewable = true};

/* Both are GUIDs; a tenant may also be named by a domain. The tenant becomes part of the sign-in's path. */
static int check_ids(const char *tenant, const char *client, struct error **err)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-.";
    _cleanup_free_ char *safe_tenant = str_printable(tenant, strlen(tenant), 80);
    _cleanup_free_ char *safe_client = str_printable(client, strlen(client), 80);

    if (!str_only(tenant, alphabet) || strlen(tenant) > 253 || strstr(tenant, "..") || tenant[0] == '.')
        return error_set(err, EXIT_USAGE, "AZURE_TENANT_ID is neither an id nor a domain: \"%s\"", safe_tenant);
    if (!str_only(client, alphabet) || strlen(client) > 128)
        return error_set(err, EXIT_USAGE, "AZURE_CLIENT_ID is no application's id: \"%s\"", safe_client);
    return 0;
}

int credential_new_secret(const struct credential_options *options, const char *tenant, const char *client,
                          char *secret, struct credential **credential, struct error **err)
{
    _cleanup_(free_state_ptr) struct secret_state *state = xcalloc(1, sizeof(*state));
    _cleanup_free_ char *authority = NULL;
    _cleanup_free_ char *endpoint = NULL;
    const char *wanted = options->authority ? options->authority : CLOUD_PUBLIC_AUTHORITY;

    state->secret = secret;
    if (check_ids(tenant, client, err) < 0 || url_parse_base(wanted, "--authority", &authority, err) < 0 ||
        url_parse_base(options->endpoint ? options->endpoint : CLOUD_PUBLIC_ENDPOINT, "--endpoint", &endpoint, err) < 0)
        return -1;
    if (http_open(options->ca_file, &state->http, err) < 0)
        return -1;
    state->url = str_printf("%s/%s/oauth2/v2.0/token", authority, tenant);
    state->client = str_dup(client);
    state->scope = str_printf("%s/.default", endpoint);
    *credential =
        credential_new(&kind, steal(state), str_printf("client secret of application %s in tenant %s", client, tenant));
    return 0;
}
