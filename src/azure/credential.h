/* SPDX-License-Identifier: MIT */
/*
 * Bearer tokens for Resource Manager: which kind of sign-in there is to use, and a token that is fresh
 * enough. Each kind is a file of its own behind credential-internal.h.
 */
#ifndef AZILR_AZURE_CREDENTIAL_H
#define AZILR_AZURE_CREDENTIAL_H

#include <stdbool.h>

#include "azure/cloud.h"
#include "util/error.h"
#include "util/wait.h"

struct credential;

/* The variables that hold secrets; ends in NULL. */
extern const char *const credential_secret_variables[];

struct credential_options {
    const char *auth;       /* --auth: the one kind to use; NULL tries them in order */
    const char *token_file; /* --token-file, or NULL */
    const char *identity;   /* --identity: the client id of a user-assigned managed identity, or NULL */
    const char *authority;  /* NULL means CLOUD_PUBLIC_AUTHORITY */
    const char *endpoint;   /* whose token is wanted: as for arm_open() */
    const char *ca_file;    /* as for http_open() */
    bool unattended;        /* a kind that asks a person is used only if `auth` names it */
    /* for tests; NULL means where these things are on any host */
    const char *cli_program; /* az */
    const char *arc_folder;  /* /var/opt/azcmagent/tokens */
};

/*
 * Gets ready to sign in. Without `auth`, an `identity` is used alone, or a token that was given (the file, or
 * AZURE_ACCESS_TOKEN); or else the kinds are tried in the order of Azure's own libraries (DefaultAzureCredential) when
 * the first token is wanted: environment (client secret, then certificate), workload-identity, managed-identity,
 * azure-cli, and device-code where there is a terminal. The first that serves is kept; one that is set up but refused
 * ends the search, since a person who set it up wants to know. Secrets found in the environment are wiped from there,
 * so this works once in a process. Nothing is asked of the network yet. EXIT_AUTH if what `auth` names is not set up;
 * EXIT_USAGE for an unsuitable option or variable. The caller frees *credential.
 */
int credential_open(const struct credential_options *options, struct credential **credential, struct error **err);
void credential_free(struct credential *credential);

/*
 * A token; signs in where there is none yet or it is about to expire, or in any case with `anew`. One that expires
 * within minutes and cannot be replaced within 10 s is given all the same, until it has expired or is refused; the next
 * attempt comes after 30 s, then after the double. *token is owned by the credential and stands until the next call.
 * EXIT_AUTH (if no kind serves the message says of each why), EXIT_NETWORK, or wait's own.
 */
int credential_get_token(struct credential *credential, bool anew, struct wait *wait, const char **token,
                         struct error **err);

/* Whether `anew` can give another token than the one that was refused. */
bool credential_is_renewable(const struct credential *credential);

/* For people: "client secret of application 1234… in tenant …". Never a secret. Owned by the credential. As long as no
 * token has been got, it may be what would be tried first. */
const char *credential_description(const struct credential *credential);

DEFINE_CLEANUP(cleanup_credential_ptr, struct credential *, credential_free);
#define _cleanup_credential_ _cleanup_(cleanup_credential_ptr)

#endif
