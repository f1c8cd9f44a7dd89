/* SPDX-License-Identifier: MIT */
/* TLS to the portal: version, chain and host name are always checked. */
#ifndef AZILR_TUNNEL_TLS_H
#define AZILR_TUNNEL_TLS_H

#include <openssl/ssl.h>

#include "util/error.h"
#include "util/wait.h"

DEFINE_CLEANUP(cleanup_ssl_ptr, SSL *, SSL_free);
#define _cleanup_ssl_ _cleanup_(cleanup_ssl_ptr)

/*
 * The name that the certificate of a portal must have. It is the portal's own, but for private endpoints:
 * "{guid}-pod01-rec2.weu.privatelink.backup.windowsazure.com" shows a certificate for
 * "pod01-rec2.weu.backup.windowsazure.com" (as the generated script has it). Pure; the caller frees the result.
 */
char *tls_certificate_name(const char *host);

/* The text of a file of CAs that a person names, at most 512 KiB. EXIT_USAGE if it cannot be read. The caller frees
 * *ca. */
int tls_read_ca(const char *path, char **ca, struct error **err);

/*
 * A context that trusts the system's CAs and, unless NULL or empty, those in the PEM text `ca`, which messages call
 * ca_name. EXIT_USAGE if there is none in it. The caller frees *context with SSL_CTX_free().
 */
int tls_make_context(const char *ca, const char *ca_name, SSL_CTX **context, struct error **err);

/*
 * The handshake on a connected, non-blocking socket, with `name` as SNI and as the name to verify; at most timeout_ms.
 * EXIT_NETWORK says what is wrong with the certificate or the connection. The caller frees *ssl, and closes fd itself.
 */
int tls_handshake(SSL_CTX *context, int fd, const char *name, int timeout_ms, struct wait *wait, SSL **ssl,
                  struct error **err);

/*
 * Sets *err to what OpenSSL's error queue says of a failed call (its result and errno at that time), and empties the
 * queue. Returns -1.
 */
int tls_set_error(SSL *ssl, int result, int errnum, const char *doing, struct error **err);

#endif
