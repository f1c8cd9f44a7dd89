/* SPDX-License-Identifier: MIT */
#include "azure/arm_operation.h"

#include <string.h>

#include "azure/cloud_error.h"
#include "azure/secret_json.h"
#include "azure/url.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/str.h"

static const int64_t FIRST_DELAY_MS = 700;
static const int64_t MIN_CAP_MS = 1000;
static const int64_t DEFAULT_CAP_MS = 30000;
static const int64_t MAX_CAP_MS = 120000;
static const int64_t MAX_OPERATION_MS = (int64_t)30 * 60 * 1000;
static const size_t MAX_OPERATION_ID = 128;

void arm_operation_clear(struct arm_operation *operation)
{
    free(operation->url);
    free(operation->id);
    memset(operation, 0, sizeof(*operation));
}

int64_t arm_operation_delay_ms(int poll, int64_t retry_after_ms)
{
    int64_t cap = retry_after_ms < 0 ? DEFAULT_CAP_MS : retry_after_ms;
    int64_t delay = FIRST_DELAY_MS;

    if (cap < MIN_CAP_MS)
        cap = MIN_CAP_MS;
    if (cap > MAX_CAP_MS)
        cap = MAX_CAP_MS;
    for (; poll > 0 && delay < cap; poll--)
        delay = delay * 22 / 10;
    return delay < cap ? delay : cap;
}

int64_t arm_operation_pause_ms(int poll, int64_t retry_after_ms)
{
    int64_t delay = arm_operation_delay_ms(poll, retry_after_ms);

    return delay + retry_jitter_ms(delay / 10);
}

enum arm_operation_state arm_operation_state(const char *status)
{
    /* Azure REST reference: three are final; Invalid is OperationStatusValues' own (Recovery Services Backup)
     */
    static const char *const failures[] = {"Failed", "Canceled", "Cancelled", "Invalid"};

    if (str_equal_ignoring_case(status, "Succeeded"))
        return ARM_OPERATION_SUCCEEDED;
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        if (str_equal_ignoring_case(status, failures[i]))
            return ARM_OPERATION_FAILED;
    }
    return ARM_OPERATION_RUNNING;
}

char *arm_operation_id(const char *url)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    _cleanup_free_ char *path = url_path(url);
    const char *last = path ? strrchr(path, '/') : NULL;

    if (!last || !str_only(last + 1, alphabet) || strlen(last + 1) > MAX_OPERATION_ID)
        return NULL;
    return str_dup(last + 1);
}

/* Where to poll, from the headers of the answer to the POST. */
static int read_address(struct arm *arm, const struct http_answer *answer, struct arm_operation *operation,
                        struct error **err)
{
    const char *async = answer->headers[HTTP_ASYNC_OPERATION];
    const char *location = answer->headers[HTTP_LOCATION];

    operation->by_location = !async;
    operation->retry_after_ms = http_retry_after_ms(answer);
    if (!async && !location)
        return error_set(err, EXIT_NETWORK,
                         "the service accepted the request (%d) but did not say where to ask for the "
                         "outcome (no Azure-AsyncOperation, no Location)",
                         answer->status);
    if (url_accept(arm_endpoint(arm), async ? async : location, async ? "an Azure-AsyncOperation" : "a Location",
                   &operation->url, err) < 0)
        return -1;
    operation->id = arm_operation_id(operation->url);
    return 0;
}

int arm_operation_start(struct arm *arm, const char *id, const char *action, const char *api_version, const cJSON *body,
                        bool secret, enum retry retry, struct arm_operation *operation, struct http_answer *answer,
                        struct error **err)
{
    _cleanup_free_ char *url = arm_url(arm, id, action, api_version, NULL);
    struct arm_call call = {.url = url, .body = body, .post = true, .secret = secret, .retry = retry};

    memset(operation, 0, sizeof(*operation));
    operation->secret = secret;
    if (arm_call(arm, &call, answer, err) < 0)
        return -1;
    operation->started_ms = clock_monotonic_ms();
    if ((answer->status == 200 || answer->status == 204) && !answer->headers[HTTP_ASYNC_OPERATION] &&
        !answer->headers[HTTP_LOCATION])
        return 0;
    return read_address(arm, answer, operation, err);
}

bool arm_operation_may_have_begun(const struct http_answer *answer)
{
    return answer->unsure || (answer->sent && (answer->status < 400 || retry_is_unsure(answer->status)));
}

