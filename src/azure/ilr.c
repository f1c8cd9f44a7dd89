/* SPDX-License-Identifier: MIT */
#include "azure/ilr.h"

#include "azure/backup.h"
#include "azure/secret_json.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/str.h"

/* How often, and how far apart, the point is read after a lost answer: the service takes a moment to show a session. */
static const int64_t LOOK_AGAIN_MS[] = {0, 2000, 5000};
static const int MAX_RECOVERIES = 2;

/* How often the service may ask to come back (503 with Retry-After), and for how long. */
static const int MAX_PUT_OFFS = 5;
static const int64_t MAX_PUT_OFF_MS = (int64_t)300 * 1000;

static void set_vm_properties(cJSON *properties, const struct ilr_request *request)
{
    json_set_string(properties, "objectType", "IaasVMILRRegistrationRequest");
    json_set_string(properties, "recoveryPointId", request->id->point);
    json_set_string(properties, "virtualMachineId", request->vm_id);
    json_set_string(properties, "initiatorName", request->initiator_name);
    json_set_bool(properties, "renewExistingRegistration", request->renew);
}

static void set_share_properties(cJSON *properties, const struct ilr_request *request)
{
    json_set_string(properties, "objectType", "AzureFileShareProvisionILRRequest");
    json_set_string(properties, "recoveryPointId", request->id->point);
    json_set_string(properties, "sourceResourceId", request->source_resource_id);
}

cJSON *ilr_request_body(const struct ilr_request *request)
{
    cJSON *body = json_new_object();
    cJSON *tags = request->tag_count ? json_set_object(body, "tags") : NULL;

    if (request->etag)
        json_set_string(body, "eTag", request->etag);
    if (request->location)
        json_set_string(body, "location", request->location);
    for (size_t i = 0; i < request->tag_count; i++)
        json_set_string(tags, request->tags[i].name, request->tags[i].value);
    if (request->kind == ILR_FILE_SHARE)
        set_share_properties(json_set_object(body, "properties"), request);
    else
        set_vm_properties(json_set_object(body, "properties"), request);
    return body;
}

/* The work may have been done, and nobody was told of the operation. A redirect or an odd success is no lost answer. */
static bool is_lost(const struct http_answer *answer)
{
    return arm_operation_may_have_begun(answer) && (answer->status == 0 || answer->status >= 400);
}

/* Whether a session is active on the point. Not knowing counts as no. */
static bool is_active(struct arm *arm, const struct arm_id *id)
{
    _cleanup_recovery_point_ struct recovery_point point = {0};
    _cleanup_json_ cJSON *json = NULL;

    return arm_get(arm, id->text, BACKUP_API_VERSION, &json, NULL) == 0 &&
           backup_parse_point(json, &point, NULL) == 0 && point.session_active;
}

static bool has_session(struct arm *arm, const struct arm_id *id)
{
    for (size_t i = 0; i < sizeof(LOOK_AGAIN_MS) / sizeof(LOOK_AGAIN_MS[0]); i++) {
        if (wait_sleep(arm_get_wait(arm), LOOK_AGAIN_MS[i], NULL) < 0)
            return false;
        if (is_active(arm, id))
            return true;
    }
    return false;
}

/* One request for access after the other, as long as its answer leaves something to do. */
struct asking {
    struct arm *arm;
    struct ilr_request request;
    struct arm_operation *operation;
    int recoveries, put_offs;
    bool unsure;  /* one of the requests may have been acted upon */
    bool refused; /* the last one was not, as things are there now */
};

enum asked {
    ACCEPTED,
    FOUND,   /* the answer was lost, but a session is there */
    PUT_OFF, /* the service has failed, nothing is to be seen of a session, and it wants to be asked again */
    FAILED,
};

/* What may be asked again, but not before the service wants to be: Retry-After is binding after a 503. */
static enum asked wait_to_ask(const struct asking *asking, enum asked outcome, int64_t not_before_ms,
                              struct error **err)
{
    int64_t left_ms = not_before_ms - clock_monotonic_ms();

    if (left_ms > 0)
        log_info("the service asks for patience: trying again in %.1f s", (double)left_ms / 1000);
    return left_ms > 0 && wait_sleep(arm_get_wait(asking->arm), left_ms, err) < 0 ? FAILED : outcome;
}

/* One POST, and what is to be seen of it where its answer does not tell. */
static enum asked ask(struct asking *asking, struct error **err)
{
    const struct ilr_request *request = &asking->request;
    _cleanup_json_ cJSON *body = ilr_request_body(request);
    _cleanup_http_answer_ struct http_answer answer = {0};
    _cleanup_error_ struct error *failure = NULL;
    int64_t wanted_ms, not_before_ms;

    arm_operation_clear(asking->operation);
    if (arm_operation_start(asking->arm, request->id->text, "provisionInstantItemRecovery", BACKUP_API_VERSION, body,
                            true, RETRY_UNSENT, asking->operation, &answer, &failure) == 0)
        return ACCEPTED;
    wanted_ms = answer.status == 503 ? http_retry_after_ms(&answer) : -1;
    not_before_ms = wanted_ms < 0 ? 0 : clock_monotonic_ms() + wanted_ms + retry_backoff_ms(0);
    asking->unsure = asking->unsure || arm_operation_may_have_begun(&answer);
    asking->refused = answer.status == 400 || answer.status == 409;
    if (request->kind == ILR_VM && is_lost(&answer) && failure->code != EXIT_INTERRUPTED) {
        log_info("%s", failure->message);
        log_info("the answer to the request for access was lost: looking at the recovery point for what came of it");
        if (has_session(asking->arm, request->id))
            return wait_to_ask(asking, FOUND, not_before_ms, err);
    }
    if (wanted_ms >= 0 && wanted_ms <= MAX_PUT_OFF_MS && asking->put_offs++ < MAX_PUT_OFFS)
        return wait_to_ask(asking, PUT_OFF, not_before_ms, err);
    error_move(err, &failure);
    return FAILED;
}

