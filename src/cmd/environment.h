/* SPDX-License-Identifier: MIT */
/*
 * Secrets that a person gave in the environment: root, and whoever may look into this process, can read the block that
 * it was started with in /proc/PID/environ for as long as it runs, whatever unsetenv() does.
 */
#ifndef AZILR_CMD_ENVIRONMENT_H
#define AZILR_CMD_ENVIRONMENT_H

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
