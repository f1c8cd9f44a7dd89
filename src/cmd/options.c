/* SPDX-License-Identifier: MIT */
#include "cmd/options.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "util/log.h"
#include "util/str.h"

#define AZURE_USERS (OPTIONS_MOUNT | OPTIONS_UNMOUNT)
#define ALL_USERS (OPTIONS_MOUNT | OPTIONS_UNMOUNT | OPTIONS_STATUS)

static const struct option_spec {
    const char *name;
    char letter;          /* 0 for none */
    const char *argument; /* what to call it in the help; NULL for a flag */
    unsigned users;
    size_t offset; /* in struct options */
    const char *help;
} specs[] = {
    {"vault-name", 'v', "NAME", OPTIONS_MOUNT, offsetof(struct options, vault), "the Recovery Services vault"},
    {"resource-group", 'g', "NAME", OPTIONS_MOUNT, offsetof(struct options, resource_group),
     "the vault's resource group"},
    {"subscription", 's', "ID", OPTIONS_MOUNT, offsetof(struct options, subscription),
     "the vault's subscription (default: AZURE_SUBSCRIPTION_ID)"},
    {"script", 0, "FILE", OPTIONS_MOUNT, offsetof(struct options, script),
     "use a connection script downloaded from the portal"},
    {"password-file", 0, "FILE", OPTIONS_MOUNT, offsetof(struct options, password_file),
     "the script's password (default: asked on the terminal)"},
    {"dir", 0, "DIR", OPTIONS_MOUNT, offsetof(struct options, dir), "where to mount (default: /mnt/azilr/SESSION)"},
    {"initiator-name", 0, "IQN", OPTIONS_MOUNT, offsetof(struct options, initiator_name),
     "the iSCSI initiator name to use (default: one made for this session)"},
    {"timeout", 0, "SECONDS", OPTIONS_MOUNT, offsetof(struct options, timeout), "give up after this long"},
    {"all", 0, NULL, OPTIONS_UNMOUNT, offsetof(struct options, all), "every session of this host"},
    {"auth", 0, "NAME", AZURE_USERS, offsetof(struct options, auth),
     "token, environment, workload-identity, managed-identity, azure-cli, device-code: sign in so only"},
    {"token-file", 0, "FILE", AZURE_USERS, offsetof(struct options, token_file),
     "sign in with the access token in FILE (default: AZURE_ACCESS_TOKEN)"},
    {"identity", 0, "CLIENT-ID", AZURE_USERS, offsetof(struct options, identity),
     "the user-assigned managed identity (default: AZURE_CLIENT_ID, else the VM's own)"},
    {"cloud", 0, "NAME", AZURE_USERS, offsetof(struct options, cloud),
     "public, usgov or china (default: AZURE_CLOUD, else public)"},
    {"endpoint", 0, "URL", AZURE_USERS, offsetof(struct options, endpoint),
     "Azure Resource Manager (default: the cloud's)"},
    {"authority", 0, "URL", AZURE_USERS, offsetof(struct options, authority),
     "where to sign in (default: the cloud's)"},
    {"ca-file", 0, "FILE", AZURE_USERS, offsetof(struct options, ca_file),
     "trust the certificates in FILE as well, in PEM form"},
    {"json", 0, NULL, ALL_USERS, offsetof(struct options, json), "the result as one JSON document"},
    {"quiet", 'q', NULL, ALL_USERS, offsetof(struct options, quiet), "no progress, only warnings and errors"},
    {"verbose", 0, NULL, ALL_USERS, offsetof(struct options, verbose), "say more of what is being done"},
    {"help", 'h', NULL, ALL_USERS, offsetof(struct options, help), "this text"},
};

enum { SPEC_COUNT = sizeof(specs) / sizeof(specs[0]), FIRST_VALUE = 256 };

/* getopt's two forms of the table, with what this subcommand does not take left out. */
static void make_getopt_tables(enum option_user user, struct option longs[SPEC_COUNT + 1],
                               char letters[SPEC_COUNT * 2 + 2])
{
    size_t count = 0;
    char *letter = letters;

    *letter++ = ':';
    for (int i = 0; i < SPEC_COUNT; i++) {
        if (!(specs[i].users & user))
            continue;
        longs[count++] = (struct option){.name = specs[i].name,
                                         .has_arg = specs[i].argument ? required_argument : no_argument,
                                         .val = FIRST_VALUE + i};
        if (specs[i].letter) {
            *letter++ = specs[i].letter;
            if (specs[i].argument)
                *letter++ = ':';
        }
    }
    longs[count] = (struct option){0};
    *letter = '\0';
}

static const struct option_spec *spec_of(int value)
{
    if (value >= FIRST_VALUE)
        return &specs[value - FIRST_VALUE];
    for (int i = 0; i < SPEC_COUNT; i++)
        if (specs[i].letter == value)
            return &specs[i];
    return NULL;
}

static bool has_control_character(const char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            return true;
    return false;
}

static int store(struct options *options, const struct option_spec *spec, const char *value, struct error **err)
{
    char *field = (char *)options + spec->offset;
    const bool yes = true;

    if (!spec->argument) {
        memcpy(field, &yes, sizeof(yes));
        return 0;
    }
    if (*value == '\0' || has_control_character(value))
        return error_set(err, EXIT_USAGE, "--%s must not be empty or hold control characters", spec->name);
    memcpy(field, &value, sizeof(value));
    return 0;
}

static int complain(const char *command, int problem, char **argv, struct error **err)
{
    const char *text = argv[optind - 1] ? argv[optind - 1] : "";
    _cleanup_free_ char *shown = str_printable(text, strlen(text), 60);

    if (problem == ':')
        error_set(err, EXIT_USAGE, "%s: the option %s needs a value", command, shown);
    else if (optopt && optopt < FIRST_VALUE)
        error_set(err, EXIT_USAGE, "%s: unknown option -%c", command, optopt);
    else
        error_set(err, EXIT_USAGE, "%s: unknown or ambiguous option %s", command, shown);
    return error_hint(err, "`azilr %s --help` lists the options", command);
}

int options_parse(int argc, char **argv, enum option_user user, struct options *options, char ***rest, int *rest_count,
                  struct error **err)
{
    struct option longs[SPEC_COUNT + 1];
    char letters[SPEC_COUNT * 2 + 2];
    int value;

    *options = (struct options){0};
    make_getopt_tables(user, longs, letters);
    opterr = 0;
    optind = 1;
    while ((value = getopt_long(argc, argv, letters, longs, NULL)) != -1) {
        const struct option_spec *spec = value == '?' || value == ':' ? NULL : spec_of(value);

        if (!spec)
            return complain(argv[0], value, argv, err);
        if (store(options, spec, optarg, err) < 0)
            return -1;
    }
    *rest = argv + optind;
    *rest_count = argc - optind;
    if (options->quiet)
        log_set_level(LOG_LEVEL_QUIET);
    else if (options->verbose)
        log_set_level(LOG_LEVEL_VERBOSE);
    return 0;
}

void options_print_help(const char *usage, enum option_user user)
{
    printf("Usage: %s\n\n", usage);
    for (int i = 0; i < SPEC_COUNT; i++) {
        _cleanup_free_ char *left = NULL;

        if (!(specs[i].users & user))
            continue;
        left = str_printf("--%s%s%s", specs[i].name, specs[i].argument ? " " : "",
                          specs[i].argument ? specs[i].argument : "");
        if (specs[i].letter)
            printf("  -%c, %-24s %s\n", specs[i].letter, left, specs[i].help);
        else
            printf("      %-24s %s\n", left, specs[i].help);
    }
}
