/* SPDX-License-Identifier: MIT */
#include "tunnel/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tunnel/kernel_flow.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/str.h"

/*
 * One system call brings two records, the largest there are with AES-GCM, and decrypts what is still in the cache; a
 * few bytes less, and each second call brings no more than the rest of a record (tests/bench/README.md).
 */
static const size_t READ_AHEAD = 2 * (SSL3_RT_MAX_PLAIN_LENGTH + SSL3_RT_HEADER_LENGTH + 24) + 16;

static const size_t MAX_CA = (size_t)512 * 1024;

char *tls_certificate_name(const char *host)
{
    static const char label[] = ".privatelink.";
    const char *private = strcasestr(host, label);
    const char *first_end = strchr(host, '.');
    const char *from = host;
    int dashes = 0;

    if (!private)
        return str_dup(host);
    /* of the first label its last two parts, which dashes part */
    for (const char *at = first_end - 1; at > host; at--)
        if (*at == '-' && ++dashes == 2) {
            from = at + 1;
            break;
        }
    return str_printf("%.*s.%s", (int)(private - from), from, private + sizeof(label) - 1);
}

/* The last thing in the queue is the nearest to what was asked for; the rest goes with it. */
static void take_queue(char *text, size_t size)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;

    snprintf(text, size, "%s", reason ? reason : code ? "unknown reason" : "");
    ERR_clear_error();
}

int tls_read_ca(const char *path, char **ca, struct error **err)
{
    _cleanup_error_ struct error *problem = NULL;

    if (file_read(path, MAX_CA, ca, NULL, &problem) == 0)
        return 0;
    return error_set(err, EXIT_USAGE, "--ca-file: %s", problem->message);
}

/* Returns how many certificates were taken. */
static int trust(SSL_CTX *context, const char *pem)
{
    BIO *text = BIO_new_mem_buf(pem, -1);
    int count = 0;

    for (;;) {
        X509 *certificate = text ? PEM_read_bio_X509(text, NULL, NULL, NULL) : NULL;

        if (!certificate)
            break;
        count += X509_STORE_add_cert(SSL_CTX_get_cert_store(context), certificate) == 1;
        X509_free(certificate);
    }
    BIO_free(text);
    return count;
}

int tls_make_context(const char *ca, const char *ca_name, SSL_CTX **context, struct error **err)
{
    SSL_CTX *made = SSL_CTX_new(TLS_client_method());
    char reason[200];

    if (!made)
        return error_set(err, EXIT_HOST, "OpenSSL cannot make a TLS context");
    SSL_CTX_set_min_proto_version(made, TLS1_2_VERSION);
    /* a renegotiation would make a write wait for a read, and no portal has a use for one */
    SSL_CTX_set_options(made, SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_verify(made, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(made, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* then the relay need not see the bytes at all; OpenSSL hands over the ciphers that both know, and keeps the rest
     */
    if (kernel_flow_is_possible())
        SSL_CTX_set_options(made, SSL_OP_ENABLE_KTLS);
    SSL_CTX_set_read_ahead(made, 1);
    SSL_CTX_set_default_read_buffer_len(made, READ_AHEAD);
    /* no system CAs at all is only fatal where the person gives none either; the handshake will tell */
    (void)SSL_CTX_set_default_verify_paths(made);
    ERR_clear_error();
    if (ca && *ca && trust(made, ca) == 0) {
        take_queue(reason, sizeof(reason));
        SSL_CTX_free(made);
        return error_set(err, EXIT_USAGE, "no CA certificate can be read from %s: %s", ca_name, reason);
    }
    /* the text's end is an error to the reader */
    ERR_clear_error();
    *context = made;
    return 0;
}

int tls_set_error(SSL *ssl, int result, int errnum, const char *doing, struct error **err)
{
    int kind = SSL_get_error(ssl, result);
    long verify = SSL_get_verify_result(ssl);
    char reason[200];

    take_queue(reason, sizeof(reason));
    if (verify != X509_V_OK && !SSL_is_init_finished(ssl)) {
        error_set(err, EXIT_NETWORK, "%s: its certificate is not good: %s", doing,
                  X509_verify_cert_error_string(verify));
        return error_hint(err, "somebody between here and Azure may be opening TLS connections; if that is your own "
                               "proxy, except the portal from it or give its CA with --ca-file");
    }
    if (kind == SSL_ERROR_ZERO_RETURN)
        return error_set(err, EXIT_NETWORK, "%s: it closed the connection", doing);
    if (*reason)
        return error_set(err, EXIT_NETWORK, "%s: %s", doing, reason);
    if (kind == SSL_ERROR_SYSCALL && errnum)
        return error_set_errno(err, EXIT_NETWORK, errnum, "%s", doing);
    return error_set(err, EXIT_NETWORK, "%s: the connection ended without a word", doing);
}

static bool is_address(const char *name)
{
    struct in6_addr address;

    return inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1;
}

static int set_names(SSL *ssl, const char *name)
{
    /* an address is looked for among the certificate's addresses, and is never sent as a name (RFC 6066, 3) */
    if (is_address(name))
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set_tlsext_host_name(ssl, name) == 1 && SSL_set1_host(ssl, name) == 1;
}

int tls_handshake(SSL_CTX *context, int fd, const char *name, int timeout_ms, struct wait *wait, SSL **ssl,
                  struct error **err)
{
    _cleanup_free_ char *doing = str_printf("TLS with %s", name);
    _cleanup_ssl_ SSL *made = SSL_new(context);
    int64_t end = clock_monotonic_ms() + timeout_ms;

    if (!made || !set_names(made, name) || SSL_set_fd(made, fd) != 1)
        return error_set(err, EXIT_FAILED, "OpenSSL cannot set up a connection to %s", name);
    for (;;) {
        struct pollfd ready = {.fd = fd};
        int64_t left = end - clock_monotonic_ms();
        int result, kind, polled;

        errno = 0;
        result = SSL_connect(made);
        if (result == 1) {
            *ssl = steal(made);
            return 0;
        }
        kind = SSL_get_error(made, result);
        if (kind != SSL_ERROR_WANT_READ && kind != SSL_ERROR_WANT_WRITE)
            return tls_set_error(made, result, errno, doing, err);
        ready.events = kind == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
        polled = wait_poll(wait, &ready, 1, left > 0 ? left : 0, err);
        if (polled < 0)
            return -1;
        if (polled == 0 && left <= 0)
            return error_set(err, EXIT_NETWORK, "%s: no answer within %d s", doing, timeout_ms / 1000);
    }
}
