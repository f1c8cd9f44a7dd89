/* SPDX-License-Identifier: MIT */
/*
 * Options of the subcommands: one table says which there are, who takes them and what --help says of each. Where an
 * option is not given, its default may come from the environment (AZILR_ and the option's name in capitals, "_" for
 * "-") or from the file of defaults (azilr.conf(5)), in that order; the table says for which ones.
 */
#ifndef AZILR_CMD_OPTIONS_H
#define AZILR_CMD_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "util/cleanup.h"
#include "util/error.h"
#include "util/wait.h"

enum option_user {
    OPTIONS_MOUNT = 1 << 0,
    OPTIONS_UNMOUNT = 1 << 1,
    OPTIONS_STATUS = 1 << 2,
    OPTIONS_RENEW = 1 << 3,
    OPTIONS_LIST = 1 << 4,
    OPTIONS_DOCTOR = 1 << 5,
    OPTIONS_INSPECT = 1 << 6,
};

/* More tags than that a resource cannot have (Azure Resource Manager limits). */
#define OPTION_MAX_VALUES 50

/* The values of an option that may be given several times, in their order. */
struct option_values {
    const char *list[OPTION_MAX_VALUES];
    size_t count;
};

/* What was given; NULL or false where not. Texts are borrowed from argv, the environment, or `file`. */
struct options {
    const char *script, *password_file;
    const char *subscription, *resource_group, *vault, *container, *item, *point, *at;
    const char *endpoint, *authority, *ca_file, *token_file;
    const char *cloud, *auth, *identity;
    const char *initiator_name, *dir, *timeout, *wait;
    const char *location, *etag;
    const char *overlay_dir, *overlay_size, *read_ahead;
    const char *config;
    struct option_values tags, key_files;
    bool keep_access, unlock, auto_renew;
    bool lazy, force;
    bool all, json, quiet, verbose, help;
    bool unattended; /* no option: the subcommand asks nobody for anything unless --auth says so */
    char *file;      /* the text of the file of defaults; owned */
};

/*
 * Reads the options of one subcommand; argv[0] is its name. What is left, in order, is *rest (*rest_count of
 * them). EXIT_USAGE names the option, variable or line that is wrong. Also tells the logger of --quiet, --verbose and
 * --json. Text that holds a line end or other control character is refused for every option. With --help the
 * defaults are not looked at. The caller clears *options in any case.
 */
int options_parse(int argc, char **argv, enum option_user user, struct options *options, char ***rest, int *rest_count,
                  struct error **err);

/* Whether --json stands there: before the options have been read, so that wrong usage is told as JSON too. Pure. */
bool options_ask_for_json(int argc, char **argv);

/* Sets the wait's time limit from --timeout, if it was given. EXIT_USAGE if that is no number of seconds. */
int options_set_deadline(const struct options *options, struct wait *wait, struct error **err);

void options_clear(struct options *options);
#define _cleanup_options_ _cleanup_(options_clear)

/* Prints "Usage: …" and the options that the subcommand takes. */
void options_print_help(const char *usage, enum option_user user);

#endif
