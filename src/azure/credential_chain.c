/* SPDX-License-Identifier: MIT */
/* Which kinds of sign-in there are, in which order they are tried, and what is said when none serves. */
#include <string.h>

#include "azure/credential-internal.h"
#include "util/log.h"
#include "util/secret.h"
#include "util/str.h"

static const char HINT_SUDO[] =
    "under sudo variables get lost: sudo --preserve-env=AZURE_ACCESS_TOKEN azilr …, "
    "with AZURE_ACCESS_TOKEN=$(az account get-access-token --query accessToken --output tsv)";

/* --- the kinds --- */

static int open_token(struct credential_setup *setup, struct credential **credential, struct error **err)
{
    const char *path = setup->options->token_file;

    if (!path && !setup->token)
        return credential_unavailable(err, "neither --token-file nor AZURE_ACCESS_TOKEN is given");
    return credential_new_token(path, path ? NULL : steal(setup->token), credential, err);
}

/* The secret before the certificate, as Azure's EnvironmentCredential has it. */
static int open_environment(struct credential_setup *setup, struct credential **credential, struct error **err)
{
    const char *tenant = credential_environment("AZURE_TENANT_ID");
    const char *client = credential_environment("AZURE_CLIENT_ID");
    const char *certificate = credential_environment("AZURE_CLIENT_CERTIFICATE_PATH");
    bool proof = setup->client_secret || certificate;

    if (!tenant || !client || !proof)
        return credential_unavailable(err, "not set:%s%s%s", tenant ? "" : " AZURE_TENANT_ID",
                                      client ? "" : " AZURE_CLIENT_ID",
                                      proof ? "" : " AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH");
    if (setup->client_secret)
        return credential_new_secret(setup->options, tenant, client, steal(setup->client_secret), credential, err);
    return credential_new_certificate(setup->options, tenant, client, certificate, setup->certificate_password,
                                      credential, err);
}

/* The order is that of DefaultAzureCredential (Azure SDK documentation, "Credential chains"). */
static const struct source {
    const char *name;
    int (*open)(struct credential_setup *setup, struct credential **credential, struct error **err);
} sources[] = {
    {"token", open_token},
    {"environment", open_environment},
    {"workload-identity", credential_open_workload},
    {"managed-identity", credential_open_managed},
    {"azure-cli", credential_open_cli},
    {"device-code", credential_open_device},
};

enum { SOURCE_COUNT = sizeof(sources) / sizeof(sources[0]) };

/* --- trying them in turn --- */

struct chain {
    struct credential *links[SOURCE_COUNT]; /* NULL where a kind is not set up */
    char *reasons[SOURCE_COUNT];            /* why it does not serve; NULL as long as it may */
    const struct credential *chosen;        /* NULL before the first token */
};

/* One line each: what a service said on several is joined. */
static void note_reason(struct chain *chain, size_t which, const struct error *why)
{
    free(chain->reasons[which]);
    chain->reasons[which] = str_dup(why->message);
    for (char *at = chain->reasons[which]; *at; at++)
        if (*at == '\n')
            *at = ' ';
    log_verbose("not by %s: %s", sources[which].name, chain->reasons[which]);
}

/* Why each of the first `count` does not serve, a line each. */
static void list_reasons(const struct chain *chain, size_t count, struct buffer *text)
{
    for (size_t i = 0; i < count; i++) {
        _cleanup_free_ char *line =
            chain->reasons[i] ? str_printf("\n  %s: %s", sources[i].name, chain->reasons[i]) : NULL;

        if (line)
            buffer_append(text, line, strlen(line));
    }
}

/* After a failure that ends the search: a person may have meant one of those before. */
static int fails_for_good(const struct chain *chain, size_t which, struct error **failure, struct error **err)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(65536);
    _cleanup_free_ char *message = NULL;

    list_reasons(chain, which, &text);
    error_move(err, failure);
    if (!err || (*err)->code == EXIT_INTERRUPTED || !text.length)
        return -1;
    message = (*err)->message;
    (*err)->message = str_printf("%s\nTried before that:%s", message, buffer_text(&text));
    return -1;
}

static int none_serves(const struct chain *chain, struct error **err)
{
    _cleanup_buffer_ struct buffer text = BUFFER_INIT(65536);

    list_reasons(chain, SOURCE_COUNT, &text);
    error_set(err, EXIT_AUTH, "no way to sign in to Azure serves here. Tried, in this order:%s", buffer_text(&text));
    return error_hint(err, "%s", HINT_SUDO);
}

static int fetch_from(const struct chain *chain, size_t which, struct wait *wait, struct credential_token *token,
                      struct error **err)
{
    int result = credential_fetch(chain->links[which], wait, token, err);

    if (result < 0 || (result > 0 && chain->chosen)) {
        error_wrap(err, "cannot sign in with the %s", credential_description(chain->links[which]));
        error_hint(err, "--auth chooses another way to sign in");
    }
    return result;
}