/* What the answer to a poll says. *json is its document, or NULL where there is none. */
static int read_state(struct arm *arm, const struct arm_operation *operation, const struct http_answer *answer,
                      cJSON **json, enum arm_operation_state *state, struct error **err)
{
    const char *text;

    *state = answer->status == 202 ? ARM_OPERATION_RUNNING : ARM_OPERATION_SUCCEEDED;
    if (answer->status == 202 || answer->status == 204 || (operation->by_location && answer->body.length == 0))
        return 0;
    if (arm_parse(arm, answer, json, err) < 0)
        return -1;
    text = json_string(*json, "status");
    if (!text && !operation->by_location)
        return error_set(err, EXIT_NETWORK, "the status of the operation has no \"status\"");
    if (text)
        *state = arm_operation_state(text);
    return 0;
}

bool arm_operation_is_unknown(struct arm_operation *operation, int64_t now_ms)
{
    const int64_t doubt_ms = operation->doubt_ms ? operation->doubt_ms : ARM_OPERATION_DOUBT_MS;

    if (!operation->started_ms || now_ms - operation->started_ms >= ARM_OPERATION_YOUNG_MS)
        return true;
    if (!operation->missed_ms)
        operation->missed_ms = now_ms;
    return now_ms - operation->missed_ms >= doubt_ms;
}

/* Whether a poll failed since the service does not know the operation, but it may come to. */
static bool is_not_known_yet(struct arm_operation *operation, const struct http_answer *answer)
{
    if (answer->status && answer->status != 404)
        operation->missed_ms = 0;
    return answer->status == 404 && !arm_operation_is_unknown(operation, clock_monotonic_ms());
}

/* One poll. Returns 1 when it has succeeded, 0 while it runs, -1 with err set. */
static int poll_once(struct arm *arm, struct arm_operation *operation, cJSON **status, struct error **err)
{
    _cleanup_http_answer_ struct http_answer answer = {0};
    _cleanup_secret_json_ cJSON *json = NULL;
    struct arm_call call = {.url = operation->url, .secret = operation->secret, .retry = RETRY_PATIENT};
    _cleanup_free_ char *host = url_host(arm_endpoint(arm));
    _cleanup_error_ struct error *why = NULL;
    enum arm_operation_state state;
    int64_t asked;
    int result = arm_call(arm, &call, &answer, &why);

    if (is_not_known_yet(operation, &answer)) {
        log_verbose("%s; it has just begun, so asking again", why->message);
        return 0;
    }
    if (result < 0)
        return error_move(err, &why);
    asked = http_retry_after_ms(&answer);
    if (asked >= 0)
        operation->retry_after_ms = asked;
    if (read_state(arm, operation, &answer, &json, &state, err) < 0)
        return -1;
    if (state == ARM_OPERATION_FAILED)
        return cloud_error_set_operation(host, json, &answer, err);
    if (state == ARM_OPERATION_SUCCEEDED)
        *status = steal(json);
    return state == ARM_OPERATION_SUCCEEDED;
}

int arm_operation_has_ended(struct arm *arm, struct arm_operation *operation, struct error **err)
{
    _cleanup_http_answer_ struct http_answer answer = {0};
    _cleanup_secret_json_ cJSON *json = NULL;
    struct arm_call call = {.url = operation->url, .secret = operation->secret, .retry = RETRY_SAFE};
    _cleanup_error_ struct error *why = NULL;
    enum arm_operation_state state;
    int result = arm_call(arm, &call, &answer, &why);

    if (is_not_known_yet(operation, &answer))
        return 0;
    if (result < 0) {
        _cleanup_free_ char *code = cloud_error_code(&answer);

        /* the results of an operation that failed are its error; one that is forgotten is over, too */
        if (code && (answer.status == 404 || (operation->by_location && answer.status == 400)))
            return 1;
        return error_move(err, &why);
    }
    if (read_state(arm, operation, &answer, &json, &state, err) < 0)
        return -1;
    return state != ARM_OPERATION_RUNNING;
}

int arm_operation_wait(struct arm *arm, struct arm_operation *operation, cJSON **status, struct error **err)
{
    int64_t start = clock_monotonic_ms();

    *status = NULL;
    for (int poll = 0; operation->url; poll++) {
        int done;

        if (clock_monotonic_ms() - start > MAX_OPERATION_MS)
            return error_set(err, EXIT_NETWORK, "the operation has not ended within 30 minutes (operation %s)",
                             operation->id ? operation->id : "without an id");
        if (wait_sleep(arm_get_wait(arm), arm_operation_pause_ms(poll, operation->retry_after_ms), err) < 0)
            return -1;
        done = poll_once(arm, operation, status, err);
        if (done < 0)
            return -1;
        log_verbose("poll %d after %.1f s: %s", poll + 1, (double)(clock_monotonic_ms() - start) / 1000,
                    done ? "done" : "still running");
        if (done)
            return 0;
    }
    return 0;
}
