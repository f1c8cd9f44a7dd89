/* SPDX-License-Identifier: MIT */
/* A command's failure as JSON, for --json; azilr(8) documents it. */
#ifndef AZILR_CMD_FAILURE_H
#define AZILR_CMD_FAILURE_H

#include <cjson/cJSON.h>

#include "util/error.h"

/*
 * {"error": {exit_code, message, hint, and the members of its details}}, beside the members of its results. The caller
 * deletes it.
 */
cJSON *failure_document(const struct error *err);

/* Prints that on standard output if --json was given; main's last word. */
void failure_print(const struct error *err);

#endif
