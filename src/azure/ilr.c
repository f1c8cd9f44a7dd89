/* SPDX-License-Identifier: MIT */
#include "azure/ilr.h"

#include "azure/backup.h"
#include "azure/secret_json.h"
#include "util/log.h"
#include "util/str.h"

/* How often, and how far apart, the point is read after a lost answer: the service takes a moment to show a session. */
static const int64_t LOOK_AGAIN_MS[] = {0, 2000, 5000};
static const int MAX_RECOVERIES = 2;

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
static bool has_session(struct arm *arm, const struct arm_id *id)
{
    for (size_t i = 0; i < sizeof(LOOK_AGAIN_MS) / sizeof(LOOK_AGAIN_MS[0]); i++) {
        _cleanup_recovery_point_ struct recovery_point point = {0};
        _cleanup_json_ cJSON *json = NULL;

        if (wait_sleep(arm_get_wait(arm), LOOK_AGAIN_MS[i], NULL) < 0 ||
            arm_get(arm, id->text, BACKUP_API_VERSION, &json, NULL) < 0 || backup_parse_point(json, &point, NULL) < 0)
            return false;
        if (point.session_active)
            return true;
    }
    return false;
}

/* One POST. Returns 0, 1 if its answer was lost but a session is there, or -1; *unsure: it may have been acted upon. */
static int post(struct arm *arm, const struct ilr_request *request, struct arm_operation *operation, bool *unsure,
                struct error **err)
{
    _cleanup_json_ cJSON *body = ilr_request_body(request);
    _cleanup_http_answer_ struct http_answer answer = {0};
    _cleanup_error_ struct error *failure = NULL;

    if (arm_operation_start(arm, request->id->text, "provisionInstantItemRecovery", BACKUP_API_VERSION, body, true,
                            RETRY_UNSENT, operation, &answer, &failure) == 0)
        return 0;
    if (request->kind == ILR_VM && is_lost(&answer) && failure->code != EXIT_INTERRUPTED) {
        log_info("%s", failure->message);
        log_info("the answer to the request for access was lost: looking at the recovery point for what came of it");
        if (has_session(arm, request->id))
            return 1;
    }
    *unsure = *unsure || arm_operation_may_have_begun(&answer);
    return error_move(err, &failure);
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

int ilr_provision_start(struct arm *arm, const struct ilr_request *request, struct arm_operation *operation,
                        bool *may_have_begun, struct error **err)
{
    struct ilr_request again = *request;
    bool unsure = false;
    int result = 1;

    for (int recovery = 0; result > 0 && recovery <= MAX_RECOVERIES; recovery++) {
        if (recovery > 0)
            tell_of_recovery(!request->renew && recovery == 1);
        arm_operation_clear(operation);
        result = post(arm, &again, operation, &unsure, err);
        unsure = unsure || result > 0;
        again.renew = true;
    }
    *may_have_begun = !request->renew && (unsure || result == 0);
    if (result == 0)
        return 0;
    if (result > 0)
        error_set(err, EXIT_NETWORK, "%s, but every answer was lost on its way here",
                  request->renew ? "the access that was there before still is" : "access was granted");
    else if (unsure)
        explain_unsure(request->renew, err);
    return error_wrap(err, "cannot get access to recovery point %s of %s", request->id->point,
                      request->id->vm_name ? request->id->vm_name : request->id->item);
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
