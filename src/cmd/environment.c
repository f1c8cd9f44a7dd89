/* SPDX-License-Identifier: MIT */
#include "cmd/environment.h"

#include <string.h>
#include <unistd.h>

#include "azure/credential.h"
#include "util/secret.h"
#include "util/str.h"

const char *const environment_proxies[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL};

/* A proxy's address may hold a password; these are of no use here, and are taken care of all the same. */
static const char *const other_proxies[] = {"http_proxy", "HTTP_PROXY", NULL};

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
    NULL,
};

static bool is_named(const char *entry, const char *name)
{
    return str_starts_with(entry, name) && entry[strlen(name)] == '=';
}

static bool is_in(const char *entry, const char *const names[])
{
    for (size_t i = 0; names[i]; i++)
        if (is_named(entry, names[i]))
            return true;
    return false;
}

static bool is_known(const char *entry)
{
    return str_starts_with(entry, "AZURE_") || str_starts_with(entry, "AZILR_") || is_in(entry, known) ||
           is_in(entry, environment_proxies) || is_in(entry, other_proxies);
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

static void hide(const char *const names[])
{
    for (size_t i = 0; names[i]; i++)
        secret_hide_variable(names[i]);
}

void environment_hide_secrets(void)
{
    hide(credential_secret_variables);
    hide(environment_proxies);
    hide(other_proxies);
}

bool environment_is_secret_proxy(const char *address)
{
    return strchr(address, '@') != NULL;
}

void environment_forget_secrets(void)
{
    for (size_t i = 0; credential_secret_variables[i]; i++)
        secret_forget_variable(credential_secret_variables[i]);
}
