/* SPDX-License-Identifier: MIT */
/* What the kinds of sign-in share. A new kind is one file with a credential_new_…() and a line in
 * credential_open(). */
#ifndef AZILR_AZURE_CREDENTIAL_INTERNAL_H
#define AZILR_AZURE_CREDENTIAL_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "azure/credential.h"
#include "azure/http.h"

/* The longest token taken; Entra's stay below 8 KiB with group claims, and headers above 16 KiB are refused
 * by ARM. */
#define CREDENTIAL_MAX_TOKEN ((size_t)16384)

struct credential_token {
    char *text;         /* secret */
    int64_t lifetime_s; /* 0 means unknown: kept until it is refused */
};

struct credential_kind {
    /* Gets a token from wherever it comes from. */
    int (*fetch)(void *state, struct wait *wait, struct credential_token *token, struct error **err);
    void (*free_state)(void *state);
    bool renewable;
};

/* Owns state and description from now on. */
struct credential *credential_new(const struct credential_kind *kind, void *state, char *description);

/* The value of a variable, wiped from the environment of this process; NULL if unset or empty. The caller
 * frees it. */
char *credential_take_environment(const char *name);

/* EXIT_AUTH unless text can be a bearer token: printable ASCII without blanks, not too long. `where` names
 * its source. */
int credential_check_token(const char *text, const char *where, struct error **err);

/* Reads an OAuth token answer (RFC 6749, 5.1; expires_in as a number, or as text as older services send it).
 */
int credential_parse_answer(const char *host, const struct http_answer *answer, struct credential_token *token,
                            struct error **err);

/* --token-file (path) or AZURE_ACCESS_TOKEN (token, owned from now on): one of the two is NULL. */
int credential_new_token(const char *path, char *token, struct credential **credential, struct error **err);

/* AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET; secret is owned from now on. */
int credential_new_secret(const struct credential_options *options, const char *tenant, const char *client,
                          char *secret, struct credential **credential, struct error **err);

#endif
