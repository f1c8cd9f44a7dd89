/* SPDX-License-Identifier: MIT */
#include "azure/http.h"

#include <curl/curl.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "azure/http-internal.h"
#include "azure/url.h"
#include "util/clock.h"
#include "util/file.h"
#include "util/str.h"

static const long CONNECT_TIMEOUT_S = 15;
static const long STALL_TIMEOUT_S = 75; /* without a byte, and before the first one */
static const long TOTAL_TIMEOUT_S = 120;
static const int64_t TICK_MS = 250;
static const size_t MAX_HEADERS = (size_t)64 << 10;
static const size_t MAX_HEADER = 8192;
static const size_t MAX_CA_FILE = (size_t)4 << 20;

struct http {
    CURLM *multi;              /* keeps the connections */
    struct buffer authorities; /* PEM; empty: libcurl's own bundle */
};

/* What the callbacks of one request share. */
struct exchange {
    struct http_answer *answer;
    size_t header_bytes;
    bool began;          /* whoever is to answer is connected to, TLS included: what is sent now is the request */
    bool headers_ended;  /* the empty line behind them came */
    const char *refused; /* why the answer was cut off; NULL if it was not */
};

DEFINE_CLEANUP(cleanup_curl_easy, CURL *, curl_easy_cleanup);
DEFINE_CLEANUP(cleanup_curl_list, struct curl_slist *, curl_slist_free_all);

/* --- libcurl's memory, which holds the Authorization header and whole answers, is wiped as it is freed ---
 */

static void wipe_free(void *memory)
{
    if (memory)
        explicit_bzero(memory, malloc_usable_size(memory));
    free(memory);
}

static void *wipe_realloc(void *old, size_t size)
{
    size_t had = old ? malloc_usable_size(old) : 0;
    void *made;

    if (had >= size && size > 0 && had / 2 <= size)
        return old;
    made = malloc(size ? size : 1);
    if (!made)
        return NULL;
    if (had)
        memcpy(made, old, had < size ? had : size);
    wipe_free(old);
    return made;
}

static CURLcode global_result;

static void global_init(void)
{
    global_result = curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wipe_free, wipe_realloc, strdup, calloc);
}

/* --- the answer --- */

static void clear_headers(struct http_answer *answer)
{
    for (size_t i = 0; i < HTTP_HEADER_COUNT; i++) {
        free(answer->headers[i]);
        answer->headers[i] = NULL;
    }
}

void http_answer_clear(struct http_answer *answer)
{
    clear_headers(answer);
    buffer_clear(&answer->body);
    answer->status = 0;
}

void http_answer_add_header(struct http_answer *answer, const char *line, size_t length)
{
    static const char *const names[HTTP_HEADER_COUNT] = {
        [HTTP_RETRY_AFTER] = "retry-after",
        [HTTP_ASYNC_OPERATION] = "azure-asyncoperation",
        [HTTP_LOCATION] = "location",
        [HTTP_REQUEST_ID] = "x-ms-request-id",
        [HTTP_CORRELATION_ID] = "x-ms-correlation-request-id",
        [HTTP_CONTENT_TYPE] = "content-type",
        [HTTP_AUTHENTICATE] = "www-authenticate",
        [HTTP_DATE] = "date",
    };
    const char *colon = memchr(line, ':', length);
    const char *end = line + length;

    if (!colon)
        return;
    for (size_t i = 0; i < HTTP_HEADER_COUNT; i++) {
        const char *value = colon + 1;

        if (strlen(names[i]) != (size_t)(colon - line) || strncasecmp(names[i], line, strlen(names[i])) != 0)
            continue;
        while (value < end && (*value == ' ' || *value == '\t'))
            value++;
        while (end > value && strchr(" \t\r\n", end[-1]))
            end--;
        /* of several, the first counts: what a proxy appended does not replace what the service said */
        if (!answer->headers[i])
            answer->headers[i] = str_ndup(value, (size_t)(end - value));
        return;
    }
}

static size_t on_header(char *line, size_t size, size_t count, void *argument)
{
    struct exchange *exchange = argument;
    size_t length = size * count;

    exchange->header_bytes += length;
    if (length > MAX_HEADER || exchange->header_bytes > MAX_HEADERS) {
        exchange->refused = "its headers are longer than any that Azure sends";
        return 0;
    }
    exchange->headers_ended = length <= 2 && (line[0] == '\r' || line[0] == '\n');
    /* a status line starts anew: what came before was an interim answer (RFC 9110, 15.2) */
    if (length >= 5 && memcmp(line, "HTTP/", 5) == 0)
        clear_headers(exchange->answer);
    else
        http_answer_add_header(exchange->answer, line, length);
    return length;
}

