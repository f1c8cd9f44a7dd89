/* SPDX-License-Identifier: MIT */
/* The file of defaults, azilr.conf(5): lines of "name = value". */
#ifndef AZILR_CMD_CONFIG_H
#define AZILR_CMD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "util/error.h"

#define CONFIG_PATH "/etc/azilr.conf"

/* Takes one setting; EXIT_USAGE, without the line number, if it cannot be. Both texts stand as long as the file's. */
typedef int config_taker(const char *name, const char *value, void *argument, struct error **err);

/*
 * Takes the text of a file apart, in place: length bytes with a NUL behind them. Pure. EXIT_USAGE, with the line's
 * number in front, for what is no setting, has control characters or is there twice, and for what take() refuses.
 */
int config_parse(char *text, size_t length, config_taker *take, void *argument, struct error **err);

/*
 * Reads the file into *text, which the caller frees; NULL, and no error, if there is none and it is not required. Run
 * by root, it must be root's and writable by root alone (EXIT_HOST), since whoever can change it says where root signs
 * in; it is checked and read through one descriptor. Without root, one that may not be read is passed over with a
 * warning, unless it is required.
 */
int config_read(const char *path, bool required, char **text, size_t *length, struct error **err);

#endif
