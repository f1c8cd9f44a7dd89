/* SPDX-License-Identifier: MIT */
/* What the kinds of sign-in share. A new kind is one file with a credential_open_…() and a line in the table of
 * credential_chain.c. */
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

/* The third result of what opens a kind or fetches a token: this kind is not to be had here, and *err says why in a few
 * words; the next may be tried. */
#define CREDENTIAL_UNAVAILABLE 1

struct credential_kind {
    /* Gets a token from wherever it comes from: 0, -1, or CREDENTIAL_UNAVAILABLE. */
    int (*fetch)(void *state, struct wait *wait, struct credential_token *token, struct error **err);
    /* The same for a token that is not needed yet, so that no person is asked; NULL where fetch() never asks one. */
    int (*refresh)(void *state, struct wait *wait, struct credential_token *token, struct error **err);
    void (*free_state)(void *state);
    /* Of a kind that tries others: the one it uses; NULL elsewhere. */
    const struct credential *(*chosen)(const void *state);
    bool renewable;
};

/* What the kinds are opened from: the options, and the secrets that were in the environment. */
struct credential_setup {
    const struct credential_options *options;
    char *token;                /* AZURE_ACCESS_TOKEN */
    char *client_secret;        /* AZURE_CLIENT_SECRET */
    char *certificate_password; /* AZURE_CLIENT_CERTIFICATE_PASSWORD */
    bool only;                  /* this kind alone was asked for */
};

/* Sets err and returns CREDENTIAL_UNAVAILABLE. */
int credential_unavailable(struct error **err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* kind->fetch() of a credential, past its memory. */
int credential_fetch(struct credential *credential, struct wait *wait, struct credential_token *token,
                     struct error **err);

/* The same with kind->refresh(), where there is one. */
int credential_refresh(struct credential *credential, struct wait *wait, struct credential_token *token,
                       struct error **err);

/* The value of a variable that is no secret, or NULL if unset or empty. */
const char *credential_environment(const char *name);

/* Whether text can be an id or a domain: letters, digits, "-" and ".". */
bool credential_is_id(const char *text);

/* EXIT_USAGE unless text can be an application's id; `what` names the variable or option. */
int credential_check_client(const char *text, const char *what, struct error **err);

/* The audience of a token for an endpoint: its URL with a slash at the end (EXIT_USAGE if it is none). The caller frees
 * *resource. */
int credential_resource(const struct credential_options *options, char **resource, struct error **err);

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

/* The same with AZURE_CLIENT_CERTIFICATE_PATH; password may be NULL. The file is read at once. */
int credential_new_certificate(const struct credential_options *options, const char *tenant, const char *client,
                               const char *path, const char *password, struct credential **credential,
                               struct error **err);

/*
 * The other kinds: 0 with *credential, -1, or CREDENTIAL_UNAVAILABLE. They take what they need out of the environment
 * and contact nothing.
 */
int credential_open_workload(struct credential_setup *setup, struct credential **credential, struct error **err);
int credential_open_managed(struct credential_setup *setup, struct credential **credential, struct error **err);
int credential_open_cli(struct credential_setup *setup, struct credential **credential, struct error **err);
int credential_open_device(struct credential_setup *setup, struct credential **credential, struct error **err);

#endif
