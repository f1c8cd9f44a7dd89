/* SPDX-License-Identifier: MIT */
#include "cmd/environment.h"

#include <stddef.h>

#include "azure/credential.h"
#include "util/secret.h"

/* A proxy's address may hold a password; libcurl reads these. */
static const char *const proxies[] = {"https_proxy", "HTTPS_PROXY", "all_proxy",
                                      "ALL_PROXY",   "http_proxy",  "HTTP_PROXY"};

void environment_hide_secrets(void)
{
    for (size_t i = 0; credential_secret_variables[i]; i++)
        secret_hide_variable(credential_secret_variables[i]);
    for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++)
        secret_hide_variable(proxies[i]);
}

void environment_forget_secrets(void)
{
    for (size_t i = 0; credential_secret_variables[i]; i++)
        secret_forget_variable(credential_secret_variables[i]);
}
