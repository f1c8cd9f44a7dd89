/* SPDX-License-Identifier: MIT */
/* What the Azure CLI says; for its credential and for tests. */
#ifndef AZILR_AZURE_CREDENTIAL_CLI_H
#define AZILR_AZURE_CREDENTIAL_CLI_H

#include <time.h>

#include "azure/credential-internal.h"

/*
 * Reads what `az account get-access-token --output json` prints. Pure. Its life is what is left of it at `now`, by
 * expires_on; older releases than 2.54 have only expiresOn, a local time, and the life is then unknown (0). EXIT_AUTH.
 */
int credential_cli_parse(const char *text, size_t length, time_t now, struct credential_token *token,
                         struct error **err);

#endif
