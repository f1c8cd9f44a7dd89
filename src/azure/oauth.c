/* SPDX-License-Identifier: MIT */
#include "azure/oauth.h"

#include <string.h>

#include "azure/cloud_error.h"
#include "azure/retry.h"
#include "azure/url.h"
#include "util/secret.h"
#include "util/str.h"

/* Both are GUIDs; a tenant may also be named by a domain. The tenant becomes part of the sign-in's path. */
static int check_ids(const char *tenant, const char *client, struct error **err)
{
    _cleanup_free_ char *safe_tenant = str_printable(tenant, strlen(tenant), 80);

    if (!credential_is_id(tenant) || strstr(tenant, "..") || tenant[0] == '.')
        return error_set(err, EXIT_USAGE, "AZURE_TENANT_ID is neither an id nor a domain: \"%s\"", safe_tenant);
    return credential_check_client(client, "AZURE_CLIENT_ID", err);
}

int oauth_open(struct oauth *oauth, const struct credential_options *options, const char *tenant, const char *client,
               struct error **err)
{
    _cleanup_free_ char *authority = NULL;
    _cleanup_free_ char *endpoint = NULL;
    const char *wanted = options->authority ? options->authority : CLOUD_PUBLIC_AUTHORITY;

    memset(oauth, 0, sizeof(*oauth));
    if (check_ids(tenant, client, err) < 0 || url_parse_base(wanted, "--authority", &authority, err) < 0 ||
        url_parse_base(options->endpoint ? options->endpoint : CLOUD_PUBLIC_ENDPOINT, "--endpoint", &endpoint, err) <
            0 ||
        http_open(options->ca_file, &oauth->http, err) < 0)
        return -1;
    oauth->host = url_host(authority);
    oauth->token_url = str_printf("%s/%s/oauth2/v2.0/token", authority, tenant);
    oauth->device_url = str_printf("%s/%s/oauth2/v2.0/devicecode", authority, tenant);
    oauth->client = str_dup(client);
    oauth->scope = str_printf("%s/.default", endpoint);
    return 0;
}

void oauth_clear(struct oauth *oauth)
{
    http_close(oauth->http);
    free(oauth->host);
    free(oauth->token_url);
    free(oauth->device_url);
    free(oauth->client);
    free(oauth->scope);
    memset(oauth, 0, sizeof(*oauth));
}

int oauth_add(struct buffer *form, const char *name, const char *value, struct error **err)
{
    _cleanup_secret_ char *encoded = url_encode(value);

    if ((form->length && buffer_append(form, "&", 1) < 0) || buffer_append(form, name, strlen(name)) < 0 ||
        buffer_append(form, "=", 1) < 0 || buffer_append(form, encoded, strlen(encoded)) < 0)
        return error_set(err, EXIT_AUTH, "the sign-in's %s is too long for one", name);
    return 0;
}

static struct http_request request_of(const char *url, const struct buffer *form)
{
    return (struct http_request){
        .url = url, .body = buffer_text(form), .content_type = "application/x-www-form-urlencoded", .secret = true};
}

int oauth_post(const struct oauth *oauth, const char *url, const struct buffer *form, struct wait *wait,
               struct http_answer *answer, struct error **err)
{
    const struct http_request request = request_of(url, form);

    /* asking for a token twice does no harm */
    return retry_send(oauth->http, &request, RETRY_SAFE, wait, answer, err);
}

int oauth_post_once(const struct oauth *oauth, const char *url, const struct buffer *form, struct wait *wait,
                    struct http_answer *answer, struct error **err)
{
    const struct http_request request = request_of(url, form);

    return http_send(oauth->http, &request, wait, answer, err);
}

int oauth_request_token(const struct oauth *oauth, struct buffer *form, struct wait *wait,
                        struct credential_token *token, struct error **err)
{
    _cleanup_http_answer_ struct http_answer answer = {0};

    if (oauth_add(form, "client_id", oauth->client, err) < 0 || oauth_add(form, "scope", oauth->scope, err) < 0 ||
        oauth_post(oauth, oauth->token_url, form, wait, &answer, err) < 0)
        return -1;
    if (answer.status != 200)
        return cloud_error_set_sign_in(oauth->host, &answer, err);
    return credential_parse_answer(oauth->host, &answer, token, err);
}
