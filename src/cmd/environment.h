/* SPDX-License-Identifier: MIT */
/*
 * Secrets that a person gave in the environment: root, and whoever may look into this process, can read the block that
 * it was started with in /proc/PID/environ for as long as it runs, whatever unsetenv() does.
 */
#ifndef AZILR_CMD_ENVIRONMENT_H
#define AZILR_CMD_ENVIRONMENT_H

#include <stdbool.h>

/* The variables that name a proxy for what goes over TLS (libcurl-env(3)); ends with NULL. */
extern const char *const environment_proxies[];

/*
 * Whether a proxy's address holds a user's name, and with it a password as a rule: neither is for other users' eyes.
 * What cannot be told apart counts as one.
 */
bool environment_is_secret_proxy(const char *address);

/*
 * Takes all else out of the environment than what azilr knows. Libraries heed variables that make them run code, or
 * write files, of whoever set these (OPENSSL_CONF, SSLKEYLOGFILE, LIBMOUNT_UTAB, …), and sudo hands them on with -E. To
 * be called first of all, before there are threads.
 */
void environment_keep_known(void);

/* Moves them elsewhere, where getenv() still finds them; to be called first of all, before there are threads. */
void environment_hide_secrets(void);

/* Wipes those for the sign-in to Azure, of a command that does not sign in. */
void environment_forget_secrets(void);

#endif