/* What is known when the outcome is not. */
static int explain_unsure(bool was_active, struct error **err)
{
    if (was_active)
        return error_wrap(err, "access that was there before stays, and may have been renewed, but the answer was lost "
                               "or unusable");
    return error_wrap(err,
                      "access may have been granted (it ends by itself after 12 hours), but the answer was lost or "
                      "unusable");
}

/* The point does not say who opened it. */
static void tell_of_recovery(bool is_new)
{
    log_info("access is there; asking for its script by a renewal");
    if (is_new)
        log_info(
            "it was not there before, so it is taken for what the request began, though another host may have asked "
            "in the same moment: its script would not work any more then");
}

/*
 * Nothing was to be seen of what a failed request may have begun, and by the time that it could be repeated somebody
 * has opened the point: that may be anybody.
 */
static bool may_be_of_others(const struct asking *asking)
{
    return asking->unsure && asking->refused && asking->recoveries == 0 && asking->request.kind == ILR_VM &&
           is_active(asking->arm, asking->request.id);
}

static int explain_failure(const struct asking *asking, const struct ilr_request *request, bool is_of_others,
                           struct error **err)
{
    if (is_of_others)
        error_wrap(err,
                   "the service has failed at first, and refuses now that the recovery point is open: by the first "
                   "request, or by somebody else, so that it is left as it is until it ends by itself");
    else if (asking->unsure)
        explain_unsure(request->renew, err);
    return error_wrap(err, "cannot get access to recovery point %s of %s", request->id->point,
                      request->id->vm_name ? request->id->vm_name : request->id->item);
}

int ilr_provision_start(struct arm *arm, const struct ilr_request *request, struct arm_operation *operation,
                        bool *may_have_begun, struct error **err)
{
    struct asking asking = {.arm = arm, .request = *request, .operation = operation};
    enum asked outcome = ask(&asking, err);
    bool is_of_others;

    for (; outcome == FOUND || outcome == PUT_OFF; outcome = ask(&asking, err)) {
        if (outcome == PUT_OFF)
            continue;
        if (asking.recoveries++ == MAX_RECOVERIES)
            break;
        tell_of_recovery(!request->renew && asking.recoveries == 1);
        asking.request.renew = true;
    }
    *may_have_begun = asking.unsure || outcome == ACCEPTED;
    if (outcome == ACCEPTED)
        return 0;
    if (outcome == FOUND) {
        error_set(err, EXIT_NETWORK, "%s, but every answer was lost on its way here",
                  request->renew ? "the access that was there before still is" : "access was granted");
        asking.unsure = false;
    }
    is_of_others = !request->renew && may_be_of_others(&asking);
    *may_have_begun = *may_have_begun && !is_of_others;
    return explain_failure(&asking, request, is_of_others, err);
}

/* From ILR_LIST_API_VERSION on the status has no scripts: they are asked for with the operation's id. */
static int list_scripts(struct arm *arm, const struct arm_id *id, const struct arm_operation *operation,
                        struct client_scripts *scripts, struct error **err)
{
    _cleanup_http_answer_ struct http_answer answer = {0};
    _cleanup_secret_json_ cJSON *json = NULL;
    _cleanup_json_ cJSON *body = json_new_object();
    _cleanup_free_ char *url = NULL;
    struct arm_call call = {.body = body, .post = true, .secret = true, .retry = RETRY_SAFE};

    if (!operation->id)
        return error_set(err, EXIT_NETWORK,
                         "the service gave neither a script nor an operation id to ask for one with");
    url = arm_url(arm, id->text, "listInstantItemRecoveryOperationResult", ILR_LIST_API_VERSION, NULL);
    call.url = url;
    json_set_string(body, "provisionInstantItemRecoveryOperationId", operation->id);
    if (arm_call(arm, &call, &answer, err) < 0 || arm_parse(arm, &answer, &json, err) < 0)
        return error_wrap(err, "cannot get the connection script");
    return ilr_parse_scripts(json, scripts, err);
}

int ilr_provision_wait(struct arm *arm, const struct arm_id *id, struct arm_operation *operation,
                       struct client_scripts *scripts, struct error **err)
{
    _cleanup_secret_json_ cJSON *status = NULL;

    *scripts = (struct client_scripts){0};
    if (arm_operation_wait(arm, operation, &status, err) < 0)
        return error_wrap(err, "cannot get access to recovery point %s of %s", id->point, id->vm_name);
    if (ilr_parse_scripts(ilr_recovery_target(status), scripts, err) < 0)
        return -1;
    if (scripts->count == 0 && list_scripts(arm, id, operation, scripts, err) < 0)
        return -1;
    if (scripts->count == 0)
        return error_set(err, EXIT_NETWORK, "access was granted, but the service gave no connection script");
    return ilr_download_scripts(arm, scripts, err);
}
