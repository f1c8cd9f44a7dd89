/* SPDX-License-Identifier: MIT */
#include "azure/cloud_error.h"

#include <string.h>

#include "azure/cloud_error-internal.h"
#include "util/secret.h"
#include "util/str.h"

/* Kept free in a message for the ids that a support case needs, however much the service says. */
static const size_t ROOM_FOR_IDS = 1024;

/* The ids of an answer: the header, the words for a person, the member of the document. */
static const struct {
    enum http_header header;
    const char *name;
    const char *member;
} ids[] = {{HTTP_REQUEST_ID, "request id", "request_id"}, {HTTP_CORRELATION_ID, "correlation id", "correlation_id"}};

/* An error in the making. */
struct report {
    struct buffer text;
    cJSON *azure; /* the member "azure" of the details */
};

static struct report begin(const char *host, const struct http_answer *answer)
{
    struct report report = {.text = BUFFER_INIT(CLOUD_ERROR_MAX_SIZE - ROOM_FOR_IDS), .azure = json_new_object()};

    json_set_string(report.azure, "host", host);
    if (answer)
        json_set_number(report.azure, "status", answer->status);
    return report;
}

static void add_ids(struct report *report, const struct http_answer *answer)
{
    report->text.max = CLOUD_ERROR_MAX_SIZE;
    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        const char *id = answer ? answer->headers[ids[i].header] : NULL;
        _cleanup_free_ char *safe = id ? str_printable(id, strlen(id), 128) : NULL;

        json_set_string(report->azure, ids[i].member, safe);
        if (!safe)
            continue;
        cloud_error_new_line(&report->text, 1);
        cloud_error_add(&report->text, ids[i].name);
        cloud_error_add(&report->text, ": ");
        cloud_error_add(&report->text, safe);
    }
}

/* Sets err and lets go of the report. Takes the advice. */
static int finish(struct report *report, const struct http_answer *answer, enum exit_code code, char *advice,
                  struct error **err)
{
    _cleanup_json_ cJSON *details = json_new_object();
    _cleanup_free_ char *hint = advice;
    _cleanup_free_ char *text = NULL;

    add_ids(report, answer);
    cJSON_AddItemToObject(details, "azure", report->azure);
    text = json_text(details, false);
    error_set(err, code, "%s", buffer_text(&report->text));
    error_set_details(err, text);
    if (hint)
        error_hint(err, "%s", hint);
    buffer_clear(&report->text);
    return -1;
}

/* RFC 9110, 15, and 6585 for 429; those that Azure and its gateways use. */
static const char *reason_phrase(int status)
{
    static const struct {
        int status;
        const char *phrase;
    } phrases[] = {
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {412, "Precondition Failed"},
        {415, "Unsupported Media Type"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
    };

    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
        if (phrases[i].status == status)
            return phrases[i].phrase;
    }
    return status >= 300 && status < 400 ? "a redirect, which is not followed" : NULL;
}

static enum exit_code code_for(int status)
{
    if (status == 401 || status == 403)
        return EXIT_AUTH;
    return status == 404 ? EXIT_NOT_FOUND : EXIT_NETWORK;
}

static enum exit_code code_for_sign_in(int status)
{
    return status >= 400 && status < 500 && status != 408 && status != 429 ? EXIT_AUTH : EXIT_NETWORK;
}

/* The error's own object within a document: {"error":{…}}, or the document itself where it has a code. */
static const cJSON *find_body(const cJSON *document)
{
    const cJSON *body = json_object(document, "error");

    return body ? body : json_string(document, "code") ? document : NULL;
}

static void add_excerpt(struct report *report, const struct http_answer *answer, const char *body)
{
    const char *type = answer->headers[HTTP_CONTENT_TYPE];
    _cleanup_free_ char *safe_type = type ? str_printable(type, strlen(type), 80) : NULL;
    _cleanup_free_ char *flat = str_ndup(body, CLOUD_ERROR_MAX_EXCERPT + 1);
    _cleanup_free_ char *safe = NULL;

    for (char *at = flat; *at; at++) {
        if (strchr("\r\n\t", *at))
            *at = ' ';
    }
    safe = str_printable(flat, strlen(flat), CLOUD_ERROR_MAX_EXCERPT);
    if (answer->body.length == 0) {
        cloud_error_add(&report->text, "an empty body");
        return;
    }
    cloud_error_add(&report->text, safe_type ? safe_type : "no content type");
    cloud_error_new_line(&report->text, 1);
    cloud_error_add(&report->text, safe);
}

/*
 * A body that may hold a token or a password is not quoted, but for what others say in the service's place: a proxy's
 * page of HTML, or a gateway's words, with all that may be no word left out.
 */
