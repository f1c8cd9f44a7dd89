/* SPDX-License-Identifier: MIT */
#include "tunnel/probe.h"

#include <string.h>

#include <openssl/x509v3.h>

#include "tunnel/portal.h"
#include "tunnel/tls.h"
#include "util/resolve.h"
#include "util/str.h"

static const int64_t LOOKUP_TIMEOUT_MS = 10 * 1000;
static const int HANDSHAKE_TIMEOUT_MS = 10 * 1000;
static const int SHOWN_NAMES = 3;

DEFINE_CLEANUP(cleanup_context, SSL_CTX *, SSL_CTX_free);
DEFINE_CLEANUP(cleanup_names, GENERAL_NAMES *, GENERAL_NAMES_free);

void portal_facts_clear(struct portal_facts *facts)
{
    free(facts->address);
    free(facts->protocol);
    free(facts->names);
    free(facts->issuer);
    *facts = (struct portal_facts){0};
}

static char *name_text(const GENERAL_NAME *name)
{
    const ASN1_STRING *text = name->type == GEN_DNS ? name->d.dNSName : NULL;

    if (!text)
        return NULL;
    return str_printable((const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text), 256);
}

/* What the certificate is for, as its subject's alternative names; the common name has not counted for long. */
static char *names_of(const X509 *certificate)
{
    _cleanup_(cleanup_names) GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    char *all = NULL;
    int others = 0;

    for (int i = 0, shown = 0; i < sk_GENERAL_NAME_num(names); i++) {
        _cleanup_free_ char *one = name_text(sk_GENERAL_NAME_value(names, i));
        _cleanup_free_ char *before = all;

        if (one && shown < SHOWN_NAMES) {
            all = before ? str_printf("%s, %s", before, one) : str_dup(one);
            shown++;
        } else {
            steal(before);
            others += one != NULL;
        }
    }
    if (all && others) {
        _cleanup_free_ char *before = all;

        all = str_printf("%s, and %d others", before, others);
    }
    return all;
}

static char *issuer_of(const X509 *certificate)
{
    static const int kinds[] = {NID_commonName, NID_organizationName};
    const X509_NAME *issuer = X509_get_issuer_name(certificate);

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        int at = X509_NAME_get_index_by_NID(issuer, kinds[i], -1);
        const ASN1_STRING *text = at < 0 ? NULL : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(issuer, at));

        if (text)
            return str_printable((const char *)ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text), 128);
    }
    return NULL;
}

static void describe(const SSL *ssl, struct portal_facts *facts)
{
    const X509 *certificate = SSL_get0_peer_certificate(ssl);
    struct tm last = {0};

    facts->protocol = str_dup(SSL_get_version(ssl));
    if (!certificate)
        return;
    facts->names = names_of(certificate);
    facts->issuer = issuer_of(certificate);
    if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &last))
        facts->last_moment = timegm(&last);
}

int portal_probe(const char *host, int port, const char *ca_file, struct wait *wait, struct portal_facts *facts,
                 struct error **err)
{
    _cleanup_free_ char *certificate_name = tls_certificate_name(host);
    const struct portal portal = {.host = host, .port = port};
    _cleanup_(cleanup_context) SSL_CTX *context = NULL;
    _cleanup_ssl_ SSL *ssl = NULL;
    _cleanup_free_ char *ca = NULL;
    _cleanup_close_ int fd = -1;

    *facts = (struct portal_facts){0};
    if ((ca_file && tls_read_ca(ca_file, &ca, err) < 0) ||
        tls_make_context(ca, ca_file ? ca_file : "--ca-file", &context, err) < 0)
        return -1;
    if (resolve_host(host, LOOKUP_TIMEOUT_MS, wait, &facts->address, err) < 0)
        return error_hint(err, "check this host's DNS; with a private endpoint the name is known only inside the "
                               "virtual network");
    facts->reached = PORTAL_REACHED_ADDRESS;
    if (portal_connect_tcp(&portal, wait, &fd, err) < 0)
        return -1;
    facts->reached = PORTAL_REACHED_PORT;
    if (tls_handshake(context, fd, certificate_name, HANDSHAKE_TIMEOUT_MS, wait, &ssl, err) < 0)
        return -1;
    facts->reached = PORTAL_REACHED_TLS;
    describe(ssl, facts);
    /* a portal that is left without a word may keep the connection for a while */
    SSL_shutdown(ssl);
    return 0;
}
