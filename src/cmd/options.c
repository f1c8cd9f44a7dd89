/* SPDX-License-Identifier: MIT */
#include "cmd/options.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "block/overlay.h"
#include "cmd/config.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/str.h"

static const long MAX_TIMEOUT_S = 12 * 60 * 60;

#define AZURE_USERS (OPTIONS_MOUNT | OPTIONS_UNMOUNT | OPTIONS_RENEW | OPTIONS_LIST | OPTIONS_DOCTOR)
#define VAULT_USERS (OPTIONS_MOUNT | OPTIONS_LIST | OPTIONS_DOCTOR)
#define FINDING_USERS (OPTIONS_MOUNT | OPTIONS_LIST)
#define ALL_USERS (OPTIONS_MOUNT | OPTIONS_UNMOUNT | OPTIONS_STATUS | OPTIONS_RENEW | OPTIONS_LIST | OPTIONS_DOCTOR)

/* In `users`: its default may stand in the environment and in the file. Not for what chooses what is done this once. */
#define HAS_DEFAULT (1U << 16)

/* The same, but only where nothing is recorded with a session, which counts for more than a default. */
#define DEFAULT_UNLESS_RECORDED (1U << 17)

/* May be given several times: its field is a struct option_values. */
#define REPEATS (1U << 31)