static void add_safe_excerpt(struct report *report, const struct http_answer *answer)
{
    const char *body = buffer_text(&answer->body);
    _cleanup_secret_ char *words = NULL;

    if (!answer->body.secret || answer->body.length == 0 || *body == '<') {
        add_excerpt(report, answer, body);
    } else if (answer->status >= 400 && cloud_error_is_prose(body)) {
        words = cloud_error_mask(body);
        add_excerpt(report, answer, words);
    } else {
        cloud_error_add(&report->text, "not shown, since it may hold secrets");
    }
}

static cJSON *parse(const struct http_answer *answer)
{
    return answer->body.length ? json_parse(answer->body.data, answer->body.length, "answer", NULL) : NULL;
}

static void add_oauth(struct report *report, const char *code, const char *description)
{
    _cleanup_json_ cJSON *body = json_new_object();

    json_set_string(body, "code", code);
    json_set_string(body, "message", description);
    cloud_error_copy_body(body, report->azure);
    cloud_error_add_text(&report->text, 0, code);
    cloud_error_add(&report->text, description ? ": " : "");
    cloud_error_add_text(&report->text, 0, description ? description : "");
}

static int set(const char *host, const struct http_answer *answer, enum exit_code code, struct error **err)
{
    struct report report = begin(host, answer);
    _cleanup_json_ cJSON *document = parse(answer);
    const cJSON *body = find_body(document);
    const char *oauth = json_string(document, "error");
    const char *phrase = reason_phrase(answer->status);
    _cleanup_free_ char *lead = str_printf("%s answered %d%s%s%s: ", host, answer->status, phrase ? " (" : "",
                                           phrase ? phrase : "", phrase ? ")" : "");

    cloud_error_add(&report.text, lead);
    if (body) {
        cloud_error_add_body(&report.text, body);
        cloud_error_copy_body(body, report.azure);
    } else if (oauth) {
        add_oauth(&report, oauth, json_string(document, "error_description"));
    } else {
        add_safe_excerpt(&report, answer);
    }
    return finish(&report, answer, code, cloud_error_advice(body, body ? NULL : oauth, answer->status), err);
}

int cloud_error_set(const char *host, const struct http_answer *answer, struct error **err)
{
    return set(host, answer, code_for(answer->status), err);
}

int cloud_error_set_sign_in(const char *host, const struct http_answer *answer, struct error **err)
{
    return set(host, answer, code_for_sign_in(answer->status), err);
}

int cloud_error_set_operation(const char *host, const cJSON *status, const struct http_answer *answer,
                              struct error **err)
{
    struct report report = begin(host, answer);
    const cJSON *body = json_object(status, "error");
    const char *state = json_string(status, "status");
    _cleanup_free_ char *safe = state ? str_printable(state, strlen(state), 64) : NULL;

    cloud_error_add(&report.text, "the operation ended as ");
    cloud_error_add(&report.text, safe ? safe : "failed");
    cloud_error_add(&report.text, body ? ": " : " and gave no reason");
    json_set_string(report.azure, "operation_status", safe);
    if (body) {
        cloud_error_add_body(&report.text, body);
        cloud_error_copy_body(body, report.azure);
    }
    return finish(&report, answer, EXIT_NETWORK, cloud_error_advice(body, NULL, 0), err);
}

int cloud_error_set_unreadable(const char *host, const struct http_answer *answer, const char *why, struct error **err)
{
    struct report report = begin(host, answer);
    _cleanup_free_ char *lead =
        str_printf("%s answered %d with something else than was asked for (%s): ", host, answer->status, why);

    cloud_error_add(&report.text, lead);
    add_safe_excerpt(&report, answer);
    return finish(&report, answer, EXIT_NETWORK, NULL, err);
}

char *cloud_error_code(const struct http_answer *answer)
{
    _cleanup_json_ cJSON *document = parse(answer);
    const char *code = json_string(find_body(document), "code");

    return code ? str_dup(code) : NULL;
}

/* What cloud_error_set() has left of an answer; NULL for another error. The caller deletes it. */
static cJSON *details_of(const struct error *err)
{
    return err->details ? json_parse(err->details, strlen(err->details), "an error's details", NULL) : NULL;
}

int cloud_error_status(const struct error *err)
{
    _cleanup_json_ cJSON *details = details_of(err);

    return json_whole(json_object(details, "azure"), "status", 0, 999, 0);
}

bool cloud_error_has_code(const struct error *err, const char *code)
{
    _cleanup_json_ cJSON *details = details_of(err);

    return str_equal_ignoring_case(json_string(json_object(details, "azure"), "code"), code);
}
