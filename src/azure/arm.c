/* SPDX-License-Identifier: MIT */
#include "azure/arm.h"

#include <string.h>

#include "azure/arm_id.h"
#include "azure/cloud_error.h"
#include "azure/url.h"
#include "util/log.h"
#include "util/str.h"

/*
 * The longest list is that of a machine's recovery points: the service keeps at most 9,999 of them (Azure Backup
 * support matrix), each of 1 to 2 KiB. That fits whether it comes on one page or on pages of five, and what is kept of
 * 100,000 objects still fits a small host.
 */
static const int MAX_PAGES = 2000;
static const size_t MAX_ELEMENTS = 100000;
static const size_t MAX_PAGE_BODY = (size_t)32 << 20;
/* two scripts of the greatest size that is taken, in base64 */
static const size_t MAX_SECRET_BODY = (size_t)12 << 20;

struct arm {
    char *endpoint;
    char *host; /* for messages */
    struct http *http;
    struct credential *credential;
    struct wait *wait;
    bool no_token; /* for the last call */
};

int arm_open(const struct arm_options *options, struct arm **arm, struct error **err)
{
    _cleanup_arm_ struct arm *made = xcalloc(1, sizeof(*made));
    const char *endpoint = options->endpoint ? options->endpoint : CLOUD_PUBLIC_ENDPOINT;

    if (url_parse_base(endpoint, "--endpoint", &made->endpoint, err) < 0 ||
        http_open(options->ca_file, &made->http, err) < 0)
        return -1;
    made->host = url_host(made->endpoint);
    made->credential = options->credential;
    made->wait = options->wait;
    *arm = steal(made);
    return 0;
}

void arm_free(struct arm *arm)
{
    if (!arm)
        return;
    http_close(arm->http);
    free(arm->endpoint);
    free(arm->host);
    free(arm);
}

const char *arm_endpoint(const struct arm *arm)
{
    return arm->endpoint;
}

bool arm_has_no_token(const struct arm *arm)
{
    return arm->no_token;
}

void arm_set_wait(struct arm *arm, struct wait *wait)
{
    arm->wait = wait;
}

struct wait *arm_get_wait(const struct arm *arm)
{
    return arm->wait;
}

char *arm_url(const struct arm *arm, const char *id, const char *action, const char *api_version, const char *filter)
{
    _cleanup_free_ char *path = arm_id_path(id);
    _cleanup_free_ char *encoded = filter ? url_encode(filter) : NULL;

    return str_printf("%s%s%s%s?api-version=%s%s%s", arm->endpoint, path, action ? "/" : "", action ? action : "",
                      api_version, encoded ? "&$filter=" : "", encoded ? encoded : "");
}

int arm_call(struct arm *arm, const struct arm_call *call, struct http_answer *answer, struct error **err)
{
    _cleanup_free_ char *body = call->body ? json_text(call->body, false) : call->post ? str_dup("") : NULL;
    struct http_request request = {
        .url = call->url,
        .body = body,
        .content_type = call->body ? "application/json" : NULL,
        .max_body = call->secret ? MAX_SECRET_BODY : call->max_body,
        .secret = call->secret,
    };

    bool unsure = false;
    int result;

    memset(answer, 0, sizeof(*answer));
    for (bool anew = false;; anew = true) {
        /* the last line of defence: whatever built the URL, the token goes to no other host */
        if (!url_same_origin(arm->endpoint, call->url))
            return error_set(err, EXIT_NETWORK, "refused to send the token anywhere but to %s", arm->host);
        arm->no_token = credential_get_token(arm->credential, anew, arm->wait, &request.bearer, err) < 0;
        if (arm->no_token)
            return -1;
        result = retry_send(arm->http, &request, call->retry, arm->wait, answer, err);
        answer->unsure = unsure = unsure || answer->unsure;
        if (result < 0)
            return -1;
        if (answer->status != 401 || anew || !credential_is_renewable(arm->credential))
            break;
        log_verbose("%s does not take the token any more: signing in again", arm->host);
        http_answer_clear(answer);
        answer->sent = false;
    }
    if (answer->status >= 200 && answer->status < 300)
        return 0;
    return cloud_error_set(arm->host, answer, err);
}

int arm_fetch(struct arm *arm, const char *url, size_t max_body, struct http_answer *answer, struct error **err)
{
    const struct http_request request = {.url = url, .max_body = max_body, .secret = true};
    _cleanup_free_ char *host = url_host(url);

    if (retry_send(arm->http, &request, RETRY_SAFE, arm->wait, answer, err) < 0)
        return -1;
    if (answer->status == 200)
        return 0;
    cloud_error_set(host, answer, err);
    /* no sign-in and no resource was asked for, so a refusal says nothing of either */
    if (err)
        (*err)->code = EXIT_NETWORK;
    return -1;
}

int arm_parse(struct arm *arm, const struct http_answer *answer, cJSON **json, struct error **err)
{
    _cleanup_error_ struct error *why = NULL;

    *json = json_parse(buffer_text(&answer->body), answer->body.length, "the body", &why);
    if (!*json)
        return cloud_error_set_unreadable(arm->host, answer, why->message, err);
    if (cJSON_IsObject(*json))
        return 0;
    cJSON_Delete(*json);
    *json = NULL;
    return cloud_error_set_unreadable(arm->host, answer, "JSON, but no object", err);
}

static int get_url(struct arm *arm, const char *url, size_t max_body, cJSON **json, struct error **err)
{
    _cleanup_http_answer_ struct http_answer answer = {0};
    struct arm_call call = {.url = url, .retry = RETRY_SAFE, .max_body = max_body};

    if (arm_call(arm, &call, &answer, err) < 0)
        return -1;
    return arm_parse(arm, &answer, json, err);
}

int arm_get(struct arm *arm, const char *id, const char *api_version, cJSON **json, struct error **err)
{
    _cleanup_free_ char *url = arm_url(arm, id, NULL, api_version, NULL);

    return get_url(arm, url, 0, json, err);
}

static int endless(const struct arm *arm, struct error **err)
{
    return error_set(err, EXIT_NETWORK, "%s answered with a list that does not end", arm->host);
}

int arm_list(struct arm *arm, const char *id, const char *action, const char *api_version, const char *filter,
             int (*each)(const cJSON *element, void *argument, struct error **err), void *argument, struct error **err)
{
    _cleanup_free_ char *url = arm_url(arm, id, action, api_version, filter);
    size_t seen = 0;

    for (int page = 0; page < MAX_PAGES; page++) {
        _cleanup_json_ cJSON *json = NULL;
        const cJSON *element;
        const char *next;
        char *accepted = NULL;

        if (get_url(arm, url, MAX_PAGE_BODY, &json, err) < 0)
            return -1;
        if (!json_array(json, "value"))
            return error_set(err, EXIT_NETWORK, "%s answered without the list (\"value\") that was asked for",
                             arm->host);
        cJSON_ArrayForEach(element, json_array(json, "value"))
        {
            int done = cJSON_IsObject(element) ? each(element, argument, err) : 0;

            if (++seen > MAX_ELEMENTS)
                return endless(arm, err);
            if (done)
                return done < 0 ? -1 : 0;
        }
        next = json_string(json, "nextLink");
        if (!next || !*next)
            return 0;
        if (url_accept(arm->endpoint, next, "a next page (nextLink)", &accepted, err) < 0)
            return -1;
        if (str_equal(url, accepted)) {
            free(accepted);
            return endless(arm, err);
        }
        free(url);
        url = accepted;
    }
    return endless(arm, err);
}