static const struct option_spec {
    const char *name;
    char letter;          /* 0 for none */
    const char *argument; /* what to call it in the help; NULL for a flag */
    unsigned users;       /* of enum option_user, and REPEATS */
    size_t offset;        /* in struct options */
    const char *help;
} specs[] = {
    {"vault-name", 'v', "NAME", VAULT_USERS | HAS_DEFAULT, offsetof(struct options, vault),
     "the Recovery Services vault (default: any)"},
    {"resource-group", 'g', "NAME", VAULT_USERS | HAS_DEFAULT, offsetof(struct options, resource_group),
     "the vault's resource group (default: any)"},
    {"subscription", 's', "ID", VAULT_USERS | HAS_DEFAULT, offsetof(struct options, subscription),
     "the vault's subscription (default: AZURE_SUBSCRIPTION_ID, else any)"},
    {"container-name", 'c', "NAME", FINDING_USERS, offsetof(struct options, container),
     "the backup container: the VM's name, or az's full form"},
    {"item-name", 'i', "NAME", FINDING_USERS, offsetof(struct options, item),
     "the backup item: the VM's name, or az's full form"},
    {"at", 0, "TIME", OPTIONS_MOUNT, offsetof(struct options, at),
     "the newest point at or before: \"2026-11-20 03:00\", yesterday, \"2 days ago\""},
    {"point", 0, "ID", OPTIONS_MOUNT, offsetof(struct options, point), "this recovery point: its name, or its ARM id"},
    {"rp-name", 'r', "ID", OPTIONS_MOUNT, offsetof(struct options, point), "the same"},
    {"script", 0, "FILE", OPTIONS_MOUNT | OPTIONS_DOCTOR, offsetof(struct options, script),
     "use a connection script downloaded from the portal"},
    {"password-file", 0, "FILE", OPTIONS_MOUNT, offsetof(struct options, password_file),
     "the script's password (default: asked on the terminal)"},
    {"dir", 0, "DIR", OPTIONS_MOUNT, offsetof(struct options, dir), "where to mount (default: /mnt/azilr/SESSION)"},
    {"unlock", 0, NULL, OPTIONS_MOUNT, offsetof(struct options, unlock),
     "ask for the passphrase of each encrypted volume (LUKS, BitLocker)"},
    {"key-file", 0, "FILE", OPTIONS_MOUNT | REPEATS, offsetof(struct options, key_files),
     "unlock with the passphrase or key in FILE; may be given several times"},
    {"read-ahead", 0, "HOW", OPTIONS_MOUNT | HAS_DEFAULT, offsetof(struct options, read_ahead),
     "volume, from one file into the next, or file, within each (default: volume)"},
    {"overlay-dir", 0, "DIR", OPTIONS_MOUNT | OPTIONS_DOCTOR | HAS_DEFAULT, offsetof(struct options, overlay_dir),
     "where overlays are stored (default: " OVERLAY_DIRECTORY ")"},
    {"overlay-size", 0, "SIZE", OPTIONS_MOUNT | HAS_DEFAULT, offsetof(struct options, overlay_size),
     "the most that one overlay may take: 512M, 4G (default: 1G)"},
    {"initiator-name", 0, "IQN", OPTIONS_MOUNT | HAS_DEFAULT, offsetof(struct options, initiator_name),
     "the iSCSI initiator name to use (default: one made for this session)"},
    {"auto-renew", 0, NULL, OPTIONS_MOUNT, offsetof(struct options, auto_renew),
     "renew the access again and again, until unmount"},
    {"location", 0, "REGION", OPTIONS_MOUNT | OPTIONS_RENEW, offsetof(struct options, location),
     "the location of the request's resource"},
    {"tag", 0, "NAME=VALUE", OPTIONS_MOUNT | OPTIONS_RENEW | REPEATS, offsetof(struct options, tags),
     "a tag of the request's resource; may be given several times"},
    {"etag", 0, "TEXT", OPTIONS_MOUNT | OPTIONS_RENEW, offsetof(struct options, etag), "the request's eTag"},
    {"timeout", 0, "SECONDS", OPTIONS_MOUNT | OPTIONS_RENEW | OPTIONS_LIST | HAS_DEFAULT,
     offsetof(struct options, timeout), "give up after this long"},
    /* no default: a limit for hours of work says nothing of how long a look may take */
    {"timeout", 0, "SECONDS", OPTIONS_DOCTOR, offsetof(struct options, timeout),
     "skip what has not been looked at after this long (default: 60)"},
    /* no default: one that suits the others must not keep anything from being taken down */
    {"timeout", 0, "SECONDS", OPTIONS_UNMOUNT, offsetof(struct options, timeout),
     "give up after this long; the next unmount goes on with the rest"},
    {"wait", 0, "SECONDS", OPTIONS_MOUNT | HAS_DEFAULT, offsetof(struct options, wait),
     "how long to wait while Azure prepares the disks (default: 2700)"},
    {"all", 0, NULL, OPTIONS_UNMOUNT, offsetof(struct options, all), "every session of this host"},
    {"keep-access", 0, NULL, OPTIONS_UNMOUNT, offsetof(struct options, keep_access),
     "do not revoke the access to the recovery point"},
    {"lazy", 0, NULL, OPTIONS_UNMOUNT, offsetof(struct options, lazy),
     "take what is in use out of sight, and the rest down once its users have ended"},
    {"force", 0, NULL, OPTIONS_UNMOUNT, offsetof(struct options, force),
     "take it down in spite of users, who get I/O errors"},
    {"auth", 0, "NAME", AZURE_USERS | HAS_DEFAULT, offsetof(struct options, auth),
     "token, environment, workload-identity, managed-identity, azure-cli, device-code: sign in so only"},
    {"token-file", 0, "FILE", AZURE_USERS | HAS_DEFAULT, offsetof(struct options, token_file),
     "sign in with the access token in FILE (default: AZURE_ACCESS_TOKEN)"},
    {"identity", 0, "CLIENT-ID", AZURE_USERS | HAS_DEFAULT, offsetof(struct options, identity),
     "the user-assigned managed identity (default: AZURE_CLIENT_ID, else the VM's own)"},
    {"cloud", 0, "NAME", AZURE_USERS | OPTIONS_INSPECT | DEFAULT_UNLESS_RECORDED, offsetof(struct options, cloud),
     "public, usgov or china (default: AZURE_CLOUD, else public)"},
    {"endpoint", 0, "URL", AZURE_USERS | DEFAULT_UNLESS_RECORDED, offsetof(struct options, endpoint),
     "Azure Resource Manager (default: the cloud's)"},
    {"authority", 0, "URL", AZURE_USERS | DEFAULT_UNLESS_RECORDED, offsetof(struct options, authority),
     "where to sign in (default: the cloud's)"},
    {"ca-file", 0, "FILE", AZURE_USERS | HAS_DEFAULT, offsetof(struct options, ca_file),
     "trust the certificates in FILE as well, in PEM form"},
    {"config", 0, "FILE", ALL_USERS | OPTIONS_INSPECT, offsetof(struct options, config),
     "the file of defaults (default: " CONFIG_PATH ")"},
    {"json", 0, NULL, ALL_USERS | OPTIONS_INSPECT, offsetof(struct options, json), "the result as one JSON document"},
    {"quiet", 'q', NULL, ALL_USERS, offsetof(struct options, quiet), "no progress, only warnings and errors"},
    {"verbose", 0, NULL, ALL_USERS, offsetof(struct options, verbose), "say more of what is being done"},
    {"help", 'h', NULL, ALL_USERS | OPTIONS_INSPECT, offsetof(struct options, help), "this text"},
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

static int store_next(struct option_values *values, const struct option_spec *spec, const char *value,
                      struct error **err)
{
    if (values->count == OPTION_MAX_VALUES)
        return error_set(err, EXIT_USAGE, "--%s can be given %d times at most", spec->name, OPTION_MAX_VALUES);
    values->list[values->count++] = value;
    return 0;
}

/* `what` is the option, or where its value came from, for the message. */
static int store_text(struct options *options, const struct option_spec *spec, const char *what, const char *value,
                      struct error **err)
{
    char *field = (char *)options + spec->offset;

    if (*value == '\0' || has_control_character(value))
        return error_set(err, EXIT_USAGE, "%s must not be empty or hold control characters", what);
    if (spec->users & REPEATS)
        return store_next((struct option_values *)(void *)field, spec, value, err);
    memcpy(field, &value, sizeof(value));
    return 0;
}

static int store(struct options *options, const struct option_spec *spec, const char *value, struct error **err)
{
    _cleanup_free_ char *what = str_printf("--%s", spec->name);
    const bool yes = true;

    if (spec->argument)
        return store_text(options, spec, what, value, err);
    memcpy((char *)options + spec->offset, &yes, sizeof(yes));
    return 0;
}

static bool is_given(const struct options *options, const struct option_spec *spec)
{
    const char *value;

    memcpy(&value, (const char *)options + spec->offset, sizeof(value));
    return value != NULL;
}

/* Whether this subcommand takes a default for it. */
static bool wants_default(const struct option_spec *spec, enum option_user user)
{
    unsigned mark =
        user == OPTIONS_UNMOUNT || user == OPTIONS_RENEW ? HAS_DEFAULT : HAS_DEFAULT | DEFAULT_UNLESS_RECORDED;

    return (spec->users & user) && (spec->users & mark);
}

/* "AZILR_VAULT_NAME". The caller frees it. */
static char *variable_name(const struct option_spec *spec)
{
    char *name = str_printf("AZILR_%s", spec->name);

    for (char *c = name; *c; c++) {
        if (*c == '-')
            *c = '_';
        else if (*c >= 'a' && *c <= 'z')
            *c = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[*c - 'a'];
    }
    return name;
}

static int take_environment(struct options *options, enum option_user user, struct error **err)
{
    static const char AZURE_SUBSCRIPTION[] = "AZURE_SUBSCRIPTION_ID";

    for (int i = 0; i < SPEC_COUNT; i++) {
        _cleanup_free_ char *name = variable_name(&specs[i]);
        const char *value = getenv(name);
        const char *from = name;

        if (!wants_default(&specs[i], user) || is_given(options, &specs[i]))
            continue;
        if ((!value || !*value) && specs[i].offset == offsetof(struct options, subscription)) {
            from = AZURE_SUBSCRIPTION;
            value = getenv(from);
        }
        if (value && *value && store_text(options, &specs[i], from, value, err) < 0)
            return -1;
    }
    return 0;
}

struct defaults {
    struct options *options;
    enum option_user user;
};

/* A setting that another subcommand takes is fine: the file is for all of them. */
static int take_default(const char *name, const char *value, void *argument, struct error **err)
{
    const struct defaults *defaults = argument;
    _cleanup_free_ char *safe = str_printable(name, strlen(name), 60);

    for (int i = 0; i < SPEC_COUNT; i++) {
        if (!str_equal(specs[i].name, name) || !(specs[i].users & (HAS_DEFAULT | DEFAULT_UNLESS_RECORDED)))
            continue;
        if (!wants_default(&specs[i], defaults->user) || is_given(defaults->options, &specs[i]))
            return 0;
        return store_text(defaults->options, &specs[i], name, value, err);
    }
    error_set(err, EXIT_USAGE, "there is no setting \"%s\"", safe);
    return error_hint(err, "azilr.conf(5) lists the settings");
}

static int take_file(struct options *options, enum option_user user, struct error **err)
{
    struct defaults defaults = {.options = options, .user = user};
    const char *path = options->config ? options->config : CONFIG_PATH;
    size_t length;

    if (config_read(path, options->config != NULL, &options->file, &length, err) < 0)
        return -1;
    if (options->file && config_parse(options->file, length, take_default, &defaults, err) < 0)
        return error_wrap(err, "%s", path);
    return 0;
}

/* A fault in the file must not keep anybody from taking down what is mounted, or from seeing it. */
static int take_file_if_fit(struct options *options, enum option_user user, struct error **err)
{
    _cleanup_error_ struct error *problem = NULL;

    if (take_file(options, user, &problem) == 0)
        return 0;
    if (options->config || !(user & (OPTIONS_UNMOUNT | OPTIONS_STATUS | OPTIONS_INSPECT)))
        return error_move(err, &problem);
    log_warning("%s; going on without that file", problem->message);
    return 0;
}

/* Whether a managed identity may be what is signed in by: the same choice as credential_open() makes. */
static bool may_be_by_identity(const struct options *options)
{
    const char *token = getenv("AZURE_ACCESS_TOKEN");

    if (options->auth)
        return str_equal(options->auth, "managed-identity");
    return !options->token_file && !(token && *token);
}

/*
 * Ways to sign in exclude each other, and so do a cloud and addresses of its own. What was given on the command line
 * counts; a default that does not go with it is dropped, since there is no way to ask for none.
 */
static void drop_what_does_not_fit(struct options *options, const struct options *given)
{
    if (given->token_file && !given->auth)
        options->auth = NULL;
    if (given->auth && !given->token_file && !str_equal(given->auth, "token"))
        options->token_file = NULL;
    if (given->identity && !given->auth)
        options->auth = NULL;
    if (given->identity && !given->token_file)
        options->token_file = NULL;
    /* last, since it hangs on what is left of the others */
    if (!given->identity && !may_be_by_identity(options))
        options->identity = NULL;
    if (given->cloud && !given->endpoint)
        options->endpoint = NULL;
    if (given->cloud && !given->authority)
        options->authority = NULL;
}

void options_clear(struct options *options)
{
    free(options->file);
    *options = (struct options){0};
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

bool options_ask_for_json(int argc, char **argv)
{
    for (int i = 1; i < argc && !str_equal(argv[i], "--"); i++)
        if (str_equal(argv[i], "--json"))
            return true;
    return false;
}

int options_parse(int argc, char **argv, enum option_user user, struct options *options, char ***rest, int *rest_count,
                  struct error **err)
{
    struct option longs[SPEC_COUNT + 1];
    char letters[SPEC_COUNT * 2 + 2];
    struct options given;
    int value;

    *options = (struct options){0};
    log_set_json(options_ask_for_json(argc, argv));
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
    log_set_json(options->json);
    *rest = argv + optind;
    *rest_count = argc - optind;
    if (options->quiet)
        log_set_level(LOG_LEVEL_QUIET);
    else if (options->verbose)
        log_set_level(LOG_LEVEL_VERBOSE);
    if (options->help)
        return 0;
    given = *options;
    if (take_environment(options, user, err) < 0 || take_file_if_fit(options, user, err) < 0)
        return -1;
    drop_what_does_not_fit(options, &given);
    return 0;
}

int options_set_deadline(const struct options *options, struct wait *wait, struct error **err)
{
    long seconds;

    if (!options->timeout)
        return 0;
    if (str_to_long(options->timeout, 1, MAX_TIMEOUT_S, &seconds) < 0)
        return error_set(err, EXIT_USAGE, "--timeout takes seconds, from 1 to %ld", MAX_TIMEOUT_S);
    wait->deadline_ms = clock_monotonic_ms() + seconds * 1000;
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