static int fetch(void *argument, struct wait *wait, struct credential_token *token, struct error **err)
{
    struct chain *chain = argument;

    for (size_t i = 0; i < SOURCE_COUNT; i++) {
        _cleanup_error_ struct error *why = NULL;
        int result;

        if (!chain->links[i] || (chain->chosen && chain->chosen != chain->links[i]))
            continue;
        result = fetch_from(chain, i, wait, token, &why);
        if (result == 0) {
            chain->chosen = chain->links[i];
            return 0;
        }
        /* once one has served, another identity must not take its place */
        if (chain->chosen)
            return error_move(err, &why);
        if (result < 0)
            return fails_for_good(chain, i, &why, err);
        note_reason(chain, i, why);
    }
    return none_serves(chain, err);
}

/* Only once there is a token, so one is chosen. */
static int refresh(void *argument, struct wait *wait, struct credential_token *token, struct error **err)
{
    struct chain *chain = argument;

    for (size_t i = 0; i < SOURCE_COUNT; i++) {
        if (!chain->links[i] || chain->chosen != chain->links[i])
            continue;
        if (credential_refresh(chain->links[i], wait, token, err) == 0)
            return 0;
        break;
    }
    return error_wrap(err, "cannot sign in again with the %s", credential_description(chain->chosen));
}

static const struct credential *chosen(const void *argument)
{
    const struct chain *chain = argument;

    for (size_t i = 0; i < SOURCE_COUNT && !chain->chosen; i++)
        if (chain->links[i])
            return chain->links[i];
    return chain->chosen;
}

static void free_chain(void *argument)
{
    struct chain *chain = argument;

    for (size_t i = 0; i < SOURCE_COUNT; i++) {
        credential_free(chain->links[i]);
        free(chain->reasons[i]);
    }
    free(chain);
}

DEFINE_CLEANUP(cleanup_chain, struct chain *, free_chain);

static const struct credential_kind kind = {
    .fetch = fetch, .refresh = refresh, .free_state = free_chain, .chosen = chosen};

static int open_all(struct credential_setup *setup, struct credential **credential, struct error **err)
{
    _cleanup_(cleanup_chain) struct chain *chain = xcalloc(1, sizeof(*chain));

    for (size_t i = 0; i < SOURCE_COUNT; i++) {
        _cleanup_error_ struct error *why = NULL;
        int result = sources[i].open(setup, &chain->links[i], &why);

        if (result < 0)
            return fails_for_good(chain, i, &why, err);
        if (result > 0)
            note_reason(chain, i, why);
    }
    *credential = credential_new(&kind, steal(chain), NULL);
    return 0;
}

/* --- one of them --- */

static const struct source *find_source(const char *name, struct error **err)
{
    _cleanup_free_ char *safe = str_printable(name, strlen(name), 60);

    for (size_t i = 0; i < SOURCE_COUNT; i++)
        if (str_equal(sources[i].name, name))
            return &sources[i];
    error_set(err, EXIT_USAGE, "--auth knows no way to sign in that is called \"%s\"", safe);
    error_hint(err, "it is token, environment, workload-identity, managed-identity, azure-cli or device-code");
    return NULL;
}

static int open_one(const struct source *source, struct credential_setup *setup, struct credential **credential,
                    struct error **err)
{
    int result;

    if (setup->options->token_file && source->open != open_token)
        return error_set(err, EXIT_USAGE, "--token-file goes with --auth token, not with --auth %s", source->name);
    if (setup->options->identity && source->open != credential_open_managed)
        return error_set(err, EXIT_USAGE, "--identity goes with a managed identity, not with the way \"%s\"",
                         source->name);
    setup->only = true;
    result = source->open(setup, credential, err);
    if (result > 0)
        return error_wrap(err, "cannot sign in by %s", source->name);
    return result;
}

/*
 * The one kind that is meant where --auth does not say so. Whoever names an identity, or hands a token over, means just
 * that, with nothing else before or behind it; an option is meant more than a variable.
 */
static const char *name_one(const struct credential_options *options)
{
    if (options->auth)
        return options->auth;
    return options->identity && !options->token_file ? "managed-identity" : "token";
}

static void clear_setup(struct credential_setup *setup)
{
    secret_free(setup->token);
    secret_free(setup->client_secret);
    secret_free(setup->certificate_password);
}

int credential_open(const struct credential_options *options, struct credential **credential, struct error **err)
{
    /* all are taken, so that none of them stays behind in the environment whichever is used */
    _cleanup_(clear_setup) struct credential_setup setup = {
        .options = options,
        .token = credential_take_environment("AZURE_ACCESS_TOKEN"),
        .client_secret = credential_take_environment("AZURE_CLIENT_SECRET"),
        .certificate_password = credential_take_environment("AZURE_CLIENT_CERTIFICATE_PASSWORD"),
    };
    const struct source *source = find_source(name_one(options), err);

    if (!source)
        return -1;
    if (options->identity && credential_check_client(options->identity, "--identity", err) < 0)
        return -1;
    if (options->auth || options->identity || options->token_file || setup.token)
        return open_one(source, &setup, credential, err);
    return open_all(&setup, credential, err);
}
