/* SPDX-License-Identifier: MIT */
#include "azure/cloud_error.h"

#include <string.h>

#include "util/str.h"

/* Caps on what an answer may put on a person's screen. */
static const int MAX_DEPTH = 6;
static const int MAX_ENTRIES = 24;
static const size_t MAX_TEXT = 1500;
static const size_t MAX_EXCERPT = 300;
static const size_t MAX_ERROR = 16384;

struct tree {
    struct buffer text;
    int entries;
};

static void add(struct tree *tree, const char *text)
{
    /* past the cap the rest is left out */
    buffer_append(&tree->text, text, strlen(text));
}

static void new_line(struct tree *tree, int indent)
{
    add(tree, "\n");
    for (int i = 0; i < indent; i++)
        add(tree, "  ");
}

/* Untrusted text of one or more lines, the further ones indented. */
static void add_text(struct tree *tree, int indent, const char *text)
{
    size_t left = strnlen(text, MAX_TEXT);
    bool cut = text[left] != '\0';
    bool first = true;

    while (left > 0) {
        const char *end = memchr(text, '\n', left);
        size_t length = end ? (size_t)(end - text) : left;
        size_t shown = length;
        _cleanup_free_ char *safe = NULL;

        while (shown > 0 && strchr("\r \t", text[shown - 1]))
            shown--;
        safe = str_printable(text, shown, shown);
        if (shown > 0) {
            if (!first)
                new_line(tree, indent + 1);
            add(tree, safe);
            first = false;
        }
        left -= length + (end ? 1 : 0);
        text += length + (end ? 1 : 0);
    }
    if (cut)
        add(tree, "…");
}

static void add_body(struct tree *tree, const cJSON *body, int indent, int depth);

static void add_details(struct tree *tree, const cJSON *body, int indent, int depth)
{
    const cJSON *detail;

    cJSON_ArrayForEach(detail, json_array(body, "details"))
    {
        if (!cJSON_IsObject(detail))
            continue;
        if (++tree->entries > MAX_ENTRIES || depth >= MAX_DEPTH) {
            new_line(tree, indent + 1);
            add(tree, "… (more details left out)");
            return;
        }
        new_line(tree, indent + 1);
        add_body(tree, detail, indent + 1, depth + 1);
    }
}

static void add_info(struct tree *tree, const cJSON *body, int indent)
{
    const cJSON *info;

    cJSON_ArrayForEach(info, json_array(body, "additionalInfo"))
    {
        const char *type = json_string(info, "type");
        const cJSON *content = json_object(info, "info");
        _cleanup_free_ char *text = content ? json_text(content, false) : NULL;
        _cleanup_free_ char *safe = text ? str_printable(text, strlen(text), MAX_EXCERPT) : NULL;

        if (!cJSON_IsObject(info) || ++tree->entries > MAX_ENTRIES)
            return;
        new_line(tree, indent + 1);
        add_text(tree, indent + 1, type ? type : "additional information");
        if (safe) {
            add(tree, ": ");
            add(tree, safe);
        }
    }
}

/* One CloudErrorBody: "code: message", and what hangs below it. */
static void add_body(struct tree *tree, const cJSON *body, int indent, int depth)
{
    const char *code = json_string(body, "code");
    const char *message = json_string(body, "message");
    const char *target = json_string(body, "target");

    if (code && *code)
        add_text(tree, indent, code);
    if (code && *code && message && *message)
        add(tree, ": ");
    if (message && *message)
        add_text(tree, indent, message);
    if ((!code || !*code) && (!message || !*message))
        add(tree, "no code and no message given");
    if (target && *target) {
        new_line(tree, indent + 1);
        add(tree, "target: ");
        add_text(tree, indent + 1, target);
    }
    add_details(tree, body, indent, depth);
    add_info(tree, body, indent);
}

static void add_ids(struct tree *tree, const struct http_answer *answer)
{
    static const struct {
        enum http_header header;
        const char *name;
    } ids[] = {{HTTP_REQUEST_ID, "request id"}, {HTTP_CORRELATION_ID, "correlation id"}};

    for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
        const char *id = answer ? answer->headers[ids[i].header] : NULL;
        _cleanup_free_ char *safe = id ? str_printable(id, strlen(id), 128) : NULL;

        if (!safe)
            continue;
        new_line(tree, 1);
        add(tree, ids[i].name);
        add(tree, ": ");
        add(tree, safe);
    }
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

/* What to do about the codes that a person meets. Names are Resource Manager's and the sign-in service's own.
 */
static const char *hint_for(const char *code)
{
    static const struct {
        const char *code;
        const char *hint;
    } hints[] = {
        {"ExpiredAuthenticationToken", "the token is too old: get a new one, e.g. az account get-access-token"},
        {"InvalidAuthenticationToken",
         "get a new token, e.g. az account get-access-token; it must be for this cloud's Resource Manager"},
        {"InvalidAuthenticationTokenTenant",
         "the token is from another tenant than the subscription: sign in to that one"},
        {"AuthenticationFailed", "sign in again, e.g. az account get-access-token"},
        {"AuthorizationFailed", "the identity needs this action on the vault, e.g. through the role Backup "
                                "Operator; a new assignment takes minutes"},
        {"LinkedAuthorizationFailed", "the identity needs a role on the virtual machine too, e.g. Backup Operator"},
        {"SubscriptionNotFound", "check the subscription id, and that the identity has a role in it"},
        {"ResourceGroupNotFound", "check --resource-group: it is the vault's, which may differ from the machine's"},
        {"ResourceNotFound", "check --vault-name and --resource-group (the vault's)"},
        {"TooManyRequests", "Azure limits how often it may be asked: try again in a few minutes"},
        {"invalid_client", "the client secret is wrong or expired (its value is wanted, not its id)"},
        {"unauthorized_client", "check AZURE_CLIENT_ID and AZURE_TENANT_ID: that tenant does not know the application"},
        {"invalid_request", "check AZURE_TENANT_ID and AZURE_CLIENT_ID"},
    };

    for (size_t i = 0; code && i < sizeof(hints) / sizeof(hints[0]); i++) {
        if (str_equal_ignoring_case(code, hints[i].code))
            return hints[i].hint;
    }
    return NULL;
}

