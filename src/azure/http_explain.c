/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "azure/http-internal.h"
#include "azure/url.h"
#include "util/str.h"

static const char HINT_PROXY[] =
    "this host needs outbound TCP 443 to Azure; where a proxy is in between, set https_proxy";
static const char HINT_NO_TUNNEL[] = "check https_proxy, and no_proxy if that host is to be reached without it";
static const char HINT_TRUST[] = "where a proxy inspects TLS, give its certificate authority with --ca-file; "
                                 "a wrong clock shows like this too";

static const struct {
    CURLcode result;
    const char *what; /* in front of the host's name */
    const char *hint; /* NULL for none */
    enum exit_code code;
    bool transient;
} causes[] = {
    {CURLE_COULDNT_RESOLVE_HOST, "cannot find the address of", "check DNS (/etc/resolv.conf) and the name",
     EXIT_NETWORK, true},
    {CURLE_COULDNT_RESOLVE_PROXY, "cannot find the address of the proxy for", "check https_proxy", EXIT_NETWORK, true},
    {CURLE_COULDNT_CONNECT, "cannot connect to", HINT_PROXY, EXIT_NETWORK, true},
    {CURLE_OPERATION_TIMEDOUT, "no answer in time from", HINT_PROXY, EXIT_NETWORK, true},
    {CURLE_PEER_FAILED_VERIFICATION, "cannot trust", HINT_TRUST, EXIT_NETWORK, false},
    {CURLE_SSL_ISSUER_ERROR, "cannot trust", HINT_TRUST, EXIT_NETWORK, false},
    {CURLE_SSL_CONNECT_ERROR, "TLS 1.2 or newer cannot be agreed on with",
     "another program may be listening there, or a device in between cuts TLS connections", EXIT_NETWORK, false},
    {CURLE_SSL_CACERT_BADFILE, "cannot read the certificate authorities to check",
     "install the package ca-certificates, and check CURL_CA_BUNDLE, SSL_CERT_FILE, SSL_CERT_DIR and --ca-file",
     EXIT_HOST, false},
    {CURLE_GOT_NOTHING, "the connection was closed without an answer by", NULL, EXIT_NETWORK, true},
    {CURLE_SEND_ERROR, "the connection broke while sending to", NULL, EXIT_NETWORK, true},
    {CURLE_RECV_ERROR, "the connection broke while reading from", NULL, EXIT_NETWORK, true},
    {CURLE_PARTIAL_FILE, "the connection broke in the middle of an answer from", NULL, EXIT_NETWORK, true},
    {CURLE_HTTP2, "the connection broke (HTTP/2) with", NULL, EXIT_NETWORK, true},
    {CURLE_HTTP2_STREAM, "the connection broke (HTTP/2) with", NULL, EXIT_NETWORK, true},
    {CURLE_UNSUPPORTED_PROTOCOL, "only https is used, refused", NULL, EXIT_NETWORK, false},
};

/* The system's reason where there is one ("Connection refused"), or else libcurl's sentence. */
static char *make_reason(CURL *easy, CURLcode result, const char *reason)
{
    long errnum = 0;
    char text[128];

    if (result == CURLE_COULDNT_CONNECT && !curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &errnum) && errnum > 0)
        return str_dup(strerror_r((int)errnum, text, sizeof(text)));
    if (!*reason)
        reason = curl_easy_strerror(result);
    return str_printable(reason, strlen(reason), 300);
}

int http_explain(CURL *easy, CURLcode result, const char *reason, const char *refused, const char *url,
                 struct http_answer *answer, struct error **err)
{
    _cleanup_free_ char *host = url_host(url);
    _cleanup_free_ char *why = make_reason(easy, result, reason);
    long connect = 0;

    if (refused)
        return error_set(err, EXIT_NETWORK, "the answer of %s was refused: %s", host, refused);
    if (!curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &connect) && connect >= 300) {
        answer->transient = connect >= 500 || connect == 408 || connect == 429;
        error_set(err, EXIT_NETWORK, "the proxy (it answered %ld) does not connect to %s: %s", connect, host, why);
        return error_hint(err, "%s", HINT_NO_TUNNEL);
    }
    for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
        if (causes[i].result != result)
            continue;
        answer->transient = causes[i].transient;
        error_set(err, causes[i].code, "%s %s: %s", causes[i].what, host, why);
        return causes[i].hint ? error_hint(err, "%s", causes[i].hint) : -1;
    }
    return error_set(err, EXIT_NETWORK, "the request to %s failed: %s", host, why);
}