static size_t on_body(char *data, size_t size, size_t count, void *argument)
{
    struct exchange *exchange = argument;

    if (buffer_append(&exchange->answer->body, data, size * count) < 0) {
        exchange->refused = "its body is longer than azilr takes";
        return 0;
    }
    return size * count;
}

/* Called once a connection stands, through a proxy's tunnel too (CURLOPT_PREREQFUNCTION(3)). */
static int on_connected(void *argument, char *from, char *to, int from_port, int to_port)
{
    struct exchange *exchange = argument;

    (void)from;
    (void)to;
    (void)from_port;
    (void)to_port;
    exchange->began = true;
    return CURL_PREREQFUNC_OK;
}

int64_t http_retry_after_ms(const struct http_answer *answer)
{
    const char *text = answer->headers[HTTP_RETRY_AFTER];
    long seconds;
    time_t when;

    if (!text)
        return -1;
    if (str_only(text, "0123456789"))
        return str_to_long(text, 0, 86400, &seconds) < 0 ? (int64_t)86400 * 1000 : (int64_t)seconds * 1000;
    when = curl_getdate(text, NULL);
    if (when < 0)
        return -1;
    when -= time(NULL);
    return when < 0 ? 0 : when > 86400 ? (int64_t)86400 * 1000 : (int64_t)when * 1000;
}

time_t http_date(const struct http_answer *answer)
{
    return answer->headers[HTTP_DATE] ? curl_getdate(answer->headers[HTTP_DATE], NULL) : -1;
}

/* --- the client --- */

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

/* The bundle that a variable names: that of curl's own program comes first there too (curl(1), --cacert). */
static const char *bundle_from_environment(void)
{
    return variable("CURL_CA_BUNDLE") ? variable("CURL_CA_BUNDLE") : variable("SSL_CERT_FILE");
}

/* The directories of certificates, by hash, that are trusted beside the bundle; curl's own program, which this follows
 * (src/tool_operate.c, cacertpaths()), does not look at them where its own variable is set. */
static const char *directory_from_environment(void)
{
    return variable("CURL_CA_BUNDLE") ? NULL : variable("SSL_CERT_DIR");
}

/* That, or the bundle that libcurl was built for. */
static const char *system_bundle(CURL *easy)
{
    const char *built_in = NULL;

    if (bundle_from_environment())
        return bundle_from_environment();
    return curl_easy_getinfo(easy, CURLINFO_CAINFO, &built_in) ? NULL : built_in;
}

/* libcurl takes one bundle: the system's and the extra file are put together. */
static int load_authorities(struct http *http, const char *ca_file, struct error **err)
{
    _cleanup_(cleanup_curl_easy) CURL *easy = curl_easy_init();
    const char *bundle = easy ? system_bundle(easy) : NULL;
    _cleanup_free_ char *extra = NULL;
    _cleanup_free_ char *common = NULL;
    size_t length = 0;

    if (ca_file) {
        if (file_read(ca_file, MAX_CA_FILE, &extra, &length, err) < 0)
            return error_wrap(err, "cannot read the authorities to trust");
        if (!strstr(extra, "-----BEGIN CERTIFICATE-----"))
            return error_set(err, EXIT_USAGE, "%s holds no certificate in PEM form", ca_file);
        buffer_append(&http->authorities, extra, length);
        buffer_append(&http->authorities, "\n", 1);
    } else if (!bundle_from_environment()) {
        return 0;
    }
    /* a bundle that was named is wanted, and no other in its place; none on this host is fine as long as the extra file
     * suffices: libcurl says so if it does not */
    if (bundle && file_read(bundle, MAX_CA_FILE, &common, &length, bundle_from_environment() ? err : NULL) == 0)
        buffer_append(&http->authorities, common, length);
    else if (bundle_from_environment())
        return error_wrap(err, "cannot read the authorities that CURL_CA_BUNDLE or SSL_CERT_FILE names");
    return 0;
}

int http_open(const char *ca_file, struct http **http, struct error **err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    _cleanup_http_ struct http *made = xcalloc(1, sizeof(*made));

    pthread_once(&once, global_init);
    if (global_result)
        return error_set(err, EXIT_HOST, "libcurl cannot be used here: %s", curl_easy_strerror(global_result));
    made->authorities = BUFFER_INIT(2 * MAX_CA_FILE + 1);
    made->multi = curl_multi_init();
    if (!made->multi)
        return error_set(err, EXIT_HOST, "libcurl cannot be used here");
    if (load_authorities(made, ca_file, err) < 0)
        return -1;
    *http = steal(made);
    return 0;
}

