/* SPDX-License-Identifier: MIT */
#include "cmd/azure_access.h"

#include <stdlib.h>

#include "util/json.h"
#include "util/str.h"

static int open_at(struct azure_access *access, const struct options *options, const char *endpoint,
                   const char *authority, struct wait *wait, struct error **err)
{
    const struct credential_options credential = {
        .token_file = options->token_file, .authority = authority, .endpoint = endpoint, .ca_file = options->ca_file};
    struct arm_options arm = {.endpoint = endpoint, .ca_file = options->ca_file, .wait = wait};
    const char *token;

    if (credential_open(&credential, &access->credential, err) < 0)
        return -1;
    arm.credential = access->credential;
    access->endpoint = str_dup(endpoint);
    access->authority = str_dup(authority);
    if (arm_open(&arm, &access->arm, err) < 0 || credential_get_token(access->credential, false, wait, &token, err) < 0)
        return error_wrap(err, "signing in to Azure");
    return 0;
}

int azure_access_open(struct azure_access *access, const struct options *options, struct wait *wait, struct error **err)
{
    return open_at(access, options, options->endpoint ? options->endpoint : CLOUD_PUBLIC_ENDPOINT,
                   options->authority ? options->authority : CLOUD_PUBLIC_AUTHORITY, wait, err);
}

static const char *choose(const char *option, const char *recorded, const char *otherwise)
{
    return option ? option : recorded ? recorded : otherwise;
}

int azure_access_open_recorded(struct azure_access *access, const struct options *options, const cJSON *registration,
                               struct wait *wait, struct error **err)
{
    const char *endpoint = choose(options->endpoint, json_string(registration, "endpoint"), CLOUD_PUBLIC_ENDPOINT);
    const char *authority = choose(options->authority, json_string(registration, "authority"), CLOUD_PUBLIC_AUTHORITY);

    if (!access->arm)
        return open_at(access, options, endpoint, authority, wait, err);
    if (!str_equal_ignoring_case(access->endpoint, endpoint)) {
        error_set(err, EXIT_USAGE, "it was given by %s, and this command has signed in to %s", endpoint,
                  access->endpoint);
        return error_hint(err, "unmount the sessions of each cloud with a command of its own");
    }
    arm_set_wait(access->arm, wait);
    return 0;
}

cJSON *azure_access_registration(const struct azure_access *access, const char *recovery_point)
{
    cJSON *object = json_new_object();

    json_set_string(object, "recovery_point", recovery_point);
    json_set_string(object, "endpoint", access->endpoint);
    json_set_string(object, "authority", access->authority);
    return object;
}

void azure_access_close(struct azure_access *access)
{
    arm_free(access->arm);
    credential_free(access->credential);
    free(access->endpoint);
    free(access->authority);
    *access = (struct azure_access){0};
}
