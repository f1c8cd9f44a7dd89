/* SPDX-License-Identifier: MIT */
#include "cmd/azure_access.h"

#include <stdlib.h>
#include <string.h>

#include "util/json.h"
#include "util/str.h"

/* Where to go: owned strings. */
struct place {
    char *endpoint;
    char *authority;
    const char *portal_domain; /* not owned */
};

static void place_clear(struct place *place)
{
    free(place->endpoint);
    free(place->authority);
}

static int sign_in(struct azure_access *access, const struct options *options, const struct place *place,
                   struct wait *wait, struct error **err)
{
    const struct credential_options credential = {.auth = options->auth,
                                                  .token_file = options->token_file,
                                                  .identity = options->identity,
                                                  .authority = place->authority,
                                                  .endpoint = place->endpoint,
                                                  .ca_file = options->ca_file,
                                                  .unattended = options->unattended};
    struct arm_options arm = {.endpoint = place->endpoint, .ca_file = options->ca_file, .wait = wait};
    const char *token;

    if (credential_open(&credential, &access->credential, err) < 0)
        return -1;
    arm.credential = access->credential;
    access->endpoint = str_dup(place->endpoint);
    access->authority = str_dup(place->authority);
    access->portal_domain = place->portal_domain;
    if (arm_open(&arm, &access->arm, err) < 0 || credential_get_token(access->credential, false, wait, &token, err) < 0)
        return error_wrap(err, "signing in to Azure");
    return 0;
}

/* A sign-in takes them from the environment, so that a second one would miss what the first one had. */
static bool has_secret_variable(void)
{
    for (size_t i = 0; credential_secret_variables[i]; i++)
        if (getenv(credential_secret_variables[i]))
            return true;
    return false;
}

/* A token of one place is of no use at another, nor is one authority's good at another's Resource Manager. */
static bool is_at(const struct azure_access *access, const struct place *place)
{
    return str_equal_ignoring_case(access->endpoint, place->endpoint) &&
           str_equal_ignoring_case(access->authority, place->authority);
}

static int refuse_second_cloud(const struct azure_access *access, const struct place *place, const char *did,
                               struct error **err)
{
    error_set(err, EXIT_USAGE, "it was given by %s (sign-in at %s), and this command has %s %s (at %s)",
              place->endpoint, place->authority, did, access->endpoint, access->authority);
    return error_hint(err, "unmount the sessions of each cloud with a command of its own");
}

static int open_at(struct azure_access *access, const struct options *options, const struct place *place,
                   struct wait *wait, struct error **err)
{
    struct error *failure = NULL;
    bool had_secret = has_secret_variable();

    if (access->failure && is_at(access, place))
        return error_set_copy(err, access->failure);
    if (access->failure && access->secret_is_used)
        return refuse_second_cloud(access, place, "failed to sign in to", err);
    azure_access_close(access);
    if (sign_in(access, options, place, wait, &failure) == 0)
        return 0;
    azure_access_close(access);
    access->failure = failure;
    access->secret_is_used = had_secret;
    access->endpoint = str_dup(place->endpoint);
    access->authority = str_dup(place->authority);
    return error_set_copy(err, failure);
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

/* Azure's libraries take the variable with and without the scheme. */
static char *authority_from_environment(void)
{
    const char *value = variable("AZURE_AUTHORITY_HOST");

    return !value ? NULL : strstr(value, "://") ? str_dup(value) : str_printf("https://%s", value);
}

/*
 * Where portals are with that Resource Manager (NULL: any). One that is no cloud's, such as one behind a gateway,
 * leaves the names. Of these only an option's has to be one: the addresses may do without the variable's.
 */
static int find_portal_domain(const struct options *options, const char *endpoint, const char **domain,
                              struct error **err)
{
    const char *name = variable("AZURE_CLOUD");
    const struct cloud *cloud = NULL;

    if (options->cloud) {
        cloud = cloud_find(options->cloud, "--cloud", err);
        if (!cloud)
            return -1;
    }
    if (!cloud && endpoint)
        cloud = cloud_of_endpoint(endpoint);
    if (!cloud && name)
        cloud = cloud_find(name, "AZURE_CLOUD", NULL);
    *domain = cloud ? cloud->portal_domain : CLOUD_PUBLIC_PORTAL_DOMAIN;
    return 0;
}

/*
 * An address of its own comes before a cloud's name, an option before what was recorded with a session, and that before
 * a variable. recorded may be NULL.
 */
static int choose(const struct options *options, const cJSON *recorded, struct place *place, struct error **err)
{
    const char *name = options->cloud ? options->cloud : variable("AZURE_CLOUD");
    const struct cloud *cloud = NULL;
    const char *endpoint = options->endpoint;
    const char *authority = options->authority;

    if (!endpoint && !options->cloud)
        endpoint = json_string(recorded, "endpoint");
    if (!authority && !options->cloud)
        authority = json_string(recorded, "authority");
    /* a variable with a cloud that azilr does not know is no matter where the addresses are known */
    if (!endpoint || !authority || options->cloud) {
        cloud = cloud_find(name ? name : "public", options->cloud || !name ? "--cloud" : "AZURE_CLOUD", err);
        if (!cloud)
            return -1;
    }
    place->endpoint = str_dup(endpoint ? endpoint : cloud->endpoint);
    if (!authority && !options->cloud)
        place->authority = authority_from_environment();
    if (!place->authority)
        place->authority = str_dup(authority ? authority : cloud->authority);
    return find_portal_domain(options, place->endpoint, &place->portal_domain, err);
}

int azure_access_portal_domain(const struct options *options, const char **domain, struct error **err)
{
    return find_portal_domain(options, options->endpoint, domain, err);
}

int azure_access_places(const struct options *options, char **endpoint, char **authority, struct error **err)
{
    _cleanup_(place_clear) struct place place = {0};

    if (choose(options, NULL, &place, err) < 0)
        return -1;
    *endpoint = steal(place.endpoint);
    *authority = steal(place.authority);
    return 0;
}

int azure_access_open(struct azure_access *access, const struct options *options, struct wait *wait, struct error **err)
{
    _cleanup_(place_clear) struct place place = {0};

    if (choose(options, NULL, &place, err) < 0)
        return -1;
    return open_at(access, options, &place, wait, err);
}

int azure_access_open_recorded(struct azure_access *access, const struct options *options, const cJSON *registration,
                               struct wait *wait, struct error **err)
{
    _cleanup_(place_clear) struct place place = {0};

    if (choose(options, registration, &place, err) < 0)
        return -1;
    if (!access->arm)
        return open_at(access, options, &place, wait, err);
    if (!is_at(access, &place))
        return refuse_second_cloud(access, &place, "signed in to", err);
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
    error_free(access->failure);
    *access = (struct azure_access){0};
}
