/* SPDX-License-Identifier: MIT */
/* Takes out of an answer what went with its request as a secret: gateways and proxies repeat requests in their pages.
 */
#ifndef AZILR_AZURE_REDACT_H
#define AZILR_AZURE_REDACT_H

#include <stddef.h>

/*
 * Overwrites each occurrence of a secret in text with '*', byte for byte, in JSON so that it stays JSON. Found is what
 * is written as it is, or encoded once, as in a URL, in a JSON string or in HTML, be it in parts (of ASCII only); of a
 * long one its beginning too, where it was cut off. A secret of fewer than 6 bytes is not looked for, since words would
 * be taken out. Pure; the time is linear in length.
 */
void redact(char *text, size_t length, const char *secret);

/*
 * The same for the values of a form or a query ("name=value&...", URL-encoded) whose names are those of secrets: of
 * OAuth (RFC 6749, 2.3.1 and 6; RFC 7523, 2.2; RFC 8628, 3.4), and the signature of a link to Azure's storage.
 */
void redact_fields(char *text, size_t length, const char *fields);

#endif
