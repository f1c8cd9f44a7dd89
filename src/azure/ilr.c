/* SPDX-License-Identifier: MIT */
#include "azure/ilr.h"

#include "azure/arm_id.h"
#include "azure/cloud_error.h"
#include "azure/secret_json.h"
#include "util/log.h"
#include "util/str.h"

/* ILRRequestResource with an IaasVMILRRegistrationRequest (Item Level Recovery Connections - Provision). */
static cJSON *make_body(const struct ilr_request *request)
{
    cJSON *body = json_new_object();
    cJSON *properties = json_set_object(body, "properties");

    json_set_string(properties, "objectType", "IaasVMILRRegistrationRequest");
    json_set_string(properties, "recoveryPointId", request->point->id.point);
    json_set_string(properties, "virtualMachineId", request->vm_id ? request->vm_id : request->point->vm_id);
    json_set_string(properties, "initiatorName", request->initiator_name);
    json_set_bool(properties, "renewExistingRegistration", request->renew);
    return body;
}

int ilr_provision_start(struct arm *arm, const struct ilr_request *request, struct arm_operation *operation,
                        struct error **err)
{
    _cleanup_json_ cJSON *body = make_body(request);
    _cleanup_http_answer_ struct http_answer answer = {0};

    if (arm_operation_start(arm, request->point->id.text, "provisionInstantItemRecovery", BACKUP_API_VERSION, body,
                            true, RETRY_UNSENT, operation, &answer, err) == 0)
        return 0;
    if (arm_operation_may_have_begun(&answer)) {
        error_wrap(err,
                   "access may have been granted (it ends by itself after 12 hours, by azilr unmount at once), but "
                   "the answer was lost or unusable");
    }
    return error_wrap(err, "cannot get access to recovery point %s of %s", request->point->id.point,
                      request->point->id.vm_name);
}

/* From ILR_LIST_API_VERSION on the status has no scripts: they are asked for with the operation's id. */
static int list_scripts(struct arm *arm, const struct recovery_point *point, const struct arm_operation *operation,
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
    url = arm_url(arm, point->id.text, "listInstantItemRecoveryOperationResult", ILR_LIST_API_VERSION, NULL);
    call.url = url;
    json_set_string(body, "provisionInstantItemRecoveryOperationId", operation->id);
    if (arm_call(arm, &call, &answer, err) < 0 || arm_parse(arm, &answer, &json, err) < 0)
        return error_wrap(err, "cannot get the connection script");
    return ilr_parse_scripts(json, scripts, err);
}

int ilr_provision_wait(struct arm *arm, const struct recovery_point *point, struct arm_operation *operation,
                       struct client_scripts *scripts, struct error **err)
{
    _cleanup_secret_json_ cJSON *status = NULL;

    *scripts = (struct client_scripts){0};
    if (arm_operation_wait(arm, operation, &status, err) < 0)
        return error_wrap(err, "cannot get access to recovery point %s of %s", point->id.point, point->id.vm_name);
    if (ilr_parse_scripts(ilr_recovery_target(status), scripts, err) < 0)
        return -1;
    if (scripts->count == 0 && list_scripts(arm, point, operation, scripts, err) < 0)
        return -1;
    if (scripts->count == 0)
        return error_set(err, EXIT_NETWORK, "access was granted, but the service gave no connection script");
    return 0;
}

/*
 * After a refused or failed revoke: whether there is nothing left to revoke. No public source lists the codes
 * for "no active session", so the recovery point itself is asked instead of guessing at them.
 */
static bool is_inactive(struct arm *arm, const char *point_id)
{
    _cleanup_recovery_point_ struct recovery_point point = {0};
    _cleanup_error_ struct error *why = NULL;
    _cleanup_json_ cJSON *json = NULL;

    if (arm_get(arm, point_id, BACKUP_API_VERSION, &json, &why) < 0)
        return false;
    return backup_parse_point(json, &point, NULL) == 0 && !point.session_active;
}

/* A 404 means that the point, its item or its vault is gone, unless it is the subscription that cannot be
 * seen. */
static bool is_gone(const struct http_answer *answer)
{
    _cleanup_free_ char *code = answer->status == 404 ? cloud_error_code(answer) : NULL;

    /* Resource Manager's common errors; a code-less 404 comes from something else than the service */
    return code && !str_equal_ignoring_case(code, "SubscriptionNotFound") &&
           !str_equal_ignoring_case(code, "InvalidResourceType");
}

/* 1 if the service says that there is nothing to revoke, 0 if it has accepted, -1 otherwise. */
static int start_revoke(struct arm *arm, const char *point_id, struct arm_operation *operation, struct error **err)
{
    _cleanup_http_answer_ struct http_answer answer = {0};
    _cleanup_error_ struct error *refusal = NULL;

    if (arm_operation_start(arm, point_id, "revokeInstantItemRecovery", BACKUP_API_VERSION, NULL, false, RETRY_SAFE,
                            operation, &answer, &refusal) == 0)
        return 0;
    if (is_gone(&answer))
        return 1;
    return error_move(err, &refusal);
}

int ilr_revoke(struct arm *arm, const char *point_id, bool *done_before, struct error **err)
{
    _cleanup_arm_id_ struct arm_id id = {0};
    _cleanup_arm_operation_ struct arm_operation operation = {0};
    _cleanup_error_ struct error *failure = NULL;
    _cleanup_json_ cJSON *status = NULL;
    int started;

    if (done_before)
        *done_before = false;
    if (arm_id_parse_point(point_id, &id, err) < 0)
        return -1;
    started = start_revoke(arm, id.text, &operation, &failure);
    if (started == 0 && arm_operation_wait(arm, &operation, &status, &failure) == 0)
        return 0;
    if (started > 0 || (failure->code != EXIT_INTERRUPTED && failure->code != EXIT_AUTH && is_inactive(arm, id.text))) {
        if (done_before)
            *done_before = true;
        return 0;
    }
    error_move(err, &failure);
    return error_wrap(err, "cannot end the access to recovery point %s of %s", id.point, id.vm_name);
}
