/* SPDX-License-Identifier: MIT */
/*
 * A client's assertion: a JWT (RFC 7519) that an application signs with the key of its certificate, in place of a
 * secret. As Microsoft's page "Microsoft identity platform application authentication certificate credentials" has it:
 * PS256, the certificate's SHA-256 thumbprint as x5t#S256, and an end at most ten minutes off.
 */
#ifndef AZILR_AZURE_ASSERTION_H
#define AZILR_AZURE_ASSERTION_H

#include <time.h>

#include "util/error.h"

struct assertion_key;

/*
 * Reads a PEM file with a private key and its certificate, in any order, further certificates besides. password is
 * that of an encrypted key, or NULL. The file must be readable by its owner only, as secret_read() checks. EXIT_USAGE,
 * and EXIT_NOT_FOUND for no file; each says what is wrong with it. The caller frees *key.
 */
int assertion_key_load(const char *path, const char *password, struct assertion_key **key, struct error **err);
void assertion_key_free(struct assertion_key *key);

/* Signs an assertion of a client for an audience (the token end point's URL) that is good from now on. The caller
 * frees *assertion with secret_free(). EXIT_FAILED if OpenSSL cannot sign. */
int assertion_make(const struct assertion_key *key, const char *client, const char *audience, time_t now,
                   char **assertion, struct error **err);

DEFINE_CLEANUP(cleanup_assertion_key_ptr, struct assertion_key *, assertion_key_free);
#define _cleanup_assertion_key_ _cleanup_(cleanup_assertion_key_ptr)

#endif