void http_close(struct http *http)
{
    if (!http)
        return;
    if (http->multi)
        curl_multi_cleanup(http->multi);
    buffer_clear(&http->authorities);
    free(http);
}

/* --- one request --- */

static int set_security(const struct http *http, CURL *easy, bool local)
{
    struct curl_blob authorities = {
        .data = http->authorities.data, .len = http->authorities.length, .flags = CURL_BLOB_NOCOPY};
    const char *directory = directory_from_environment();
    int failed = 0;

    failed |= curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, local ? "http" : "https") != CURLE_OK;
    if (local)
        failed |= curl_easy_setopt(easy, CURLOPT_PROXY, "") != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) != CURLE_OK;
    http_wipe_plaintext(easy);
    if (directory) {
        failed |= curl_easy_setopt(easy, CURLOPT_CAPATH, directory) != CURLE_OK;
        curl_easy_setopt(easy, CURLOPT_PROXY_CAPATH, directory);
    }
    if (http->authorities.length) {
        failed |= curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &authorities) != CURLE_OK;
        /* best effort: only a TLS library without https proxies refuses it, and then there are none */
        curl_easy_setopt(easy, CURLOPT_PROXY_CAINFO_BLOB, &authorities);
    }
    return failed;
}

static int set_request(CURL *easy, const struct http_request *request, struct curl_slist *headers,
                       struct exchange *exchange, char *reason)
{
    const long timeout_ms = request->timeout_ms ? (long)request->timeout_ms : TOTAL_TIMEOUT_S * 1000;
    int failed = 0;

    failed |= curl_easy_setopt(easy, CURLOPT_URL, request->url) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "azilr/" AZILR_VERSION) != CURLE_OK;
    /* HTTP/2's library would keep copies of the Authorization header that nobody wipes */
    failed |= curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, 1L) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, STALL_TIMEOUT_S) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, reason) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_connected) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_PREREQDATA, exchange) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_HEADERDATA, exchange) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) != CURLE_OK;
    failed |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange) != CURLE_OK;
    if (request->body) {
        failed |= curl_easy_setopt(easy, CURLOPT_POST, 1L) != CURLE_OK;
        failed |= curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body) != CURLE_OK;
        failed |= curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(request->body)) != CURLE_OK;
        /* on a kept connection that turns out dead libcurl would send the request again, as it may with a GET
         * only */
        failed |= curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) != CURLE_OK;
    }
    return failed;
}

static int append_header(struct curl_slist **headers, const char *name, const char *value)
{
    _cleanup_buffer_ struct buffer line = BUFFER_INIT(65536);
    struct curl_slist *longer;

    line.secret = true;
    if (buffer_append(&line, name, strlen(name)) < 0 || buffer_append(&line, value, strlen(value)) < 0)
        return -1;
    longer = curl_slist_append(*headers, buffer_text(&line));
    if (!longer)
        return -1;
    *headers = longer;
    return 0;
}

static int make_headers(const struct http_request *request, struct curl_slist **headers)
{
    if (append_header(headers, "Accept: ", "application/json") < 0)
        return -1;
    if (request->bearer && append_header(headers, "Authorization: Bearer ", request->bearer) < 0)
        return -1;
    if (request->local && request->metadata && append_header(headers, "Metadata: ", "true") < 0)
        return -1;
    if (request->local && request->basic && append_header(headers, "Authorization: Basic ", request->basic) < 0)
        return -1;
    /* without a value libcurl leaves the header out, where it would say "form" for any POST */
    if (request->body &&
        append_header(headers, "Content-Type:", request->content_type ? request->content_type : "") < 0)
        return -1;
    return append_header(headers, "Expect:", "");
}

/* Runs the transfer to its end or until wait says so. *result is libcurl's; -1 with err set if wait ended it.
 */
static int drive(CURLM *multi, CURL *easy, struct wait *wait, CURLcode *result, struct error **err)
{
    struct curl_waitfd signals = {.fd = wait ? wait->signal_fd : -1, .events = CURL_WAIT_POLLIN};
    int64_t last_tick = clock_monotonic_ms();
    const CURLMsg *message;
    int running = 1;
    int queued;

    for (;;) {
        if (wait_check(wait, err) < 0)
            return -1;
        if (curl_multi_perform(multi, &running) != CURLM_OK)
            return error_set(err, EXIT_FAILED, "libcurl gave up on the transfer");
        if (!running)
            break;
        curl_multi_poll(multi, &signals, signals.fd >= 0 ? 1 : 0, (int)TICK_MS, NULL);
        if (wait && wait->tick && clock_monotonic_ms() - last_tick >= TICK_MS) {
            wait->tick(wait->tick_argument);
            last_tick = clock_monotonic_ms();
        }
    }
    while ((message = curl_multi_info_read(multi, &queued))) {
        if (message->msg == CURLMSG_DONE && message->easy_handle == easy) {
            *result = message->data.result;
            return 0;
        }
    }
    return error_set(err, EXIT_FAILED, "libcurl lost the transfer");
}

