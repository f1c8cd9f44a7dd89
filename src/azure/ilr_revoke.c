/* SPDX-License-Identifier: MIT */
#include "azure/arm_id.h"
#include "azure/backup.h"
#include "azure/cloud_error.h"
#include "azure/ilr.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/str.h"

/* How long a refusal is not believed where access may still be being opened, and how far apart it is looked at again.
 * Openings that were seen took seconds, or about a minute (Retry-After says 60). */
static const int64_t SETTLE_MS = (int64_t)90 * 1000;
static const int64_t FIRST_DELAY_MS = 1000;
static const int64_t MAX_DELAY_MS = 10000;

/* How one attempt ended. */
enum outcome {
    REVOKED,
    GONE,    /* there is nothing that access could be to */
    UNREAD,  /* the service took it, but where to ask how that ended is of no use */
    REFUSED, /* the service did not want to, or did not manage to; it may later */
    FAILED,  /* asking again would not help */
};

/*
 * After a refused or failed revoke: whether the point says that there is nothing to revoke. No public source lists the
 * codes for "no active session", so the recovery point itself is asked instead of guessing at them.
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

/* Whether an answer is about how things are with the point now: it says no, not that something is wrong with the
 * request, the identity or the network. */
static bool is_of_the_moment(const struct http_answer *answer)
{
    return answer->status == 400 || answer->status == 409 || answer->status == 412 || answer->status == 423;
}

static enum outcome revoke_once(struct arm *arm, const char *point_id, struct error **err)
{
    _cleanup_arm_operation_ struct arm_operation operation = {0};
    _cleanup_http_answer_ struct http_answer answer = {0};
    _cleanup_error_ struct error *failure = NULL;
    _cleanup_json_ cJSON *status = NULL;

    if (arm_operation_start(arm, point_id, "revokeInstantItemRecovery", BACKUP_API_VERSION, NULL, false, RETRY_SAFE,
                            &operation, &answer, &failure) < 0) {
        if (is_gone(&answer))
            return GONE;
        error_move(err, &failure);
        if (answer.status >= 200 && answer.status < 300)
            return UNREAD;
        return is_of_the_moment(&answer) ? REFUSED : FAILED;
    }
    if (arm_operation_wait(arm, &operation, &status, &failure) == 0)
        return REVOKED;
    error_move(err, &failure);
    return REFUSED;
}

/* The request that gave the access, to be asked about; without an address where that is not known. */
static struct arm_operation recorded_operation(const struct ilr_opening *opening)
{
    const char *url = opening ? opening->operation_url : NULL;

    return (struct arm_operation){.secret = true,
                                  .retry_after_ms = -1,
                                  .url = url ? str_dup(url) : NULL,
                                  .by_location = opening && opening->by_location,
                                  .started_ms = opening && opening->is_recent ? clock_monotonic_ms() : 0,
                                  .doubt_ms = opening ? opening->doubt_ms : 0};
}

/* Whether the request that gave the access has ended; where nobody can say, it has not. */
static bool has_settled(struct arm *arm, struct arm_operation *operation)
{
    _cleanup_error_ struct error *why = NULL;
    int ended;

    if (!operation->url)
        return false;
    ended = arm_operation_has_ended(arm, operation, &why);
    if (ended < 0)
        log_verbose("whether access is still being opened cannot be found out: %s", why->message);
    return ended > 0;
}

static int explain_unsettled(struct error **refusal, struct error **err)
{
    error_move(err, refusal);
    return error_wrap(err, "a request for access may still be at work there, and what it opens then stays open until "
                           "it is revoked or 12 hours are over");
}

/*
 * As long as access is being opened, the point may read as if there were none, and a revoke may be refused for that
 * reason: what either says counts once the opening has ended. Returns 1 if there was nothing to revoke.
 */
static int revoke_patiently(struct arm *arm, const char *point_id, const struct ilr_opening *opening,
                            struct error **err)
{
    const int64_t end = clock_monotonic_ms() + SETTLE_MS;
    _cleanup_arm_operation_ struct arm_operation operation = recorded_operation(opening);
    bool settled = opening && opening->ended, was_settled;
    _cleanup_error_ struct error *refusal = NULL;

    for (int64_t delay_ms = FIRST_DELAY_MS;; delay_ms = delay_ms < MAX_DELAY_MS / 2 ? delay_ms * 2 : MAX_DELAY_MS) {
        _cleanup_error_ struct error *failure = NULL;
        enum outcome outcome = revoke_once(arm, point_id, &failure);

        if (outcome == REVOKED || outcome == GONE)
            return outcome == GONE;
        if (failure->code == EXIT_INTERRUPTED)
            return error_move(err, &failure);
        /* unlike a refusal, it shows that the service saw something to end */
        if (outcome == UNREAD && is_inactive(arm, point_id))
            return 0;
        was_settled = settled;
        settled = settled || has_settled(arm, &operation);
        if (settled && is_inactive(arm, point_id))
            return 1;
        /* what ends the waiting, the time limit perhaps, says less than what it was for */
        if (outcome == UNREAD)
            outcome = FAILED;
        if (outcome == FAILED && refusal && !settled)
            return explain_unsettled(&refusal, err);
        if (outcome == FAILED || was_settled)
            return error_move(err, &failure);
        if (settled)
            continue;
        error_free(refusal);
        refusal = steal(failure);
        if (delay_ms == FIRST_DELAY_MS)
            log_info("Azure refuses to end the access, which may still be being opened: trying again");
        if (clock_monotonic_ms() + delay_ms > end || wait_sleep(arm_get_wait(arm), delay_ms, NULL) < 0)
            return explain_unsettled(&refusal, err);
    }
}

int ilr_revoke(struct arm *arm, const char *point_id, const struct ilr_opening *opening, bool *done_before,
               struct error **err)
{
    _cleanup_arm_id_ struct arm_id id = {0};
    int result;

    if (done_before)
        *done_before = false;
    if (arm_id_parse_point(point_id, &id, err) < 0)
        return -1;
    result = revoke_patiently(arm, id.text, opening, err);
    if (result < 0)
        return error_wrap(err, "cannot end the access to recovery point %s of %s", id.point, id.vm_name);
    if (done_before)
        *done_before = result > 0;
    return 0;
}
