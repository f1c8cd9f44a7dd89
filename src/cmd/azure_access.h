/* SPDX-License-Identifier: MIT */
/* Azure as the subcommands use it: options and environment to a signed-in connection, which revokes what was given. */
#ifndef AZILR_CMD_AZURE_ACCESS_H
#define AZILR_CMD_AZURE_ACCESS_H

#include <cjson/cJSON.h>

#include "azure/arm.h"
#include "azure/credential.h"
#include "cmd/options.h"
#include "util/wait.h"

struct azure_access {
    struct credential *credential;
    struct arm *arm; /* NULL until opened */
    char *endpoint;  /* as used, also in vain: an option's, a recorded one's, or the cloud's */
    char *authority;
    const char *portal_domain; /* of the cloud: see azure_access_portal_domain() */
    struct error *failure;     /* why the sign-in there failed; NULL unless it has */
    bool secret_is_used;       /* that one has had a secret from the environment */
};

/*
 * Where azure_access_open() would go: Resource Manager and the sign-in service, as the caller's to free. EXIT_USAGE for
 * a cloud that there is not. Contacts nothing.
 */
int azure_access_places(const struct options *options, char **endpoint, char **authority, struct error **err);

/*
 * The domain in which the cloud's portals are, for a script that names none: of the cloud that an option names, else of
 * the one whose Resource Manager the option for that gives, else of the variable's, else of the public one. EXIT_USAGE
 * for an option with a cloud that there is not. Contacts nothing.
 */
int azure_access_portal_domain(const struct options *options, const char **domain, struct error **err);

/* Chooses the way to sign in and signs in. Errors as credential_open() and credential_get_token() give them. */
int azure_access_open(struct azure_access *access, const struct options *options, struct wait *wait,
                      struct error **err);

/*
 * The same for a session's registration, with the endpoint and authority recorded with it where no option says
 * otherwise, --cloud among them. An access that is open already is used again, since a secret can be taken from the
 * environment only once; EXIT_USAGE if that one is with another endpoint or authority. For the same reason a sign-in
 * that has failed is not tried again at the same endpoint and authority: its error is given once more. Elsewhere one is
 * tried, but where the first has had such a secret: EXIT_USAGE then.
 */
int azure_access_open_recorded(struct azure_access *access, const struct options *options, const cJSON *registration,
                               struct wait *wait, struct error **err);

/* The arguments of a registration in the undo list. The caller owns the object. */
cJSON *azure_access_registration(const struct azure_access *access, const char *recovery_point);

void azure_access_close(struct azure_access *access);
#define _cleanup_azure_access_ _cleanup_(azure_access_close)

#endif
