/* SPDX-License-Identifier: MIT */
/*
 * One HTTPS request and its answer, through libcurl: https only (but for this machine's own services), no redirects,
 * TLS 1.2 or newer, chain and host name verified, HTTP/1.1. Connections are kept for the next request. Proxies are
 * taken from the environment as libcurl does (https_proxy, no_proxy). The authorities are taken as curl's own program
 * takes them: the bundle is the file in CURL_CA_BUNDLE, else in SSL_CERT_FILE, else libcurl's own; without
 * CURL_CA_BUNDLE the directories in SSL_CERT_DIR, else libcurl's own, count besides.
 */
#ifndef AZILR_AZURE_HTTP_H
#define AZILR_AZURE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "util/buffer.h"
#include "util/error.h"
#include "util/wait.h"

struct http;

/* The headers of an answer that are kept. */
enum http_header {
    HTTP_RETRY_AFTER,
    HTTP_ASYNC_OPERATION, /* Azure-AsyncOperation */
    HTTP_LOCATION,
    HTTP_REQUEST_ID,     /* x-ms-request-id */
    HTTP_CORRELATION_ID, /* x-ms-correlation-request-id */
    HTTP_CONTENT_TYPE,
    HTTP_AUTHENTICATE, /* WWW-Authenticate */
    HTTP_DATE,
    HTTP_HEADER_COUNT,
};

/* How far a request has come; with a proxy, the way to that counts as the connection. */
enum http_reached {
    HTTP_REACHED_NOTHING,
    HTTP_REACHED_ADDRESS, /* the name has one */
    HTTP_REACHED_PORT,    /* TCP is connected */
    HTTP_REACHED_TLS,     /* the certificate is good */
    HTTP_REACHED_ANSWER,
};

#define HTTP_DEFAULT_MAX_BODY ((size_t)4 << 20)

/* All strings are borrowed for the duration of the call. */
struct http_request {
    const char *url;          /* must be https */
    const char *bearer;       /* token for the Authorization header; NULL for none */
    const char *body;         /* NULL makes it a GET, anything else, "" too, a POST */
    const char *content_type; /* of the body; NULL for none */
    size_t max_body;          /* bytes that the answer may have; 0 means HTTP_DEFAULT_MAX_BODY */
    bool secret;              /* the answer's body is wiped when it is let go of */
    /*
     * A service of this very machine: plain http, only to where url_is_local(), and past any proxy. These two go
     * with it: the header "Metadata: true", and the value of "Authorization: Basic" (sent as it is), or NULL.
     */
    bool local;
    bool metadata;
    const char *basic;
    int64_t timeout_ms; /* of the whole; 0 means the 2 minutes */
};

struct http_answer {
    int status;                       /* 0 as long as there is none */
    char *headers[HTTP_HEADER_COUNT]; /* untrusted; NULL where missing */
    struct buffer body;
    bool sent;   /* something of the request (not only of its way, to a proxy) left, so it may have been acted upon */
    bool unsure; /* set by retry_send(): an earlier attempt may have been acted upon, whatever this answer says */
    bool transient;            /* after a failure: the same request may well succeed in a moment */
    enum http_reached reached; /* of the last attempt */
    bool proxied;              /* a proxy has answered, or could not be found */
};

/*
 * Opens a client. ca_file, or NULL, is a PEM file of authorities that are trusted in addition to the system's
 * (EXIT_NOT_FOUND, or EXIT_USAGE if it holds no certificate); so is a bundle that a variable names. The caller closes
 * *http with http_close().
 */
int http_open(const char *ca_file, struct http **http, struct error **err);
void http_close(struct http *http);

/*
 * Sends a request and reads the whole answer, whatever its status: 0. Secrets of the request that the answer repeats
 * are overwritten in it. Failures are EXIT_NETWORK (host and cause named), EXIT_HOST (no usable TLS or authorities
 * here), or wait's own; *answer then only says `sent`, `transient`, `reached` and `proxied`. wait may be NULL. A
 * request takes 2 minutes at most, and no answer may pause for more than 75 seconds, since Resource Manager itself may
 * take 60. A POST never goes out twice by itself. The caller clears *answer with http_answer_clear() in any case.
 */
int http_send(struct http *http, const struct http_request *request, struct wait *wait, struct http_answer *answer,
              struct error **err);

void http_answer_clear(struct http_answer *answer);

/* When the server says that it is (Date: RFC 9110, 6.6.1); -1 if it does not. */
time_t http_date(const struct http_answer *answer);

/* Milliseconds that Retry-After asks to wait (seconds, or a date: RFC 9110, 10.2.3), 0 or more; -1 if it is
 * missing. */
int64_t http_retry_after_ms(const struct http_answer *answer);

DEFINE_CLEANUP(cleanup_http_ptr, struct http *, http_close);
#define _cleanup_http_ _cleanup_(cleanup_http_ptr)
#define _cleanup_http_answer_ _cleanup_(http_answer_clear)

#endif
