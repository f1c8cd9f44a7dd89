/* SPDX-License-Identifier: MIT */
#include "cmd/environment.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "azure/credential.h"
#include "util/secret.h"
#include "util/str.h"

/* A proxy's address may hold a password; libcurl reads these. */
static const char *const proxies[] = {"https_proxy", "HTTPS_PROXY", "all_proxy",
                                      "ALL_PROXY",   "http_proxy",  "HTTP_PROXY"};

/* What azilr itself knows; the manual's list. */
static const char *const known[] = {
    "IDENTITY_ENDPOINT",
    "IDENTITY_HEADER",
    "IMDS_ENDPOINT",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "SUDO_USER",
    "SUDO_UID",
    "SUDO_GID",
    "no_proxy",
    "NO_PROXY",
    "TZ",
    /* systemd, of a tunnel that it has started */
    "LISTEN_PID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "NOTIFY_SOCKET",
    /* libudev: whether /sys may be another kind of file system, which only root can put there; tests do */
    "SYSTEMD_DEVICE_VERIFY_SYSFS",
};

static bool is_named(const char *entry, const char *name)
{
    return str_starts_with(entry, name) && entry[strlen(name)] == '=';
}

static bool is_known(const char *entry)
{
    if (str_starts_with(entry, "AZURE_") || str_starts_with(entry, "AZILR_"))
        return true;
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if (is_named(entry, known[i]))
            return true;
    for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++)
        if (is_named(entry, proxies[i]))
            return true;
    return false;
}

void environment_keep_known(void)
{
    char **to = environ;

    for (char **from = environ; from && *from; from++)
        if (is_known(*from))
            *to++ = *from;
    if (to)
        *to = NULL;
}

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