static enum exit_code code_for(int status, bool sign_in)
{
    if (status == 401 || status == 403)
        return EXIT_AUTH;
    if (sign_in && status < 500 && status != 429)
        return EXIT_AUTH;
    return status == 404 ? EXIT_NOT_FOUND : EXIT_NETWORK;
}

/* The error's own object within a document: {"error":{…}}, or the document itself where it has a code. */
static const cJSON *find_body(const cJSON *document)
{
    const cJSON *body = json_object(document, "error");

    return body ? body : json_string(document, "code") ? document : NULL;
}

static void add_excerpt(struct tree *tree, const struct http_answer *answer)
{
    const char *type = answer->headers[HTTP_CONTENT_TYPE];
    _cleanup_free_ char *safe_type = type ? str_printable(type, strlen(type), 80) : NULL;
    _cleanup_free_ char *flat = str_ndup(buffer_text(&answer->body), MAX_EXCERPT + 1);
    _cleanup_free_ char *safe = NULL;

    for (char *at = flat; *at; at++) {
        if (strchr("\r\n\t", *at))
            *at = ' ';
    }
    safe = str_printable(flat, strlen(flat), MAX_EXCERPT);
    if (answer->body.length == 0) {
        add(tree, "an empty body");
        return;
    }
    add(tree, safe_type ? safe_type : "no content type");
    new_line(tree, 1);
    add(tree, safe);
}

/* A body that may hold a token or a password is never quoted; a page of HTML is what a proxy says. */
static void add_safe_excerpt(struct tree *tree, const struct http_answer *answer)
{
    if (answer->body.secret && answer->body.length && answer->body.data[0] != '<')
        add(tree, "not shown, since it may hold secrets");
    else
        add_excerpt(tree, answer);
}

static void finish(struct tree *tree, enum exit_code code, const char *hint, struct error **err)
{
    error_set(err, code, "%s", buffer_text(&tree->text));
    if (hint)
        error_hint(err, "%s", hint);
    buffer_clear(&tree->text);
}

static cJSON *parse(const struct http_answer *answer)
{
    return answer->body.length ? json_parse(answer->body.data, answer->body.length, "answer", NULL) : NULL;
}

int cloud_error_set(const char *host, const struct http_answer *answer, struct error **err)
{
    struct tree tree = {.text = BUFFER_INIT(MAX_ERROR)};
    _cleanup_json_ cJSON *document = parse(answer);
    const cJSON *body = find_body(document);
    const char *oauth = json_string(document, "error");
    const char *description = json_string(document, "error_description");
    const char *phrase = reason_phrase(answer->status);
    _cleanup_free_ char *lead = str_printf("%s answered %d%s%s%s: ", host, answer->status, phrase ? " (" : "",
                                           phrase ? phrase : "", phrase ? ")" : "");

    add(&tree, lead);
    if (body) {
        add_body(&tree, body, 0, 0);
    } else if (oauth) {
        add_text(&tree, 0, oauth);
        add(&tree, description ? ": " : "");
        add_text(&tree, 0, description ? description : "");
    } else {
        add_safe_excerpt(&tree, answer);
    }
    add_ids(&tree, answer);
    finish(&tree, code_for(answer->status, oauth != NULL), hint_for(body ? json_string(body, "code") : oauth), err);
    return -1;
}

int cloud_error_set_operation(const cJSON *status, const struct http_answer *answer, struct error **err)
{
    struct tree tree = {.text = BUFFER_INIT(MAX_ERROR)};
    const cJSON *body = json_object(status, "error");
    const char *state = json_string(status, "status");

    add(&tree, "the operation ended as ");
    add_text(&tree, 0, state ? state : "failed");
    add(&tree, body ? ": " : " and gave no reason");
    if (body)
        add_body(&tree, body, 0, 0);
    add_ids(&tree, answer);
    finish(&tree, EXIT_NETWORK, hint_for(json_string(body, "code")), err);
    return -1;
}

int cloud_error_set_unreadable(const char *host, const struct http_answer *answer, const char *why, struct error **err)
{
    struct tree tree = {.text = BUFFER_INIT(MAX_ERROR)};
    _cleanup_free_ char *lead =
        str_printf("%s answered %d with something else than was asked for (%s): ", host, answer->status, why);

    add(&tree, lead);
    add_safe_excerpt(&tree, answer);
    add_ids(&tree, answer);
    finish(&tree, EXIT_NETWORK, NULL, err);
    return -1;
}

char *cloud_error_code(const struct http_answer *answer)
{
    _cleanup_json_ cJSON *document = parse(answer);
    const char *code = json_string(find_body(document), "code");

    return code ? str_dup(code) : NULL;
}
