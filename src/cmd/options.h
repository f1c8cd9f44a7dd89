/* SPDX-License-Identifier: MIT */
/* Options of the subcommands: one table says which there are, who takes them and what --help says of each. */
#ifndef AZILR_CMD_OPTIONS_H
#define AZILR_CMD_OPTIONS_H

#include <stdbool.h>

#include "util/error.h"

enum option_user {
    OPTIONS_MOUNT = 1 << 0,
    OPTIONS_UNMOUNT = 1 << 1,
    OPTIONS_STATUS = 1 << 2,
};

/* What was given; borrowed from argv, NULL or false where not given. */
struct options {
    const char *script, *password_file;
    const char *subscription, *resource_group, *vault;
    const char *endpoint, *authority, *ca_file, *token_file;
    const char *cloud, *auth, *identity;
    const char *initiator_name, *dir, *timeout;
    bool all, json, quiet, verbose, help;
};

/*
 * Reads the options of one subcommand; argv[0] is its name. What is left, in order, is *rest (*rest_count of
 * them). EXIT_USAGE names the option that is wrong. Also sets the logger's level from --quiet and --verbose.
 * Text that holds a line end or other control character is refused for every option.
 */
int options_parse(int argc, char **argv, enum option_user user, struct options *options, char ***rest, int *rest_count,
                  struct error **err);

/* Prints "Usage: …" and the options that the subcommand takes. */
void options_print_help(const char *usage, enum option_user user);

#endif
