/* SPDX-License-Identifier: MIT */
/* A token that somebody else got: from a file, or from AZURE_ACCESS_TOKEN. */
#include "azure/credential-internal.h"
#include "util/secret.h"
#include "util/str.h"

static int fetch(void *state, struct wait *wait, struct credential_token *token, struct error **err)
{
    (void)wait;
    (void)err;
    token->text = str_dup(state);
    return 0;
}

static void free_state(void *state)
{
    secret_free(state);
}

static const struct credential_kind kind = {.fetch = fetch, .free_state = free_state, .renewable = false};

int credential_new_token(const char *path, char *token, struct credential **credential, struct error **err)
{
    _cleanup_secret_ char *text = token;

    if (path && secret_from_file(path, CREDENTIAL_MAX_TOKEN, &text, err) < 0)
        return error_wrap(err, "cannot read the token");
    if (credential_check_token(text, path ? path : "AZURE_ACCESS_TOKEN", err) < 0)
        return -1;
    *credential = credential_new(&kind, steal(text),
                                 path ? str_printf("token in %s", path) : str_dup("token in AZURE_ACCESS_TOKEN"));
    return 0;
}