/* libcurl keeps a time for each step, but counts TLS as a part of connecting; a port of ours is there from TCP on. */
static enum http_reached how_far(CURL *easy, CURLcode result, long status)
{
    bool tls_failed = result == CURLE_PEER_FAILED_VERIFICATION || result == CURLE_SSL_ISSUER_ERROR ||
                      result == CURLE_SSL_CONNECT_ERROR;
    curl_off_t named = 0, connected = 0, secured = 0;
    long port = 0;

    curl_easy_getinfo(easy, CURLINFO_NAMELOOKUP_TIME_T, &named);
    curl_easy_getinfo(easy, CURLINFO_CONNECT_TIME_T, &connected);
    curl_easy_getinfo(easy, CURLINFO_APPCONNECT_TIME_T, &secured);
    curl_easy_getinfo(easy, CURLINFO_LOCAL_PORT, &port);
    return status > 0                                           ? HTTP_REACHED_ANSWER
           : secured > 0                                        ? HTTP_REACHED_TLS
           : tls_failed || connected > 0 || (named && port > 0) ? HTTP_REACHED_PORT
           : named > 0                                          ? HTTP_REACHED_ADDRESS
                                                                : HTTP_REACHED_NOTHING;
}

static int transfer(struct http *http, CURL *easy, const struct http_request *request, struct wait *wait,
                    struct exchange *exchange, char *reason, struct error **err)
{
    CURLcode result = CURLE_OK;
    long connect_code = 0;
    long requested = 0;
    long status = 0;
    int driven;

    if (curl_multi_add_handle(http->multi, easy) != CURLM_OK)
        return error_set(err, EXIT_HOST, "libcurl cannot be used here");
    driven = drive(http->multi, easy, wait, &result, err);
#if CURL_AT_LEAST_VERSION(7, 87, 0)
    /* an interrupted look-up of a name, or a late one, is left to its thread instead of being waited for */
    if (driven < 0 || result == CURLE_OPERATION_TIMEDOUT)
        curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
#endif
    curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &requested);
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    /* what a proxy was asked to make a tunnel is counted as well, and is no request of ours */
    exchange->answer->sent = exchange->began && requested > 0;
    /* libcurl takes a connection that ends amid the headers for the end of an empty answer */
    if (result == CURLE_OK && !exchange->headers_ended)
        result = CURLE_PARTIAL_FILE;
    if (driven == 0 && result != CURLE_OK)
        driven = http_explain(easy, result, reason, exchange->refused, request->url, exchange->answer, err);
    exchange->answer->reached = how_far(easy, result, status);
    curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &connect_code);
    exchange->answer->proxied = connect_code > 0 || result == CURLE_COULDNT_RESOLVE_PROXY;
    curl_multi_remove_handle(http->multi, easy);
    if (driven < 0) {
        http_answer_clear(exchange->answer);
        return -1;
    }
    exchange->answer->status = (int)status;
    return 0;
}

int http_send(struct http *http, const struct http_request *request, struct wait *wait, struct http_answer *answer,
              struct error **err)
{
    _cleanup_(cleanup_curl_easy) CURL *easy = curl_easy_init();
    _cleanup_(cleanup_curl_list) struct curl_slist *headers = NULL;
    struct exchange exchange = {.answer = answer};
    char reason[CURL_ERROR_SIZE] = "";

    memset(answer, 0, sizeof(*answer));
    answer->body = BUFFER_INIT(request->max_body ? request->max_body : HTTP_DEFAULT_MAX_BODY);
    answer->body.secret = request->secret;
    if (request->local && (request->bearer || !url_is_local(request->url)))
        return error_set(err, EXIT_NETWORK, "refused to use plain http for anything but a service of this machine");
    if (!easy || make_headers(request, &headers) < 0 || set_security(http, easy, request->local) ||
        set_request(easy, request, headers, &exchange, reason))
        return error_set(err, EXIT_HOST, "this host's libcurl cannot make a verified https request");
    if (transfer(http, easy, request, wait, &exchange, reason, err) < 0)
        return -1;
    http_redact_answer(request, answer);
    return 0;
}
