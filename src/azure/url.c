/* SPDX-License-Identifier: MIT */
#include "azure/url.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "util/str.h"

/* Longer than any that Resource Manager gives, skip tokens included. */
static const size_t MAX_URL = 16384;

DEFINE_CLEANUP(cleanup_curl_url, CURLU *, curl_url_cleanup);
DEFINE_CLEANUP(cleanup_curl_string, char *, curl_free);

#define _cleanup_curl_url_ _cleanup_(cleanup_curl_url)
#define _cleanup_curl_string_ _cleanup_(cleanup_curl_string)

/* NULL unless text is a URL of the scheme, of printable ASCII without blanks, user or password. */
static CURLU *parse_scheme(const char *text, const char *wanted)
{
    _cleanup_curl_url_ CURLU *url = curl_url();
    _cleanup_curl_string_ char *scheme = NULL;
    _cleanup_curl_string_ char *user = NULL;
    _cleanup_curl_string_ char *password = NULL;
    size_t length = strnlen(text, MAX_URL + 1);

    if (!url || length > MAX_URL)
        return NULL;
    for (size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] > '~' || text[i] == '\\')
            return NULL;
    }
    if (curl_url_set(url, CURLUPART_URL, text, 0) || curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) ||
        strcasecmp(scheme, wanted) != 0)
        return NULL;
    if (!curl_url_get(url, CURLUPART_USER, &user, 0) || !curl_url_get(url, CURLUPART_PASSWORD, &password, 0))
        return NULL;
    return steal(url);
}

static CURLU *parse(const char *text)
{
    return parse_scheme(text, "https");
}

/* A part, or "" where there is none. The caller frees it. */
static char *part(CURLU *url, CURLUPart which, unsigned flags)
{
    _cleanup_curl_string_ char *value = NULL;

    return str_dup(curl_url_get(url, which, &value, flags) ? "" : value);
}

int url_parse_base(const char *text, const char *what, char **base, struct error **err)
{
    _cleanup_curl_url_ CURLU *url = parse(text);
    _cleanup_free_ char *safe = str_printable(text, strlen(text), 200);
    _cleanup_free_ char *host = NULL;
    _cleanup_free_ char *port = NULL;
    _cleanup_free_ char *path = NULL;

    if (url) {
        host = part(url, CURLUPART_HOST, 0);
        port = part(url, CURLUPART_PORT, 0);
        path = part(url, CURLUPART_PATH, 0);
    }
    if (!url || !*host || strchr(text, '?') || strchr(text, '#') || (*path && !str_equal(path, "/"))) {
        error_set(err, EXIT_USAGE, "%s must be an address like https://management.azure.com, not \"%s\"", what, safe);
        return error_hint(err, "it is https, a host name and at most a port: no user, path or query");
    }
    *base = str_printf("https://%s%s%s", host, *port ? ":" : "", port);
    return 0;
}

bool url_same_origin(const char *base, const char *url)
{
    _cleanup_curl_url_ CURLU *ours = parse(base);
    _cleanup_curl_url_ CURLU *theirs = parse(url);
    _cleanup_free_ char *our_host = NULL;
    _cleanup_free_ char *our_port = NULL;
    _cleanup_free_ char *their_host = NULL;
    _cleanup_free_ char *their_port = NULL;

    if (!ours || !theirs)
        return false;
    our_host = part(ours, CURLUPART_HOST, 0);
    our_port = part(ours, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    their_host = part(theirs, CURLUPART_HOST, 0);
    their_port = part(theirs, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    return *our_host && str_equal_ignoring_case(our_host, their_host) && str_equal(our_port, their_port);
}

int url_accept(const char *base, const char *url, const char *what, char **accepted, struct error **err)
{
    /* some resource providers leave the blanks of their own $filter in nextLink */
    _cleanup_free_ char *encoded = xcalloc(strnlen(url, MAX_URL) * 3 + 1, 1);
    _cleanup_free_ char *host = NULL;
    _cleanup_free_ char *our_host = NULL;
    char *to = encoded;

    for (size_t i = 0; i < MAX_URL && url[i]; i++) {
        if (url[i] == ' ')
            to = stpcpy(to, "%20");
        else
            *to++ = url[i];
    }
    if (strnlen(url, MAX_URL + 1) <= MAX_URL && url_same_origin(base, encoded)) {
        *accepted = steal(encoded);
        return 0;
    }
    host = url_host(encoded);
    our_host = url_host(base);
    error_set(err, EXIT_NETWORK, "%s answered with %s that leads to %s, not to %s: refused, nothing was sent there",
              our_host, what, host, our_host);
    return error_hint(err, "a proxy that rewrites answers, or a wrong --endpoint, can be the cause");
}

bool url_is_local(const char *url)
{
    _cleanup_curl_url_ CURLU *parsed = parse_scheme(url, "http");
    _cleanup_free_ char *host = parsed ? part(parsed, CURLUPART_HOST, 0) : NULL;
    struct in_addr address;

    if (!host)
        return false;
    if (str_equal_ignoring_case(host, "localhost") || str_equal(host, "[::1]"))
        return true;
    if (inet_pton(AF_INET, host, &address) != 1)
        return false;
    return ntohl(address.s_addr) >> 24 == 127 || ntohl(address.s_addr) >> 16 == (169U << 8 | 254U);
}

char *url_host(const char *url)
{
    _cleanup_curl_url_ CURLU *parsed = curl_url();
    _cleanup_free_ char *host = NULL;
    _cleanup_free_ char *port = NULL;
    _cleanup_free_ char *both = NULL;

    /* not parse(): a refused URL's host is to be named too */
    if (!parsed || curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME))
        return str_dup("an unreadable URL");
    host = part(parsed, CURLUPART_HOST, 0);
    port = part(parsed, CURLUPART_PORT, 0);
    both = str_printf("%s%s%s", host, *port ? ":" : "", port);
    return str_printable(both, strlen(both), 300);
}

char *url_path(const char *url)
{
    _cleanup_curl_url_ CURLU *parsed = parse(url);

    return parsed ? part(parsed, CURLUPART_PATH, 0) : NULL;
}

char *url_encode(const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    static const char unreserved[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    char *encoded = xcalloc(strlen(text) * 3 + 1, 1);
    char *to = encoded;

    for (; *text; text++) {
        unsigned char byte = (unsigned char)*text;

        if (strchr(unreserved, byte)) {
            *to++ = *text;
        } else {
            *to++ = '%';
            *to++ = hex[byte >> 4];
            *to++ = hex[byte & 15];
        }
    }
    return encoded;
}
