/* SPDX-License-Identifier: MIT */
/* A workload's identity: another issuer's token, which lies in a file, proves the application (Microsoft Entra Workload
 * ID; the file is replaced as its token ages, so it is read for each sign-in). */
#include <string.h>

#include "azure/oauth.h"
#include "util/secret.h"
#include "util/str.h"

struct workload_state {
    struct oauth oauth;
    char *path;
};

/* The mode is Kubernetes' business: it projects the file as it sees fit. */
static int read_token(const char *path, struct buffer *text, struct error **err)
{
    if (secret_read(path, SECRET_ANY_MODE, text, err) < 0)
        return error_wrap(err, "AZURE_FEDERATED_TOKEN_FILE");
    while (text->length && strchr(" \r\n", text->data[text->length - 1]))
        text->data[--text->length] = '\0';
    return credential_check_token(buffer_text(text), path, err);
}

static int fetch(void *argument, struct wait *wait, struct credential_token *token, struct error **err)
{
    const struct workload_state *state = argument;
    _cleanup_buffer_ struct buffer form = OAUTH_FORM_INIT;
    _cleanup_buffer_ struct buffer federated = BUFFER_INIT(CREDENTIAL_MAX_TOKEN + 2);

    if (read_token(state->path, &federated, err) < 0 || oauth_add(&form, "grant_type", "client_credentials", err) < 0 ||
        oauth_add(&form, "client_assertion_type", OAUTH_ASSERTION_TYPE, err) < 0 ||
        oauth_add(&form, "client_assertion", buffer_text(&federated), err) < 0)
        return -1;
    return oauth_request_token(&state->oauth, &form, wait, token, err);
}

static void free_state(void *argument)
{
    struct workload_state *state = argument;

    oauth_clear(&state->oauth);
    free(state->path);
    free(state);
}

DEFINE_CLEANUP(cleanup_state, struct workload_state *, free_state);

static const struct credential_kind kind = {.fetch = fetch, .free_state = free_state, .renewable = true};

int credential_open_workload(struct credential_setup *setup, struct credential **credential, struct error **err)
{
    const char *path = credential_environment("AZURE_FEDERATED_TOKEN_FILE");
    const char *tenant = credential_environment("AZURE_TENANT_ID");
    const char *client = credential_environment("AZURE_CLIENT_ID");
    _cleanup_(cleanup_state) struct workload_state *state = NULL;

    if (!path || !tenant || !client)
        return credential_unavailable(err, "not set:%s%s%s", path ? "" : " AZURE_FEDERATED_TOKEN_FILE",
                                      tenant ? "" : " AZURE_TENANT_ID", client ? "" : " AZURE_CLIENT_ID");
    state = xcalloc(1, sizeof(*state));
    state->path = str_dup(path);
    if (oauth_open(&state->oauth, setup->options, tenant, client, err) < 0)
        return -1;
    *credential = credential_new(&kind, steal(state),
                                 str_printf("workload identity of application %s in tenant %s", client, tenant));
    return 0;
}
