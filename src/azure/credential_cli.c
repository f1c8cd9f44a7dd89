/* SPDX-License-Identifier: MIT */
/* The Azure CLI of the person who called sudo: it runs as that person and never as root, whose trust their files do not
 * have. (`az account get-access-token`, Azure CLI reference.) */
#include "azure/credential_cli.h"

#include <string.h>

#include "azure/secret_json.h"
#include "util/person.h"
#include "util/run.h"
#include "util/str.h"

/* It is a Python program that takes a second to start, and asks the network. */
static const int64_t TIMEOUT_MS = 30000;

struct cli_state {
    char *program; /* NULL for az */
    char *resource;
};

int credential_cli_parse(const char *text, size_t length, time_t now, struct credential_token *token,
                         struct error **err)
{
    _cleanup_secret_json_ cJSON *document = json_parse(text, length, "what az printed", NULL);
    const char *value = json_string(document, "accessToken");
    double ends = json_number(document, "expires_on", 0);

    if (!value || !str_equal_ignoring_case(json_string(document, "tokenType"), "Bearer"))
        return error_set(err, EXIT_AUTH, "az printed something else than an access token");
    if (credential_check_token(value, "what az printed", err) < 0)
        return -1;
    token->text = str_dup(value);
    token->lifetime_s = ends > (double)now && ends < (double)now + 30.0 * 86400 ? (int64_t)(ends - (double)now) : 0;
    return 0;
}

/* The person's way out of a network where there is a proxy, and where their az keeps its files. A proxy's address that
 * holds a password stays here. */
static void choose_environment(char *chosen[RUN_MAX_ENVIRONMENT])
{
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY",        "no_proxy",
                                        "NO_PROXY",    "REQUESTS_CA_BUNDLE", "AZURE_CONFIG_DIR"};
    size_t count = 0;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *value = credential_environment(names[i]);

        if (value && !strchr(value, '@'))
            chosen[count++] = str_printf("%s=%s", names[i], value);
    }
    chosen[count] = NULL;
}

static void free_environment(char *(*chosen)[RUN_MAX_ENVIRONMENT])
{
    for (size_t i = 0; (*chosen)[i]; i++)
        free((*chosen)[i]);
}

static int explain_failure(const struct run_result *result, const struct person *person, struct error **err)
{
    _cleanup_free_ char *words = run_last_words(result);
    _cleanup_free_ char *name = str_printable(person->name, strlen(person->name), 64);

    if (strstr(words, "az login")) {
        credential_unavailable(err, "the user %s is not logged in with az (it said: %s)", name, words);
        error_hint(err, "as %s: az login", name);
    } else {
        credential_unavailable(err, "az, run as %s, ended with exit code %d: %s", name, result->exit_code, words);
    }
    return CREDENTIAL_UNAVAILABLE;
}

static int fetch(void *argument, struct wait *wait, struct credential_token *token, struct error **err)
{
    const struct cli_state *state = argument;
    const char *const argv[] = {state->program ? state->program : "az",
                                "account",
                                "get-access-token",
                                "--output",
                                "json",
                                "--resource",
                                state->resource,
                                NULL};
    _cleanup_(free_environment) char *environment[RUN_MAX_ENVIRONMENT] = {NULL};
    _cleanup_person_ struct person person = {0};
    _cleanup_run_result_ struct run_result result = {0};
    struct run_options options = RUN_OPTIONS_INIT;
    _cleanup_error_ struct error *why = NULL;

    if (person_find(&person, err) < 0)
        return CREDENTIAL_UNAVAILABLE;
    choose_environment(environment);
    options.timeout_ms = TIMEOUT_MS;
    options.interruptible = 1;
    options.person = &person;
    options.environment = (const char *const *)environment;
    options.secret_output = 1;
    if (run(argv, &options, wait, &result, &why) < 0) {
        bool absent = why->code == EXIT_HOST || why->code == EXIT_FAILED;

        error_move(err, &why);
        return absent ? CREDENTIAL_UNAVAILABLE : -1;
    }
    if (result.exit_code != 0)
        return explain_failure(&result, &person, err);
    return credential_cli_parse(buffer_text(&result.output), result.output.length, time(NULL), token, err);
}

static void free_state(void *argument)
{
    struct cli_state *state = argument;

    free(state->program);
    free(state->resource);
    free(state);
}

DEFINE_CLEANUP(cleanup_state, struct cli_state *, free_state);

static const struct credential_kind kind = {.fetch = fetch, .free_state = free_state, .renewable = true};

int credential_open_cli(struct credential_setup *setup, struct credential **credential, struct error **err)
{
    _cleanup_(cleanup_state) struct cli_state *state = xcalloc(1, sizeof(*state));
    _cleanup_person_ struct person person = {0};
    _cleanup_free_ char *name = NULL;

    if (credential_resource(setup->options, &state->resource, err) < 0)
        return -1;
    if (person_find(&person, err) < 0)
        return CREDENTIAL_UNAVAILABLE;
    if (setup->options->cli_program)
        state->program = str_dup(setup->options->cli_program);
    name = str_printable(person.name, strlen(person.name), 64);
    *credential = credential_new(&kind, steal(state), str_printf("Azure CLI of the user %s", name));
    return 0;
}
