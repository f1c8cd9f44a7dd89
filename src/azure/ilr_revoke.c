/* SPDX-License-Identifier: MIT */
#include "azure/arm_id.h"
#include "azure/backup.h"
#include "azure/cloud_error.h"
#include "azure/ilr.h"
#include "util/str.h"

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
    return backup_parse_point(json, &point, NULL) == 0 && !point.session_active && !point.session_unknown;
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
    if (started > 0 || (failure->code != EXIT_INTERRUPTED && is_inactive(arm, id.text))) {
        if (done_before)
            *done_before = true;
        return 0;
    }
    error_move(err, &failure);
    return error_wrap(err, "cannot end the access to recovery point %s of %s", id.point, id.vm_name);
}
